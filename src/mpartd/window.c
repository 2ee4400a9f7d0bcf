/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdbool.h>

#include "macros.h"
#include "window.h"

int window_init(struct window *w)
{
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
        free(w->holds);
        w->holds = NULL;
        w->n_holds = w->capacity = 0;
}

static bool is_held(const struct window *w, uint64_t start)
{
        for (size_t i = 0; i < w->n_holds; i++)
                if (w->holds[i].start == start)
                        return true;
        return false;
}

int window_acquire(struct window *w, unsigned kernel, uint64_t start, const atomic_bool *cancel)
{
        pthread_mutex_lock(&w->lock);
        while (is_held(w, start) && !atomic_load(cancel))
                pthread_cond_wait(&w->changed, &w->lock);
        int r = atomic_load(cancel) ? -ECANCELED
                                    : grow_array(&w->holds, &w->capacity, w->n_holds + 1, sizeof(*w->holds));
        if (r == 0)
                w->holds[w->n_holds++] = (struct window_hold){ kernel, start };
        pthread_mutex_unlock(&w->lock);
        return r;
}

void window_release(struct window *w, unsigned kernel)
{
        pthread_mutex_lock(&w->lock);
        for (size_t i = 0; i < w->n_holds; i++)
                if (w->holds[i].kernel == kernel) {
                        w->holds[i] = w->holds[--w->n_holds];
                        break;
                }
        pthread_cond_broadcast(&w->changed);
        pthread_mutex_unlock(&w->lock);
}

void window_wake_waiters(struct window *w)
{
        pthread_mutex_lock(&w->lock);
        pthread_cond_broadcast(&w->changed);
        pthread_mutex_unlock(&w->lock);
}
