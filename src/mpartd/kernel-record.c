/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes of a kernel's state, and how they outlive the daemon. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "bus.h"
#include "clock.h"
#include "log.h"
#include "macros.h"
#include "manager.h"
#include "record.h"
#include "sequence.h"

void kernel_save(const struct kernel *k)
{
        struct kernel_record r = {
                .kernel = k->id,
                .state = k->state,
                .cause = k->cause,
                .reason = k->reason,
                .timestamp = k->state_timestamp,
                .boot_timestamp = k->boot_timestamp,
                .holds = k->ledger,
                .ending = k->ending,
                .old_note = k->old_note,
                .restarts = k->restarts,
                .restarts_since = k->restarts_since,
        };
        snprintf(r.digest, sizeof(r.digest), "%s", k->manager->plan->digest);
        int result = record_save(k->manager->runtime_directory, &r);
        if (result == 0)
                return;
        record_remove(k->manager->runtime_directory, k->id); /* better none than that of another state */
        log_line((int)k->id, LOG_WARNING,
                        "kernel %u: its state cannot be written to %s, a restart of mpartd would forget it: %s",
                        k->id, k->manager->runtime_directory, strerror(-result));
}

static int priority_of(enum kernel_state state, enum kernel_cause cause)
{
        if (state == KERNEL_FAILED)
                return LOG_ERR;
        return cause == CAUSE_CPU_MISSING || cause == CAUSE_LEDGER_DAMAGED ? LOG_WARNING : LOG_INFO;
}

void kernel_set_state(
                struct kernel *k, enum kernel_state state, enum kernel_cause cause, const char *format, ...)
{
        char *reason = NULL;
        va_list args;
        va_start(args, format);
        if (vasprintf(&reason, format, args) < 0)
                reason = NULL;
        va_end(args);
        if (reason) {
                free(k->reason);
                k->reason = reason;
        }
        if (k->state != state)
                k->state_timestamp = realtime_us();
        k->state = state;
        k->cause = cause;
        if (state == KERNEL_INACTIVE || state == KERNEL_FAILED)
                k->boot_timestamp = 0;
        if (state != KERNEL_RUNNING)
                k->cpus_online = 0;
        kernel_save(k);
        const char *name = kernel_state_to_string(state);
        log_state(k->id, priority_of(state, cause), name, kernel_cause_to_string(cause),
                        "kernel %u (%s): %s%s%s", k->id, k->planned->name, name, *k->reason ? ": " : "",
                        k->reason);
        bus_kernel_changed(k);
        sequence_kernel_changed(k);
}

bool kernel_read_record(struct kernel *k, struct kernel_record *ret)
{
        const struct manager *m = k->manager;
        struct mpart_error e = MPART_ERROR_INIT;
        char aside[RUNTIME_PATH_MAX];
        int r = record_load(m->runtime_directory, k->id, ret, &e);
        if (r == -ENOENT)
                return false;
        if (r == 0 && !streq(ret->digest, m->plan->digest)) {
                record_free(ret);
                r = mpart_error_set(&e, -ESTALE, "it is of another machine");
        }
        if (r < 0) {
                runtime_set_aside(m->runtime_directory, "state", k->id, aside);
                log_line((int)k->id, LOG_WARNING,
                                "kernel %u: what is recorded of its state cannot be used (%s); set aside as %s",
                                k->id, e.text, aside);
                return false;
        }
        k->old_note = ret->old_note;
        k->restarts = ret->restarts;
        k->restarts_since = ret->restarts_since;
        return true;
}

void kernel_restore(struct kernel *k, const struct kernel_record *r)
{
        char *reason = strdup(r->reason);
        if (reason) {
                free(k->reason);
                k->reason = reason;
        }
        k->state = r->state;
        k->cause = r->cause;
        k->state_timestamp = r->timestamp;
        k->boot_timestamp = r->boot_timestamp;
        bus_kernel_changed(k);
}
