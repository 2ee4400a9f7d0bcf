/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which Linux node each proximity domain of the SRAT became. Domain numbers are not node numbers. */
#pragma once

#include "reader.h"
#include "srat.h"

struct domain_map {
        const struct srat *srat;     /* borrowed */
        int *nodes;                  /* index in m->nodes of each srat->domains[]; -1 unknown */
        struct mpart_ranges *memory; /* for each of m->nodes, of that time, what the SRAT gives it; what two
                                        nodes claim left out */
        size_t n_nodes;
};

void domain_map_free(struct domain_map *map);

/* Nodes of memory alone vanish once all of it is withheld. Adds to m->nodes an empty node for each domain
 * with memory in `withheld` whose number, by the order of domains, no node has. 0 or -ENOMEM. */
int domain_nodes_add(const struct srat *srat, const struct mpart_ranges *withheld, struct mpart_machine *m);

/* Learns from the APIC ids of online CPUs, then from `certain`: for each of m->nodes the RAM that surely is
 * its own; then concludes the rest where it can. 0; -ESTALE: the kernel's nodes are not those of the SRAT
 * (numa=fake, for one); -ENOMEM. */
int domain_map_make(const struct srat *srat, const struct mpart_machine *m,
                const struct mpart_ranges *certain, struct domain_map *ret);

/* Index in srat->domains of the only domain that became node `id`, or SIZE_MAX. */
size_t domain_of_node(const struct domain_map *map, unsigned id);
