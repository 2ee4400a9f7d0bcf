/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long to sleep between two looks at memory that another kernel writes. No event crosses kernels, so
 * both sides look; the longer nothing came, the more seldom: a message waits at most half of the
 * silence before it, and never longer than BACKOFF_LONG_NS. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define BACKOFF_SPIN_NS UINT64_C(30000)  /* looks without a pause after the last activity */
#define BACKOFF_SHORT_NS UINT64_C(50000) /* the default timer slack: less is not had anyway */
#define BACKOFF_LONG_NS UINT64_C(10000000)

struct backoff {
        uint64_t last_busy; /* CLOCK_MONOTONIC, ns; 0: never */
};

uint64_t monotonic_ns(void);

/* `busy`: something moved since the last call. How long to sleep now, ns; 0: look again at once. */
uint64_t backoff_next(struct backoff *b, bool busy, uint64_t now);
