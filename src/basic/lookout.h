/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A loop for one side of shared regions: it looks at memory that another kernel writes, and waits for
 * descriptors in between. Everything that a side has to look at is a user of one loop, so its wake-ups do
 * not grow with the number of users. A user that is busy is looked at without a pause, and so are the
 * others; their descriptors are asked about once a millisecond then. */
#pragma once

#include <poll.h>

#include "backoff.h"

#define LOOKOUT_BEAT_NS UINT64_C(500000000)

struct lookout_set {
        struct pollfd *fds;
        size_t n, capacity;
};
/* Nothing where `fd` is negative or `events` is 0. */
void lookout_wait_for(struct lookout_set *set, int fd, short events);

struct lookout_user {
        /* Moves what can be moved, without blocking. `ready`: its descriptors may have something; else what
         * the other kernel wrote is enough to look at. True: something moved. */
        bool (*serve)(void *userdata, uint64_t now, bool ready);
        void (*add_fds)(void *userdata, struct lookout_set *set); /* what it waits for; NULL: nothing */
        void (*beat)(void *userdata, uint64_t now);               /* each LOOKOUT_BEAT_NS; NULL: nothing */
};

struct lookout_member {
        const struct lookout_user *user;
        void *userdata;
        bool ready;
        uint64_t last_busy;
        size_t fds_end; /* its descriptors are those behind its predecessor's */
};

struct lookout {
        struct lookout_member *members;
        size_t n, capacity;
        struct lookout_set set;
        bool set_is_old; /* members have come or gone since it was made */
        struct backoff pace;
        uint64_t next_beat, next_poll; /* CLOCK_MONOTONIC, ns */
};

/* It is served at once, with `ready`. 0 or -ENOMEM. */
int lookout_add(struct lookout *l, const struct lookout_user *user, void *userdata);
void lookout_remove(struct lookout *l, const void *userdata);
void lookout_free(struct lookout *l); /* what is in it */

/* Serves everybody once. How long to wait now, ns; hand that, or another time, to lookout_wait. */
uint64_t lookout_turn(struct lookout *l, uint64_t now);
/* Waits for a descriptor. Touches nothing that lookout_add and lookout_remove do: these may be called in
 * another thread meanwhile, under a lock that is held around all but this function. */
void lookout_wait(struct lookout *l, uint64_t ns);
