/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A plan told to people. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "macros.h"
#include "plan.h"

static int add_kernel_memory(const struct mpart_plan_kernel *k, struct mpart_ranges *ret)
{
        int r = 0;
        for (size_t i = 0; r == 0 && i < k->n_memory; i++)
                r = mpart_ranges_add(ret, k->memory[i].start, k->memory[i].size);
        return r == 0 && k->low_memory.size ? mpart_ranges_add(ret, k->low_memory.start, k->low_memory.size)
                                            : r;
}

/* All RAM that the machine tells of, whoever has it. */
static int collect_installed(
                const struct mpart_plan *plan, const struct mpart_machine *m, struct mpart_ranges *ret)
{
        int r = mpart_ranges_copy(ret, &m->ram);
        if (r == 0)
                r = mpart_ranges_add_all(ret, &m->withheld);
        if (r == 0)
                r = mpart_ranges_add_all(ret, &m->withheld_ours);
        for (size_t i = 0; r == 0 && i < plan->n_nodes; i++)
                for (size_t j = 0; r == 0 && j < plan->nodes[i].n_memory; j++)
                        r = mpart_ranges_add(
                                        ret, plan->nodes[i].memory[j].start, plan->nodes[i].memory[j].size);
        return r;
}

int mpart_plan_account(
                const struct mpart_plan *plan, const struct mpart_machine *m, struct mpart_plan_account *ret)
{
        _cleanup_ranges_ struct mpart_ranges installed = { 0 }, primary = { 0 }, others = { 0 },
                                             foreign = { 0 };
        int r = collect_installed(plan, m, &installed);
        for (size_t i = 0; r == 0 && i < plan->n_kernels; i++)
                r = add_kernel_memory(&plan->kernels[i], i == 0 ? &primary : &others);
        for (size_t i = 0; r == 0 && i < plan->n_unused; i++) {
                const struct mpart_plan_unused *u = &plan->unused[i];
                bool withheld = mpart_ranges_contains(&m->withheld, u->start, u->size);
                r = mpart_ranges_add(withheld ? &foreign : &primary, u->start, u->size);
        }
        if (r < 0)
                return r;
        struct mpart_plan_account a = {
                .installed = mpart_ranges_total(&installed),
                .primary = mpart_ranges_total(&primary),
                .secondaries = mpart_ranges_total(&others),
                .foreign = mpart_ranges_total(&foreign),
        };
        a.unowned = a.installed - MIN(a.installed, a.primary + a.secondaries + a.foreign);
        *ret = a;
        return 0;
}

/* An exact size: "3 GiB", "1020 KiB"; memory comes in whole pages. */
struct exact {
        char text[32];
};
static struct exact exact(uint64_t bytes)
{
        static const char *const units[] = { "B", "KiB", "MiB", "GiB" };
        struct exact ret;
        size_t unit = 0;
        while (bytes && bytes % 1024 == 0 && unit + 1 < ARRAY_SIZE(units)) {
                bytes /= 1024;
                unit++;
        }
        snprintf(ret.text, sizeof(ret.text), "%" PRIu64 " %s", bytes, units[unit]);
        return ret;
}

static uint64_t memory_on(const struct mpart_plan_kernel *k, unsigned node)
{
        uint64_t total = 0;
        for (size_t i = 0; i < k->n_memory; i++)
                total += k->memory[i].node == node ? k->memory[i].size : 0;
        return total;
}

/* The nearest node on which the kernel has CPUs, as a distance; 0: it has none. */
static unsigned distance_of(const struct mpart_plan *plan, const struct mpart_plan_kernel *k, size_t node)
{
        unsigned best = 0;
        for (size_t i = 0; i < plan->n_nodes; i++) {
                unsigned d = plan->nodes[i].distance[node];
                if (mpart_cpuset_intersects(&plan->nodes[i].cpus, &k->cpus) && (best == 0 || d < best))
                        best = d;
        }
        return best;
}

static int tell_kernel(FILE *f, const struct mpart_plan *plan, const struct mpart_plan_kernel *k)
{
        _cleanup_free_ char *cpus = NULL;
        int r = mpart_cpuset_format_list(&k->cpus, &cpus);
        if (r < 0)
                return r;
        fprintf(f, "kernel %u (%s): CPUs %s\n", k->id, k->name, cpus);
        for (size_t i = 0; i < k->n_why; i++)
                fprintf(f, "    %s\n", k->why[i]);
        for (size_t i = 0; i < plan->n_nodes; i++) {
                const struct mpart_plan_node *node = &plan->nodes[i];
                uint64_t size = memory_on(k, node->id), sharers = 0;
                for (size_t j = 0; j < plan->n_kernels; j++)
                        sharers += memory_on(&plan->kernels[j], node->id) > 0;
                if (size == 0)
                        continue;
                fprintf(f, "    %s of node %u, at distance %u", exact(size).text, node->id,
                                distance_of(plan, k, i));
                fprintf(f, sharers > 1 ? ": %" PRIu64 " kernels divide it\n" : ": nobody else wants it\n",
                                sharers);
        }
        if (k->id != 0)
                fprintf(f,
                                "    image at 0x%" PRIx64 ", ramdisk at 0x%" PRIx64
                                ", shared region at 0x%" PRIx64 ": in its largest range\n",
                                k->load, k->ramdisk, k->shared.start);
        if (k->id != 0 && k->n_pci > 0) {
                fprintf(f, "    PCI:");
                for (size_t i = 0; i < k->n_pci; i++)
                        fprintf(f, " %s", k->pci[i]);
                fprintf(f, "\n");
        }
        return 0;
}

static void tell_line(FILE *f, uint64_t size, const char *what)
{
        if (size > 0)
                fprintf(f, "    %14s  %s\n", exact(size).text, what);
}

/* What the primary has of one node, by the reason. */
static int tell_primary_on(FILE *f, const struct mpart_plan *plan, const struct mpart_plan_node *node)
{
        const struct mpart_plan_kernel *k = &plan->kernels[0];
        _cleanup_ranges_ struct mpart_ranges own = { 0 }, usable = { 0 };
        char what[160];
        int r = 0;

        for (size_t i = 0; r == 0 && i < k->n_memory; i++)
                if (k->memory[i].node == node->id)
                        r = mpart_ranges_add(&own, k->memory[i].start, k->memory[i].size);
        for (size_t i = 0; r == 0 && i < node->n_memory; i++)
                r = mpart_ranges_add(&usable, node->memory[i].start, node->memory[i].size);
        uint64_t all = mpart_ranges_total(&own);
        if (r == 0)
                r = mpart_ranges_remove(&own, 0, MPART_PRIMARY_LOW);
        if (r == 0)
                r = mpart_ranges_remove(&usable, 0, MPART_PRIMARY_LOW);
        if (r < 0)
                return r;
        uint64_t high = mpart_ranges_total(&own);
        mpart_ranges_align_inward(&usable, plan->policy.alignment);
        r = mpart_ranges_and(&usable, &own);
        uint64_t share = mpart_ranges_total(&usable);

        snprintf(what, sizeof(what), "primary, node %u: below 128 MiB, where only a primary starts",
                        node->id);
        tell_line(f, all - high, what);
        snprintf(what, sizeof(what), "primary, node %u: edges that %s do not divide", node->id,
                        exact(plan->policy.alignment).text);
        tell_line(f, high - share, what);
        snprintf(what, sizeof(what), "primary, node %u: its share, and what nobody else asked for",
                        node->id);
        tell_line(f, share, what);
        return r;
}

static int tell_account(FILE *f, const struct mpart_plan *plan, const struct mpart_machine *m)
{
        struct mpart_plan_account a;
        int r = mpart_plan_account(plan, m, &a);
        if (r < 0)
                return r;
        fprintf(f, "\nwhere the memory went, of %s installed\n", exact(a.installed).text);
        tell_line(f, a.secondaries, "secondaries, their low windows included");
        for (size_t i = 0; r == 0 && i < plan->n_nodes; i++)
                r = tell_primary_on(f, plan, &plan->nodes[i]);
        for (size_t i = 0; i < plan->n_unused; i++)
                tell_line(f, plan->unused[i].size, plan->unused[i].reason);
        fprintf(f, "    %14s  without an owner: %.3f %% of installed RAM\n", exact(a.unowned).text,
                        a.installed ? 100.0 * (double)a.unowned / (double)a.installed : 0.0);
        return r;
}

int mpart_plan_explain(const struct mpart_plan *plan, const struct mpart_machine *m, char **ret)
{
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        int r = 0;
        for (size_t i = 0; r == 0 && i < plan->n_kernels; i++)
                r = tell_kernel(f, plan, &plan->kernels[i]);
        if (r == 0)
                r = tell_account(f, plan, m);
        if (fclose(f) != 0)
                return -ENOMEM;
        if (r == 0)
                *ret = TAKE_PTR(text);
        return r;
}
