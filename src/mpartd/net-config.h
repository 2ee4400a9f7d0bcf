/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /etc/mpartd/network.json (mpartd-network(5)), and the addresses that follow from it: the network's address
 * plus N + 1 for kernel N. Pure. */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>

#include "plan.h"
#include "shared-region.h"

#define NET_CONFIG_FILE "etc/mpartd/network.json" /* below the root */

struct net_config {
        bool enabled;
        char bridge[IFNAMSIZ];
        uint8_t network[4]; /* IPv4, network order; host bits zero */
        unsigned prefix;    /* 8 to 30 */
        unsigned mtu;
        bool masquerade; /* secondaries reach the outside through the primary */
};

struct net_config net_config_default(void);
/* -EINVAL with the field that is wrong. */
int net_config_parse(const char *text, struct net_config *ret, struct mpart_error *e);
/* The defaults where there is no file. `root` is a directory descriptor. */
int net_config_read(int root, struct net_config *ret, struct mpart_error *e);

/* -ERANGE: the network has no address for this kernel. */
int net_config_address(
                const struct net_config *c, unsigned kernel, uint8_t ret[static 4], struct mpart_error *e);
/* Locally administered; ours end in 1 in the third byte on the primary's side, in 2 on the secondary's. */
void net_config_mac(unsigned kernel, bool primary_side, uint8_t ret[static 6]);

/* What the secondary is told in its shared region. All zero where there is to be no network. */
int net_config_describe(const struct net_config *c, unsigned kernel, struct mpart_shared_network *ret,
                struct mpart_error *e);
/* hosts(5): the primary, and each kernel as mpart<N> and by its name in the plan. The caller frees *ret. */
int net_config_hosts(const struct net_config *c, const struct mpart_plan *plan, char **ret);
/* Rules for nft(8). `table` is made anew by them. The caller frees *ret. */
int net_config_nft(const struct net_config *c, char **ret);
#define NET_NFT_TABLE "mpartd"
