/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Network interfaces of Linux, by the ioctls of netdevice(7) and of bridges. IPv4 addresses are four bytes
 * in network order. Each function returns 0 (or what it says) or a negative errno. */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#define NETIF_MAC_SIZE 6

bool netif_is_name(
                const char *name); /* 1 to 15 characters, none of '/', ':', white space; not "." or ".." */
bool netif_exists(const char *name);

int netif_set_mtu(const char *name, unsigned mtu);
int netif_set_mac(const char *name, const uint8_t mac[static NETIF_MAC_SIZE]);
int netif_set_address(const char *name, const uint8_t address[static 4], unsigned prefix);
int netif_set_up(const char *name);
int netif_add_default_route(const char *name, const uint8_t gateway[static 4]);

/* -EEXIST: there is an interface of that name. */
int netif_bridge_add(const char *name);
int netif_bridge_remove(const char *name); /* it is taken down first */
int netif_bridge_add_port(const char *bridge, const char *port);

/* Opens a TAP interface `name`, made where it is absent; it goes when the descriptor is closed. What is read
 * and written is a struct virtio_net_hdr (10 bytes) and an Ethernet frame; checksums and TCP segmentation
 * are left to whoever needs them in the end. A descriptor that does not block, or a negative errno. */
int netif_tap_open(const char *name);
