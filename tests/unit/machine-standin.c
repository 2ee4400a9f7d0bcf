/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stands in for the readers' mpart_machine_distance where they are not linked. */
#include "machine.h"

__attribute__((weak)) unsigned mpart_machine_distance(
                const struct mpart_machine *m, unsigned from, unsigned to)
{
        for (size_t i = 0; i < m->n_nodes; i++)
                for (size_t j = 0; j < m->n_nodes; j++)
                        if (m->nodes[i].id == from && m->nodes[j].id == to &&
                                        m->distance[i * m->n_nodes + j])
                                return m->distance[i * m->n_nodes + j];
        return from == to ? 10 : 20;
}
