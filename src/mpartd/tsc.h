/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rate of the time stamp counter. A secondary has no PIT to calibrate against: it is told by
 * tsc_early_khz=. */
#pragma once

#include <stdint.h>

struct tsc_sample {
        uint64_t tsc;
        uint64_t nanoseconds; /* CLOCK_MONOTONIC_RAW */
};

struct tsc_sample tsc_sample(void);
/* Rate since `first`, in kHz; waits where fewer than 50 ms have passed, for the sake of the fourth digit. */
uint32_t tsc_khz_since(struct tsc_sample first);
