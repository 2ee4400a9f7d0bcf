/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "clock.h"
#include "fs.h"
#include "log.h"
#include "macros.h"
#include "native-internal.h"

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

int native_canceled(const struct native_boot *b, struct mpart_error *e)
{
        return atomic_load(b->cancel) ? mpart_error_set(e, -ECANCELED, "stopped while it booted") : 0;
}

int native_take_cpus(struct native_boot *b, struct ledger *l, struct mpart_error *e)
{
        for (size_t i = 0; i < b->n_cpus; i++) {
                struct taken entry = { TAKEN_CPU, b->cpu_numbers[i], b->cpus[i].apic_id };
                int r = native_canceled(b, e);
                if (r == 0)
                        r = ledger_take(l, entry, e);
                if (r == 0)
                        r = cpugate_take(&b->native->cpus, &b->claim, entry.cpu, e);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int wait_reached(struct native_boot *b, struct mpart_error *e)
{
        struct physmem_map map;
        uint64_t deadline = now_ns() + NATIVE_REACHED_TIMEOUT_SECONDS * UINT64_C(1000000000);
        int r = physmem_map(&b->native->mem, &b->claim, b->boot->reached_address, 4, false, &map, e);
        if (r < 0)
                return r;
        while (*(volatile uint32_t *)map.data != MPART_REACHED) {
                r = native_canceled(b, e);
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

int native_start(struct native_boot *b, struct ledger *l, struct mpart_error *e)
{
        struct native *n = b->native;
        int r = window_acquire(&n->window, b->kernel, b->claim.low.start, b->cancel);
        if (r < 0)
                return r == -ECANCELED ? native_canceled(b, e) : mpart_error_set(e, r, "out of memory");
        b->claim.holds_low = true;

        r = ledger_take(l, (struct taken){ .kind = TAKEN_LOW }, e);
        if (r < 0) { /* not in the ledger, so native_undo would not free it */
                window_release(&n->window, b->kernel);
                return r;
        }
        /* The secondary's half of the window is clear: what is in it later says how far the kernel came. */
        const struct mpart_range low = b->claim.low;
        r = physmem_write(&n->mem, &b->claim, low.start + MPART_LOW_START_SIZE,
                        low.size - MPART_LOW_START_SIZE, NULL, 0, e);
        if (r == 0)
                r = load_segments(b, true, e);
        if (r < 0)
                return r;

        free(l->cmdline);
        l->cmdline = strdup(b->cmdline);
        l->boot_timestamp = realtime_us();
        l->reset_address = b->boot->reset_address;
        r = ledger_take(l, (struct taken){ .kind = TAKEN_WOKEN }, e);
        if (r == 0)
                r = cpugate_wake(&n->cpus, &b->claim, b->cpu_numbers[0], b->cpus[0].apic_id,
                                b->boot->start_address, e);
        if (r == 0)
                r = wait_reached(b, e);
        return r == 0 ? ledger_set_stage(l, LEDGER_BOOTING, e) : r;
}

int native_wait_running(struct native_boot *b, struct ledger *l, struct mpart_error *e)
{
        int r = notes_wait(b, &l->vmcoreinfo, e);
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
