/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the planner share: a plan in the making. */
#pragma once

#include "macros.h"
#include "plan.h"

/* One kernel in the making, beside plan->kernels[i] of the same index. */
struct planner_kernel {
        size_t home;             /* index in machine->nodes of the node its memory comes from */
        struct mpart_ranges own; /* its memory so far; for the primary only filled at the end */
};

struct planner {
        const struct mpart_machine *machine;
        struct mpart_plan *plan;
        struct planner_kernel *kernels;
        size_t kernel_capacity, plan_capacity;
        struct mpart_range low_window; /* size 0 while there are no secondaries */
};

/* Adds a sentence to plan->notes. 0 or -ENOMEM. */
int plan_note(struct mpart_plan *plan, const char *format, ...) _printf_(2, 3);

/* Fills in the defaults of a policy; -EINVAL names the field. */
int planner_resolve_policy(
                const struct mpart_policy *policy, struct mpart_policy *ret, struct mpart_error *e);

/* Divides the CPUs: plan->kernels with id, name, CPUs and boot CPU, and the home node of each. */
int planner_group_cpus(struct planner *p, struct mpart_error *e);

/* Divides the memory of the machine among the kernels: low window, memory, shared region, load, ramdisk,
 * unused. */
int planner_divide_memory(struct planner *p, struct mpart_error *e);

/* Index of the kernel whose home is nearest to machine->nodes[node]; the lowest id of equals. */
size_t planner_nearest_kernel(const struct planner *p, size_t node);
