/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A thread that looks at each of its entries again and again: the memory of another kernel sends no events.
 * It sleeps without waking while it has none. */
#pragma once

#include <stdint.h>

struct poller;
typedef void (*poller_fn)(void *entry);

int poller_new(uint64_t period_ns, poller_fn look, struct poller **ret);
void poller_free(struct poller *p); /* ends the thread; the entries are the caller's. NULL is legal */

int poller_add(struct poller *p, unsigned key, void *entry);
/* The entry of that key, no longer looked at when this returns; NULL: there is none. */
void *poller_remove(struct poller *p, unsigned key);
