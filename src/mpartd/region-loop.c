/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

#include "macros.h"
#include "region-loop.h"
#include "thread.h"

/* A user, for the poller's thread. */
struct watched_user {
        struct region_loop *loop;
        const struct region_user *user;
        void *userdata;
        _Atomic uint64_t pulse; /* before the last turn of the loop */
};

struct region_loop {
        struct poller *poller;
        pthread_t thread;
        pthread_mutex_t lock;
        atomic_uint callers; /* who wait for the lock, beside the thread */
        atomic_bool rests;   /* it sleeps until it is woken */
        bool ends;
        int bell; /* eventfd */
        struct lookout lookout;
        struct watched_user **users;
        size_t n, capacity;
};

static void add_bell(void *userdata, struct lookout_set *set)
{
        const struct region_loop *l = userdata;
        lookout_wait_for(set, l->bell, POLLIN);
}

static bool hear_bell(void *userdata, uint64_t now, bool ready)
{
        struct region_loop *l = userdata;
        eventfd_t count;
        (void)now;
        if (ready)
                eventfd_read(l->bell, &count);
        return false;
}

static void look_at_pulse(void *entry)
{
        struct watched_user *u = entry;
        if (atomic_load(&u->loop->rests) && u->user->pulse(u->userdata) != atomic_load(&u->pulse))
                region_loop_wake(u->loop);
}

/* In front of a turn: what changes from now on is either seen by the turn or by the poller. */
static void note_pulses(struct region_loop *l)
{
        for (size_t i = 0; i < l->n; i++)
                atomic_store(&l->users[i]->pulse, l->users[i]->user->pulse(l->users[i]->userdata));
}

static void *run(void *argument)
{
        struct region_loop *l = argument;
        bool quiet = false;
        prctl(PR_SET_NAME, "regions");
        prctl(PR_SET_TIMERSLACK, 1UL);
        for (;;) {
                while (atomic_load(&l->callers) > 0)
                        sched_yield();
                pthread_mutex_lock(&l->lock);
                uint64_t now = monotonic_ns();
                if (l->ends)
                        break;
                if (quiet)
                        note_pulses(l);
                uint64_t sleep = lookout_turn(&l->lookout, now);
                bool rests = quiet && sleep >= REGION_REST_NS;
                quiet = sleep >= REGION_REST_NS;
                if (rests)
                        sleep = l->n > 0 ? l->lookout.next_beat - now : UINT64_MAX;
                atomic_store(&l->rests, rests);
                pthread_mutex_unlock(&l->lock);
                lookout_wait(&l->lookout, sleep);
                atomic_store(&l->rests, false);
        }
        pthread_mutex_unlock(&l->lock);
        return NULL;
}

static void destroy(struct region_loop *l)
{
        lookout_free(&l->lookout);
        close_fd(&l->bell);
        pthread_mutex_destroy(&l->lock);
        free(l->users);
        free(l);
}

int region_loop_new(struct poller *poller, struct region_loop **ret)
{
        static const struct lookout_user bell = { .serve = hear_bell, .add_fds = add_bell };
        struct region_loop *l = calloc(1, sizeof(*l));
        if (!l)
                return -ENOMEM;
        l->poller = poller;
        pthread_mutex_init(&l->lock, NULL);
        l->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        int r = l->bell < 0 ? -errno : lookout_add(&l->lookout, &bell, l);
        if (r == 0)
                r = thread_start(&l->thread, run, l);
        if (r < 0) {
                destroy(l);
                return r;
        }
        *ret = l;
        return 0;
}

void region_loop_free(struct region_loop *l)
{
        if (!l)
                return;
        region_loop_lock(l);
        l->ends = true;
        region_loop_unlock(l);
        region_loop_wake(l);
        pthread_join(l->thread, NULL);
        destroy(l);
}

void region_loop_lock(struct region_loop *l)
{
        atomic_fetch_add(&l->callers, 1);
        pthread_mutex_lock(&l->lock);
        atomic_fetch_sub(&l->callers, 1);
}

void region_loop_unlock(struct region_loop *l)
{
        pthread_mutex_unlock(&l->lock);
}

void region_loop_wake(struct region_loop *l)
{
        eventfd_write(l->bell, 1); /* at its top it is readable anyway */
}

static int add(struct region_loop *l, struct watched_user *u)
{
        int r = grow_array(&l->users, &l->capacity, l->n + 1, sizeof(struct watched_user *));
        if (r == 0)
                r = lookout_add(&l->lookout, &u->user->lookout, u->userdata);
        if (r == 0)
                l->users[l->n++] = u;
        return r;
}

int region_loop_add(struct region_loop *l, const struct region_user *user, void *userdata)
{
        struct watched_user *u = calloc(1, sizeof(*u));
        if (!u)
                return -ENOMEM;
        *u = (struct watched_user){ .loop = l, .user = user, .userdata = userdata };
        int r = poller_add(l->poller, look_at_pulse, (uintptr_t)userdata, u);
        if (r < 0) {
                free(u);
                return r;
        }
        region_loop_lock(l);
        r = add(l, u);
        region_loop_unlock(l);
        if (r < 0)
                free(poller_remove(l->poller, look_at_pulse, (uintptr_t)userdata));
        region_loop_wake(l);
        return r;
}

void region_loop_remove(struct region_loop *l, void *userdata)
{
        region_loop_lock(l);
        lookout_remove(&l->lookout, userdata);
        for (size_t i = 0; i < l->n; i++)
                if (l->users[i]->userdata == userdata)
                        l->users[i] = l->users[--l->n];
        region_loop_unlock(l);
        region_loop_wake(l); /* it lets go of the user's descriptors */
        free(poller_remove(l->poller, look_at_pulse, (uintptr_t)userdata));
}
