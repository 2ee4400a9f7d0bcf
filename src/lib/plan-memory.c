/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which memory each kernel gets, and what lies where in it. */
#include <errno.h>
#include <inttypes.h>

#include "planner.h"

#define LOW_LIMIT (640 * KiB) /* above it: video memory and ROMs */
#define LOW_ALIGNMENT (64 * KiB)

static int refuse_window(const struct planner *p, const struct mpart_ranges *ram, struct mpart_error *e)
{
        uint64_t asked = p->plan->policy.low_window, best = 0;

        for (uint64_t start = LOW_ALIGNMENT; start <= LOW_LIMIT - MPART_LOW_WINDOW_SIZE;
                        start += LOW_ALIGNMENT)
                if (mpart_ranges_contains(ram, start, MPART_LOW_WINDOW_SIZE) &&
                                (best == 0 || MAX(start, asked) - MIN(start, asked) <
                                                                MAX(best, asked) - MIN(best, asked)))
                        best = start;
        if (best == 0)
                return mpart_error_set(e, -ENOSPC,
                                "no 128 KiB of RAM, aligned to 64 KiB, lie whole below 640 KiB and above "
                                "page 0: the CPUs of another kernel start there");
        return mpart_error_set(e, -ENOSPC,
                        "the low window cannot be at 0x%" PRIx64
                        ": not all of its 128 KiB are RAM; the nearest place that fits is 0x%" PRIx64,
                        asked, best);
}

/* How many windows the secondaries get: each its own as far as the primary keeps MPART_PRIMARY_LOW_RAM. */
static size_t count_windows(const struct planner *p, const struct mpart_ranges *ram)
{
        size_t wanted = MIN(p->plan->n_kernels - 1, (size_t)LOW_WINDOWS_MAX);
        uint64_t have = 0;
        for (uint64_t page = LOW_ALIGNMENT; page < LOW_LIMIT; page += 4 * KiB)
                have += mpart_ranges_contains(ram, page, 4 * KiB) ? 4 * KiB : 0;
        uint64_t spare = have > MPART_PRIMARY_LOW_RAM ? have - MPART_PRIMARY_LOW_RAM : 0;
        return MAX((size_t)1, MIN(wanted, (size_t)(spare / MPART_LOW_WINDOW_SIZE)));
}

/* The window asked for, for all; else the highest that lie whole in RAM of the nodes. Page 0 holds the BIOS
 * data area, and the first aligned place behind it is 64 KiB. */
static int find_low_windows(struct planner *p, struct mpart_error *e)
{
        const struct mpart_machine *m = p->machine;
        uint64_t asked = p->plan->policy.low_window;
        _cleanup_ranges_ struct mpart_ranges ram = { 0 };

        for (size_t i = 0; i < m->n_nodes; i++)
                if (mpart_ranges_add_all(&ram, &m->nodes[i].memory) < 0)
                        return mpart_error_set(e, -ENOMEM, "out of memory");
        size_t wanted = asked ? 1 : count_windows(p, &ram);
        uint64_t start = LOW_LIMIT - MPART_LOW_WINDOW_SIZE, step;
        for (; start > 0 && start < LOW_LIMIT && p->n_low_windows < wanted; start -= step) {
                bool fits = (asked == 0 || start == asked) &&
                            mpart_ranges_contains(&ram, start, MPART_LOW_WINDOW_SIZE);
                if (fits)
                        p->low_windows[p->n_low_windows++] = start;
                step = fits ? MPART_LOW_WINDOW_SIZE : LOW_ALIGNMENT;
        }
        return p->n_low_windows > 0 ? 0 : refuse_window(p, &ram, e);
}

/* Moves the lowest `size` bytes of `from` to `to` (NULL: nowhere). */
static int take(struct mpart_ranges *from, uint64_t size, struct mpart_ranges *to)
{
        while (size > 0 && from->n > 0) {
                struct mpart_range first = from->items[0];
                uint64_t n = MIN(size, first.size);
                int r = to ? mpart_ranges_add(to, first.start, n) : 0;
                if (r == 0)
                        r = mpart_ranges_remove(from, first.start, n);
                if (r < 0)
                        return r;
                size -= n;
        }
        return 0;
}

/* Of each node the primary has the lowest addresses, then come the kernels in order. */
static int cut_node(struct planner *p, size_t node)
{
        uint64_t unit = p->plan->policy.alignment, given = 0;
        _cleanup_ranges_ struct mpart_ranges usable = { 0 };

        int r = planner_usable_memory(p, node, &usable);
        for (size_t i = 1; i < p->plan->n_kernels; i++)
                given += *planner_units(p, i, node) * unit;
        if (r == 0)
                r = take(&usable, mpart_ranges_total(&usable) - given, NULL);
        for (size_t i = 1; r == 0 && i < p->plan->n_kernels; i++)
                r = take(&usable, *planner_units(p, i, node) * unit, &p->kernels[i].own);
        return r;
}

/* The primary has what the others and the low windows leave of the nodes' memory. */
static int give_rest_to_primary(struct planner *p)
{
        struct mpart_ranges *own = &p->kernels[0].own;
        int r = 0;

        for (size_t i = 0; r == 0 && i < p->machine->n_nodes; i++)
                r = mpart_ranges_add_all(own, &p->machine->nodes[i].memory);
        for (size_t i = 1; r == 0 && i < p->plan->n_kernels; i++)
                r = mpart_ranges_remove_all(own, &p->kernels[i].own);
        for (size_t i = 0; r == 0 && i < p->n_low_windows; i++)
                r = mpart_ranges_remove(own, p->low_windows[i], MPART_LOW_WINDOW_SIZE);
        return r;
}

static int compare_memory(const void *a, const void *b)
{
        const struct mpart_plan_memory *x = a, *y = b;
        return x->start < y->start ? -1 : x->start > y->start;
}

/* The kernel's ranges, cut where they pass from one node to the next. */
static int list_memory(const struct planner *p, size_t kernel)
{
        struct mpart_plan_kernel *k = &p->plan->kernels[kernel];
        size_t capacity = 0;

        for (size_t i = 0; i < p->machine->n_nodes; i++) {
                const struct mpart_node *node = &p->machine->nodes[i];
                _cleanup_ranges_ struct mpart_ranges part = { 0 };
                int r = mpart_ranges_copy(&part, &p->kernels[kernel].own);
                if (r == 0)
                        r = mpart_ranges_and(&part, &node->memory);
                if (r == 0)
                        r = grow_array(&k->memory, &capacity, k->n_memory + part.n, sizeof(*k->memory));
                if (r < 0)
                        return r;
                for (size_t j = 0; j < part.n; j++)
                        k->memory[k->n_memory++] = (struct mpart_plan_memory){
                                .start = part.items[j].start, .size = part.items[j].size, .node = node->id
                        };
        }
        if (k->n_memory > 0)
                qsort(k->memory, k->n_memory, sizeof(*k->memory), compare_memory);
        return 0;
}

static int lay_out(const struct planner *p, size_t kernel, struct mpart_error *e)
{
        struct mpart_plan_kernel *k = &p->plan->kernels[kernel];
        const struct mpart_policy *policy = &p->plan->policy;
        struct mpart_layout layout;

        int r = mpart_layout_make(k->memory, k->n_memory, policy->image_size, policy->ramdisk_size,
                        policy->shared_size, &layout, e);
        if (r < 0)
                return mpart_error_prefix(e, r,
                                "kernel %zu (%s) does not fit, aligned to %" PRIu64
                                " MiB and above the primary's first %" PRIu64 " MiB",
                                kernel, k->name, policy->alignment / MiB, MPART_PRIMARY_LOW / MiB);
        k->low_memory = (struct mpart_range){ p->low_windows[(kernel - 1) % p->n_low_windows],
                MPART_LOW_WINDOW_SIZE };
        k->shared = layout.shared;
        k->load = layout.load;
        k->ramdisk = layout.ramdisk;
        return 0;
}

/* Where nothing tells the node of an address: that of the nearest memory. */
static unsigned guess_node(const struct mpart_machine *m, uint64_t address)
{
        unsigned best = m->nodes[0].id;
        uint64_t best_gap = UINT64_MAX;

        for (size_t i = 0; i < m->n_nodes; i++)
                for (size_t j = 0; j < m->nodes[i].memory.n; j++) {
                        struct mpart_range r = m->nodes[i].memory.items[j];
                        uint64_t gap = address < r.start ? r.start - address
                                                         : address - MIN(mpart_range_end(r) - 1, address);
                        if (gap < best_gap) {
                                best_gap = gap;
                                best = m->nodes[i].id;
                        }
                }
        return best;
}

static int compare_unused(const void *a, const void *b)
{
        const struct mpart_plan_unused *x = a, *y = b;
        return x->start < y->start ? -1 : x->start > y->start;
}

static int add_unused(struct planner *p, const struct mpart_ranges *ranges, const char *reason)
{
        struct mpart_plan *plan = p->plan;
        size_t capacity = plan->n_unused;
        int r = grow_array(&plan->unused, &capacity, plan->n_unused + ranges->n, sizeof(*plan->unused));
        if (r < 0)
                return r;
        for (size_t i = 0; i < ranges->n; i++) {
                char *text = strdup(reason);
                if (!text)
                        return -ENOMEM;
                plan->unused[plan->n_unused++] = (struct mpart_plan_unused){
                        .start = ranges->items[i].start,
                        .size = ranges->items[i].size,
                        .node = guess_node(p->machine, ranges->items[i].start),
                        .reason = text,
                };
        }
        return 0;
}

static int list_unused(struct planner *p)
{
        const struct mpart_machine *m = p->machine;
        _cleanup_ranges_ struct mpart_ranges unclaimed = { 0 }, withheld = { 0 };

        int r = mpart_ranges_copy(&unclaimed, &m->ram);
        if (r == 0)
                r = mpart_ranges_copy(&withheld, &m->withheld);
        for (size_t i = 0; r == 0 && i < m->n_nodes; i++) {
                r = mpart_ranges_remove_all(&unclaimed, &m->nodes[i].memory);
                if (r == 0)
                        r = mpart_ranges_remove_all(&withheld, &m->nodes[i].memory);
        }
        if (r == 0)
                r = mpart_ranges_remove_all(&unclaimed, &withheld);
        if (r == 0)
                r = add_unused(p, &unclaimed, "no node claims it: left to the primary");
        if (r == 0)
                r = add_unused(p, &withheld,
                                "withheld from the primary by a setting that is not this plan's");
        if (r == 0 && p->plan->n_unused > 0)
                qsort(p->plan->unused, p->plan->n_unused, sizeof(*p->plan->unused), compare_unused);
        return r;
}

/* The primary decompresses itself and unpacks a ramdisk as the others do. */
static int check_primary(const struct planner *p, struct mpart_error *e)
{
        const struct mpart_policy *policy = &p->plan->policy;
        uint64_t have = mpart_ranges_total(&p->kernels[0].own);

        if (have >= policy->image_size + policy->ramdisk_size)
                return 0;
        return mpart_error_set(e, -ENOSPC,
                        "kernel 0 (primary) would have %" PRIu64
                        " MiB of memory, but an image and a ramdisk "
                        "need %" PRIu64 " MiB",
                        have / MiB, (policy->image_size + policy->ramdisk_size) / MiB);
}

int planner_divide_memory(struct planner *p, struct mpart_error *e)
{
        size_t n = p->plan->n_kernels;
        if (n > 1) {
                int r = find_low_windows(p, e);
                if (r < 0)
                        return r;
        }
        int r = planner_share_memory(p, e);
        if (r < 0)
                return r;
        for (size_t i = 0; r == 0 && i < p->machine->n_nodes; i++)
                r = cut_node(p, i);
        if (r == 0)
                r = give_rest_to_primary(p);
        for (size_t i = 0; r == 0 && i < n; i++)
                r = list_memory(p, i);
        if (r == 0)
                r = list_unused(p);
        if (r < 0)
                return mpart_error_set(e, r, "cannot divide the memory: %s", strerror(-r));

        r = n > 1 ? check_primary(p, e) : 0;
        for (size_t i = 1; r == 0 && i < n; i++)
                r = lay_out(p, i, e);
        return r;
}
