/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the checker share. They use none of the planner, and arithmetic on addresses of their
 * own, so that one mistake does not hide another. */
#pragma once

#include "plan.h"

#define CHECK_NUMBER_LIMIT (UINT64_C(1) << 53) /* numbers of a document are exact below it */

/* The last address of a piece of memory is kept, not the one behind it. */
struct span {
        uint64_t first, last;
        const char *what; /* "memory of kernel", "unused range" ...: for texts */
        unsigned owner;   /* kernel id or node id: for texts */
};
struct spans {
        struct span *items;
        size_t n, capacity;
};
void spans_free(struct spans *s);
#define _cleanup_spans_ __attribute__((cleanup(spans_free)))

/* -EBADMSG where the piece is empty or passes 2^53; `what` is static. */
int spans_add(struct spans *s, uint64_t start, uint64_t size, const char *what, unsigned owner,
                struct mpart_error *e);
/* Sorts by address; -EBADMSG names the first two that overlap. */
int spans_sort_disjoint(struct spans *s, struct mpart_error *e);
/* Of sorted, disjoint spans: the first address that is in one of them and not in the other; false: none. */
bool spans_differ(const struct spans *a, const struct spans *b, uint64_t *ret);
/* Whether all of [start, start + size) is in sorted, disjoint spans (across touching ones too). */
bool spans_cover(const struct spans *s, uint64_t start, uint64_t size);

/* The policy on its own terms, and what it promises; `plan` has kernels. 0 or -EBADMSG. */
int check_policy(const struct mpart_plan *plan, struct mpart_error *e);
/* What a request said of a kernel's boot; its command lines are there. 0 or -EBADMSG. */
int check_boot_wishes(const struct mpart_plan_kernel *k, struct mpart_error *e);
/* Who waits for whom when all boot; kernels[i].id == i. 0, -EBADMSG or -ENOMEM. */
int check_order(const struct mpart_plan *plan, struct mpart_error *e);
/* Who owns which PCI functions of a machine. 0 or -EBADMSG. */
int check_functions(const struct mpart_plan *plan, const struct mpart_machine *m, struct mpart_error *e);
/* Every rule about addresses. 0 or -EBADMSG. */
int check_memory(const struct mpart_plan *plan, struct mpart_error *e);
/* The plan against a machine. 0, -ESTALE or -EBADMSG. */
int check_machine_agrees(
                const struct mpart_plan *plan, const struct mpart_machine *m, struct mpart_error *e);
