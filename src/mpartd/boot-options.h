/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a boot was asked for: files, words, and what is to be done when the kernel ends by itself. Kept in
 * the ledger, so that a later mpartd can boot the same again. */
#pragma once

#include "json.h"
#include "plan.h"

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
        ACTION_DEFAULT,  /* what the plan's restart policy says */
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
        char *default_initrd;           /* owned; where neither initrd nor the plan names one */
        enum end_action on[_KERNEL_END_MAX];
        bool dump;               /* after a crash or hang, into the dump directory */
        uint32_t limit_burst;    /* restarts by themselves at most, ... */
        uint32_t limit_interval; /* ... within so many seconds; then it stays stopped */
        uint32_t stop_timeout;   /* seconds that a stop leaves user space to end in order; 0: what the plan
                                    says */
};

#define STOP_TIMEOUT_DEFAULT 30U /* where nobody says anything */

/* Every action by default; dump; 3 restarts in 60 s. */
void boot_options_init(struct boot_options *o);
void boot_options_free(struct boot_options *o); /* leaves the defaults */
int boot_options_copy(
                struct boot_options *to, const struct boot_options *from); /* `to` need not be initialised */

/* One option by its name on the bus and in the ledger: strings, "on-crash" and the like among them. -ENOENT:
 * no such option; -EINVAL with what is wrong. */
int boot_options_set(struct boot_options *o, const char *name, const char *value, struct mpart_error *e);
int boot_options_set_stop_timeout(struct boot_options *o, uint64_t seconds, struct mpart_error *e);

/* Puts what counts in the place of each default. Actions: restart after a reboot, else stop; after a crash
 * or hang too restart where the plan says on-failure, and whatever happens where it says always. */
void boot_options_decide(struct boot_options *o, const struct mpart_plan_kernel *planned);

int boot_options_to_json(const struct boot_options *o, cJSON *parent); /* as field "options" */
int boot_options_from_json(const cJSON *o, struct boot_options *ret, struct mpart_error *e);
