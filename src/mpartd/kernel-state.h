/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The states of a kernel and the causes of their changes, by the names that the bus, the journal and the
 * files of the runtime directory use. */
#pragma once

enum kernel_state {
        KERNEL_INACTIVE,
        KERNEL_LOADING, /* CPUs are taken, the image is written */
        KERNEL_BOOTING, /* its boot CPU has reached our start code */
        KERNEL_RUNNING, /* its own VMCOREINFO has appeared in its memory */
        KERNEL_STOPPING,
        KERNEL_FAILED, /* the cause and the reason tell why; what could be given back was */
        _KERNEL_STATE_MAX,
        _KERNEL_STATE_INVALID = -22,
};
const char *kernel_state_to_string(enum kernel_state state);
enum kernel_state kernel_state_from_string(const char *s);

enum kernel_cause {
        CAUSE_NONE,            /* the state speaks for itself */
        CAUSE_REQUESTED,       /* a client stopped it */
        CAUSE_WAITING,         /* it boots when others that it waits for have come up */
        CAUSE_DEPENDENCY,      /* a kernel that it requires does not run */
        CAUSE_CRASH,           /* it panicked */
        CAUSE_HANG,            /* its clock stands still, a RESCHEDULE_VECTOR message notwithstanding */
        CAUSE_REBOOT,          /* it, or its init, asked for a restart; its CPUs are stopped already */
        CAUSE_POWER_OFF,       /* it, or its init, switched it off */
        CAUSE_HALT,            /* it halted */
        CAUSE_START_LIMIT,     /* it ended by itself too often to be restarted once more */
        CAUSE_REFUSED,         /* a check before a boot that nobody waits for said no */
        CAUSE_CPU_NOT_REACHED, /* its boot CPU did not come to our start code */
        CAUSE_BOOT_TIMEOUT,    /* it did, but the kernel did not come up in time */
        CAUSE_BOOT_FAILED,     /* another step of a boot failed */
        CAUSE_CPU_MISSING,     /* it runs with fewer CPUs than planned */
        CAUSE_CPU_LOST,        /* another hand switched one of its CPUs on in the primary */
        CAUSE_NOT_GIVEN_BACK,  /* what it has taken could not be given back */
        CAUSE_DAEMON_ENDED,    /* mpartd ended in the midst of a boot or a stop */
        CAUSE_LEDGER_DAMAGED,  /* what it had taken could not be read */
        CAUSE_RESOURCES,       /* memory of the primary, or room in its runtime directory, is short */
        _KERNEL_CAUSE_MAX,
        _KERNEL_CAUSE_INVALID = -22,
};
const char *kernel_cause_to_string(enum kernel_cause cause); /* "none", "power-off", ... */
enum kernel_cause kernel_cause_from_string(const char *s);
