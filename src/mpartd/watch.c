/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "clock.h"
#include "fs.h"
#include "iomem.h"
#include "macros.h"
#include "poller.h"
#include "watch-state.h"

#define STATE_PERIOD_NS UINT64_C(250000000)

struct watch {
        struct native *native;
        struct poller *resets; /* borrowed */
        struct poller *states;
        struct watch_events events;
        int pipe[2];
        sd_event_source *source;
};

static void watched_free(struct watched *x)
{
        if (!x)
                return;
        memview_close(&x->view);
        physmem_unmap(&x->end);
        claim_free(&x->claim);
        free(x->cpus);
        free(x);
}

static void tell(const struct watched *x, enum kernel_cause cause, unsigned cpus_online, const char *detail)
{
        struct watch_report r = { .kernel = x->claim.kernel,
                .cause = cause,
                .cpus_online = cpus_online,
                .generation = x->generation };
        snprintf(r.detail, sizeof(r.detail), "%.*s", WATCH_DETAIL_MAX - 1, detail);
        write_all(x->report_fd, &r, sizeof(r)); /* below PIPE_BUF: whole or not at all */
}

/* Once for each kernel watched: both threads may see it end. */
static void report_end(struct watched *x, enum kernel_cause cause, const char *detail)
{
        if (!atomic_exchange(&x->reported, true))
                tell(x, cause, 0, detail);
}

static bool restarts(const struct watched *x)
{
        const volatile int *state = atomic_load(&x->system_state);
        return mpart_boot_asks_restart(x->end.data, x->reset_address) ||
               (state && *state == MPART_SYSTEM_RESTART);
}

static void look_at_reset(void *entry)
{
        struct watched *x = entry;
        if (!restarts(x) || atomic_load(&x->reported))
                return;
        struct mpart_error e = MPART_ERROR_INIT;
        int r = cpugate_stop_all(&x->native->cpus, &x->claim, x->cpus, x->n_cpus, &e);
        report_end(x, CAUSE_REBOOT, r < 0 ? e.text : "it asked for a restart");
}

static void look_at_state(void *entry)
{
        struct watched *x = entry;
        enum kernel_cause cause;
        char detail[WATCH_DETAIL_MAX] = "";
        if (atomic_load(&x->reported) || !watch_state_look(x, &cause, detail))
                return;
        if (cause == CAUSE_NONE)
                tell(x, cause, x->cpus_online, detail);
        else
                report_end(x, cause, detail);
}

static int on_report(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        struct watch *w = userdata;
        struct watch_report r;
        (void)source;
        (void)revents;
        if (read(fd, &r, sizeof(r)) != sizeof(r))
                return 0;
        if (r.cause == CAUSE_NONE) {
                w->events.cpus(r.kernel, r.generation, r.cpus_online, w->events.userdata);
                return 0;
        }
        struct watched *x = poller_remove(w->resets, look_at_reset, r.kernel);
        if (x && x->generation != r.generation) { /* of a boot before this one */
                if (poller_add(w->resets, look_at_reset, r.kernel, x) == 0)
                        return 0;
        }
        poller_remove(w->states, look_at_state, r.kernel);
        watched_free(x);
        if (x)
                w->events.ended(r.kernel, r.cause, r.detail, w->events.userdata);
        return 0;
}

int watch_new(sd_event *event, struct poller *resets, struct native *native,
                const struct watch_events *events, struct watch **ret)
{
        struct watch *w = calloc(1, sizeof(*w));
        if (!w)
                return -ENOMEM;
        *w = (struct watch){ .native = native, .resets = resets, .events = *events, .pipe = { -1, -1 } };
        int r = pipe2(w->pipe, O_CLOEXEC) < 0 ? -errno : 0;
        if (r == 0)
                r = sd_event_add_io(event, &w->source, w->pipe[0], EPOLLIN, on_report, w);
        if (r >= 0)
                r = poller_new("states", STATE_PERIOD_NS, false, &w->states);
        if (r < 0) {
                watch_free(w);
                return r;
        }
        *ret = w;
        return 0;
}

void watch_free(struct watch *w)
{
        if (!w)
                return;
        poller_free(w->states);
        sd_event_source_disable_unref(w->source);
        close_fd(&w->pipe[0]);
        close_fd(&w->pipe[1]);
        free(w);
}

static int fill(struct watched *x, const struct mpart_plan_kernel *kernel, const struct ledger *l,
                struct mpart_error *e)
{
        int r = claim_make(kernel, &x->claim);
        x->cpus = calloc(l->n_taken + 1, sizeof(*x->cpus));
        if (r < 0 || !x->cpus)
                return mpart_error_set(e, -ENOMEM, "out of memory");
        for (size_t i = 0; i < l->n_taken; i++)
                if (l->taken[i].kind == TAKEN_CPU)
                        x->cpus[x->n_cpus++] =
                                        (struct cpugate_target){ l->taken[i].cpu, l->taken[i].apic_id };
        x->reset_address = l->reset_address;
        return physmem_map(&x->native->mem, &x->claim, ALIGN_DOWN(l->reset_address, MPART_PAGE_SIZE),
                        MPART_PAGE_SIZE, false, &x->end, e);
}

int watch_add(struct watch *w, const struct mpart_plan_kernel *kernel, const struct ledger *l,
                struct mpart_error *e)
{
        struct watched *x = calloc(1, sizeof(*x));
        if (!x)
                return mpart_error_set(e, -ENOMEM, "out of memory");
        x->native = w->native;
        x->report_fd = w->pipe[1];
        x->generation = l->boot_timestamp;
        x->note = l->vmcoreinfo;
        int r = fill(x, kernel, l, e);
        if (r == 0)
                r = poller_add(w->resets, look_at_reset, kernel->id, x);
        if (r < 0) {
                watched_free(x);
                return r;
        }
        /* Without the slower looks a restart is still caught. */
        return poller_add(w->states, look_at_state, kernel->id, x);
}

void watch_remove(struct watch *w, unsigned kernel)
{
        poller_remove(w->states, look_at_state, kernel);
        watched_free(poller_remove(w->resets, look_at_reset, kernel));
}
