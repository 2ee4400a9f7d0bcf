/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "lookout.h"
#include "macros.h"

#define POLL_NS UINT64_C(1000000) /* between two looks at descriptors while somebody is busy */

void lookout_wait_for(struct lookout_set *set, int fd, short events)
{
        /* Out of memory: looked at when the time is over. */
        if (fd < 0 || !events || grow_array(&set->fds, &set->capacity, set->n + 1, sizeof(*set->fds)) < 0)
                return;
        set->fds[set->n++] = (struct pollfd){ .fd = fd, .events = events };
}

int lookout_add(struct lookout *l, const struct lookout_user *user, void *userdata)
{
        int r = grow_array(&l->members, &l->capacity, l->n + 1, sizeof(*l->members));
        if (r < 0)
                return r;
        l->members[l->n++] = (struct lookout_member){ .user = user, .userdata = userdata, .ready = true };
        l->set_is_old = true;
        return 0;
}

void lookout_remove(struct lookout *l, const void *userdata)
{
        for (size_t i = 0; i < l->n; i++)
                if (l->members[i].userdata == userdata) {
                        l->members[i] = l->members[--l->n];
                        l->set_is_old = true;
                        return;
                }
}

void lookout_free(struct lookout *l)
{
        free(l->members);
        free(l->set.fds);
        *l = (struct lookout){ 0 };
}

/* Hands what the last wait found to those who waited. */
static void find_ready(struct lookout *l)
{
        size_t at = 0;
        for (size_t i = 0; i < l->n; i++) {
                struct lookout_member *m = &l->members[i];
                m->ready |= l->set_is_old;
                for (; !l->set_is_old && at < MIN(m->fds_end, l->set.n); at++)
                        m->ready |= l->set.fds[at].revents != 0;
        }
        l->set.n = 0;
        l->set_is_old = false;
}

static void fill_set(struct lookout *l)
{
        for (size_t i = 0; i < l->n; i++) {
                struct lookout_member *m = &l->members[i];
                if (m->user->add_fds)
                        m->user->add_fds(m->userdata, &l->set);
                m->fds_end = l->set.n;
        }
}

static bool serve(struct lookout *l, uint64_t now, bool beats)
{
        bool moved = false;
        for (size_t i = 0; i < l->n; i++) {
                struct lookout_member *m = &l->members[i];
                if (beats && m->user->beat)
                        m->user->beat(m->userdata, now);
                bool busy = m->last_busy != 0 && now - m->last_busy < BACKOFF_SPIN_NS;
                if (m->user->serve(m->userdata, now, m->ready || busy)) {
                        m->last_busy = now;
                        moved = true;
                }
                m->ready = false;
        }
        return moved;
}

uint64_t lookout_turn(struct lookout *l, uint64_t now)
{
        bool beats = now >= l->next_beat;
        find_ready(l);
        bool moved = serve(l, now, beats);
        if (beats)
                l->next_beat = now + LOOKOUT_BEAT_NS;
        uint64_t ns = backoff_next(&l->pace, moved, now);
        if (ns > 0 || now >= l->next_poll) {
                fill_set(l);
                l->next_poll = now + POLL_NS;
        }
        return ns;
}

void lookout_wait(struct lookout *l, uint64_t ns)
{
        if (l->set.n == 0 && ns == 0)
                return;
        struct timespec t = { .tv_sec = (time_t)(ns / 1000000000U), .tv_nsec = (long)(ns % 1000000000U) };
        if (ppoll(l->set.fds, l->set.n, &t, NULL) <= 0)
                for (size_t i = 0; i < l->set.n; i++)
                        l->set.fds[i].revents = 0;
}
