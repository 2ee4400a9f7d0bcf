/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "frames.h"
#include "log.h"
#include "net-port.h"
#include "shared-region.h"

struct net_port {
        struct region_loop *loop;
        unsigned kernel;
        struct frames frames;
        bool broken; /* its TAP is gone: nothing is carried any more */
};

static bool serve(void *userdata, uint64_t now, bool ready)
{
        struct net_port *p = userdata;
        (void)now;
        int r = p->broken ? 0 : frames_serve(&p->frames, ready);
        if (r < 0) {
                log_line((int)p->kernel, LOG_WARNING, "kernel %u: its network is lost: %s", p->kernel,
                                strerror(-r));
                p->broken = true;
        }
        return r > 0;
}

static void add_fds(void *userdata, struct lookout_set *set)
{
        const struct net_port *p = userdata;
        if (!p->broken && !p->frames.out_is_full)
                lookout_wait_for(set, p->frames.tap, POLLIN);
}

static void beat(void *userdata, uint64_t now)
{
        struct net_port *p = userdata;
        (void)now;
        ring_republish(&p->frames.in);
        ring_republish(&p->frames.out);
}

static uint64_t pulse(const void *userdata)
{
        const struct net_port *p = userdata;
        return ring_peer_index(&p->frames.in) + ring_peer_index(&p->frames.out);
}

static void attach(struct ring *ring, char *region, enum mpart_shared_ring which, enum ring_side side)
{
        struct mpart_shared_ring_place place = mpart_shared_ring_place(which);
        ring_attach(ring, region + place.control, region + place.data, place.size, side);
}

int net_port_new(struct region_loop *loop, unsigned kernel, int tap, void *region, const char *hosts,
                struct net_port **ret)
{
        static const struct region_user user = {
                .lookout = { .serve = serve, .add_fds = add_fds, .beat = beat },
                .pulse = pulse,
        };
        struct net_port *p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        *p = (struct net_port){ .loop = loop, .kernel = kernel, .frames.tap = tap };
        attach(&p->frames.in, region, MPART_RING_NETWORK_UP, RING_CONSUMER);
        attach(&p->frames.out, region, MPART_RING_NETWORK_DOWN, RING_PRODUCER);
        ring_put(&p->frames.out, FRAME_HOSTS, hosts, strlen(hosts)); /* no room: it has some already */
        int r = region_loop_add(loop, &user, p);
        if (r < 0) {
                free(p);
                return r;
        }
        *ret = p;
        return 0;
}

void net_port_free(struct net_port *p)
{
        if (!p)
                return;
        region_loop_remove(p->loop, p);
        free(p);
}
