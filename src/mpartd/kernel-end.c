/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>

#include "bus.h"
#include "clock.h"
#include "dumps.h"
#include "inspect.h"
#include "kernel-end.h"
#include "log.h"
#include "macros.h"
#include "manager.h"

struct kernel_ending {
        enum kernel_cause cause;
        enum end_action action;
        char reason[512];
        char *dump_path;      /* while it is written */
        struct inspect *dump; /* NULL: none is written */
};

void kernel_ending_free(struct kernel *k)
{
        struct kernel_ending *x = TAKE_PTR(k->ending);
        if (!x)
                return;
        inspect_free(x->dump);
        free(x->dump_path);
        free(x);
}

static bool died(const struct kernel_ending *x)
{
        return x->cause == CAUSE_CRASH || x->cause == CAUSE_HANG;
}

/* The option that says what to do about it. Without sleep registers a power-off is a halt. */
static enum kernel_end end_of(enum kernel_cause cause)
{
        return cause == CAUSE_CRASH    ? END_CRASH
               : cause == CAUSE_HANG   ? END_HANG
               : cause == CAUSE_REBOOT ? END_REBOOT
                                       : END_POWER_OFF;
}

/* One more restart by itself is within the limit. */
static bool may_restart(struct kernel *k)
{
        uint64_t now = now_ns() / 1000, interval = (uint64_t)k->options.limit_interval * 1000000U;
        if (k->restarts == 0 || now - k->restarts_since > interval) {
                k->restarts = 0;
                k->restarts_since = now;
        }
        return k->restarts++ < k->options.limit_burst;
}

static void go_on(struct kernel *k)
{
        struct kernel_ending x = *k->ending;
        int r = 0;
        if (x.action != ACTION_PRESERVE) {
                r = kernel_give_back(k);
                if (r == 0)
                        return;
        }
        kernel_ending_free(k);
        if (r < 0)
                kernel_set_state(k, KERNEL_FAILED, CAUSE_NOT_GIVEN_BACK,
                                "%s; its CPUs cannot be given back: %s", x.reason, strerror(-r));
        else
                kernel_set_state(k, KERNEL_FAILED, x.cause, "%s; preserved", x.reason);
}

static int start_dump(struct kernel *k, struct mpart_error *e);

/* How much of the memory is not zero is known when it has been written. True: it is written again. */
static bool dump_again(struct kernel *k)
{
        if (dumps_drop_oldest(k->manager->state_directory) <= 0)
                return false;
        free(TAKE_PTR(k->ending->dump_path));
        return start_dump(k, NULL) == 0;
}

static void on_dump_report(struct inspect *i, enum inspect_stage stage, void *userdata)
{
        struct kernel *k = userdata;
        struct kernel_ending *x = k->ending;
        if (stage != INSPECT_DONE)
                return;
        struct mpart_error e = i->error;
        int r = i->result;
        if (r == 0 && (r = dumps_finish(x->dump_path)) < 0)
                mpart_error_set(&e, r, "%s", strerror(-r));
        inspect_free(TAKE_PTR(x->dump)); /* and with it the file, whose room may be wanted */
        if (r < 0)
                dumps_discard(x->dump_path);
        if (r == -ENOSPC && dump_again(k))
                return;
        size_t n = strlen(x->reason);
        snprintf(x->reason + n, sizeof(x->reason) - n, "; %s%s",
                        r == 0 ? "dumped to " : "not dumped: ", r == 0 ? x->dump_path : e.text);
        go_on(k);
}

/* 0: on_dump_report goes on. */
static int start_dump(struct kernel *k, struct mpart_error *e)
{
        struct kernel_ending *x = k->ending;
        struct inspect_request request = { .kind = INSPECT_DUMP, .kernel = k->id, .note = kernel_note(k) };
        int r = dumps_create(k->manager->state_directory, k->id, bus_kernel_memory(k->planned), &request.fd,
                        &x->dump_path, e);
        if (r < 0)
                return r;
        r = inspect_start(k->manager->event, &k->manager->native.mem, k->planned, &request, on_dump_report,
                        k, &x->dump);
        if (r < 0) {
                dumps_discard(x->dump_path);
                return mpart_error_set(e, r, "%s", strerror(-r));
        }
        return 0;
}

static void describe(struct kernel_ending *x, const char *detail)
{
        const char *prefix = x->cause == CAUSE_CRASH ? "crashed: " : x->cause == CAUSE_HANG ? "hangs: " : "";
        snprintf(x->reason, sizeof(x->reason), "%s%s", prefix, detail);
}

static int begin(struct kernel *k, enum kernel_cause cause)
{
        struct kernel_ending *x = k->ending = calloc(1, sizeof(*x));
        if (!x) {
                kernel_set_state(k, KERNEL_FAILED, CAUSE_RESOURCES,
                                "it ended by itself, and memory is short; stop it");
                return -ENOMEM;
        }
        x->cause = cause;
        x->action = k->options.on[end_of(cause)];
        return 0;
}

static void dump_and_go_on(struct kernel *k)
{
        if (died(k->ending) && k->options.dump) {
                struct mpart_error e = MPART_ERROR_INIT;
                if (start_dump(k, &e) == 0)
                        return;
                log_line((int)k->id, LOG_WARNING, "kernel %u is not dumped: %s", k->id, e.text);
        }
        go_on(k);
}

void kernel_ended(struct kernel *k, enum kernel_cause cause, const char *detail)
{
        if (k->state != KERNEL_RUNNING || k->job || !k->ledger || k->ending || begin(k, cause) < 0)
                return;
        describe(k->ending, detail);
        kernel_stop_services(k, k->ending->reason);
        kernel_set_state(k, died(k->ending) ? KERNEL_FAILED : KERNEL_STOPPING, cause, "%s",
                        k->ending->reason);
        dump_and_go_on(k);
}

void kernel_ending_resume(struct kernel *k, bool again)
{
        if (begin(k, k->cause) < 0)
                return;
        snprintf(k->ending->reason, sizeof(k->ending->reason), "%s", k->reason);
        if (again)
                dump_and_go_on(k);
        else
                go_on(k);
}

void kernel_ending_stop(struct kernel *k)
{
        k->ending->action = ACTION_STOP;
        if (k->ending->dump)
                inspect_cancel(k->ending->dump);
}

static void restart(struct kernel *k, enum kernel_cause cause, const char *reason)
{
        struct boot_options options;
        if (!may_restart(k)) {
                kernel_set_state(k, KERNEL_FAILED, CAUSE_START_LIMIT,
                                "%s; not restarted: it was, %u times in %u s", reason,
                                k->options.limit_burst, k->options.limit_interval);
                return;
        }
        kernel_set_state(k, KERNEL_INACTIVE, cause, "%s; it is restarted", reason);
        if (boot_options_copy(&options, &k->options) < 0) {
                kernel_set_state(k, KERNEL_FAILED, CAUSE_RESOURCES, "%s; not restarted: out of memory",
                                reason);
                return;
        }
        kernel_boot(k, &options, NULL);
        boot_options_free(&options);
}

bool kernel_ending_given_back(struct kernel *k, int result)
{
        if (!k->ending || result < 0) {
                kernel_ending_free(k);
                return false;
        }
        struct kernel_ending x = *k->ending;
        kernel_ending_free(k);
        if (x.action == ACTION_RESTART)
                restart(k, x.cause, x.reason);
        else
                kernel_set_state(k, died(&x) ? KERNEL_FAILED : KERNEL_INACTIVE, x.cause, "%s", x.reason);
        return true;
}
