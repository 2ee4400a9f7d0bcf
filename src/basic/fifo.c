/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <unistd.h>

#include "fifo.h"
#include "macros.h"

void fifo_free(struct fifo *f)
{
        free(f->data);
        *f = (struct fifo){ .limit = f->limit };
}

static int make_room(struct fifo *f, size_t n)
{
        if (f->start > 0 && (f->size == 0 || f->start + f->size + n > f->capacity)) {
                if (f->size > 0)
                        memmove(f->data, f->data + f->start, f->size);
                f->start = 0;
        }
        if (f->start + f->size + n <= f->capacity)
                return 0;
        size_t capacity = MIN(MAX(f->size + n, 2 * f->capacity), f->limit);
        uint8_t *data = realloc(f->data, capacity);
        if (!data)
                return -ENOMEM;
        f->data = data;
        f->capacity = capacity;
        return 0;
}

int fifo_put(struct fifo *f, const void *data, size_t n)
{
        if (n == 0)
                return 0;
        if (n > f->limit || f->size > f->limit - n)
                return -ENOBUFS;
        int r = make_room(f, n);
        if (r < 0)
                return r;
        memcpy(f->data + f->start + f->size, data, n);
        f->size += n;
        return 0;
}

int fifo_keep(struct fifo *f, const void *data, size_t n)
{
        if (n > f->limit) {
                data = (const uint8_t *)data + (n - f->limit);
                n = f->limit;
        }
        if (f->size > f->limit - n)
                fifo_drop(f, f->size - (f->limit - n));
        return fifo_put(f, data, n);
}

void fifo_drop(struct fifo *f, size_t n)
{
        n = MIN(n, f->size);
        f->start += n;
        f->size -= n;
}

ptrdiff_t fifo_flush(struct fifo *f, int fd)
{
        ptrdiff_t total = 0;
        while (f->size > 0) {
                ssize_t n = write(fd, f->data + f->start, f->size);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return errno == EAGAIN ? total : -errno;
                fifo_drop(f, (size_t)n);
                total += n;
        }
        return total;
}
