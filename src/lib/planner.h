/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the planner share: a plan in the making. */
#pragma once

#include "macros.h"
#include "plan.h"
#include "request.h"

#define NO_NODE SIZE_MAX

#define LOW_WINDOWS_MAX 4U /* so many kernels come up at the same time at most */

/* One kernel in the making, beside plan->kernels[i] of the same index. */
struct planner_kernel {
        struct mpart_cpuset homes; /* indices in machine->nodes of the nodes its memory comes from */
        struct mpart_ranges own;   /* its memory so far; for the primary only filled at the end */
};

struct planner {
        const struct mpart_machine *machine;
        const struct mpart_request *request; /* NULL: another policy */
        struct mpart_plan *plan;
        struct planner_kernel *kernels;
        size_t kernel_capacity, plan_capacity;
        uint64_t *units; /* [kernel * n_nodes + node]: what a secondary gets of a node, in alignments */
        uint64_t low_windows[LOW_WINDOWS_MAX]; /* where they start; secondaries take turns through them */
        size_t n_low_windows;                  /* 0 while there are no secondaries */
};

/* Adds a sentence to plan->notes, or to what is told of a kernel. 0 or -ENOMEM. */
int plan_note(struct mpart_plan *plan, const char *format, ...) _printf_(2, 3);
int plan_why(struct mpart_plan_kernel *k, const char *format, ...) _printf_(2, 3);

/* Fills in the defaults of a policy; -EINVAL names the field. *ret owns its CPU set. */
int planner_resolve_policy(
                const struct mpart_policy *policy, struct mpart_policy *ret, struct mpart_error *e);

/* plan-cpus.c: divides the CPUs: plan->kernels with id, name, CPUs and boot CPU, and the homes of each. */
int planner_group_cpus(struct planner *p, struct mpart_error *e);
/* Adds an empty kernel with a name of the heap, which it takes (NULL: -ENOMEM); NO_NODE: no home yet. 0 or
 * -ENOMEM. */
int planner_add_kernel(struct planner *p, char *name, size_t home);
/* Index of the node that claims a CPU, or NO_NODE. */
size_t planner_node_of_cpu(const struct mpart_machine *m, unsigned cpu);
/* Where CPUs of a node get their memory: at home, else on the nearest node with CPUs and memory. */
size_t planner_home_of_node(const struct mpart_machine *m, size_t node);
/* The threads of the core of m->cpus[i] that lie on the same node. */
int planner_core_of_cpu(const struct mpart_machine *m, size_t i, struct mpart_cpuset *ret);
/* Whether the primary has the CPU whatever the policy finds: CPU 0, primary_cpus, CPUs of no node. */
bool planner_primary_keeps(const struct planner *p, unsigned cpu);
unsigned planner_distance(const struct mpart_machine *m, size_t from, size_t to); /* of indices */

/* plan-count.c: MPART_POLICY_COUNT and MPART_POLICY_NODES. 0, -ENOMEM, or -ENOSPC with a text. */
int planner_group_counted(struct planner *p, struct mpart_error *e);
/* plan-request.c: MPART_POLICY_REQUEST. 0, -ENOMEM, or -EINVAL or -ENOSPC with a text. */
int planner_group_requested(struct planner *p, struct mpart_error *e);

/* Indices of all nodes, nearest to any of `from` first, the lower id of equals. 0 or -ENOMEM. */
int planner_nodes_by_distance(const struct mpart_machine *m, const struct mpart_cpuset *from, size_t *ret);

/* plan-share.c: how much of each node each secondary gets, into p->units. 0, -ENOMEM or -ENOSPC. */
int planner_share_memory(struct planner *p, struct mpart_error *e);
/* What secondaries may get of a node: above the first 128 MiB, aligned inward. 0 or -ENOMEM. */
int planner_usable_memory(const struct planner *p, size_t node, struct mpart_ranges *ret);
static inline uint64_t *planner_units(const struct planner *p, size_t kernel, size_t node)
{
        return &p->units[kernel * p->machine->n_nodes + node];
}

/* plan-memory.c: cuts the memory of the machine accordingly: low window, memory, shared region, load,
 * ramdisk, unused. */
int planner_divide_memory(struct planner *p, struct mpart_error *e);
/* Index of the kernel with a home nearest to machine->nodes[node]; the lowest id of equals. */
size_t planner_nearest_kernel(const struct planner *p, size_t node);

/* plan-pci.c: divides the PCI functions. 0, -ENOMEM, or -EINVAL or -EBUSY with a text. */
int planner_divide_pci(struct planner *p, struct mpart_error *e);

/* One plan, without a look at what would fit instead. */
int planner_make(const struct mpart_machine *m, const struct mpart_policy *policy, struct mpart_plan **ret,
                struct mpart_error *e);
/* plan-nearest.c: adds to the text of a refusal (-ENOSPC, -E2BIG) the nearest policy that fits. */
void planner_tell_nearest(
                const struct mpart_machine *m, const struct mpart_policy *policy, struct mpart_error *e);
