/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who may do what over the bus: root everything, others what polkit lets them. authorize.c alone asks
 * polkit. */
#pragma once

#include <systemd/sd-bus.h>

#include "kernel.h"

/* The actions of org.mpartd1.policy. None is part of another. */
#define MAY_SET_PLAN "org.mpartd1.set-plan"
#define MAY_BOOT_KERNELS "org.mpartd1.boot-kernels"
#define MAY_EXEC "org.mpartd1.exec"
#define MAY_CONSOLE "org.mpartd1.console"
#define MAY_READ_LOG "org.mpartd1.read-log"
#define MAY_DUMP "org.mpartd1.dump"

/* A method that is not open to everybody begins with this, before it changes anything. `k` is the kernel
 * that the call is about, NULL: none; polkit's rules get its id and its name. 0: the sender may. 1: polkit
 * is asked; the method returns 1, and the same message comes to it again when the answer is there, unless
 * its sender has gone. Negative: refused, *error tells why. */
#define ASKED SD_BUS_VTABLE_UNPRIVILEGED /* flag of such a method: sd-bus lets it through */
int authorize(struct manager *m, sd_bus_message *call, const char *action, const struct kernel *k,
                sd_bus_error *error);

void authorize_end(struct manager *m); /* those who wait are answered */
