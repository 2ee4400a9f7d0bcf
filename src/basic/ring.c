/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "macros.h"
#include "ring.h"

#define HEADER ((uint32_t)sizeof(struct ring_record))

static _Atomic uint64_t *my_index(const struct ring *r)
{
        return r->side == RING_PRODUCER ? &r->control->head : &r->control->tail;
}

uint64_t ring_peer_index(const struct ring *r)
{
        return atomic_load_explicit(r->side == RING_PRODUCER ? &r->control->tail : &r->control->head,
                        memory_order_acquire);
}

static void advance(struct ring *r, uint64_t n)
{
        r->mine += n;
        atomic_store_explicit(my_index(r), r->mine, memory_order_release);
}

void ring_republish(struct ring *r)
{
        advance(r, 0);
}

void ring_attach(struct ring *r, void *control, void *data, uint32_t size, enum ring_side side)
{
        *r = (struct ring){ .control = control, .data = data, .size = size, .side = side };
        uint64_t peer = ring_peer_index(r);
        r->mine = atomic_load_explicit(my_index(r), memory_order_acquire);
        uint64_t used = side == RING_PRODUCER ? r->mine - peer : peer - r->mine;
        /* A producer goes on at the peer's tail rounded up, since records start at multiples of 8. */
        if (used > size)
                r->mine = side == RING_PRODUCER ? ALIGN_UP(peer, 8) : peer;
        ring_republish(r);
}

void ring_drop_all(struct ring *r)
{
        r->mine = ring_peer_index(r);
        ring_republish(r);
}

uint32_t ring_available(struct ring *r)
{
        uint64_t peer = ring_peer_index(r);
        if (r->side == RING_PRODUCER) {
                uint64_t used = r->mine - peer;
                r->errors += used > r->size;
                return used > r->size ? 0 : r->size - (uint32_t)used;
        }
        uint64_t used = peer - r->mine;
        if (used <= r->size)
                return (uint32_t)used;
        r->errors++;
        r->mine = peer;
        ring_republish(r);
        return 0;
}

/* `n` bytes from index `at` on, as one or two pieces. n <= size. */
static void pieces(const struct ring *r, uint64_t at, uint32_t n, struct iovec ret[static 2])
{
        uint32_t offset = (uint32_t)at & (r->size - 1);
        uint32_t first = MIN(n, r->size - offset);
        ret[0] = (struct iovec){ r->data + offset, first };
        ret[1] = (struct iovec){ r->data, n - first };
}

static void copy_in(struct ring *r, uint64_t at, const void *data, uint32_t n)
{
        struct iovec to[2];
        pieces(r, at, n, to);
        if (n == 0)
                return;
        memcpy(to[0].iov_base, data, to[0].iov_len);
        memcpy(to[1].iov_base, (const char *)data + to[0].iov_len, to[1].iov_len);
}

static void copy_out(const struct ring *r, uint64_t at, void *data, uint32_t n)
{
        struct iovec from[2];
        pieces(r, at, n, from);
        if (n == 0)
                return;
        memcpy(data, from[0].iov_base, from[0].iov_len);
        memcpy((char *)data + from[0].iov_len, from[1].iov_base, from[1].iov_len);
}

size_t ring_write(struct ring *r, const void *data, size_t n)
{
        n = MIN(n, (size_t)ring_available(r));
        copy_in(r, r->mine, data, (uint32_t)n);
        if (n > 0)
                advance(r, n);
        return n;
}

size_t ring_read(struct ring *r, void *data, size_t n)
{
        n = MIN(n, (size_t)ring_available(r));
        copy_out(r, r->mine, data, (uint32_t)n);
        if (n > 0)
                advance(r, n);
        return n;
}

static uint64_t record_room(uint32_t n)
{
        return ALIGN_UP((uint64_t)n + HEADER, 8);
}

int ring_reserve(struct ring *r, uint32_t n, struct iovec ret[static 2])
{
        if (n > ring_record_max(r))
                return -EMSGSIZE;
        if (record_room(n) > ring_available(r))
                return -EAGAIN;
        pieces(r, r->mine + HEADER, n, ret);
        return 0;
}

void ring_commit(struct ring *r, uint32_t type, uint32_t n)
{
        const struct ring_record header = { n, type };
        copy_in(r, r->mine, &header, HEADER);
        advance(r, record_room(n));
}

int ring_putv(struct ring *r, uint32_t type, const struct iovec *parts, size_t n_parts)
{
        size_t total = 0;
        for (size_t i = 0; i < n_parts; i++) {
                if (parts[i].iov_len > r->size)
                        return -EMSGSIZE;
                total += parts[i].iov_len;
                if (total > r->size)
                        return -EMSGSIZE;
        }
        struct iovec room[2];
        int k = ring_reserve(r, (uint32_t)total, room);
        if (k < 0)
                return k;
        uint64_t at = r->mine + HEADER;
        for (size_t i = 0; i < n_parts; at += parts[i].iov_len, i++)
                copy_in(r, at, parts[i].iov_base, (uint32_t)parts[i].iov_len);
        ring_commit(r, type, (uint32_t)total);
        return 0;
}

int ring_put(struct ring *r, uint32_t type, const void *data, size_t n)
{
        const struct iovec part = { (void *)data, n };
        return ring_putv(r, type, &part, 1);
}

int ring_peek(struct ring *r, uint32_t *ret_type, uint32_t *ret_size, struct iovec ret[static 2])
{
        uint32_t available = ring_available(r);
        if (available == 0)
                return 0;
        struct ring_record header = { 0 };
        if (available >= HEADER)
                copy_out(r, r->mine, &header, HEADER); /* once: the peer may change it meanwhile */
        if (available < HEADER || r->mine % 8 != 0 || header.size > ring_record_max(r) ||
                        record_room(header.size) > available) {
                r->errors++;
                ring_drop_all(r);
                return -EBADMSG;
        }
        pieces(r, r->mine + HEADER, header.size, ret);
        *ret_type = header.type;
        *ret_size = header.size;
        return 1;
}

void ring_skip(struct ring *r, uint32_t n)
{
        advance(r, record_room(n));
}

int ring_get(struct ring *r, void *data, size_t room, uint32_t *ret_type, uint32_t *ret_size)
{
        struct iovec from[2];
        uint32_t type, size;
        int k = ring_peek(r, &type, &size, from);
        if (k <= 0)
                return k;
        if (size <= room)
                copy_out(r, r->mine + HEADER, data, size);
        ring_skip(r, size);
        if (size > room)
                return -EMSGSIZE;
        *ret_type = type;
        *ret_size = size;
        return 1;
}
