/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counted kernels: what grouping nodes and splitting them share. */
#pragma once

#include "planner.h"

#define NO_GROUP SIZE_MAX

/* A node of memory and all CPUs that are at home there: what is not split while it can be avoided. */
struct cell {
        size_t home;
        struct mpart_cpuset cpus;
        size_t n_cpus;
        size_t group;
};

struct cells {
        struct cell *items; /* ascending by home */
        size_t n, n_cpus;
        size_t primary; /* index of the cell that CPU 0 is in; `n`: in none */
};

/* How much closer a group of `load` CPUs comes to its share, `left` CPUs over `groups` groups, by `more`:
 * above 0 closer, below 0 farther away. */
int planner_wants_more(size_t load, size_t more, size_t left, size_t groups);
/* The name of the next kernel, whose first cell has this home; NULL: out of memory. */
char *planner_name_part(const struct planner *p, size_t home);

/* plan-split.c: more kernels than cells: each cell is split between cores, and where there are fewer cores
 * than kernels these are split too. 0 or -ENOMEM. */
int planner_split_cells(struct planner *p, const struct cells *c, size_t wanted);
