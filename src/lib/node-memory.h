/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which RAM belongs to which node, exactly. */
#pragma once

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

/* Sets memory and exact of m->nodes. RAM that m->withheld_ours names is shared out too. What belongs to no
 * node that can be told becomes a note. 0 or -ENOMEM. */
int node_memory_assign(struct mpart_machine *m, const struct memory_facts *f);
