/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Both ends of a ring, each with a peer that does whatever the input says: it stores into the indices and
 * the bytes at any time. A side may lose what it was to get; it may not leave the ring, nor believe
 * nonsense. */
#include <errno.h>

#include "fuzz.h"
#include "macros.h"
#include "ring.h"

#define SIZE 256U

struct input {
        const uint8_t *data;
        size_t size;
};

static uint64_t take(struct input *in, size_t n)
{
        uint64_t value = 0;
        n = MIN(n, in->size);
        memcpy(&value, in->data, n);
        in->data += n;
        in->size -= n;
        return value;
}

static void must_lie_in(const struct ring *r, const struct iovec v[static 2], size_t n)
{
        for (int i = 0; i < 2; i++)
                MUST(v[i].iov_len == 0 || ((uint8_t *)v[i].iov_base >= r->data &&
                                                          (uint8_t *)v[i].iov_base + v[i].iov_len <=
                                                                          r->data + r->size));
        MUST(v[0].iov_len + v[1].iov_len == n);
}

static void consume(struct ring *r, unsigned how, uint8_t *bytes, size_t room)
{
        uint32_t type = 0, size = 0;
        struct iovec v[2];
        int got;
        switch (how % 4) {
        case 0:
                MUST(ring_read(r, bytes, room) <= room);
                return;
        case 1:
                got = ring_get(r, bytes, room, &type, &size);
                MUST(got == 0 || got == -EBADMSG || got == -EMSGSIZE || (got == 1 && size <= room));
                return;
        case 2:
                if (ring_peek(r, &type, &size, v) == 1) {
                        must_lie_in(r, v, size);
                        ring_skip(r, size);
                }
                return;
        default:
                MUST(ring_available(r) <= r->size);
        }
}

static void produce(struct ring *r, unsigned how, const uint8_t *bytes, size_t n)
{
        struct iovec v[2];
        int put;
        switch (how % 4) {
        case 0:
                MUST(ring_write(r, bytes, n) <= n);
                return;
        case 1:
                put = ring_put(r, 1, bytes, n);
                MUST(put == 0 || put == -EAGAIN || (put == -EMSGSIZE && n > ring_record_max(r)));
                return;
        case 2:
                if (ring_reserve(r, (uint32_t)n, v) == 0) {
                        must_lie_in(r, v, n);
                        ring_commit(r, 2, (uint32_t)n / 2);
                }
                return;
        default:
                MUST(ring_available(r) <= r->size);
        }
}

static void run(struct input in, enum ring_side side, struct ring_control *control, uint8_t *data,
                uint8_t *bytes)
{
        struct ring r;
        memset(control, 0, sizeof(*control));
        memset(data, 0, SIZE);
        ring_attach(&r, control, data, SIZE, side);
        while (in.size > 0) {
                unsigned what = (unsigned)take(&in, 1);
                if (what & 0x80)
                        data[take(&in, 1) % SIZE] = (uint8_t)take(&in, 1);
                else if (what & 0x40)
                        atomic_store(what & 1 ? &control->head : &control->tail,
                                        what & 2 ? take(&in, 8) : r.mine + take(&in, 2) - SIZE);
                else if (what & 0x20)
                        ring_republish(&r);
                else if (what & 0x10)
                        ring_attach(&r, control, data, SIZE, side);
                else if (side == RING_CONSUMER)
                        consume(&r, what, bytes, take(&in, 1) % SIZE);
                else
                        produce(&r, what, bytes, take(&in, 1) % SIZE);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        /* Blocks of their own: the address sanitizer watches their ends. */
        _cleanup_free_ struct ring_control *control = malloc(sizeof(*control));
        _cleanup_free_ uint8_t *ring = malloc(SIZE), *bytes = calloc(1, SIZE);
        MUST(control && ring && bytes);
        run((struct input){ data, size }, RING_CONSUMER, control, ring, bytes);
        run((struct input){ data, size }, RING_PRODUCER, control, ring, bytes);
        return 0;
}
