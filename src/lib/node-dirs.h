/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The directories of nodes (Documentation/ABI/stable/sysfs-devices-node), each listed once. */
#pragma once

#include "reader.h"

/* Memory block `number` covers [number * size, (number + 1) * size) of physical memory; one item for each
 * node that links it. */
struct memory_block {
        uint64_t number;
        unsigned node;
};

struct memory_blocks {
        uint64_t size;              /* block_size_bytes; 0: not told, then there are no items */
        struct memory_block *items; /* ascending by number, then node */
        size_t n;
};

void memory_blocks_free(struct memory_blocks *b);

/* Fills nodes[] with every node directory and its CPUs (present ones: offline CPUs keep their links), sets
 * cpus[].node, and lists the memory blocks. Without any node directory (a kernel without NUMA) all belongs
 * to a node 0. */
int node_dirs_read(int root, struct mpart_machine *m, struct memory_blocks *ret);

/* False where meminfo of the node says that it has no memory at all, or is not there. */
bool node_has_meminfo(int root, unsigned node);
