/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <time.h>
#include <x86intrin.h>

#include "tsc.h"

#define BASELINE_NS 50000000U

static uint64_t raw_clock(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC_RAW, &t);
        return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

struct tsc_sample tsc_sample(void)
{
        /* The clock is read between two readings of the counter; of several tries the closest pair counts,
         * so that an interrupt in between does no harm. */
        struct tsc_sample best = { 0 };
        uint64_t width = UINT64_MAX;
        for (int i = 0; i < 8; i++) {
                uint64_t before = __rdtsc(), now = raw_clock(), after = __rdtsc();
                if (after - before < width) {
                        width = after - before;
                        best = (struct tsc_sample){ .tsc = before + width / 2, .nanoseconds = now };
                }
        }
        return best;
}

uint32_t tsc_khz_since(struct tsc_sample first)
{
        uint64_t passed = raw_clock() - first.nanoseconds;
        if (passed < BASELINE_NS) {
                struct timespec t = { .tv_nsec = (long)(BASELINE_NS - passed) };
                while (nanosleep(&t, &t) < 0 && errno == EINTR)
                        continue;
        }
        struct tsc_sample last = tsc_sample();
        unsigned __int128 ticks = last.tsc - first.tsc;
        return (uint32_t)(ticks * 1000000U / (last.nanoseconds - first.nanoseconds));
}
