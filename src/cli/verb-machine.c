/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>

#include "machine-source.h"
#include "macros.h"
#include "mpart.h"
#include "options.h"
#include "output.h"

static char *memory_text(const struct mpart_ranges *memory)
{
        char *text = NULL;
        for (size_t i = 0; i < memory->n; i++) {
                text_add(&text, "%s", i ? "\n" : "");
                text_add_range(&text, memory->items[i].start, memory->items[i].size);
        }
        return text;
}

static char *distance_text(const struct mpart_machine *m, const struct mpart_node *from)
{
        char *text = NULL;
        for (size_t i = 0; i < m->n_nodes; i++)
                text_add(&text, "%s%u", i ? " " : "", mpart_machine_distance(m, from->id, m->nodes[i].id));
        return text;
}

static int print_nodes(const struct mpart_machine *m, struct mpart_error *e)
{
        static const struct column columns[] = { { "NODE", true }, { "CPUS", false }, { "TOTAL", true },
                { "MEMORY", false }, { "DISTANCES", false } };
        _cleanup_(table_freep) struct table *t = table_new(columns, ARRAY_SIZE(columns), e);
        if (!t)
                return e->code;
        for (size_t i = 0; i < m->n_nodes; i++) {
                const struct mpart_node *node = &m->nodes[i];
                _cleanup_free_ char *cpus = NULL, *memory = memory_text(&node->memory);
                _cleanup_free_ char *distances = distance_text(m, node);
                int r = mpart_cpuset_format_list(&node->cpus, &cpus);
                if (r < 0)
                        return r;
                table_row(t);
                table_cell(t, 0, "%u", node->id);
                table_cell(t, 1, "%s", *cpus ? cpus : "-");
                table_cell(t, 2, "%s%s", size_text(mpart_ranges_total(&node->memory)).text,
                                node->exact ? "" : " or more");
                table_cell(t, 3, "%s", memory ? memory : "-");
                table_cell(t, 4, "%s", distances ? distances : "-");
        }
        return table_print(t, e);
}

static const char *apic_mode_text(enum mpart_apic_mode mode)
{
        switch (mode) {
        case MPART_APIC_MODE_XAPIC:
                return ", xAPIC mode";
        case MPART_APIC_MODE_X2APIC:
                return ", x2APIC mode";
        case MPART_APIC_MODE_UNKNOWN:
                break;
        }
        return "";
}

/* A core is counted at the lowest of its threads. */
static void print_cpus(const struct mpart_machine *m)
{
        size_t online = 0, cores = 0, packages = 0;
        for (size_t i = 0; i < m->n_cpus; i++) {
                const struct mpart_cpu *cpu = &m->cpus[i];
                online += cpu->online;
                int first = mpart_cpuset_first(&cpu->siblings);
                cores += first < 0 || (unsigned)first == cpu->id;
                size_t earlier = 0;
                while (earlier < i && m->cpus[earlier].package != cpu->package)
                        earlier++;
                packages += earlier == i && cpu->package >= 0;
        }
        printf("\n%zu CPUs (%zu online), %zu cores, %zu packages%s\n", m->n_cpus, online, cores, packages,
                        apic_mode_text(m->apic_mode));
}

static int print_pci(const struct mpart_machine *m, struct mpart_error *e)
{
        static const struct column columns[] = { { "PCI", false }, { "ID", false }, { "CLASS", false },
                { "NODE", true }, { "GROUP", true }, { "BEHIND", false }, { "DRIVER", false } };
        _cleanup_(table_freep) struct table *t = table_new(columns, ARRAY_SIZE(columns), e);
        if (!t)
                return e->code;
        for (size_t i = 0; i < m->n_pci; i++) {
                const struct mpart_pci_function *f = &m->pci[i];
                table_row(t);
                table_cell(t, 0, "%s", f->address);
                table_cell(t, 1, "%04x:%04x", f->vendor, f->device);
                table_cell(t, 2, "%06x", f->class_code);
                table_cell(t, 3, f->node < 0 ? "-" : "%d", f->node);
                table_cell(t, 4, f->iommu_group < 0 ? "-" : "%d", f->iommu_group);
                table_cell(t, 5, "%s", *f->parent ? f->parent : "-");
                table_cell(t, 6, "%s", *f->driver ? f->driver : "-");
        }
        return table_print(t, e);
}

int verb_machine(const struct invocation *c, struct mpart_error *e)
{
        const char *root = c->value[OPTION_ROOT];
        _cleanup_(mpart_machine_freep) struct mpart_machine *m = NULL;
        int r = machine_seen(root, &m, e);
        if (r < 0)
                return r;

        if (option_given(c, OPTION_JSON)) {
                _cleanup_free_ char *text = mpart_machine_to_json(m);
                if (!text)
                        return -ENOMEM;
                print_document(text);
                return 0;
        }

        r = print_nodes(m, e);
        if (r < 0)
                return r;
        print_cpus(m);
        if (m->n_pci > 0) {
                putchar('\n');
                r = print_pci(m, e);
        }
        print_notes(m->notes, m->n_notes);
        return r;
}
