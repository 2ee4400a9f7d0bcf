/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The thread that serves the shared regions of all running kernels: talk with their agents, and their
 * frames. While something moves it looks by itself (lookout.h). When nothing has moved for a while it sleeps
 * until its next beat, and the poller, which wakes every few milliseconds anyway, tells it that another
 * kernel has done something: a rest costs no wake-ups of its own. */
#pragma once

#include "lookout.h"
#include "poller.h"

/* A pause of that length is left to the poller, whose period it is. */
#define REGION_REST_NS UINT64_C(5000000)

struct region_loop;

struct region_user {
        struct lookout_user lookout; /* called in the loop's thread, under its lock */
        /* A number that is another one once the other kernel has done anything that wants looking at. The
         * poller's thread calls it without the lock, and must be quick: loads from the region alone. */
        uint64_t (*pulse)(const void *userdata);
};

int region_loop_new(struct poller *poller, struct region_loop **ret); /* `poller` is borrowed */
void region_loop_free(struct region_loop *l); /* ends the thread; it has no users. NULL is legal */

/* The lock of all that the users have. The thread gives way to whoever waits for it. */
void region_loop_lock(struct region_loop *l);
void region_loop_unlock(struct region_loop *l);
/* The thread looks at once. With or without the lock. */
void region_loop_wake(struct region_loop *l);

/* Without the lock. The user is served until region_loop_remove returns. 0 or -ENOMEM. */
int region_loop_add(struct region_loop *l, const struct region_user *user, void *userdata);
void region_loop_remove(struct region_loop *l, void *userdata); /* nothing where it is not served */
