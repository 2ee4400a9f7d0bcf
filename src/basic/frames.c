/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "frames.h"
#include "macros.h"

/* Hands a record of another type on, as one piece that the peer can no longer change. */
static void pass_on(struct frames *f, uint32_t type, uint32_t size, const struct iovec parts[static 2])
{
        char *copy = f->other ? malloc(size + 1) : NULL;
        if (!copy) {
                f->n_refused++;
                return;
        }
        memcpy(copy, parts[0].iov_base, parts[0].iov_len);
        memcpy(copy + parts[0].iov_len, parts[1].iov_base, parts[1].iov_len);
        copy[size] = 0;
        f->other(f->userdata, type, copy, size);
        free(copy);
}

static ssize_t write_frame(struct frames *f, uint32_t type, const struct iovec parts[static 2])
{
        static uint8_t no_offload[10]; /* struct virtio_net_hdr */
        const struct iovec all[3] = { { no_offload, sizeof(no_offload) }, parts[0], parts[1] };
        return type == FRAME_BARE ? writev(f->tap, all, 3) : writev(f->tap, all + 1, 2);
}

/* What the TAP refuses is the peer's fault, or there was no memory: that frame is lost, as on any wire. */
static int take_in(struct frames *f)
{
        uint32_t type, size;
        struct iovec parts[2];
        int r = ring_peek(&f->in, &type, &size, parts);
        if (r <= 0)
                return r == -EBADMSG ? 1 : r;
        if (type != FRAME_BARE && type != FRAME_VNET) {
                pass_on(f, type, size, parts);
        } else if (write_frame(f, type, parts) < 0) {
                if (errno == EBADFD)
                        return -errno;
                f->n_refused++;
        } else {
                f->n_in++;
        }
        ring_skip(&f->in, size);
        return 1;
}

static int put_out(struct frames *f)
{
        struct iovec room[2];
        f->out_is_full = ring_reserve(&f->out, FRAME_SIZE_MAX, room) < 0;
        if (f->out_is_full)
                return 0;
        ssize_t n = readv(f->tap, room, 2);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        if (n == 0)
                return 0;
        ring_commit(&f->out, FRAME_VNET, (uint32_t)n);
        f->n_out++;
        return 1;
}

static int repeat(struct frames *f, int (*step)(struct frames *f))
{
        int r = 1, moved = 0;
        for (unsigned i = 0; i < FRAMES_AT_ONCE && r > 0; i++) {
                r = step(f);
                moved |= r > 0;
        }
        return r < 0 ? r : moved;
}

int frames_serve(struct frames *f, bool readable)
{
        int in = repeat(f, take_in);
        if (in < 0 || !(readable || f->out_is_full))
                return in;
        int out = repeat(f, put_out);
        return out < 0 ? out : in | out;
}
