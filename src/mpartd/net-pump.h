/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One thread that carries the frames of all running kernels. It looks at the rings often while frames come
 * and ever more seldom when none do (backoff.h): a frame from a secondary waits at most BACKOFF_LONG_NS, one
 * from the primary wakes the thread at once. */
#pragma once

#include <stdint.h>

struct net_pump;

int net_pump_new(struct net_pump **ret);
void net_pump_free(struct net_pump *p); /* ends the thread; ports must be gone; NULL is legal */

/* Carries between `tap` and the network rings of the shared region mapped at `region`; both are borrowed
 * until the port is removed. `hosts` is sent first. 0, -EEXIST or -ENOMEM. */
int net_pump_add(struct net_pump *p, unsigned kernel, int tap, void *region, const char *hosts);
void net_pump_remove(struct net_pump *p, unsigned kernel); /* none of that number is fine */
