/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The low window is a slot: a boot holds it from before its start code is written until its kernel's CPUs
 * are up; others wait their turn. All kernels of a plan have the same window. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

struct window {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        int holder; /* kernel id, -1 nobody */
};

int window_init(struct window *w);
void window_destroy(struct window *w);
/* Waits until the slot is free. -ECANCELED once *cancel is set (see window_wake_waiters). */
int window_acquire(struct window *w, unsigned kernel, const atomic_bool *cancel);
void window_release(struct window *w, unsigned kernel); /* nothing happens where another holds it */
void window_wake_waiters(struct window *w);             /* after a cancel flag was set */
