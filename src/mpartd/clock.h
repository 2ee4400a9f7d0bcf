/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>
#include <time.h>

static inline uint64_t now_ns(void) /* CLOCK_MONOTONIC */
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

/* The memory of another kernel sends no event: it is looked at again after a while. */
static inline void pause_ns(uint64_t ns)
{
        struct timespec t = { .tv_sec = (time_t)(ns / 1000000000U), .tv_nsec = (long)(ns % 1000000000U) };
        nanosleep(&t, NULL);
}

static inline uint64_t realtime_us(void) /* CLOCK_REALTIME, microseconds */
{
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        return (uint64_t)t.tv_sec * 1000000U + (uint64_t)t.tv_nsec / 1000U;
}
