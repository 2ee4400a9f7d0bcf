/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "macros.h"
#include "memview.h"

#define PAUSE_MIN_MS 100U
#define PAUSE_MAX_MS 2000U
#define STUCK_MAX_MS 1000U /* a writer needs microseconds; after this it has died over its record */

static int open_maps(const struct memview *v, const struct claim *c, uint64_t note, struct mpart_kmem **ret,
                struct mpart_error *e)
{
        _cleanup_free_ struct mpart_kmem_range *ranges = calloc(MAX(v->n_maps, (size_t)1), sizeof(*ranges));
        if (!ranges)
                return -ENOMEM;
        for (size_t i = 0; i < v->n_maps; i++)
                ranges[i] = (struct mpart_kmem_range){ c->memory.items[i].start, v->maps[i].size,
                        v->maps[i].data };
        return mpart_kmem_open(ranges, v->n_maps, note, ret, e);
}

int memview_open(const struct physmem *mem, const struct claim *c, uint64_t note, struct memview *ret,
                struct mpart_error *e)
{
        size_t n = c->memory.n;
        struct memview v = { .maps = calloc(MAX(n, (size_t)1), sizeof(*v.maps)) };
        int r = v.maps ? 0 : -ENOMEM;
        for (; v.n_maps < n && r == 0; v.n_maps++)
                r = physmem_map(mem, c, c->memory.items[v.n_maps].start, c->memory.items[v.n_maps].size,
                                false, &v.maps[v.n_maps], e);
        if (r == 0)
                r = open_maps(&v, c, note, &v.kmem, e);
        if (r < 0) {
                memview_close(&v);
                return r;
        }
        *ret = v;
        return 0;
}

void memview_close(struct memview *v)
{
        mpart_kmem_free(v->kmem);
        for (size_t i = 0; i < v->n_maps; i++)
                physmem_unmap(&v->maps[i]);
        free(v->maps);
        *v = (struct memview){ 0 };
}

/* Goes past a record whose writer is gone: a CPU that stopped, or the last words of a dead kernel. */
static int pass_stuck_record(struct log_follower *f, const struct mpart_kmem *k, mpart_klog_fn handle,
                void *data, struct mpart_error *e)
{
        uint64_t first, last;
        int r = mpart_klog_span(k, 1, &first, &last, e);
        if (r < 0 || last + 1 == f->seq) {
                f->stuck_ms = 0;
                return r;
        }
        f->stuck_ms += f->pause_ms;
        if (f->stuck_ms < STUCK_MAX_MS)
                return 0;
        f->stuck_ms = 0;
        return mpart_klog_read(k, &f->seq, 0, handle, data, e);
}

int log_follower_poll(struct log_follower *f, const struct mpart_kmem *k, mpart_klog_fn handle, void *data,
                struct mpart_error *e)
{
        uint64_t before = f->seq;
        int r = mpart_klog_read(k, &f->seq, MPART_KLOG_FINAL, handle, data, e);
        if (r == 0 && f->seq == before)
                r = pass_stuck_record(f, k, handle, data, e);
        f->pause_ms = f->seq != before ? PAUSE_MIN_MS : MIN(2 * f->pause_ms, PAUSE_MAX_MS);
        return r;
}
