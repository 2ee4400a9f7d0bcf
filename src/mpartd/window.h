/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A low window is a slot: a boot holds it from before its start code is written until its kernel's CPUs are
 * up. Kernels whose plan gives them the same window take turns. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct window_hold {
        unsigned kernel;
        uint64_t start; /* of the window */
};

struct window {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        struct window_hold *holds;
        size_t n_holds, capacity;
};

int window_init(struct window *w);
void window_destroy(struct window *w);
/* Waits until nobody holds the window at `start`. -ECANCELED once *cancel is set (see window_wake_waiters);
 * -ENOMEM. */
int window_acquire(struct window *w, unsigned kernel, uint64_t start, const atomic_bool *cancel);
void window_release(struct window *w, unsigned kernel); /* nothing happens where it holds none */
void window_wake_waiters(struct window *w);             /* after a cancel flag was set */
