/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes a boot into the partition's memory. */
#include <errno.h>

#include "clock.h"
#include "macros.h"
#include "native-internal.h"
#include "region.h"

#define GAP_MAX (2 * MiB) /* segments this close share a mapping: the gate is asked once for both */

/* The run of segments [first, *ret_end) of one kind that lie close together. */
static struct mpart_range find_run(const struct mpart_boot *boot, size_t first, size_t *ret_end)
{
        const struct mpart_segment *s = boot->segments;
        uint64_t start = s[first].address, end = start + s[first].size;
        size_t i = first + 1;
        for (; i < boot->n_segments && s[i].low == s[first].low && s[i].address - end <= GAP_MAX; i++)
                end = s[i].address + s[i].size;
        *ret_end = i;
        return (struct mpart_range){ start, end - start };
}

static int write_run(struct native_boot *b, size_t first, size_t end, struct mpart_range run,
                struct mpart_error *e)
{
        struct physmem_map map = { 0 };
        int r = physmem_map(&b->native->mem, &b->claim, run.start, run.size, true, &map, e);
        if (r < 0)
                return mpart_error_prefix(e, r, "%s", b->boot->segments[first].what);
        for (size_t i = first; r == 0 && i < end; i++) {
                const struct mpart_segment *s = &b->boot->segments[i];
                char *to = (char *)map.data + (s->address - run.start);
                r = native_canceled(b, e);
                if (r == 0)
                        r = physmem_put(to, s->size, s->data, s->data_size, b->initrd_fd, e);
                if (r < 0 && r != -ECANCELED) /* what is not in memory is read from the ramdisk */
                        mpart_error_prefix(
                                        e, r, "%s", s->data || !b->initrd_path ? s->what : b->initrd_path);
                b->load_bytes += s->size;
        }
        physmem_unmap(&map);
        return r;
}

int load_segments(struct native_boot *b, bool low, struct mpart_error *e)
{
        uint64_t start = now_ns();
        int r = 0;
        for (size_t i = 0, end; r == 0 && i < b->boot->n_segments; i = end) {
                struct mpart_range run = find_run(b->boot, i, &end);
                if (b->boot->segments[i].low == low)
                        r = write_run(b, i, end, run, e);
        }
        b->load_ns += now_ns() - start;
        return r;
}

int native_load(struct native_boot *b, struct mpart_error *e)
{
        int r = b->old_note ? notes_destroy_known(b, e) : notes_destroy_all(b, e);
        if (r == 0)
                r = load_segments(b, false, e);
        if (r == 0)
                r = region_prepare(&b->native->mem, &b->claim, mpart_plan_kernel(b->plan, b->kernel),
                                tsc_khz_since(b->native->tsc), &b->network, e);
        return r;
}
