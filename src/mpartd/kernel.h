/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One kernel of the plan and its state machine:
 *
 *   inactive -> loading -> booting -> running -> stopping -> inactive
 *                  \          \          \           \
 *                   +----------+----------+-----------+--> failed (-> loading)
 *
 * A boot that a check refuses changes no state. Only the event loop changes states. */
#pragma once

#include "boot-options.h"
#include "job.h"
#include "pending.h"

enum kernel_state {
        KERNEL_INACTIVE,
        KERNEL_LOADING, /* CPUs are taken, the image is written */
        KERNEL_BOOTING, /* its boot CPU has reached our start code */
        KERNEL_RUNNING, /* its own VMCOREINFO has appeared in its memory */
        KERNEL_STOPPING,
        KERNEL_FAILED, /* the reason tells why; what could be given back was */
        _KERNEL_STATE_MAX,
        _KERNEL_STATE_INVALID = -22,
};
const char *kernel_state_to_string(enum kernel_state state);
enum kernel_state kernel_state_from_string(const char *s);

struct manager;

struct kernel {
        struct manager *manager;
        unsigned id;
        const struct mpart_plan_kernel *planned; /* in the manager's plan */
        enum kernel_state state;
        char *reason;            /* one sentence, "" none */
        char *cmdline;           /* of the last boot; NULL: the planned one counts */
        uint64_t boot_timestamp; /* CLOCK_REALTIME, microseconds; 0: not running */
        struct job_times times;  /* of the last boot by this daemon */
        struct ledger *ledger;   /* NULL: nothing is taken */
        uint64_t old_note;       /* of its last run, still in its memory; 0: nothing is known of it */
        struct job *job;         /* NULL: nothing is going on */
        struct pending *boot_call, *stop_call;
        struct kernel_talk *talk;     /* with its agent; kernel-talk.h. NULL: it never ran */
        struct log_relay *relay;      /* its log into the journal; NULL: not running */
        struct kernel_ending *ending; /* what is done because it ended by itself; NULL: nothing */
        struct boot_options options;  /* of the last boot that was accepted */
        unsigned restarts;            /* by itself, */
        uint64_t restarts_since;      /* since then (CLOCK_MONOTONIC, nanoseconds) */
};

int kernel_new(struct manager *m, const struct mpart_plan_kernel *planned, struct kernel **ret);
void kernel_free(struct kernel *k); /* cancels a job and waits for its end; NULL is legal */

/* Reads its ledger: a running kernel is adopted, a half-done boot or stop is undone. */
void kernel_recover(struct kernel *k);

/* Each consumes a reference of `call` and answers it, now or later. */
void kernel_boot(struct kernel *k, const struct boot_options *options, struct pending *call);
void kernel_stop(struct kernel *k, struct pending *call);

/* Another hand switched one of its CPUs on in the primary: what ran there has been reset. */
void kernel_lost_cpu(struct kernel *k, unsigned cpu);

bool kernel_is_idle(const struct kernel *k); /* nothing taken, nothing going on */

/* For kernel-end.c and kernel-recover.c. */
void kernel_set_state(struct kernel *k, enum kernel_state state, const char *format, ...)
                __attribute__((format(printf, 3, 4)));
void kernel_start_services(struct kernel *k);                 /* agent, network, watch, log relay */
void kernel_stop_services(struct kernel *k, const char *why); /* for those whose commands end with it */
void kernel_keep_options(struct kernel *k);                   /* those of its ledger */
int kernel_give_back(struct kernel *k);                       /* its services are stopped */
