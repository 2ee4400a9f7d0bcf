/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine once read. */
#include "reader.h"

#define DISTANCE_LOCAL 10 /* ACPI 6.5 section 5.2.17 */
#define DISTANCE_REMOTE 20

void mpart_machine_free(struct mpart_machine *m)
{
        if (!m)
                return;
        for (size_t i = 0; i < m->n_cpus; i++)
                mpart_cpuset_free(&m->cpus[i].siblings);
        for (size_t i = 0; i < m->n_nodes; i++) {
                mpart_cpuset_free(&m->nodes[i].cpus);
                mpart_ranges_free(&m->nodes[i].memory);
        }
        for (size_t i = 0; i < m->n_notes; i++)
                free(m->notes[i]);
        free(m->cpus);
        free(m->nodes);
        free(m->distance);
        free(m->pci);
        mpart_ranges_free(&m->ram);
        mpart_ranges_free(&m->kernel);
        mpart_ranges_free(&m->crash_kernel);
        mpart_ranges_free(&m->withheld_ours);
        mpart_ranges_free(&m->withheld);
        free(m->uarts);
        mpart_cpuset_free(&m->consoles);
        free(m->notes);
        free(m);
}

static int compare_cpu_to_id(const void *id, const void *cpu)
{
        unsigned x = *(const unsigned *)id, y = ((const struct mpart_cpu *)cpu)->id;
        return x < y ? -1 : x > y;
}

const struct mpart_cpu *mpart_machine_cpu(const struct mpart_machine *m, unsigned id)
{
        return m->n_cpus ? bsearch(&id, m->cpus, m->n_cpus, sizeof(*m->cpus), compare_cpu_to_id) : NULL;
}

struct mpart_cpu *machine_cpu(struct mpart_machine *m, unsigned id)
{
        return (struct mpart_cpu *)mpart_machine_cpu(m, id);
}

size_t machine_node_index(const struct mpart_machine *m, unsigned id)
{
        for (size_t i = 0; i < m->n_nodes; i++)
                if (m->nodes[i].id == id)
                        return i;
        return SIZE_MAX;
}

const struct mpart_node *mpart_machine_node(const struct mpart_machine *m, unsigned id)
{
        size_t i = machine_node_index(m, id);
        return i == SIZE_MAX ? NULL : &m->nodes[i];
}

unsigned mpart_machine_distance(const struct mpart_machine *m, unsigned from, unsigned to)
{
        size_t row = machine_node_index(m, from), column = machine_node_index(m, to);
        unsigned told = 0;
        if (m->distance && row != SIZE_MAX && column != SIZE_MAX)
                told = m->distance[row * m->n_nodes + column];
        if (told > 0)
                return told;
        return from == to ? DISTANCE_LOCAL : DISTANCE_REMOTE;
}
