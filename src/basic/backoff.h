/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long to sleep between two looks at memory that another kernel writes. No event crosses kernels, so
 * both sides look; the longer nothing came, the more seldom. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define BACKOFF_SPIN_NS UINT64_C(30000) /* looks without a pause after the last activity */
#define BACKOFF_SHORT_NS                                                                                    \
        UINT64_C(1000000) /* longest sleep within BACKOFF_LINGER_NS of the last activity                    \
                           */
#define BACKOFF_LINGER_NS UINT64_C(500000000)
#define BACKOFF_LONG_NS UINT64_C(10000000) /* longest sleep after that */

struct backoff {
        uint64_t last_busy; /* CLOCK_MONOTONIC, ns */
        uint64_t sleep;     /* the last one, ns */
};

uint64_t monotonic_ns(void);

/* `busy`: something moved since the last call. How long to sleep now, ns; 0: look again at once. */
uint64_t backoff_next(struct backoff *b, bool busy, uint64_t now);
