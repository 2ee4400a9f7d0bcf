/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "fs.h"
#include "job.h"
#include "macros.h"
#include "thread.h"

static void tell(struct job *j, enum job_stage stage)
{
        uint8_t byte = (uint8_t)stage;
        write_all(j->pipe[1], &byte, 1);
}

/* Time since *last, which becomes now. */
static uint64_t lap(uint64_t *last)
{
        uint64_t before = *last;
        *last = now_ns();
        return *last - before;
}

struct loading {
        struct job *job;
        struct mpart_error error;
        int result;
};

static void *load(void *argument)
{
        struct loading *l = argument;
        uint64_t last = now_ns();
        l->result = native_load(&l->job->boot, &l->error);
        l->job->times.load = lap(&last);
        return NULL;
}

/* CPU hotplug waits for the primary's kernel most of the time; memory is written meanwhile. */
static int take_and_load(struct job *j)
{
        struct loading l = { .job = j };
        uint64_t last = now_ns();
        pthread_t thread;
        bool beside = thread_start(&thread, load, &l) == 0;
        if (!beside)
                load(&l);
        int r = native_take_cpus(&j->boot, j->ledger, &j->error);
        j->times.take_cpus = lap(&last);
        if (beside)
                pthread_join(thread, NULL);
        if (r == 0 && l.result < 0) {
                j->error = l.error;
                r = l.result;
        }
        return r;
}

static int boot_steps(struct job *j)
{
        uint64_t last = now_ns();
        int r = native_prepare(&j->boot, &j->error);
        j->times.prepare = lap(&last);
        if (r < 0)
                return r;
        j->accepted = true;
        tell(j, JOB_ACCEPTED);

        r = take_and_load(j);
        lap(&last);
        if (r == 0)
                r = native_start(&j->boot, j->ledger, &j->error);
        j->times.start = lap(&last);
        if (r == 0) {
                j->reached = true;
                tell(j, JOB_REACHED);
                r = native_wait_running(&j->boot, j->ledger, &j->error);
        }
        j->times.run = lap(&last);
        return r;
}

static int give_back(struct job *j, struct mpart_error *e)
{
        return native_undo(j->boot.native, mpart_plan_kernel(j->boot.plan, j->boot.kernel), j->ledger, e);
}

static void *run(void *argument)
{
        struct job *j = argument;
        if (j->kind == JOB_GIVE_BACK) {
                j->result = give_back(j, &j->error);
        } else {
                j->result = boot_steps(j);
                struct mpart_error e = MPART_ERROR_INIT;
                if (j->result < 0 && j->accepted && give_back(j, &e) < 0)
                        mpart_error_prefix(&j->error, e.code, "not all was given back (%s)", e.text);
        }
        tell(j, JOB_DONE);
        return NULL;
}

static int on_report(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        struct job *j = userdata;
        uint8_t stage;
        (void)source;
        (void)revents;
        if (read(fd, &stage, 1) == 1)
                j->report(j, (enum job_stage)stage, j->userdata); /* may free the job */
        return 0;
}

int job_start(sd_event *event, enum job_kind kind, struct native_boot *boot, struct ledger *ledger,
                job_report_fn report, void *userdata, struct job **ret)
{
        struct job *j = calloc(1, sizeof(*j));
        if (!j) {
                native_boot_clear(boot);
                return -ENOMEM;
        }
        j->kind = kind;
        j->boot = *boot;
        *boot = NATIVE_BOOT_INIT;
        j->boot.cancel = &j->cancel;
        j->ledger = ledger;
        j->report = report;
        j->userdata = userdata;
        j->pipe[0] = j->pipe[1] = -1;

        int r = pipe2(j->pipe, O_CLOEXEC) < 0 ? -errno : 0;
        if (r == 0)
                r = sd_event_add_io(event, &j->source, j->pipe[0], EPOLLIN, on_report, j);
        if (r >= 0)
                r = thread_start(&j->thread, run, j);
        if (r < 0) {
                j->thread = 0;
                job_free(j);
                return r;
        }
        *ret = j;
        return 0;
}

void job_cancel(struct job *j)
{
        atomic_store(&j->cancel, true);
        window_wake_waiters(&j->boot.native->window);
}

void job_free(struct job *j)
{
        if (!j)
                return;
        if (j->thread)
                pthread_join(j->thread, NULL);
        sd_event_source_disable_unref(j->source);
        close_fd(&j->pipe[0]);
        close_fd(&j->pipe[1]);
        native_boot_clear(&j->boot);
        free(j);
}
