/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "macros.h"
#include "netif.h"

bool netif_is_name(const char *name)
{
        size_t n = strlen(name);
        if (n == 0 || n >= IFNAMSIZ || streq(name, ".") || streq(name, ".."))
                return false;
        for (const char *p = name; *p; p++)
                if (*p == '/' || *p == ':' || isspace((unsigned char)*p) || !isprint((unsigned char)*p))
                        return false;
        return true;
}

bool netif_exists(const char *name)
{
        return if_nametoindex(name) != 0;
}

/* Any socket will do to talk about interfaces. */
static int control(unsigned long request, void *argument)
{
        _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || ioctl(fd, request, argument) < 0)
                return -errno;
        return 0;
}

static struct ifreq request_for(const char *name)
{
        struct ifreq r = { 0 };
        snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
        return r;
}

int netif_set_mtu(const char *name, unsigned mtu)
{
        struct ifreq r = request_for(name);
        r.ifr_mtu = (int)mtu;
        return control(SIOCSIFMTU, &r);
}

int netif_set_mac(const char *name, const uint8_t mac[static NETIF_MAC_SIZE])
{
        struct ifreq r = request_for(name);
        r.ifr_hwaddr.sa_family = ARPHRD_ETHER;
        memcpy(r.ifr_hwaddr.sa_data, mac, NETIF_MAC_SIZE);
        return control(SIOCSIFHWADDR, &r);
}

static struct sockaddr ip_address(const uint8_t bytes[static 4])
{
        struct sockaddr_in in = { .sin_family = AF_INET };
        struct sockaddr address;
        memcpy(&in.sin_addr, bytes, 4);
        memcpy(&address, &in, sizeof(address));
        return address;
}

int netif_set_address(const char *name, const uint8_t address[static 4], unsigned prefix)
{
        struct ifreq r = request_for(name);
        uint32_t mask = htonl(prefix == 0 ? 0 : UINT32_MAX << (32 - MIN(prefix, 32U)));
        uint8_t mask_bytes[4];
        memcpy(mask_bytes, &mask, 4);
        r.ifr_addr = ip_address(address);
        int k = control(SIOCSIFADDR, &r);
        if (k < 0)
                return k;
        r.ifr_netmask = ip_address(mask_bytes);
        return control(SIOCSIFNETMASK, &r);
}

static int set_flags(const char *name, int on, int off)
{
        struct ifreq r = request_for(name);
        int k = control(SIOCGIFFLAGS, &r);
        if (k < 0)
                return k;
        r.ifr_flags = (short)((r.ifr_flags | on) & ~off);
        return control(SIOCSIFFLAGS, &r);
}

int netif_set_up(const char *name)
{
        return set_flags(name, IFF_UP, 0);
}

int netif_add_default_route(const char *name, const uint8_t gateway[static 4])
{
        static const uint8_t any[4];
        char device[IFNAMSIZ];
        snprintf(device, sizeof(device), "%s", name);
        struct rtentry route = {
                .rt_dst = ip_address(any),
                .rt_genmask = ip_address(any),
                .rt_gateway = ip_address(gateway),
                .rt_flags = RTF_UP | RTF_GATEWAY,
                .rt_dev = device,
        };
        int k = control(SIOCADDRT, &route);
        return k == -EEXIST ? 0 : k;
}

int netif_bridge_add(const char *name)
{
        struct ifreq r = request_for(name);
        return control(SIOCBRADDBR, r.ifr_name);
}

int netif_bridge_remove(const char *name)
{
        struct ifreq r = request_for(name);
        set_flags(name, 0, IFF_UP);
        return control(SIOCBRDELBR, r.ifr_name);
}

int netif_bridge_add_port(const char *bridge, const char *port)
{
        struct ifreq r = request_for(bridge);
        r.ifr_ifindex = (int)if_nametoindex(port);
        return r.ifr_ifindex == 0 ? -ENODEV : control(SIOCBRADDIF, &r);
}

int netif_tap_open(const char *name)
{
        _cleanup_close_ int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0)
                return -errno;
        struct ifreq r = request_for(name);
        r.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
        unsigned long offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
        if (ioctl(fd, TUNSETIFF, &r) < 0 || ioctl(fd, TUNSETOFFLOAD, offloads) < 0)
                return -errno;
        return TAKE_FD(fd);
}
