/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kernel's memory, mapped through the gate for looking and opened by the library. The low window is left
 * out: once the kernel is up it may be another one's. */
#pragma once

#include "kmem.h"
#include "physmem.h"

struct memview {
        struct physmem_map *maps;
        size_t n_maps;
        struct mpart_kmem *kmem;
};

/* `note`: as mpart_kmem_open. */
int memview_open(const struct physmem *mem, const struct claim *c, uint64_t note, struct memview *ret,
                struct mpart_error *e);
void memview_close(struct memview *v); /* leaves the empty one */

/* Following a log. The memory sends no events: a poll looks for what is new (microseconds where there is
 * nothing), and the pause until the next one grows from 100 ms to 2 s while nothing is. */
struct log_follower {
        uint64_t seq;      /* the next record */
        unsigned pause_ms; /* until the next poll */
        unsigned stuck_ms; /* for how long a record that is not final has been in the way */
};

#define LOG_FOLLOWER_INIT(first) ((struct log_follower){ .seq = (first), .pause_ms = 100 })

int log_follower_poll(struct log_follower *f, const struct mpart_kmem *k, mpart_klog_fn handle, void *data,
                struct mpart_error *e);
