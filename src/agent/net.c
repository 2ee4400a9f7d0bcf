/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The secondary's network interface: a process of its own, so that a busy network does not hold up the
 * console, and a lost one does not end PID 1. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"
#include "frames.h"
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

static void pump(struct frames *f)
{
        struct backoff pace = { 0 };
        uint64_t republish = 0;
        for (;;) {
                uint64_t now = monotonic_ns();
                int moved = frames_serve(f);
                if (moved < 0) {
                        complain(INTERFACE, moved);
                        return;
                }
                if (now >= republish) {
                        ring_republish(&f->in);
                        ring_republish(&f->out);
                        republish = now + RESTART_NS;
                }
                uint64_t sleep = backoff_next(&pace, moved > 0, now);
                if (sleep == 0)
                        continue;
                struct pollfd tap = { .fd = f->out_is_full ? -1 : f->tap, .events = POLLIN };
                struct timespec t = { .tv_nsec = (long)sleep };
                ppoll(&tap, 1, &t, NULL);
        }
}

static void run(struct agent *a)
{
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);                     /* SIGTERM to everything ends it too */
        struct mpart_shared_network n = a->region.header->network; /* constant since before the boot */
        struct frames f = { .tap = netif_tap_open(INTERFACE), .other = write_hosts };
        if (f.tap < 0) {
                complain("/dev/net/tun (is the module tun in the ramdisk?)", f.tap);
                _exit(1);
        }
        int r = set_up_interface(&n);
        if (r < 0)
                complain(INTERFACE, r);
        attach(&a->region, &f.in, MPART_RING_NETWORK_DOWN, RING_CONSUMER);
        attach(&a->region, &f.out, MPART_RING_NETWORK_UP, RING_PRODUCER);
        pump(&f);
        _exit(1);
}

void net_serve(struct agent *a, uint64_t now)
{
        if (a->net > 0 || now < a->net_not_before || a->region.header->network.prefix == 0)
                return;
        a->net_not_before = now + RESTART_NS;
        set_hostname(&a->region.header->network);
        pid_t pid = fork();
        if (pid == 0) {
                prctl(PR_SET_NAME, "mpart-net");
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                prctl(PR_SET_TIMERSLACK, 1UL);
                run(a);
        }
        a->net = pid > 0 ? pid : 0;
}

void net_reaped(struct agent *a, pid_t pid)
{
        if (pid == a->net)
                a->net = 0;
}
