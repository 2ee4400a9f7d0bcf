/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which RAM belongs to which node, exactly. */
#pragma once

#include "domains.h"
#include "node-dirs.h"
#include "srat.h"
#include "zoneinfo.h"

struct memory_facts {
        int root;                       /* for the state of memory blocks, read only where sums differ */
        const struct mpart_ranges *ram; /* System RAM of the running kernel */
        const struct memory_blocks *blocks;
        const struct srat *srat;      /* NULL: none readable */
        const struct zoneinfo *zones; /* NULL: none readable */
};

/* Sets memory and exact of m->nodes. RAM that m->withheld_ours names is shared out too; nodes may be added
 * for it. What belongs to no node that can be told becomes a note. *ret_map, all zero before, tells the
 * domains of nodes where the SRAT and the kernel agree. 0 or -ENOMEM. */
int node_memory_assign(struct mpart_machine *m, const struct memory_facts *f, struct domain_map *ret_map);
