/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <time.h>

#include "backoff.h"
#include "macros.h"

#define PART_OF_SILENCE 2

uint64_t monotonic_ns(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

uint64_t backoff_next(struct backoff *b, bool busy, uint64_t now)
{
        if (busy)
                b->last_busy = now;
        if (b->last_busy == 0)
                return BACKOFF_LONG_NS;
        uint64_t silence = now - b->last_busy;
        if (silence < BACKOFF_SPIN_NS)
                return 0;
        return MIN(MAX(silence / PART_OF_SILENCE, BACKOFF_SHORT_NS), BACKOFF_LONG_NS);
}
