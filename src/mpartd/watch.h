/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Running kernels, watched without their help. Two threads look at their memory, while a kernel is watched.
 *
 * WATCH_RESET_NS is the period of the first, which looks for restarts. A kernel that restarts first sets
 * system_state (kernel/reboot.c: kernel_restart_prepare), then shuts its devices down and stops its other
 * CPUs; then it goes to tboot, where it stays (mpart_boot_asks_restart). One that has no tboot (built
 * without CONFIG_INTEL_TXT, kept from it by MPART_TBOOT_PARAMETER, or not yet at its late_initcalls) writes
 * the reset register instead, waits 15 ms (drivers/acpi/reboot.c: acpi_reboot), and pulses the keyboard
 * controller's reset line (arch/x86/kernel/reboot.c): it must have been stopped before. The thread is nice
 * -20, and late by one period at most: 10 ms are left to be scheduled. From 6.0 on a kernel tells where
 * system_state is, which leaves more.
 *
 * The second looks four times a second: the kernel's own system_state, panic_cpu, jiffies_64 and count
 * of CPUs (6.0 and later), or its log (older). */
#pragma once

#include <systemd/sd-event.h>

#include "kernel-state.h"
#include "ledger.h"
#include "native.h"
#include "poller.h"

#define WATCH_RESET_NS UINT64_C(5000000)

struct watch;
struct watch_events { /* in the event loop */
        /* A crash, a hang, a reboot, a power-off or a halt. `detail`: one sentence. The kernel is no longer
         * watched. */
        void (*ended)(unsigned kernel, enum kernel_cause cause, const char *detail, void *userdata);
        /* How many CPUs the kernel booted at that time uses, first and after each change. */
        void (*cpus)(unsigned kernel, uint64_t boot_timestamp, unsigned online, void *userdata);
        void *userdata;
};

/* `resets` looks at the reset registers, with the period above; it is borrowed, as is `native`. */
int watch_new(sd_event *event, struct poller *resets, struct native *native,
                const struct watch_events *events, struct watch **ret);
void watch_free(struct watch *w); /* NULL is legal */

/* Copies what it needs. */
int watch_add(struct watch *w, const struct mpart_plan_kernel *kernel, const struct ledger *l,
                struct mpart_error *e);
void watch_remove(struct watch *w, unsigned kernel); /* nothing where it is not watched */
