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
        enum kernel_end end;
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

/* One more restart by itself is within the limit. */
static bool may_restart(struct kernel *k)
{
        uint64_t now = now_ns(), interval = (uint64_t)k->options.limit_interval * 1000000000U;
        if (k->restarts == 0 || now - k->restarts_since > interval) {
                k->restarts = 0;
                k->restarts_since = now;
        }
        return k->restarts++ < k->options.limit_burst;
}

static void go_on(struct kernel *k)
{
        struct kernel_ending *x = k->ending;
        if (x->action == ACTION_PRESERVE) {
                kernel_set_state(k, KERNEL_FAILED, "%s; preserved", x->reason);
                kernel_ending_free(k);
                return;
        }
        int r = kernel_give_back(k);
        if (r < 0) {
                kernel_set_state(k, KERNEL_FAILED, "%s; its CPUs cannot be given back: %s", x->reason,
                                strerror(-r));
                kernel_ending_free(k);
        }
}

static void on_dump_report(struct inspect *i, enum inspect_stage stage, void *userdata)
{
        struct kernel *k = userdata;
        struct kernel_ending *x = k->ending;
        if (stage != INSPECT_DONE)
                return;
        size_t n = strlen(x->reason);
        if (i->result == 0) {
                snprintf(x->reason + n, sizeof(x->reason) - n, "; dumped to %s", x->dump_path);
        } else {
                dumps_discard(x->dump_path);
                snprintf(x->reason + n, sizeof(x->reason) - n, "; not dumped: %s", i->error.text);
        }
        inspect_free(TAKE_PTR(x->dump));
        go_on(k);
}

/* 0: on_dump_report goes on. */
static int start_dump(struct kernel *k, struct mpart_error *e)
{
        struct kernel_ending *x = k->ending;
        struct inspect_request request = { .kind = INSPECT_DUMP, .kernel = k->id };
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
        static const char *const prefix[_KERNEL_END_MAX] = {
                [END_CRASH] = "crashed: ",
                [END_HANG] = "hangs: ",
                [END_REBOOT] = "",
                [END_POWER_OFF] = "",
        };
        snprintf(x->reason, sizeof(x->reason), "%s%s", prefix[x->end], detail);
}

void kernel_ended(struct kernel *k, enum kernel_end end, const char *detail)
{
        if (k->state != KERNEL_RUNNING || k->job || !k->ledger || k->ending)
                return;
        struct kernel_ending *x = k->ending = calloc(1, sizeof(*x));
        if (!x) {
                kernel_set_state(k, KERNEL_FAILED, "it ended by itself, and memory is short; stop it");
                return;
        }
        x->end = end;
        x->action = k->options.on[end];
        describe(x, detail);

        bool died = end == END_CRASH || end == END_HANG;
        kernel_stop_services(k, x->reason);
        kernel_set_state(k, died ? KERNEL_FAILED : KERNEL_STOPPING, "%s", x->reason);
        if (died && k->options.dump) {
                struct mpart_error e = MPART_ERROR_INIT;
                if (start_dump(k, &e) == 0)
                        return;
                log_line((int)k->id, LOG_WARNING, "kernel %u is not dumped: %s", k->id, e.text);
        }
        go_on(k);
}

void kernel_ending_stop(struct kernel *k)
{
        k->ending->action = ACTION_STOP;
        if (k->ending->dump)
                inspect_cancel(k->ending->dump);
}

static void restart(struct kernel *k, const char *reason)
{
        struct boot_options options;
        if (!may_restart(k)) {
                kernel_set_state(k, KERNEL_FAILED, "%s; not restarted: it was, %u times in %u s", reason,
                                k->options.limit_burst, k->options.limit_interval);
                return;
        }
        kernel_set_state(k, KERNEL_INACTIVE, "%s; it is restarted", reason);
        if (boot_options_copy(&options, &k->options) < 0) {
                kernel_set_state(k, KERNEL_FAILED, "%s; not restarted: out of memory", reason);
                return;
        }
        kernel_boot(k, &options, NULL);
        boot_options_free(&options);
}

bool kernel_ending_given_back(struct kernel *k, int result)
{
        struct kernel_ending *x = k->ending;
        if (!x || result < 0) {
                kernel_ending_free(k);
                return false;
        }
        char reason[sizeof(x->reason)];
        memcpy(reason, x->reason, sizeof(reason));
        enum end_action action = x->action;
        bool died = x->end == END_CRASH || x->end == END_HANG;
        kernel_ending_free(k);
        if (action == ACTION_RESTART)
                restart(k, reason);
        else
                kernel_set_state(k, died ? KERNEL_FAILED : KERNEL_INACTIVE, "%s", reason);
        return true;
}
