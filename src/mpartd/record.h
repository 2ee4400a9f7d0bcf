/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What outlives the daemon of a kernel besides what it has taken (ledger.h): its state and why, and what the
 * next boot wants to know. One file a kernel in the runtime directory, written anew with each change of
 * state; it ends with the primary. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "kernel-state.h"

struct kernel_record {
        unsigned kernel;
        char digest[65]; /* of the machine: a file of another one is not ours */
        enum kernel_state state;
        enum kernel_cause cause;
        char *reason;            /* owned; one sentence, "" none */
        uint64_t timestamp;      /* of the state: CLOCK_REALTIME, microseconds */
        uint64_t boot_timestamp; /* the same of its boot; 0: not running */
        bool holds;              /* it has a ledger */
        bool ending;             /* it ended by itself, and not all is done about it */
        uint64_t old_note;       /* the one VMCOREINFO note of its last run in its memory; 0: not known */
        unsigned restarts;       /* by itself, */
        uint64_t restarts_since; /* since then: CLOCK_MONOTONIC, microseconds */
};

/* The whole file or none of it. 0 or a negative errno. */
int record_save(const char *directory, const struct kernel_record *r);
/* -ENOENT: none; -EBADMSG with what is wrong with the file. The caller frees with record_free. */
int record_load(const char *directory, unsigned kernel, struct kernel_record *ret, struct mpart_error *e);
void record_free(struct kernel_record *r);
#define _cleanup_record_ __attribute__((cleanup(record_free)))
int record_remove(const char *directory, unsigned kernel); /* 0 where there is none */

/* Renames "<directory>/<kind>-<kernel>.json", a file that cannot be used, so that it can be looked at.
 * `ret`: its new path. */
#define RUNTIME_PATH_MAX 512
void runtime_set_aside(
                const char *directory, const char *kind, unsigned kernel, char ret[static RUNTIME_PATH_MAX]);
