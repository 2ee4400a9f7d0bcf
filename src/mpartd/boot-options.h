/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a boot was asked for: files, words, and what is to be done when the kernel ends by itself. Kept in
 * the ledger, so that a later mpartd can boot the same again. */
#pragma once

#include "json.h"

/* How a running kernel may end by itself. */
enum kernel_end {
        END_CRASH,     /* it panicked */
        END_HANG,      /* its clock stands still, a RESCHEDULE_VECTOR message notwithstanding */
        END_REBOOT,    /* it wrote the reset register; its CPUs are stopped already */
        END_POWER_OFF, /* it halted or switched itself off */
        _KERNEL_END_MAX,
        _KERNEL_END_INVALID = -22,
};
const char *kernel_end_to_string(enum kernel_end end); /* "crash", "hang", "reboot", "poweroff" */
enum kernel_end kernel_end_from_string(const char *s);

enum end_action {
        ACTION_STOP,     /* CPUs go back to the primary */
        ACTION_RESTART,  /* the same boot again */
        ACTION_PRESERVE, /* nothing is touched: CPUs and memory stay as they are until it is stopped */
        _END_ACTION_MAX,
        _END_ACTION_INVALID = -22,
};
const char *end_action_to_string(enum end_action action); /* "stop", "restart", "preserve" */
enum end_action end_action_from_string(const char *s);

struct boot_options {
        char *image, *initrd, *cmdline; /* owned; NULL: default, none, none */
        enum end_action on[_KERNEL_END_MAX];
        bool dump;               /* after a crash or hang, into the dump directory */
        uint32_t limit_burst;    /* restarts by themselves at most, ... */
        uint32_t limit_interval; /* ... within so many seconds; then it stays stopped */
};

/* crash, hang: stop; reboot: restart; poweroff: stop; dump; 3 restarts in 60 s. */
void boot_options_init(struct boot_options *o);
void boot_options_free(struct boot_options *o); /* leaves the defaults */
int boot_options_copy(
                struct boot_options *to, const struct boot_options *from); /* `to` need not be initialised */

/* One option by its name on the bus and in the ledger: strings, "on-crash" and the like among them. -ENOENT:
 * no such option; -EINVAL with what is wrong. */
int boot_options_set(struct boot_options *o, const char *name, const char *value, struct mpart_error *e);

int boot_options_to_json(const struct boot_options *o, cJSON *parent); /* as field "options" */
int boot_options_from_json(const cJSON *o, struct boot_options *ret, struct mpart_error *e);
