/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <pthread.h>

/* A thread that takes no signals: they are the event loop's. 0 or a negative errno. */
int thread_start(pthread_t *ret, void *(*run)(void *), void *argument);
