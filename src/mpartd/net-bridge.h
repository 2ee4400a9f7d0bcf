/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bridge and what belongs to it, with a note on disk of what was made, so that it can be taken down. */
#pragma once

#include "net-config.h"

enum net_made {
        NET_MADE_BRIDGE = 1 << 0,
        NET_MADE_NFT = 1 << 1,
        NET_MADE_FORWARDING = 1 << 2, /* net.ipv4.ip_forward was 0 */
};

struct net_bridge {
        char *note;          /* path */
        unsigned made;       /* enum net_made */
        char name[IFNAMSIZ]; /* of the bridge that was made: the configuration may have changed since */
};

int net_bridge_init(struct net_bridge *b, const char *runtime_directory); /* reads the note; 0 or -ENOMEM */
void net_bridge_destroy(struct net_bridge *b);                            /* takes nothing down */

/* Makes what is absent. On failure what was made stands in the note. */
int net_bridge_up(struct net_bridge *b, const struct net_config *c, struct mpart_error *e);
/* Takes down what the note names. */
int net_bridge_down(struct net_bridge *b, struct mpart_error *e);
