/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPUs and nodes of a secondary: MADT, SRAT and SLIT (ACPI 6.5 sections 5.2.12, 5.2.16, 5.2.17). A CPU's
 * processor UID is its APIC id, and a proximity domain is the primary's node id, so that both kernels speak
 * of the same hardware by the same number. */
#include "acpi-writer.h"

#include "macros.h"

#define LOCAL_APIC_ADDRESS 0xfee00000U
#define LOCAL_APIC_ID_LIMIT 255 /* ids from here on need the x2APIC structures */
#define ENABLED 1U

enum {
        MADT_LOCAL_APIC = 0,
        MADT_LOCAL_X2APIC = 9,
        SRAT_CPU = 0,
        SRAT_MEMORY = 1,
        SRAT_X2APIC = 2,
};

#define SLIT_LOCAL 10
#define SLIT_REMOTE 20 /* where the machine does not tell */
#define SLIT_UNREACHABLE 255

/* No I/O APIC, no interrupt overrides, no PCAT_COMPAT: the secondary has no legacy interrupts. */
void acpi_put_madt(struct acpi_writer *w, const struct mpart_boot_request *request)
{
        acpi_open_sdt(w, "APIC", 5);
        acpi_put(w, LOCAL_APIC_ADDRESS, 4);
        acpi_put(w, 0, 4); /* flags */
        for (size_t i = 0; i < request->n_cpus; i++) {
                uint32_t id = request->cpus[i].apic_id;
                if (id < LOCAL_APIC_ID_LIMIT) {
                        acpi_put(w, MADT_LOCAL_APIC, 1);
                        acpi_put(w, 8, 1);
                        acpi_put(w, id, 1); /* processor UID */
                        acpi_put(w, id, 1);
                        acpi_put(w, ENABLED, 4);
                } else {
                        acpi_put(w, MADT_LOCAL_X2APIC, 1);
                        acpi_put(w, 16, 1);
                        acpi_put(w, 0, 2);
                        acpi_put(w, id, 4);
                        acpi_put(w, ENABLED, 4);
                        acpi_put(w, id, 4); /* processor UID */
                }
        }
        acpi_close_sdt(w);
}

static void put_cpu_affinity(struct acpi_writer *w, const struct mpart_boot_cpu *cpu)
{
        if (cpu->apic_id < LOCAL_APIC_ID_LIMIT) {
                acpi_put(w, SRAT_CPU, 1);
                acpi_put(w, 16, 1);
                acpi_put(w, cpu->node & 0xff, 1);
                acpi_put(w, cpu->apic_id, 1);
                acpi_put(w, ENABLED, 4);
                acpi_put(w, 0, 1); /* local SAPIC EID */
                acpi_put(w, cpu->node >> 8, 3);
                acpi_put(w, 0, 4); /* clock domain */
        } else {
                acpi_put(w, SRAT_X2APIC, 1);
                acpi_put(w, 24, 1);
                acpi_put(w, 0, 2);
                acpi_put(w, cpu->node, 4);
                acpi_put(w, cpu->apic_id, 4);
                acpi_put(w, ENABLED, 4);
                acpi_put(w, 0, 8); /* clock domain, reserved */
        }
}

static void put_memory_affinity(struct acpi_writer *w, uint64_t start, uint64_t size, unsigned node)
{
        acpi_put(w, SRAT_MEMORY, 1);
        acpi_put(w, 40, 1);
        acpi_put(w, node, 4);
        acpi_put(w, 0, 2);
        acpi_put(w, start, 8);
        acpi_put(w, size, 8);
        acpi_put(w, 0, 4);
        acpi_put(w, ENABLED, 4);
        acpi_put(w, 0, 8);
}

/* The low window is given to the boot CPU's node: RAM that no node claims makes Linux drop the table. */
static void put_srat(struct acpi_writer *w, const struct mpart_boot_request *request,
                const struct mpart_plan_kernel *k)
{
        acpi_open_sdt(w, "SRAT", 3);
        acpi_put(w, 1, 4); /* reserved, 1 for compatibility */
        acpi_put(w, 0, 8);
        for (size_t i = 0; i < request->n_cpus; i++)
                put_cpu_affinity(w, &request->cpus[i]);
        put_memory_affinity(w, k->low_memory.start, k->low_memory.size, request->cpus[0].node);
        for (size_t i = 0; i < k->n_memory; i++)
                put_memory_affinity(w, k->memory[i].start, k->memory[i].size, k->memory[i].node);
        acpi_close_sdt(w);
}

static uint8_t distance(const struct mpart_plan *plan, unsigned from, unsigned to)
{
        if (from == to)
                return SLIT_LOCAL;
        for (size_t i = 0; i < plan->n_nodes; i++) {
                if (plan->nodes[i].id != from || !plan->nodes[i].distance)
                        continue;
                for (size_t j = 0; j < plan->n_nodes; j++)
                        if (plan->nodes[j].id == to && plan->nodes[i].distance[j] > SLIT_LOCAL)
                                return (uint8_t)MIN(plan->nodes[i].distance[j], (unsigned)SLIT_UNREACHABLE);
        }
        return SLIT_REMOTE;
}

/* A matrix over all proximity domains up to the highest: those of other kernels are in it, but unused. */
static void put_slit(struct acpi_writer *w, const struct mpart_plan *plan, unsigned last)
{
        acpi_open_sdt(w, "SLIT", 1);
        acpi_put(w, last + UINT64_C(1), 8);
        for (unsigned from = 0; from <= last && !w->full; from++)
                for (unsigned to = 0; to <= last && !w->full; to++)
                        acpi_put(w, distance(plan, from, to), 1);
        acpi_close_sdt(w);
}

bool acpi_spans_nodes(const struct mpart_boot_request *request)
{
        const struct mpart_plan_kernel *k = mpart_plan_kernel(request->plan, request->kernel);
        unsigned first = request->cpus[0].node;
        for (size_t i = 1; i < request->n_cpus; i++)
                if (request->cpus[i].node != first)
                        return true;
        for (size_t i = 0; i < k->n_memory; i++)
                if (k->memory[i].node != first)
                        return true;
        return false;
}

static unsigned last_node(const struct mpart_boot_request *request, const struct mpart_plan_kernel *k)
{
        unsigned last = 0;
        for (size_t i = 0; i < request->n_cpus; i++)
                last = MAX(last, request->cpus[i].node);
        for (size_t i = 0; i < k->n_memory; i++)
                last = MAX(last, k->memory[i].node);
        return last;
}

void acpi_put_nodes(struct acpi_writer *w, const struct mpart_boot_request *request)
{
        const struct mpart_plan_kernel *k = mpart_plan_kernel(request->plan, request->kernel);
        put_srat(w, request, k);
        put_slit(w, request->plan, last_node(request, k));
}
