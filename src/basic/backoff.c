/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <time.h>

#include "backoff.h"
#include "macros.h"

#define FIRST_SLEEP_NS UINT64_C(50000) /* the default timer slack: less is not had anyway */

uint64_t monotonic_ns(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

uint64_t backoff_next(struct backoff *b, bool busy, uint64_t now)
{
        if (busy) {
                *b = (struct backoff){ .last_busy = now };
                return 0;
        }
        if (b->last_busy != 0 && now - b->last_busy < BACKOFF_SPIN_NS)
                return 0;
        bool lingers = b->last_busy != 0 && now - b->last_busy < BACKOFF_LINGER_NS;
        uint64_t longest = lingers ? BACKOFF_SHORT_NS : BACKOFF_LONG_NS;
        b->sleep = MIN(MAX(2 * b->sleep, FIRST_SLEEP_NS), longest);
        return b->sleep;
}
