/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Carries the frames of one running kernel between a TAP interface and the network rings of its shared
 * region, in the thread of a region loop. */
#pragma once

#include "region-loop.h"

struct net_port;

/* `loop`, `tap` and the region are borrowed until net_port_free returns. `hosts` is sent first. */
int net_port_new(struct region_loop *loop, unsigned kernel, int tap, void *region, const char *hosts,
                struct net_port **ret);
void net_port_free(struct net_port *p); /* NULL is legal */
