/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The network of the kernels: one bridge in the primary, on it a TAP interface mpart<N> for each running
 * kernel. What outlives the daemon (the bridge, the table of nftables, forwarding) is on disk before it is
 * made, and is taken down when the last kernel stops. A bridge that was there before is used as it is. For
 * the event loop's thread. */
#pragma once

#include "net-config.h"
#include "physmem.h"
#include "region-loop.h"

struct net;

/* Reads the configuration below `root`, which is borrowed, as are `runtime_directory` and `loop`. A file
 * that cannot be used leaves the network off: net_problem tells why. 0 or -ENOMEM. */
int net_new(int root, const char *runtime_directory, struct region_loop *loop, struct net **ret);
/* Interfaces of running kernels go; the bridge stays for the next daemon. NULL is legal. */
void net_free(struct net *n);
const char *net_problem(const struct net *n); /* "": none */

/* What a kernel's shared region is to say before it boots; all zero where it gets no network. */
void net_describe(const struct net *n, unsigned kernel, struct mpart_shared_network *ret);

/* The kernel runs: its interface comes up and frames flow. Where it has one already, or is to have none,
 * nothing happens. On failure all is as before. */
int net_start(struct net *n, const struct physmem *mem, const struct mpart_plan *plan, unsigned kernel,
                struct mpart_error *e);
/* The kernel has stopped, before its memory is used for anything else. None there is fine. */
void net_stop(struct net *n, unsigned kernel);
/* No kernel runs, as far as this daemon knows: what an earlier one left is taken down. */
void net_tidy(struct net *n);
