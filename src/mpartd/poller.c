/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#include "log.h"
#include "macros.h"
#include "poller.h"
#include "thread.h"

#define NICEST (-20)

struct slot {
        poller_fn look;
        uint64_t key;
        void *entry;
};

struct poller {
        const char *name;
        uint64_t period_ns;
        bool hurries;
        pthread_t thread;
        pthread_mutex_t lock; /* held while entries are looked at */
        pthread_cond_t changed;
        bool ending;
        struct slot *slots;
        size_t n_slots, capacity;
};

static struct timespec later(uint64_t ns)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        uint64_t sum = (uint64_t)t.tv_nsec + ns;
        t.tv_sec += (time_t)(sum / 1000000000U);
        t.tv_nsec = (long)(sum % 1000000000U);
        return t;
}

static void hurry(const char *name)
{
        if (setpriority(PRIO_PROCESS, 0, NICEST) < 0) /* 0: this thread alone */
                log_warning("thread %s keeps its ordinary priority and may be late: %s", name,
                                strerror(errno));
}

static void *run(void *argument)
{
        struct poller *p = argument;
        prctl(PR_SET_NAME, p->name);
        if (p->hurries)
                hurry(p->name);
        pthread_mutex_lock(&p->lock);
        while (!p->ending) {
                if (p->n_slots == 0) {
                        pthread_cond_wait(&p->changed, &p->lock);
                        continue;
                }
                for (size_t i = 0; i < p->n_slots; i++)
                        p->slots[i].look(p->slots[i].entry);
                struct timespec until = later(p->period_ns);
                pthread_cond_timedwait(&p->changed, &p->lock, &until);
        }
        pthread_mutex_unlock(&p->lock);
        return NULL;
}

static int init_locks(struct poller *p)
{
        pthread_condattr_t attributes;
        pthread_condattr_init(&attributes);
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        int r = pthread_cond_init(&p->changed, &attributes);
        pthread_condattr_destroy(&attributes);
        if (r != 0)
                return -r;
        return -pthread_mutex_init(&p->lock, NULL);
}

int poller_new(const char *name, uint64_t period_ns, bool hurries, struct poller **ret)
{
        struct poller *p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        p->name = name;
        p->period_ns = period_ns;
        p->hurries = hurries;
        int r = init_locks(p);
        if (r == 0)
                r = thread_start(&p->thread, run, p);
        if (r < 0) {
                free(p);
                return r;
        }
        *ret = p;
        return 0;
}

void poller_free(struct poller *p)
{
        if (!p)
                return;
        pthread_mutex_lock(&p->lock);
        p->ending = true;
        pthread_cond_broadcast(&p->changed);
        pthread_mutex_unlock(&p->lock);
        pthread_join(p->thread, NULL);
        pthread_cond_destroy(&p->changed);
        pthread_mutex_destroy(&p->lock);
        free(p->slots);
        free(p);
}

int poller_add(struct poller *p, poller_fn look, uint64_t key, void *entry)
{
        pthread_mutex_lock(&p->lock);
        int r = grow_array(&p->slots, &p->capacity, p->n_slots + 1, sizeof(*p->slots));
        if (r == 0)
                p->slots[p->n_slots++] = (struct slot){ look, key, entry };
        pthread_cond_broadcast(&p->changed);
        pthread_mutex_unlock(&p->lock);
        return r;
}

void *poller_remove(struct poller *p, poller_fn look, uint64_t key)
{
        void *entry = NULL;
        pthread_mutex_lock(&p->lock);
        for (size_t i = 0; i < p->n_slots; i++)
                if (p->slots[i].look == look && p->slots[i].key == key) {
                        entry = p->slots[i].entry;
                        p->slots[i] = p->slots[--p->n_slots];
                        break;
                }
        pthread_mutex_unlock(&p->lock);
        return entry;
}
