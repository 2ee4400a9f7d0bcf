/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "backoff.h"
#include "frames.h"
#include "log.h"
#include "macros.h"
#include "net-pump.h"
#include "shared-region.h"
#include "thread.h"

#define REPUBLISH_NS UINT64_C(1000000000)

struct port {
        unsigned kernel;
        struct frames frames;
        bool broken; /* its TAP is gone: nothing is carried any more */
};

struct net_pump {
        pthread_t thread;
        pthread_mutex_t lock; /* of all that follows; not held while the thread sleeps */
        int wake;             /* eventfd: ports have changed, or the end has come */
        bool end;
        struct port *ports;
        size_t n, capacity;
        struct pollfd *fds; /* the thread's */
        size_t fds_capacity;
};

static bool serve_ports(struct net_pump *p, bool republish)
{
        bool moved = false;
        for (size_t i = 0; i < p->n; i++) {
                struct port *port = &p->ports[i];
                int r = port->broken ? 0 : frames_serve(&port->frames);
                if (r < 0) {
                        log_line((int)port->kernel, LOG_WARNING, "kernel %u: its network is lost: %s",
                                        port->kernel, strerror(-r));
                        port->broken = true;
                }
                if (republish) {
                        ring_republish(&port->frames.in);
                        ring_republish(&port->frames.out);
                }
                moved |= r > 0;
        }
        return moved;
}

/* Number of descriptors to wait for, the first one is the eventfd. */
static nfds_t fill_fds(struct net_pump *p)
{
        nfds_t n = 0;
        if (grow_array(&p->fds, &p->fds_capacity, p->n + 1, sizeof(*p->fds)) < 0)
                return 0; /* it looks again when the time is over */
        p->fds[n++] = (struct pollfd){ .fd = p->wake, .events = POLLIN };
        for (size_t i = 0; i < p->n; i++)
                if (!p->ports[i].broken && !p->ports[i].frames.out_is_full)
                        p->fds[n++] = (struct pollfd){ .fd = p->ports[i].frames.tap, .events = POLLIN };
        return n;
}

static void wait_for_work(struct net_pump *p, nfds_t n, bool idle, uint64_t ns)
{
        struct timespec t = { .tv_nsec = (long)ns };
        uint64_t count;
        ppoll(p->fds, n, idle ? NULL : &t, NULL);
        if (n > 0 && p->fds[0].revents && read(p->wake, &count, sizeof(count)) < 0)
                return;
}

static void *run(void *data)
{
        struct net_pump *p = data;
        struct backoff pace = { 0 };
        uint64_t next_republish = 0;
        prctl(PR_SET_NAME, "net");
        prctl(PR_SET_TIMERSLACK, 1UL);
        for (;;) {
                uint64_t now = monotonic_ns();
                pthread_mutex_lock(&p->lock);
                bool end = p->end, moved = serve_ports(p, now >= next_republish);
                uint64_t sleep = backoff_next(&pace, moved, now);
                nfds_t n = sleep > 0 ? fill_fds(p) : 0;
                bool idle = p->n == 0 && n > 0;
                pthread_mutex_unlock(&p->lock);
                if (now >= next_republish)
                        next_republish = now + REPUBLISH_NS;
                if (end)
                        return NULL;
                if (sleep > 0)
                        wait_for_work(p, n, idle, sleep);
        }
}

int net_pump_new(struct net_pump **ret)
{
        struct net_pump *p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        pthread_mutex_init(&p->lock, NULL);
        p->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        int r = p->wake < 0 ? -errno : thread_start(&p->thread, run, p);
        if (r < 0) {
                close_fd(&p->wake);
                pthread_mutex_destroy(&p->lock);
                free(p);
                return r;
        }
        *ret = p;
        return 0;
}

static void wake(struct net_pump *p)
{
        const uint64_t one = 1;
        if (write(p->wake, &one, sizeof(one)) < 0)
                return; /* full: it is awake */
}

void net_pump_free(struct net_pump *p)
{
        if (!p)
                return;
        pthread_mutex_lock(&p->lock);
        p->end = true;
        pthread_mutex_unlock(&p->lock);
        wake(p);
        pthread_join(p->thread, NULL);
        pthread_mutex_destroy(&p->lock);
        close_fd(&p->wake);
        free(p->ports);
        free(p->fds);
        free(p);
}

static struct port *find_port(struct net_pump *p, unsigned kernel)
{
        for (size_t i = 0; i < p->n; i++)
                if (p->ports[i].kernel == kernel)
                        return &p->ports[i];
        return NULL;
}

static void attach(struct ring *ring, char *region, enum mpart_shared_ring which, enum ring_side side)
{
        struct mpart_shared_ring_place place = mpart_shared_ring_place(which);
        ring_attach(ring, region + place.control, region + place.data, place.size, side);
}

int net_pump_add(struct net_pump *p, unsigned kernel, int tap, void *region, const char *hosts)
{
        pthread_mutex_lock(&p->lock);
        int r = find_port(p, kernel) ? -EEXIST
                                     : grow_array(&p->ports, &p->capacity, p->n + 1, sizeof(*p->ports));
        if (r == 0) {
                struct port *port = &p->ports[p->n++];
                *port = (struct port){ .kernel = kernel, .frames.tap = tap };
                attach(&port->frames.in, region, MPART_RING_NETWORK_UP, RING_CONSUMER);
                attach(&port->frames.out, region, MPART_RING_NETWORK_DOWN, RING_PRODUCER);
                ring_put(&port->frames.out, FRAME_HOSTS, hosts,
                                strlen(hosts)); /* no room: it has some already */
        }
        pthread_mutex_unlock(&p->lock);
        wake(p);
        return r;
}

void net_pump_remove(struct net_pump *p, unsigned kernel)
{
        pthread_mutex_lock(&p->lock);
        struct port *port = find_port(p, kernel);
        if (port)
                *port = p->ports[--p->n];
        pthread_mutex_unlock(&p->lock);
        wake(p);
}
