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
#include "kernel-state.h"
#include "pending.h"

struct manager;
struct kernel_record;

struct kernel {
        struct manager *manager;
        unsigned id;
        const struct mpart_plan_kernel *planned; /* in the manager's plan */
        enum kernel_state state;
        enum kernel_cause cause;  /* of the state; what a program goes by */
        char *reason;             /* the same in one sentence, for people; "" none */
        uint64_t state_timestamp; /* CLOCK_REALTIME, microseconds; 0: never changed in this life of the
                                     primary */
        unsigned cpus_online;     /* of a running one, as it says itself; 0: not known */
        char *cmdline;            /* of the last boot; NULL: the planned one counts */
        uint64_t boot_timestamp;  /* CLOCK_REALTIME, microseconds; 0: not running */
        struct job_times times;   /* of the last boot by this daemon */
        struct ledger *ledger;    /* NULL: nothing is taken */
        uint64_t old_note;        /* of its last run, still in its memory; 0: nothing is known of it */
        struct job *job;          /* NULL: nothing is going on */
        struct pending *boot_call, *stop_call;
        struct kernel_talk *talk;     /* with its agent; kernel-talk.h. NULL: it never ran */
        struct log_relay *relay;      /* its log into the journal; NULL: not running */
        struct kernel_ending *ending; /* what is done because it ended by itself; NULL: nothing */
        struct boot_options options;  /* of the last boot that was accepted */
        unsigned restarts;            /* by itself, */
        uint64_t restarts_since;      /* since then (CLOCK_MONOTONIC, microseconds) */
        char *lost; /* why nobody knows what it holds, for kernel_recover_lost; NULL: its ledger tells */
};

int kernel_new(struct manager *m, const struct mpart_plan_kernel *planned, struct kernel **ret);
void kernel_free(struct kernel *k); /* cancels a job and waits for its end; NULL is legal */

/* Reads its record and its ledger: a running kernel is adopted, a half-done boot or stop is undone. */
void kernel_recover(struct kernel *k);
/* Behind that of all kernels: what runs without a ledger gets one, made of what its memory tells. */
void kernel_recover_lost(struct kernel *k);

/* Each consumes a reference of `call` and answers it, now or later. */
void kernel_boot(struct kernel *k, const struct boot_options *options, struct pending *call);
void kernel_stop(struct kernel *k, struct pending *call);

/* Another hand switched one of its CPUs on in the primary: what ran there has been reset. */
void kernel_lost_cpu(struct kernel *k, unsigned cpu);

bool kernel_is_idle(const struct kernel *k); /* nothing taken, nothing going on */

/* How many of its CPUs it uses, as the watch of the boot with that timestamp has seen. */
void kernel_count_cpus(struct kernel *k, uint64_t boot_timestamp, unsigned online);

/* kernel-record.c: every change of a state goes this way to the bus, the journal and the disk. */
void kernel_set_state(struct kernel *k, enum kernel_state state, enum kernel_cause cause, const char *format,
                ...) __attribute__((format(printf, 4, 5)));
/* What an earlier mpartd wrote of it, *ret->state and all; of `k` itself only what no state tells is set. A
 * file that cannot be used is set aside. False: there is none. */
bool kernel_read_record(struct kernel *k, struct kernel_record *ret);
/* It is in the recorded state again, and since then: no change, so none is told. */
void kernel_restore(struct kernel *k, const struct kernel_record *r);
/* Writes the record again; failure is logged. */
void kernel_save(const struct kernel *k);

/* For kernel-end.c and kernel-recover.c. */
uint64_t kernel_note(const struct kernel *k); /* physical address of its VMCOREINFO note, 0: not known */
void kernel_start_services(struct kernel *k); /* agent, network, watch, log relay */
void kernel_stop_services(struct kernel *k, const char *why); /* for those whose commands end with it */
void kernel_keep_options(struct kernel *k);                   /* those of its ledger */
int kernel_give_back(struct kernel *k);                       /* its services are stopped */
