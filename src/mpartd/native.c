/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>

#include "fs.h"
#include "log.h"
#include "macros.h"
#include "native.h"
#include "region.h"

#define PAGE 4096U
#define SCAN_CHUNK (64 * MiB) /* between looks at the cancel flag and the clock */

static uint64_t now_ns(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

/* The memory of another kernel sends no event: it is looked at again after a while. */
static void pause_ns(uint64_t ns)
{
        struct timespec t = { .tv_sec = (time_t)(ns / 1000000000U), .tv_nsec = (long)(ns % 1000000000U) };
        nanosleep(&t, NULL);
}

int native_init(struct native *n, int root)
{
        *n = (struct native){ .root = root, .mem = { .root = root }, .tsc = tsc_sample() };
        n->cpus = (struct cpugate){ .root = root, .mem = &n->mem };
        return window_init(&n->window);
}

void native_destroy(struct native *n)
{
        window_destroy(&n->window);
}

static int canceled(const struct native_boot *b, struct mpart_error *e)
{
        return atomic_load(b->cancel) ? mpart_error_set(e, -ECANCELED, "stopped while it booted") : 0;
}

int native_take_cpus(struct native_boot *b, struct ledger *l, struct mpart_error *e)
{
        for (size_t i = 0; i < b->n_cpus; i++) {
                struct taken entry = { TAKEN_CPU, b->cpu_numbers[i], b->cpus[i].apic_id };
                int r = canceled(b, e);
                if (r == 0)
                        r = ledger_take(l, entry, e);
                if (r == 0)
                        r = cpugate_take(&b->native->cpus, &b->claim, entry.cpu, e);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* A note that an earlier kernel left would pass for this one's. */
static int destroy_old_notes(struct native_boot *b, struct mpart_range range, struct mpart_error *e)
{
        struct physmem_map map;
        int r = physmem_map(&b->native->mem, &b->claim, range.start, range.size, true, &map, e);
        if (r < 0)
                return r;
        char *p = map.data, *end = p + range.size;
        while (p < end && (r = canceled(b, e)) == 0) {
                size_t n = MIN((size_t)(end - p), (size_t)SCAN_CHUNK);
                int64_t offset = mpart_vmcoreinfo_find(p, n);
                if (offset >= 0)
                        memset(p + offset, 0, PAGE);
                p += offset < 0 ? n : (size_t)offset + PAGE;
        }
        physmem_unmap(&map);
        return r;
}

static int write_segments(struct native_boot *b, bool low, struct mpart_error *e)
{
        for (size_t i = 0; i < b->boot->n_segments; i++) {
                const struct mpart_segment *s = &b->boot->segments[i];
                if (s->low != low)
                        continue;
                int r = canceled(b, e);
                if (r == 0 && s->data_size > 0 && !s->data)
                        r = physmem_fill(&b->native->mem, &b->claim, s->address, s->size, b->initrd_fd,
                                        s->data_size, e);
                else if (r == 0)
                        r = physmem_write(&b->native->mem, &b->claim, s->address, s->size, s->data,
                                        s->data_size, e);
                if (r < 0)
                        return mpart_error_prefix(e, r, "%s", s->what);
                b->load_bytes += s->size;
        }
        return 0;
}

int native_load(struct native_boot *b, struct mpart_error *e)
{
        int r = 0;
        for (size_t i = 0; r == 0 && i < b->claim.memory.n; i++)
                r = destroy_old_notes(b, b->claim.memory.items[i], e);
        uint64_t start = now_ns();
        if (r == 0)
                r = write_segments(b, false, e);
        if (r == 0)
                r = region_prepare(&b->native->mem, &b->claim, mpart_plan_kernel(b->plan, b->kernel),
                                tsc_khz_since(b->native->tsc), &b->network, e);
        b->load_ns = now_ns() - start;
        return r;
}

static int wait_reached(struct native_boot *b, struct mpart_error *e)
{
        struct physmem_map map;
        uint64_t deadline = now_ns() + NATIVE_REACHED_TIMEOUT_SECONDS * UINT64_C(1000000000);
        int r = physmem_map(&b->native->mem, &b->claim, b->boot->reached_address, 4, false, &map, e);
        if (r < 0)
                return r;
        while (*(volatile uint32_t *)map.data != MPART_REACHED) {
                r = canceled(b, e);
                if (r == 0 && now_ns() > deadline)
                        r = mpart_error_set(e, -ETIMEDOUT,
                                        "CPU %u (APIC id %u) did not reach the start code at %#" PRIx64
                                        " within %d s",
                                        b->cpu_numbers[0], b->cpus[0].apic_id, b->boot->start_address,
                                        NATIVE_REACHED_TIMEOUT_SECONDS);
                if (r < 0)
                        break;
                pause_ns(50000);
        }
        physmem_unmap(&map);
        return r;
}

static uint64_t realtime_us(void)
{
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        return (uint64_t)t.tv_sec * 1000000U + (uint64_t)t.tv_nsec / 1000U;
}

int native_start(struct native_boot *b, struct ledger *l, struct mpart_error *e)
{
        struct native *n = b->native;
        int r = window_acquire(&n->window, b->kernel, b->cancel);
        if (r < 0)
                return canceled(b, e);
        b->claim.holds_low = true;

        r = ledger_take(l, (struct taken){ .kind = TAKEN_LOW }, e);
        if (r < 0) { /* not in the ledger, so native_undo would not free it */
                window_release(&n->window, b->kernel);
                return r;
        }
        r = write_segments(b, true, e);
        if (r < 0)
                return r;

        free(l->cmdline);
        l->cmdline = strdup(b->cmdline);
        l->boot_timestamp = realtime_us();
        r = ledger_take(l, (struct taken){ .kind = TAKEN_WOKEN }, e);
        if (r == 0)
                r = cpugate_wake(&n->cpus, &b->claim, b->cpu_numbers[0], b->cpus[0].apic_id,
                                b->boot->start_address, e);
        if (r == 0)
                r = wait_reached(b, e);
        return r == 0 ? ledger_set_stage(l, LEDGER_BOOTING, e) : r;
}

/* One pass over the kernel's memory. 1: the note is there; 0: not yet. */
static int look_for_note(
                struct native_boot *b, const struct physmem_map *maps, size_t n_maps, struct mpart_error *e)
{
        for (size_t i = 0; i < n_maps; i++)
                for (uint64_t at = 0; at < maps[i].size; at += SCAN_CHUNK) {
                        int r = canceled(b, e);
                        if (r < 0)
                                return r;
                        if (mpart_vmcoreinfo_find((char *)maps[i].data + at,
                                            MIN(maps[i].size - at, SCAN_CHUNK)) >= 0)
                                return 1;
                }
        return 0;
}

static int poll_for_note(
                struct native_boot *b, const struct physmem_map *maps, size_t n_maps, struct mpart_error *e)
{
        uint64_t deadline = now_ns() + NATIVE_RUNNING_TIMEOUT_SECONDS * UINT64_C(1000000000);
        for (;;) {
                uint64_t start = now_ns();
                int r = look_for_note(b, maps, n_maps, e);
                if (r != 0)
                        return r < 0 ? r : 0;
                if (now_ns() > deadline)
                        return mpart_error_set(e, -ETIMEDOUT,
                                        "the kernel reached its start code but did not come up within %d s; "
                                        "look at its "
                                        "console",
                                        NATIVE_RUNNING_TIMEOUT_SECONDS);
                /* At most a third of one CPU goes into looking. */
                pause_ns(MAX(2 * (now_ns() - start), UINT64_C(10000000)));
        }
}

int native_wait_running(struct native_boot *b, struct ledger *l, struct mpart_error *e)
{
        size_t n = b->claim.memory.n;
        _cleanup_free_ struct physmem_map *maps = calloc(n, sizeof(*maps));
        int r = maps ? 0 : -ENOMEM;

        for (size_t i = 0; r == 0 && i < n; i++)
                r = physmem_map(&b->native->mem, &b->claim, b->claim.memory.items[i].start,
                                b->claim.memory.items[i].size, false, &maps[i], e);
        if (r == 0)
                r = poll_for_note(b, maps, n, e);
        for (size_t i = 0; maps && i < n; i++)
                physmem_unmap(&maps[i]);
        if (r < 0)
                return r;

        b->claim.holds_low = false;
        r = ledger_drop(l, TAKEN_LOW, e);
        window_release(&b->native->window, b->kernel);
        return r == 0 ? ledger_set_stage(l, LEDGER_RUNNING, e) : r;
}

static int stop_cpus(struct native *n, const struct claim *c, const struct ledger *l, struct mpart_error *e)
{
        int first = 0;
        for (size_t i = 0; i < l->n_taken; i++) {
                const struct taken *t = &l->taken[i];
                /* One that is online has been reset by the primary and runs its code now. */
                if (t->kind != TAKEN_CPU || cpugate_is_online(&n->cpus, t->cpu) == 1)
                        continue;
                int r = cpugate_stop(&n->cpus, c, t->cpu, t->apic_id, first == 0 ? e : NULL);
                if (r < 0 && first == 0)
                        first = r;
        }
        return first;
}

static int undo_entry(struct native *n, const struct claim *c, struct ledger *l, const struct taken *t,
                struct mpart_error *e)
{
        switch (t->kind) {
        case TAKEN_WOKEN:
                return stop_cpus(n, c, l, e);
        case TAKEN_LOW:
                window_release(&n->window, c->kernel);
                return 0;
        case TAKEN_CPU:
                return cpugate_give_back(&n->cpus, c, t->cpu, e);
        case _TAKEN_MAX:
        case _TAKEN_INVALID:
                break;
        }
        return mpart_error_set(e, -EINVAL, "unknown entry in the ledger");
}

int native_undo(struct native *n, const struct mpart_plan_kernel *kernel, struct ledger *l,
                struct mpart_error *e)
{
        struct claim c;
        int first = claim_make(kernel, &c);
        if (first < 0)
                return mpart_error_set(e, first, "out of memory");

        for (const struct taken *t; (t = ledger_last(l));) {
                enum taken_kind kind = t->kind;
                int r = undo_entry(n, &c, l, t, first == 0 ? e : NULL);
                if (r < 0 && first == 0)
                        first = r;
                /* CPUs that could not be stopped must not go back to the primary. */
                if (r < 0 && kind == TAKEN_WOKEN)
                        break;
                r = ledger_drop(l, kind, NULL);
                if (r < 0)
                        log_line((int)kernel->id, LOG_WARNING, "%s: cannot be written: %s", l->path,
                                        strerror(-r));
        }
        if (!ledger_last(l))
                ledger_remove_file(l);
        claim_free(&c);
        return first;
}

void native_boot_clear(struct native_boot *b)
{
        mpart_boot_free(b->boot);
        claim_free(&b->claim);
        free(b->image_path);
        free(b->initrd_path);
        free(b->extra);
        free(b->image_data);
        close_fd(&b->initrd_fd);
        free(b->cmdline);
        free(b->cpus);
        free(b->cpu_numbers);
        *b = NATIVE_BOOT_INIT;
}
