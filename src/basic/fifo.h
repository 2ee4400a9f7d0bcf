/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes that wait for a file descriptor, at most `limit` of them. All zero but the limit is the empty one.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct fifo {
        uint8_t *data;
        size_t start, size, capacity;
        size_t limit;
};

void fifo_free(struct fifo *f); /* leaves it empty */
/* All bytes or none: 0, -ENOBUFS (beyond the limit) or -ENOMEM. */
int fifo_put(struct fifo *f, const void *data, size_t n);
/* As fifo_put, but the oldest bytes make room. 0 or -ENOMEM. */
int fifo_keep(struct fifo *f, const void *data, size_t n);
void fifo_drop(struct fifo *f, size_t n);
/* Writes what goes to a descriptor that does not block. The number of bytes, or a negative errno (-EPIPE)
 * that ends it; 0 where it would block. */
ptrdiff_t fifo_flush(struct fifo *f, int fd);
