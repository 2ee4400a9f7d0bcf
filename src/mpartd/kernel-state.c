/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel-state.h"

#include "table.h"

static const char *const state_names[_KERNEL_STATE_MAX] = {
        [KERNEL_INACTIVE] = "inactive",
        [KERNEL_LOADING] = "loading",
        [KERNEL_BOOTING] = "booting",
        [KERNEL_RUNNING] = "running",
        [KERNEL_STOPPING] = "stopping",
        [KERNEL_FAILED] = "failed",
};
DEFINE_TABLE(kernel_state, enum kernel_state, state_names)

static const char *const cause_names[_KERNEL_CAUSE_MAX] = {
        [CAUSE_NONE] = "none",
        [CAUSE_REQUESTED] = "requested",
        [CAUSE_WAITING] = "waiting",
        [CAUSE_DEPENDENCY] = "dependency",
        [CAUSE_CRASH] = "crash",
        [CAUSE_HANG] = "hang",
        [CAUSE_REBOOT] = "reboot",
        [CAUSE_POWER_OFF] = "power-off",
        [CAUSE_HALT] = "halt",
        [CAUSE_START_LIMIT] = "start-limit",
        [CAUSE_REFUSED] = "refused",
        [CAUSE_CPU_NOT_REACHED] = "cpu-not-reached",
        [CAUSE_BOOT_TIMEOUT] = "boot-timeout",
        [CAUSE_BOOT_FAILED] = "boot-failed",
        [CAUSE_CPU_MISSING] = "cpu-missing",
        [CAUSE_CPU_LOST] = "cpu-lost",
        [CAUSE_NOT_GIVEN_BACK] = "not-given-back",
        [CAUSE_DAEMON_ENDED] = "daemon-ended",
        [CAUSE_LEDGER_DAMAGED] = "ledger-damaged",
        [CAUSE_RESOURCES] = "resources",
};
DEFINE_TABLE(kernel_cause, enum kernel_cause, cause_names)
