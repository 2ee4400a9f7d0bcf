/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What one kernel has taken from the primary, on disk before it is taken, so that it can be given back
 * whatever happens: by the failing boot itself, or by the next mpartd. One file a kernel in the runtime
 * directory, which outlives the daemon and ends with the primary. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "boot-options.h"

enum ledger_stage {
        LEDGER_LOADING,
        LEDGER_BOOTING,
        LEDGER_RUNNING,
        LEDGER_STOPPING,
        LEDGER_UNSURE, /* made anew for a kernel whose own was lost; whether it runs is not known */
        _LEDGER_STAGE_MAX,
        _LEDGER_STAGE_INVALID = -22,
};
const char *ledger_stage_to_string(enum ledger_stage stage);
enum ledger_stage ledger_stage_from_string(const char *s);

enum taken_kind {
        TAKEN_CPU,   /* taken offline in the primary */
        TAKEN_LOW,   /* low window held */
        TAKEN_WOKEN, /* the boot CPU was sent a start message: all its CPUs may run */
        _TAKEN_MAX,
        _TAKEN_INVALID = -22,
};
const char *taken_kind_to_string(enum taken_kind kind);
enum taken_kind taken_kind_from_string(const char *s);

struct taken {
        enum taken_kind kind;
        unsigned cpu;     /* TAKEN_CPU */
        uint32_t apic_id; /* TAKEN_CPU: noted while it was online */
};

struct ledger {
        char *path;
        unsigned kernel;
        char digest[65]; /* of the machine: a file of another one is not ours */
        enum ledger_stage stage;
        uint64_t boot_timestamp; /* CLOCK_REALTIME, microseconds; 0 before the start message */
        uint64_t vmcoreinfo;     /* physical address of the kernel's note; 0 before it appeared */
        uint64_t reset_address;  /* physical, of the byte that a restart writes; 0 before it is known */
        struct boot_options options;
        char *cmdline;       /* NULL before it is known */
        struct taken *taken; /* oldest first */
        size_t n_taken, capacity;
};

/* An empty ledger; nothing is written yet. Takes no ownership of `directory`. */
int ledger_new(const char *directory, unsigned kernel, const char *digest, struct ledger **ret);
/* -ENOENT: none; -EBADMSG with what is wrong with the file. */
int ledger_load(const char *directory, unsigned kernel, struct ledger **ret, struct mpart_error *e);
void ledger_free(struct ledger *l); /* the file stays */
static inline void ledger_freep(struct ledger **l)
{
        ledger_free(*l);
}

/* In memory alone; on disk with the next of the following. 0 or -ENOMEM. */
int ledger_add(struct ledger *l, struct taken what);

/* Each is on disk when it returns 0, and as if never called when it fails. */
int ledger_take(struct ledger *l, struct taken what, struct mpart_error *e);
int ledger_set_stage(struct ledger *l, enum ledger_stage stage, struct mpart_error *e);

/* Something was given back: the youngest entry of the kind goes. */
int ledger_drop(struct ledger *l, enum taken_kind kind, struct mpart_error *e);
const struct taken *ledger_last(const struct ledger *l); /* NULL: nothing is taken */
int ledger_remove_file(const struct ledger *l);          /* 0 where there is none */
