/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The memory of a request: first what each kernel must have, then what the primary must keep, then what each
 * would like, then what it may have at most. All in units of the alignment. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "plan-share.h"

struct wish {
        uint64_t target[3]; /* least, desired, most */
        bool strict;        /* from order[0] alone */
        size_t *order;      /* of nodes; owned */
};

struct wishes {
        struct planner *p;
        uint64_t *usable;   /* of each node; what is left of it */
        struct wish *items; /* of each kernel but the primary */
        size_t n;
        uint64_t reserve; /* units of `usable` that the primary needs to boot and to keep what it must */
};

static void wishes_free(struct wishes *w)
{
        for (size_t i = 0; w->items && i < w->n; i++)
                free(w->items[i].order);
        free(w->items);
}

static uint64_t round_up(const struct planner *p, uint64_t bytes)
{
        uint64_t unit = p->plan->policy.alignment;
        return bytes / unit + (bytes % unit != 0);
}

/* CPUs at home on a node: of one kernel, or of all where `kernel` is NULL. */
static size_t cpus_at(const struct wishes *w, size_t node, const struct mpart_plan_kernel *kernel)
{
        const struct mpart_machine *m = w->p->machine;
        size_t n = 0;
        for (size_t i = 0; i < m->n_cpus; i++) {
                if (kernel && !mpart_cpuset_has(&kernel->cpus, m->cpus[i].id))
                        continue;
                size_t of = planner_node_of_cpu(m, m->cpus[i].id);
                n += of != NO_NODE && planner_home_of_node(m, of) == node;
        }
        return n;
}

/* What its CPUs are of all CPUs at home on a node, of what the node has to give. */
static uint64_t fair_share(const struct wishes *w, size_t kernel)
{
        uint64_t share = 0;
        MPART_CPUSET_FOREACH (home, &w->p->kernels[kernel].homes) {
                size_t all = cpus_at(w, (size_t)home, NULL);
                size_t own = cpus_at(w, (size_t)home, &w->p->plan->kernels[kernel]);
                share += all ? w->usable[home] * own / all : 0;
        }
        return share;
}

static int set_targets(const struct wishes *w, size_t kernel, const struct mpart_request_kernel *q,
                struct wish *ret, struct mpart_error *e)
{
        const struct planner *p = w->p;
        uint64_t least = planner_least_units(p);
        uint64_t most = round_up(p, q->memory_max), desired = round_up(p, q->memory_desired);
        uint64_t asked = q->memory_min ? round_up(p, q->memory_min) : least;
        uint64_t limit = most ? most : desired ? desired : UINT64_MAX;

        if (asked < least || limit < least)
                return mpart_error_set(e, -ENOSPC,
                                "kernel %s: its memory is too small for an image, a ramdisk, the boot and a "
                                "shared region; the nearest that fits: %" PRIu64 " MiB",
                                q->name, least * p->plan->policy.alignment / MiB);
        if (!desired)
                desired = MIN(MAX(fair_share(w, kernel), asked), limit);
        ret->target[0] = asked;
        ret->target[1] = desired;
        ret->target[2] = most ? most : desired;
        return 0;
}

/* The kernel's homes, the one with most of its CPUs first, then the nearest nodes. */
static int order_homes(const struct wishes *w, size_t kernel, size_t *order)
{
        const struct mpart_plan_kernel *k = &w->p->plan->kernels[kernel];
        const struct mpart_cpuset *homes = &w->p->kernels[kernel].homes;
        int r = planner_nodes_by_distance(w->p->machine, homes, order);
        for (size_t i = 1; r == 0 && i < mpart_cpuset_count(homes); i++) {
                size_t home = order[i], at = i, n = cpus_at(w, home, k);
                for (; at > 0 && cpus_at(w, order[at - 1], k) < n; at--)
                        order[at] = order[at - 1];
                order[at] = home;
        }
        return r;
}

static int order_nodes(const struct wishes *w, size_t kernel, const struct mpart_request_kernel *q,
                struct wish *ret, struct mpart_error *e)
{
        const struct mpart_machine *m = w->p->machine;
        _cleanup_cpuset_ struct mpart_cpuset from = { 0 };
        int r = 0;

        ret->strict = q->memory_node >= 0;
        ret->order = calloc(m->n_nodes, sizeof(*ret->order));
        if (!ret->order)
                return -ENOMEM;
        if (!ret->strict)
                return order_homes(w, kernel, ret->order);
        for (size_t i = 0; r == 0 && i < m->n_nodes; i++)
                if (m->nodes[i].id == (unsigned)q->memory_node)
                        r = mpart_cpuset_add(&from, (unsigned)i);
        if (r == 0 && mpart_cpuset_is_empty(&from))
                return mpart_error_set(e, -ENOSPC, "kernel %s: the machine has no node %d", q->name,
                                q->memory_node);
        return r < 0 ? r : planner_nodes_by_distance(m, &from, ret->order);
}

static uint64_t units_of(const struct wishes *w, size_t kernel)
{
        uint64_t total = 0;
        for (size_t i = 0; i < w->p->machine->n_nodes; i++)
                total += *planner_units(w->p, kernel, i);
        return total;
}

/* What a kernel lacks of a target. */
static uint64_t missing(const struct wishes *w, size_t kernel, int level)
{
        uint64_t have = units_of(w, kernel), target = w->items[kernel - 1].target[level];
        return target > have ? target - have : 0;
}

static void give(struct wishes *w, size_t kernel, size_t node, uint64_t units)
{
        *planner_units(w->p, kernel, node) += units;
        w->usable[node] -= units;
}

static uint64_t units_left(const struct wishes *w)
{
        uint64_t left = 0;
        for (size_t i = 0; i < w->p->machine->n_nodes; i++)
                left += w->usable[i];
        return left;
}

/* What the primary must have beyond the memory that no secondary can get. */
static void find_reserve(struct wishes *w)
{
        const struct mpart_policy *policy = &w->p->plan->policy;
        uint64_t boot = w->n > 0 ? policy->image_size + policy->ramdisk_size : 0;
        uint64_t wanted = MAX(policy->primary_memory, boot);
        uint64_t fixed = planner_primary_bytes(w->p) - units_left(w) * policy->alignment;
        w->reserve = wanted > fixed ? round_up(w->p, wanted - fixed) : 0;
}

/* `local` units are left where the kernel may have memory, `spare` in the machine beyond the reserve. */
static int tell_short(
                const struct wishes *w, size_t kernel, uint64_t local, uint64_t spare, struct mpart_error *e)
{
        const struct wish *wish = &w->items[kernel - 1];
        const struct mpart_request_kernel *q = &w->p->request->kernels[kernel - 1];
        const struct mpart_policy *policy = &w->p->plan->policy;
        uint64_t unit = policy->alignment, least = planner_least_units(w->p), found = MIN(local, spare);
        uint64_t lack = wish->target[0] - MIN(wish->target[0], spare);
        char where[40] = "", nearest[64];

        if (wish->strict)
                snprintf(where, sizeof(where), " on node %d", q->memory_node);
        if (found >= least)
                snprintf(nearest, sizeof(nearest), "the nearest that fits: %" PRIu64 " MiB",
                                found * unit / MiB);
        else if (local >= wish->target[0] && policy->primary_memory / unit > lack)
                snprintf(nearest, sizeof(nearest), "the nearest that fits: %" PRIu64 " MiB for the primary",
                                (policy->primary_memory - lack * unit) / MiB);
        else
                snprintf(nearest, sizeof(nearest), "no kernel boots in less than %" PRIu64 " MiB",
                                least * unit / MiB);
        return mpart_error_set(e, -ENOSPC,
                        "kernel %s: it asks for %" PRIu64 " MiB of memory%s, where the primary and other "
                        "kernels leave %" PRIu64 " MiB; %s",
                        q->name, wish->target[0] * unit / MiB, where, found * unit / MiB, nearest);
}

/* A kernel with CPUs of several nodes has memory of each as it has CPUs there. */
static void spread_over_homes(struct wishes *w, size_t kernel, int level)
{
        const struct wish *wish = &w->items[kernel - 1];
        const struct mpart_plan_kernel *k = &w->p->plan->kernels[kernel];
        if (wish->strict || mpart_cpuset_count(&w->p->kernels[kernel].homes) < 2)
                return;
        MPART_CPUSET_FOREACH (home, &w->p->kernels[kernel].homes) {
                uint64_t have = *planner_units(w->p, kernel, (size_t)home);
                uint64_t part = wish->target[level] * cpus_at(w, (size_t)home, k) /
                                mpart_cpuset_count(&k->cpus);
                uint64_t more = part > have ? part - have : 0;
                give(w, kernel, (size_t)home, MIN(MIN(more, w->usable[home]), missing(w, kernel, level)));
        }
}

/* The least a kernel must have: of each of its nodes where that leaves pieces large enough to boot from,
 * else from one node where one has it all. */
static int give_least(struct wishes *w, size_t kernel, struct mpart_error *e)
{
        const struct wish *wish = &w->items[kernel - 1];
        uint64_t left = wish->target[0], local = 0, all = units_left(w);
        uint64_t spare = all > w->reserve ? all - w->reserve : 0;
        size_t n = wish->strict ? 1 : w->p->machine->n_nodes;

        for (size_t i = 0; i < n; i++)
                local += w->usable[wish->order[i]];
        if (MIN(local, spare) < left)
                return tell_short(w, kernel, local, spare, e);
        if (left >= planner_least_units(w->p) * mpart_cpuset_count(&w->p->kernels[kernel].homes))
                spread_over_homes(w, kernel, 0);
        left = missing(w, kernel, 0);
        for (size_t i = 0; i < n; i++)
                if (w->usable[wish->order[i]] >= left) {
                        give(w, kernel, wish->order[i], left);
                        return 0;
                }
        for (size_t i = 0; i < n && left > 0; i++) {
                uint64_t part = MIN(w->usable[wish->order[i]], left);
                give(w, kernel, wish->order[i], part);
                left -= part;
        }
        return 0;
}

/* Keeps the reserve out of what is left; of the primary's own node first. */
static int keep_for_primary(struct wishes *w)
{
        const struct planner *p = w->p;
        uint64_t left = w->reserve;
        _cleanup_free_ size_t *order = calloc(p->machine->n_nodes, sizeof(*order));

        if (!order || planner_nodes_by_distance(p->machine, &p->kernels[0].homes, order) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < p->machine->n_nodes; i++) {
                uint64_t part = MIN(w->usable[order[i]], left);
                w->usable[order[i]] -= part;
                left -= part;
        }
        return 0;
}

static int check_primary(const struct wishes *w, struct mpart_error *e)
{
        uint64_t unit = w->p->plan->policy.alignment, all = units_left(w);
        uint64_t most = planner_primary_bytes(w->p), others = planner_least_units(w->p) * w->n * unit;
        if (all >= w->reserve)
                return 0;
        return mpart_error_set(e, -ENOSPC,
                        "the primary is to keep %" PRIu64 " MiB of memory: the machine has %" PRIu64
                        " MiB; the nearest that fits: %" PRIu64 " MiB",
                        w->p->plan->policy.primary_memory / MiB, most / MiB,
                        (most - MIN(most, others)) / MiB);
}

/* Divides what a node has left among the kernels that want it first: each an equal part, the small wishes
 * before the large ones. */
static void fill_node(struct wishes *w, size_t node, int level)
{
        for (;;) {
                size_t waiting = 0, next = 0;
                uint64_t least = UINT64_MAX;
                for (size_t k = 1; k <= w->n; k++) {
                        uint64_t m = w->items[k - 1].order[0] == node ? missing(w, k, level) : 0;
                        waiting += m > 0;
                        if (m > 0 && m < least) {
                                least = m;
                                next = k;
                        }
                }
                if (waiting == 0 || w->usable[node] == 0)
                        return;
                uint64_t part = MIN(least, MAX(w->usable[node] / waiting, 1U));
                if (part == least || waiting == 1) {
                        give(w, next, node, part);
                        continue;
                }
                for (size_t k = 1; k <= w->n; k++)
                        if (w->items[k - 1].order[0] == node && missing(w, k, level) > 0 && w->usable[node])
                                give(w, k, node, MIN(part, w->usable[node]));
        }
}

/* Raises every kernel to a level as far as memory goes: at its first node, then at the nearest. */
static void raise_to(struct wishes *w, int level)
{
        size_t n = w->p->machine->n_nodes;
        for (size_t k = 1; k <= w->n; k++)
                spread_over_homes(w, k, level);
        for (size_t i = 0; i < n; i++)
                fill_node(w, i, level);
        for (size_t k = 1; k <= w->n; k++)
                for (size_t i = 0; !w->items[k - 1].strict && i < n; i++) {
                        size_t node = w->items[k - 1].order[i];
                        give(w, k, node, MIN(w->usable[node], missing(w, k, level)));
                }
}

static int tell_shares(const struct wishes *w)
{
        uint64_t unit = w->p->plan->policy.alignment;
        int r = 0;
        for (size_t k = 1; r == 0 && k <= w->n; k++) {
                const struct wish *wish = &w->items[k - 1];
                r = plan_why(&w->p->plan->kernels[k],
                                "memory: %" PRIu64 " MiB, of at least %" PRIu64 ", rather %" PRIu64
                                ", at most %" PRIu64 " MiB%s",
                                units_of(w, k) * unit / MiB, wish->target[0] * unit / MiB,
                                wish->target[1] * unit / MiB, wish->target[2] * unit / MiB,
                                wish->strict ? ", of one node" : ", nearest nodes first");
        }
        return r;
}

int planner_share_requested(struct planner *p, uint64_t *usable, struct mpart_error *e)
{
        _cleanup_(wishes_free) struct wishes w = { .p = p, .usable = usable, .n = p->request->n_kernels };
        w.items = calloc(MAX(w.n, 1U), sizeof(*w.items));
        int r = w.items ? 0 : -ENOMEM;

        for (size_t k = 1; r == 0 && k <= w.n; k++) {
                const struct mpart_request_kernel *q = &p->request->kernels[k - 1];
                r = order_nodes(&w, k, q, &w.items[k - 1], e);
                if (r == 0)
                        r = set_targets(&w, k, q, &w.items[k - 1], e);
        }
        if (r == 0) {
                find_reserve(&w);
                r = check_primary(&w, e);
        }
        for (int strict = 1; strict >= 0; strict--)
                for (size_t k = 1; r == 0 && k <= w.n; k++)
                        if (w.items[k - 1].strict == (strict == 1))
                                r = give_least(&w, k, e);
        if (r == 0 && w.n > 0)
                r = keep_for_primary(&w);
        if (r < 0)
                return r;
        raise_to(&w, 1);
        raise_to(&w, 2);
        return tell_shares(&w);
}
