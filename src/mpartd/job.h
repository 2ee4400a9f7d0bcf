/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What blocks runs in a thread of its own: one boot, or one giving back. While a job lives, its kernel's
 * ledger is the thread's; everything else of the kernel stays with the event loop, which hears of each
 * stage. */
#pragma once

#include <pthread.h>
#include <systemd/sd-event.h>

#include "native.h"

enum job_kind {
        JOB_BOOT,
        JOB_GIVE_BACK,
};

enum job_stage {
        JOB_ACCEPTED, /* every check has passed */
        JOB_REACHED,  /* the boot CPU runs our code */
        JOB_DONE,     /* the last one; `result` tells how */
};

/* How long each step of a boot took, nanoseconds. CPUs are taken and memory is loaded at the same time. */
struct job_times {
        uint64_t prepare, take_cpus, load, start, run;
};

struct job;
typedef void (*job_report_fn)(struct job *job, enum job_stage stage, void *userdata);

struct job {
        enum job_kind kind;
        struct native_boot boot; /* JOB_GIVE_BACK: native, plan and kernel alone */
        struct ledger *ledger;   /* borrowed from the kernel */
        atomic_bool cancel;
        bool accepted, reached; /* these stages were told */
        int result;             /* valid with JOB_DONE: 0 or negative errno */
        struct mpart_error error;
        struct job_times times;

        pthread_t thread;
        int pipe[2];
        sd_event_source *source;
        job_report_fn report;
        void *userdata;
};

/* Takes over what `boot` owns, on success and on failure. */
int job_start(sd_event *event, enum job_kind kind, struct native_boot *boot, struct ledger *ledger,
                job_report_fn report, void *userdata, struct job **ret);
void job_cancel(struct job *job);
/* After JOB_DONE was reported, or to wait for the end of a canceled job. NULL is legal. */
void job_free(struct job *job);
