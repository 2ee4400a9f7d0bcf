/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "clock.h"
#include "macros.h"
#include "native-internal.h"

#define PAGE 4096U
#define REST_NS UINT64_C(10000000)
#define SCAN_CHUNK (64 * MiB) /* between looks at the cancel flag and the clock */

static int destroy_in_range(struct native_boot *b, struct mpart_range range, struct mpart_error *e)
{
        struct physmem_map map = { 0 };
        int r = physmem_map(&b->native->mem, &b->claim, range.start, range.size, true, &map, e);
        if (r < 0)
                return r;
        char *p = map.data, *end = p + range.size;
        while (p < end && (r = native_canceled(b, e)) == 0) {
                size_t n = MIN((size_t)(end - p), (size_t)SCAN_CHUNK);
                int64_t offset = mpart_vmcoreinfo_find(p, n);
                if (offset >= 0)
                        memset(p + offset, 0, PAGE);
                p += offset < 0 ? n : (size_t)offset + PAGE;
        }
        physmem_unmap(&map);
        return r;
}

int notes_destroy_all(struct native_boot *b, struct mpart_error *e)
{
        int r = 0;
        for (size_t i = 0; r == 0 && i < b->claim.memory.n; i++)
                r = destroy_in_range(b, b->claim.memory.items[i], e);
        return r;
}

int notes_destroy_known(struct native_boot *b, struct mpart_error *e)
{
        static const char nothing[PAGE] = { 0 };
        return physmem_write(&b->native->mem, &b->claim, b->old_note, PAGE, nothing, PAGE, e);
}

/* One pass over the kernel's memory. 1: the note is there, *ret set; 0: not yet. */
static int look(struct native_boot *b, const struct physmem_map *maps, uint64_t *ret, struct mpart_error *e)
{
        for (size_t i = 0; i < b->claim.memory.n; i++)
                for (uint64_t at = 0; at < maps[i].size; at += SCAN_CHUNK) {
                        int r = native_canceled(b, e);
                        if (r < 0)
                                return r;
                        int64_t offset = mpart_vmcoreinfo_find(
                                        (char *)maps[i].data + at, MIN(maps[i].size - at, SCAN_CHUNK));
                        if (offset < 0)
                                continue;
                        *ret = b->claim.memory.items[i].start + at + (uint64_t)offset;
                        return 1;
                }
        return 0;
}

/* Until a kernel wakes its other CPUs it has no note, and a look at the window tells that at the cost of a
 * few pages; a look through all its memory takes a third of a CPU after that, and a twentieth before, for
 * the sake of one that wakes none. Whether it has come so far. */
static bool rest(const struct native_boot *b, const struct physmem_map *window, uint64_t look_ns, bool came,
                uint64_t deadline)
{
        uint64_t until = now_ns() + MAX((came ? 2 : 19) * look_ns, REST_NS);
        while (now_ns() < MIN(until, deadline)) {
                pause_ns(REST_NS);
                if (!came && mpart_boot_wakes_cpus(window->data, window->size))
                        return true;
                if (atomic_load(b->cancel))
                        break;
        }
        return came;
}

static int poll_memory(struct native_boot *b, const struct physmem_map *window,
                const struct physmem_map *maps, uint64_t *ret, struct mpart_error *e)
{
        bool came = false;
        uint64_t deadline = now_ns() + NATIVE_RUNNING_TIMEOUT_SECONDS * UINT64_C(1000000000);
        for (;;) {
                uint64_t start = now_ns();
                int r = look(b, maps, ret, e);
                if (r != 0)
                        return r < 0 ? r : 0;
                if (now_ns() > deadline)
                        return mpart_error_set(e, -ETIMEDOUT,
                                        "the kernel reached its start code but did not come up within %d s: %s; "
                                        "look at its console",
                                        NATIVE_RUNNING_TIMEOUT_SECONDS, progress_of(b));
                came = rest(b, window, now_ns() - start, came, deadline);
        }
}

int notes_wait(struct native_boot *b, uint64_t *ret, struct mpart_error *e)
{
        size_t n = b->claim.memory.n;
        _cleanup_free_ struct physmem_map *maps = calloc(n, sizeof(*maps));
        struct physmem_map window = { 0 };
        if (!maps)
                return mpart_error_set(e, -ENOMEM, "out of memory");

        int r = physmem_map(&b->native->mem, &b->claim, b->claim.low.start, b->claim.low.size, false,
                        &window, e);
        for (size_t i = 0; r == 0 && i < n; i++)
                r = physmem_map(&b->native->mem, &b->claim, b->claim.memory.items[i].start,
                                b->claim.memory.items[i].size, false, &maps[i], e);
        if (r == 0)
                r = poll_memory(b, &window, maps, ret, e);
        physmem_unmap(&window);
        for (size_t i = 0; i < n; i++)
                physmem_unmap(&maps[i]);
        return r;
}
