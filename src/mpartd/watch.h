/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Running kernels, watched without their help. Two threads look at their memory, while a kernel is watched.
 *
 * WATCH_RESET_NS is the period of the first, which looks at the reset register (FADT RESET_REG, a byte of
 * the kernel's own). A kernel that restarts writes it and waits 15 ms before it tries ways that would reset
 * the whole machine (Linux, drivers/acpi/reboot.c: acpi_reboot ends in mdelay(15); then arch/x86/kernel/
 * reboot.c pulses the keyboard controller's reset line, 50 us later). Its CPUs must be stopped by then:
 * 13 ms are left for the thread to be late and for the messages. It has no real-time priority: bound to a
 * busy CPU such a thread was late more often, not less. A longer period would cost less and leave less. (No
 * period helps an emulated machine whose host is so busy that its CPUs stand still for tens of ms: there a
 * restart can reset the machine.)
 *
 * The second looks four times a second: the kernel's own system_state, panic_cpu, jiffies_64 and count
 * of CPUs (6.0 and later), or its log (older). */
#pragma once

#include <systemd/sd-event.h>

#include "kernel-state.h"
#include "ledger.h"
#include "native.h"
#include "poller.h"

#define WATCH_RESET_NS UINT64_C(2000000)

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
