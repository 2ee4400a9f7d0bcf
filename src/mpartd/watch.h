/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Running kernels, watched without their help. Two threads look at their memory:
 *   every 2 ms    the reset register (FADT RESET_REG): a kernel that restarts writes it and then waits 15 ms
 *                 before it tries ways that would reset the whole machine. Its CPUs are stopped there and
 * then every 250 ms  its own system_state, panic_cpu, jiffies_64 and count of CPUs (6.0 and later), or its
 * log (older) They run only while a kernel is watched. */
#pragma once

#include <systemd/sd-event.h>

#include "kernel-state.h"
#include "ledger.h"
#include "native.h"

struct watch;
struct watch_events { /* in the event loop */
        /* A crash, a hang, a reboot, a power-off or a halt. `detail`: one sentence. The kernel is no longer
         * watched. */
        void (*ended)(unsigned kernel, enum kernel_cause cause, const char *detail, void *userdata);
        /* How many CPUs the kernel booted at that time uses, first and after each change. */
        void (*cpus)(unsigned kernel, uint64_t boot_timestamp, unsigned online, void *userdata);
        void *userdata;
};

int watch_new(sd_event *event, struct native *native, const struct watch_events *events, struct watch **ret);
void watch_free(struct watch *w); /* NULL is legal */

/* Copies what it needs. */
int watch_add(struct watch *w, const struct mpart_plan_kernel *kernel, const struct ledger *l,
                struct mpart_error *e);
void watch_remove(struct watch *w, unsigned kernel); /* nothing where it is not watched */
