/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A thread that looks at each of its entries again and again: the memory of another kernel sends no events.
 * One wake-up a period, however many entries there are; none while there is no entry. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct poller;
typedef void (*poller_fn)(void *entry);

/* `name` is the thread's, at most 15 bytes, a constant. `hurries`: before all that is not real-time (nice
 * -20); where that is refused it says so in the log, and looks as an ordinary thread. */
int poller_new(const char *name, uint64_t period_ns, bool hurries, struct poller **ret);
void poller_free(struct poller *p); /* ends the thread; the entries are the caller's. NULL is legal */

/* `key` tells apart the entries of one function. */
int poller_add(struct poller *p, poller_fn look, uint64_t key, void *entry);
/* The entry, no longer looked at when this returns; NULL: there is none. */
void *poller_remove(struct poller *p, poller_fn look, uint64_t key);
