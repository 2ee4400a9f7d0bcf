/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The secondary's network interface. What is lost of it is set up again; it never ends the agent. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent.h"
#include "fs.h"
#include "macros.h"
#include "netif.h"

#define INTERFACE "mpart0"
#define MODULE_LIST "/mpart/modules.list" /* a file in each line; mpartctl initrd create writes it */
#define HOSTS_DIRECTORY "/run/mpartd"
#define HOSTS HOSTS_DIRECTORY "/hosts"
#define RESTART_NS UINT64_C(1000000000)
#define MTU_MIN 68U /* RFC 791 */

static void complain(const char *what, int error)
{
        fprintf(stderr, "mpart-agent: %s: %s\n", what, strerror(-error));
}

static void load_module(const char *path)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
                complain(path, -errno);
                return;
        }
        if (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST)
                complain(path, -errno);
        close(fd);
}

void net_load_modules(void)
{
        _cleanup_free_ char *list = NULL;
        if (read_file_at(AT_FDCWD, MODULE_LIST, 0, &list, NULL) < 0)
                return;
        for (char *save, *path = strtok_r(list, "\n", &save); path; path = strtok_r(NULL, "\n", &save))
                load_module(path);
}

/* Replaced whole: a reader sees the old or the new one. */
static void write_hosts(void *userdata, uint32_t type, const void *data, uint32_t size)
{
        (void)userdata;
        if (type != FRAME_HOSTS)
                return;
        mkdir("/run", 0755);
        mkdir(HOSTS_DIRECTORY, 0755);
        int r = write_file_atomic(HOSTS, data, size, 0644);
        if (r < 0)
                complain(HOSTS, r);
}

static int set_up_interface(const struct mpart_shared_network *n)
{
        unsigned prefix = MIN(n->prefix, 32U);
        int r = netif_set_mac(INTERFACE, n->mac);
        if (r == 0)
                r = netif_set_mtu(INTERFACE, MAX(n->mtu, MTU_MIN));
        if (r == 0)
                r = netif_set_address(INTERFACE, n->address, prefix);
        if (r == 0)
                r = netif_set_up(INTERFACE);
        if (r == 0 && n->flags & 1)
                r = netif_add_default_route(INTERFACE, n->gateway);
        return r;
}

static void set_hostname(const struct mpart_shared_network *n)
{
        char name[HOST_NAME_MAX + 1] = "";
        if (gethostname(name, sizeof(name)) < 0 ||
                        (*name && !streq(name, "(none)") && !streq(name, "localhost")))
                return;
        size_t size = strnlen(n->hostname, sizeof(n->hostname));
        if (size > 0 && sethostname(n->hostname, size) < 0)
                complain("host name", -errno);
}

static void attach(struct region *r, struct ring *ring, enum mpart_shared_ring which, enum ring_side side)
{
        struct mpart_shared_ring_place p = mpart_shared_ring_place(which);
        char *base = (char *)r->header;
        ring_attach(ring, base + p.control, base + p.data, p.size, side);
}

static void give_up(struct network *n, const char *what, int error, uint64_t now)
{
        complain(what, error);
        close_fd(&n->frames.tap);
        n->not_before = now + RESTART_NS;
}

static void set_up(struct agent *a, uint64_t now)
{
        struct network *n = &a->network;
        struct mpart_shared_network told = a->region.header->network; /* constant since before the boot */
        n->frames = (struct frames){ .tap = netif_tap_open(INTERFACE), .other = write_hosts };
        if (n->frames.tap < 0) {
                give_up(n, "/dev/net/tun (is the module tun in the ramdisk?)", n->frames.tap, now);
                return;
        }
        int r = set_up_interface(&told);
        if (r < 0)
                complain(INTERFACE, r);
        attach(&a->region, &n->frames.in, MPART_RING_NETWORK_DOWN, RING_CONSUMER);
        attach(&a->region, &n->frames.out, MPART_RING_NETWORK_UP, RING_PRODUCER);
}

static bool serve(void *userdata, uint64_t now, bool ready)
{
        struct agent *a = userdata;
        struct network *n = &a->network;
        if (n->frames.tap < 0 && now >= n->not_before)
                set_up(a, now);
        int moved = n->frames.tap < 0 ? 0 : frames_serve(&n->frames, ready);
        if (moved < 0)
                give_up(n, INTERFACE, moved, now);
        return moved > 0;
}

static void add_fds(void *userdata, struct lookout_set *set)
{
        const struct agent *a = userdata;
        if (!a->network.frames.out_is_full)
                lookout_wait_for(set, a->network.frames.tap, POLLIN);
}

static void beat(void *userdata, uint64_t now)
{
        struct agent *a = userdata;
        (void)now;
        if (a->network.frames.tap < 0)
                return;
        ring_republish(&a->network.frames.in);
        ring_republish(&a->network.frames.out);
}

int net_start(struct agent *a)
{
        static const struct lookout_user user = { .serve = serve, .add_fds = add_fds, .beat = beat };
        a->network.frames.tap = -1;
        if (a->region.header->network.prefix == 0)
                return 0;
        set_hostname(&a->region.header->network);
        return lookout_add(&a->lookout, &user, a);
}
