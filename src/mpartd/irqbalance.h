/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A running irqbalance is asked to leave out the CPUs of other kernels (it calls that banned), and gets the
 * bans back that it had. It skips offline CPUs by itself, at its next turn, some seconds later; what is
 * asked here holds before and after that turn. No irqbalance, or one without a socket: nothing is done.
 *
 * The socket, RUN/irqbalance<PID>.sock, is what irqbalance-ui(1) uses: "setup" is answered with
 * "SLEEP <seconds> ... BANNED <mask>", "settings cpus <list>" sets the bans from its next turn on, the word
 * NULL the ones of its own configuration. All of it goes through the event loop: irqbalance may answer late.
 */
#pragma once

#include <systemd/sd-event.h>

#include "cpuset.h"

struct irqbalance;

/* `run`: where its socket is. What was asked of which irqbalance is kept in DIRECTORY/irqbalance.json, since
 * it outlives the daemon. */
int irqbalance_new(sd_event *event, const char *run, const char *directory, struct irqbalance **ret);
void irqbalance_free(struct irqbalance *i); /* NULL is legal */

/* The CPUs that other kernels have now. */
int irqbalance_leave_out(struct irqbalance *i, const struct mpart_cpuset *cpus);
