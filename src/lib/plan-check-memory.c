/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>

#include "macros.h"
#include "plan-check.h"

#define PAGE (UINT64_C(4) << 10)
#define LOW_END (UINT64_C(640) << 10)

static int wrong(const struct mpart_plan_kernel *k, const char *what, uint64_t address, const char *rule,
                struct mpart_error *e)
{
        return mpart_error_set(e, -EBADMSG, "kernel %u: %s at 0x%" PRIx64 " %s", k->id, what, address, rule);
}

static int collect_nodes(const struct mpart_plan *plan, struct spans *ret, struct mpart_error *e)
{
        for (size_t i = 0; i < plan->n_nodes; i++) {
                const struct mpart_plan_node *node = &plan->nodes[i];
                for (size_t j = 0; j < node->n_memory; j++) {
                        if (node->memory[j].start % PAGE || node->memory[j].size % PAGE)
                                return mpart_error_set(e, -EBADMSG,
                                                "node %u: its memory at 0x%" PRIx64 " is not whole pages",
                                                node->id, node->memory[j].start);
                        int r = spans_add(ret, node->memory[j].start, node->memory[j].size, "memory of node",
                                        node->id, e);
                        if (r < 0)
                                return r;
                }
        }
        return spans_sort_disjoint(ret, e);
}

static bool node_has(const struct mpart_plan *plan, unsigned node, uint64_t start, uint64_t size)
{
        for (size_t i = 0; i < plan->n_nodes; i++) {
                if (plan->nodes[i].id != node)
                        continue;
                for (size_t j = 0; j < plan->nodes[i].n_memory; j++) {
                        const struct mpart_range *r = &plan->nodes[i].memory[j];
                        if (start >= r->start && size <= r->size && start - r->start <= r->size - size)
                                return true;
                }
        }
        return false;
}

/* The ranges of one kernel: in order, each in the node it names, aligned as its kind must be. */
static int check_ranges(const struct mpart_plan *plan, const struct mpart_plan_kernel *k, struct spans *all,
                struct mpart_error *e)
{
        uint64_t unit = k->id == 0 ? PAGE : plan->policy.alignment;

        if (k->n_memory == 0)
                return mpart_error_set(e, -EBADMSG, "kernel %u: it has no memory", k->id);
        for (size_t i = 0; i < k->n_memory; i++) {
                const struct mpart_plan_memory *r = &k->memory[i];
                if (i > 0 && r->start <= k->memory[i - 1].start)
                        return wrong(k, "memory", r->start, "is out of order", e);
                if (r->start % unit || r->size % unit)
                        return wrong(k, "memory", r->start, "is not aligned as the policy says", e);
                if (k->id != 0 && r->start < MPART_PRIMARY_LOW)
                        return wrong(k, "memory", r->start, "lies in the first 128 MiB, the primary's", e);
                if (!node_has(plan, r->node, r->start, r->size))
                        return wrong(k, "memory", r->start, "is not in the node it names", e);
                int added = spans_add(all, r->start, r->size, "memory of kernel", k->id, e);
                if (added < 0)
                        return added;
        }
        return 0;
}

static int check_low_window(
                const struct mpart_plan_kernel *k, const struct spans *nodes, struct mpart_error *e)
{
        const struct mpart_range *w = &k->low_memory;

        if (w->size != (UINT64_C(128) << 10))
                return wrong(k, "low memory", w->start, "is not 128 KiB long", e);
        if (w->start == 0 || w->start % (UINT64_C(64) << 10))
                return wrong(k, "low memory", w->start, "is not aligned to 64 KiB above page 0", e);
        if (w->start > LOW_END - w->size)
                return wrong(k, "low memory", w->start, "does not lie below 640 KiB", e);
        if (!spans_cover(nodes, w->start, w->size))
                return wrong(k, "low memory", w->start, "is not RAM of a node", e);
        return 0;
}

/* A window that an earlier kernel has as well is listed once. */
static int add_low_window(const struct mpart_plan *plan, size_t i, struct spans *all, struct mpart_error *e)
{
        struct mpart_range w = plan->kernels[i].low_memory;
        for (size_t j = 1; j < i; j++)
                if (plan->kernels[j].low_memory.start == w.start &&
                                plan->kernels[j].low_memory.size == w.size)
                        return 0;
        return spans_add(all, w.start, w.size, "low memory of kernel", plan->kernels[i].id, e);
}

/* The entry of its memory that holds all of [start, start + size), or NULL. */
static const struct mpart_plan_memory *entry_of(
                const struct mpart_plan_kernel *k, uint64_t start, uint64_t size)
{
        for (size_t i = 0; i < k->n_memory; i++) {
                const struct mpart_plan_memory *r = &k->memory[i];
                if (start >= r->start && size <= r->size && start - r->start <= r->size - size)
                        return r;
        }
        return NULL;
}

/* Image, ramdisk, boot area and shared region: aligned, in one range of the kernel's memory, apart. */
static int check_parts(
                const struct mpart_plan *plan, const struct mpart_plan_kernel *k, struct mpart_error *e)
{
        const struct mpart_policy *p = &plan->policy;
        uint64_t boot_area = k->shared.start - MPART_BOOT_AREA_SIZE;
        _cleanup_spans_ struct spans parts = { 0 };

        if (k->load % (2 * MiB))
                return wrong(k, "the load address", k->load, "is no multiple of 2 MiB", e);
        if (k->ramdisk % PAGE)
                return wrong(k, "the ramdisk", k->ramdisk, "does not start on a page", e);
        if (k->shared.start % PAGE || k->shared.size != p->shared_size)
                return wrong(k, "the shared region", k->shared.start, "is not as the policy says", e);
        const struct mpart_plan_memory *home = entry_of(k, k->shared.start, k->shared.size);
        if (!home || k->shared.start + k->shared.size != home->start + home->size)
                return wrong(k, "the shared region", k->shared.start,
                                "is not at the end of a range of its memory", e);
        if (entry_of(k, boot_area, MPART_BOOT_AREA_SIZE) != home)
                return wrong(k, "the boot area", boot_area, "is not in the range of the shared region", e);
        if (entry_of(k, k->load, p->image_size) != home)
                return wrong(k, "the image", k->load, "is not in the range of the shared region", e);
        if (entry_of(k, k->ramdisk, p->ramdisk_size) != home)
                return wrong(k, "the ramdisk", k->ramdisk, "is not in the range of the shared region", e);

        int r = spans_add(&parts, k->shared.start, k->shared.size, "the shared region of kernel", k->id, e);
        if (r == 0)
                r = spans_add(&parts, boot_area, MPART_BOOT_AREA_SIZE, "the boot area of kernel", k->id, e);
        if (r == 0)
                r = spans_add(&parts, k->load, p->image_size, "the image of kernel", k->id, e);
        if (r == 0)
                r = spans_add(&parts, k->ramdisk, p->ramdisk_size, "the ramdisk of kernel", k->id, e);
        return r < 0 ? r : spans_sort_disjoint(&parts, e);
}

static int check_primary(const struct mpart_plan_kernel *k, struct mpart_error *e)
{
        if (k->low_memory.start || k->low_memory.size || k->shared.start || k->shared.size || k->load ||
                        k->ramdisk)
                return mpart_error_set(e, -EBADMSG,
                                "kernel 0: the primary has no low memory, shared region, load address or "
                                "ramdisk; they must be 0");
        return 0;
}

static int check_kernel(const struct mpart_plan *plan, size_t i, const struct spans *nodes,
                struct spans *all, struct mpart_error *e)
{
        const struct mpart_plan_kernel *k = &plan->kernels[i];
        int r = check_ranges(plan, k, all, e);
        if (r < 0)
                return r;
        if (i == 0)
                return check_primary(k, e);
        r = check_low_window(k, nodes, e);
        if (r == 0)
                r = add_low_window(plan, i, all, e);
        return r < 0 ? r : check_parts(plan, k, e);
}

static int add_unused(const struct mpart_plan *plan, const struct spans *nodes, struct spans *all,
                struct spans *outside, struct mpart_error *e)
{
        for (size_t i = 0; i < plan->n_unused; i++) {
                const struct mpart_plan_unused *u = &plan->unused[i];
                bool known = false;
                for (size_t j = 0; j < plan->n_nodes; j++)
                        known |= plan->nodes[j].id == u->node;
                if (!known)
                        return mpart_error_set(e, -EBADMSG, "unused[%zu]: there is no node %u", i, u->node);
                if (!u->reason || !u->reason[0])
                        return mpart_error_set(e, -EBADMSG, "unused[%zu]: no reason is given", i);
                /* What no node claims may be unused too: it stands outside the sum. */
                struct spans *to = spans_cover(nodes, u->start, u->size) ? all : outside;
                int r = spans_add(to, u->start, u->size, "unused memory of node", u->node, e);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* What is unused outside the nodes must not reach into them, nor lie twice there. */
static int check_outside(struct spans *outside, const struct spans *nodes, struct mpart_error *e)
{
        for (size_t i = 0; i < nodes->n; i++) {
                const struct span *s = &nodes->items[i];
                int r = spans_add(outside, s->first, s->last - s->first + 1, s->what, s->owner, e);
                if (r < 0)
                        return r;
        }
        return spans_sort_disjoint(outside, e);
}

int check_memory(const struct mpart_plan *plan, struct mpart_error *e)
{
        _cleanup_spans_ struct spans nodes = { 0 }, all = { 0 }, outside = { 0 };
        uint64_t address;

        int r = collect_nodes(plan, &nodes, e);
        for (size_t i = 0; r == 0 && i < plan->n_kernels; i++)
                r = check_kernel(plan, i, &nodes, &all, e);
        if (r == 0)
                r = add_unused(plan, &nodes, &all, &outside, e);
        if (r == 0)
                r = spans_sort_disjoint(&all, e);
        if (r == 0)
                r = check_outside(&outside, &nodes, e);
        if (r < 0)
                return r;
        if (spans_differ(&nodes, &all, &address))
                return mpart_error_set(e, -EBADMSG,
                                "memory at 0x%" PRIx64 " belongs to no kernel and is not listed as unused",
                                address);
        return 0;
}
