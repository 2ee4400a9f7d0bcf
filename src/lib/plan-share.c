/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much of each node each kernel gets; which addresses these are is plan-memory.c's. */
#include <errno.h>
#include <inttypes.h>

#include "plan-share.h"

int planner_usable_memory(const struct planner *p, size_t node, struct mpart_ranges *ret)
{
        int r = mpart_ranges_copy(ret, &p->machine->nodes[node].memory);
        if (r == 0)
                r = mpart_ranges_remove(ret, 0, MPART_PRIMARY_LOW);
        if (r == 0)
                mpart_ranges_align_inward(ret, p->plan->policy.alignment);
        return r;
}

/* Bytes of a node below MPART_PRIMARY_LOW, which count as part of the primary's share. */
static int low_bytes(const struct mpart_node *node, uint64_t *ret)
{
        _cleanup_ranges_ struct mpart_ranges low = { 0 };
        int r = mpart_ranges_add(&low, 0, MPART_PRIMARY_LOW);
        if (r == 0)
                r = mpart_ranges_and(&low, &node->memory);
        *ret = mpart_ranges_total(&low);
        return r;
}

/* Shares of a node. The primary, where it is at home here, has what lies below MPART_PRIMARY_LOW counted in,
 * and all that does not divide. Without it the first kernels get one unit more. */
static int share_node(struct planner *p, size_t node, uint64_t units, const size_t *users, size_t n_users)
{
        uint64_t unit = p->plan->policy.alignment, low = 0;
        bool with_primary = users[0] == 0;
        size_t n_secondaries = n_users - with_primary;

        if (n_secondaries == 0)
                return 0;
        int r = with_primary ? low_bytes(&p->machine->nodes[node], &low) : 0;
        if (r < 0)
                return r;
        uint64_t share = (units + ALIGN_UP(low, unit) / unit) / n_users;
        share = MIN(share, units / n_secondaries);
        uint64_t extra = with_primary ? 0 : units % n_secondaries;
        for (size_t i = with_primary; i < n_users; i++)
                *planner_units(p, users[i], node) = share + (i - with_primary < extra);
        return 0;
}

/* The memory of every node goes to the kernels at home there, else to the nearest kernel. */
static int share_nodes(struct planner *p, const uint64_t *usable)
{
        _cleanup_free_ size_t *users = calloc(p->plan->n_kernels, sizeof(*users));
        if (!users)
                return -ENOMEM;

        for (size_t node = 0; node < p->machine->n_nodes; node++) {
                size_t n = 0;
                for (size_t i = 0; i < p->plan->n_kernels; i++)
                        if (mpart_cpuset_has(&p->kernels[i].homes, (unsigned)node))
                                users[n++] = i;
                if (n == 0)
                        users[n++] = planner_nearest_kernel(p, node);
                int r = share_node(p, node, usable[node], users, n);
                if (r < 0)
                        return r;
        }
        return 0;
}

int planner_nodes_by_distance(const struct mpart_machine *m, const struct mpart_cpuset *from, size_t *ret)
{
        _cleanup_free_ unsigned *distance = calloc(m->n_nodes, sizeof(*distance));
        if (!distance)
                return -ENOMEM;
        for (size_t i = 0; i < m->n_nodes; i++) {
                distance[i] = mpart_cpuset_has(from, (unsigned)i) ? 0 : UINT32_MAX;
                MPART_CPUSET_FOREACH (f, from) {
                        unsigned d = planner_distance(m, (size_t)f, i);
                        distance[i] = MIN(distance[i], d);
                }
                size_t at = i; /* insertion keeps the order of ids among equals */
                for (; at > 0 && distance[ret[at - 1]] > distance[i]; at--)
                        ret[at] = ret[at - 1];
                ret[at] = i;
        }
        return 0;
}

uint64_t planner_primary_bytes(const struct planner *p)
{
        uint64_t total = 0, given = 0;
        size_t n = p->machine->n_nodes;
        for (size_t i = 0; i < n; i++)
                total += mpart_ranges_total(&p->machine->nodes[i].memory);
        for (size_t i = 0; i < n * p->plan->n_kernels; i++)
                given += p->units[i] * p->plan->policy.alignment;
        return total - given - p->n_low_windows * MPART_LOW_WINDOW_SIZE;
}

uint64_t planner_least_units(const struct planner *p)
{
        const struct mpart_policy *policy = &p->plan->policy;
        uint64_t least = ALIGN_UP(policy->image_size, 4 * KiB) + ALIGN_UP(policy->ramdisk_size, 4 * KiB) +
                         MPART_BOOT_AREA_SIZE + policy->shared_size;
        return ALIGN_UP(least, policy->alignment) / policy->alignment;
}

/* What a kernel can do without on a node and still boot, there or with what it has elsewhere. */
static uint64_t can_spare(const struct planner *p, size_t kernel, size_t node)
{
        uint64_t have = *planner_units(p, kernel, node), least = planner_least_units(p);
        for (size_t i = 0; i < p->machine->n_nodes; i++)
                if (i != node && *planner_units(p, kernel, i) >= least)
                        return have;
        return have > least ? have - least : 0;
}

/* Takes up to `wanted` units of a node from its kernels, so that what is left is divided equally again. */
static void take_back(struct planner *p, size_t node, uint64_t wanted)
{
        uint64_t total = 0, spare = 0;
        size_t n = 0, turn = 0;
        for (size_t i = 1; i < p->plan->n_kernels; i++) {
                total += *planner_units(p, i, node);
                spare += can_spare(p, i, node);
                n += *planner_units(p, i, node) > 0;
        }
        if (n == 0)
                return;
        total -= MIN(wanted, spare);
        for (size_t i = 1; i < p->plan->n_kernels; i++) {
                uint64_t *units = planner_units(p, i, node);
                if (*units > 0) {
                        *units = total / n + (turn < total % n);
                        turn++;
                }
        }
}

/* What the primary lacks of what it must keep comes from the nodes nearest to it. */
static int keep_for_primary(struct planner *p, struct mpart_error *e)
{
        uint64_t unit = p->plan->policy.alignment, wanted = p->plan->policy.primary_memory, have;
        _cleanup_free_ size_t *order = calloc(p->machine->n_nodes, sizeof(*order));
        if (!order || planner_nodes_by_distance(p->machine, &p->kernels[0].homes, order) < 0)
                return -ENOMEM;

        for (size_t n = 0; n < p->machine->n_nodes && (have = planner_primary_bytes(p)) < wanted; n++)
                take_back(p, order[n], ALIGN_UP(wanted - have, unit) / unit);
        have = planner_primary_bytes(p);
        if (have < wanted)
                return mpart_error_set(e, -ENOSPC,
                                "the primary cannot keep %" PRIu64 " MiB of memory: what %zu other kernels "
                                "need to boot leaves it %" PRIu64 " MiB",
                                wanted / MiB, p->plan->n_kernels - 1, have / MiB);
        return p->plan->policy.primary_memory == 0
                               ? 0
                               : plan_why(&p->plan->kernels[0],
                                                 "memory: at least %" PRIu64
                                                 " MiB, taken from the nearest nodes where its own do not do",
                                                 wanted / MiB);
}

static int share(struct planner *p, struct mpart_error *e)
{
        size_t n = p->machine->n_nodes;
        _cleanup_free_ uint64_t *usable = calloc(n, sizeof(*usable));
        p->units = calloc(n * p->plan->n_kernels, sizeof(*p->units));
        if (!usable || !p->units)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                _cleanup_ranges_ struct mpart_ranges ranges = { 0 };
                if (planner_usable_memory(p, i, &ranges) < 0)
                        return -ENOMEM;
                usable[i] = mpart_ranges_total(&ranges) / p->plan->policy.alignment;
        }
        if (p->request)
                return planner_share_requested(p, usable, e);
        int r = share_nodes(p, usable);
        return r < 0 ? r : keep_for_primary(p, e);
}

int planner_share_memory(struct planner *p, struct mpart_error *e)
{
        struct mpart_error why = MPART_ERROR_INIT;
        int r = share(p, &why);
        if (r < 0)
                return why.code ? mpart_error_set(e, r, "%s", why.text)
                                : mpart_error_set(e, r, "cannot divide the memory: %s", strerror(-r));
        return 0;
}
