/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "window.h"

int window_init(struct window *w)
{
        w->holder = -1;
        int r = pthread_mutex_init(&w->lock, NULL);
        if (r != 0)
                return -r;
        r = pthread_cond_init(&w->changed, NULL);
        if (r != 0)
                pthread_mutex_destroy(&w->lock);
        return -r;
}

void window_destroy(struct window *w)
{
        pthread_cond_destroy(&w->changed);
        pthread_mutex_destroy(&w->lock);
}

int window_acquire(struct window *w, unsigned kernel, const atomic_bool *cancel)
{
        pthread_mutex_lock(&w->lock);
        while (w->holder >= 0 && !atomic_load(cancel))
                pthread_cond_wait(&w->changed, &w->lock);
        int r = atomic_load(cancel) ? -ECANCELED : 0;
        if (r == 0)
                w->holder = (int)kernel;
        pthread_mutex_unlock(&w->lock);
        return r;
}

void window_release(struct window *w, unsigned kernel)
{
        pthread_mutex_lock(&w->lock);
        if (w->holder == (int)kernel)
                w->holder = -1;
        pthread_cond_broadcast(&w->changed);
        pthread_mutex_unlock(&w->lock);
}

void window_wake_waiters(struct window *w)
{
        pthread_mutex_lock(&w->lock);
        pthread_cond_broadcast(&w->changed);
        pthread_mutex_unlock(&w->lock);
}
