/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <signal.h>

#include "thread.h"

int thread_start(pthread_t *ret, void *(*run)(void *), void *argument)
{
        sigset_t all, old;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        int r = pthread_create(ret, NULL, run, argument);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        return -r;
}
