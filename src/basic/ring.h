/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A ring of bytes between one producer and one consumer that share memory but do not trust each other: two
 * processes, or two kernels of one machine (write-back memory, x86-64).
 *
 * The indices run freely: they count bytes since the start and are never wrapped; a byte lies at index
 * modulo size. The producer alone stores `head`, with release after the bytes are there; the consumer alone
 * stores `tail`, with release after it has taken the bytes; each loads the other's with acquire. Each side
 * keeps its own index in private memory and believes the shared copy of the other's only as far as it is
 * possible (0 <= head - tail <= size): a peer that writes nonsense loses its own bytes, nothing more.
 *
 * A ring carries either a plain stream (ring_write, ring_read) or records (ring_put, ring_get, and the pairs
 * that work in place: ring_reserve and ring_commit, ring_peek and ring_skip). No function blocks. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* In shared memory. The indices lie 128 bytes apart: two cache lines, since x86 fetches lines in pairs. */
struct ring_control {
        _Atomic uint64_t head; /* bytes ever produced; stored by the producer */
        uint8_t padding1[120];
        _Atomic uint64_t tail; /* bytes ever consumed; stored by the consumer */
        uint8_t padding2[120];
};
_Static_assert(sizeof(struct ring_control) == 256, "both sides rely on it");

/* In front of each record, which starts at an index that is a multiple of 8. */
struct ring_record {
        uint32_t size; /* bytes of payload; the record takes 8 + size, rounded up to 8 */
        uint32_t type; /* the user's */
};

enum ring_side {
        RING_PRODUCER,
        RING_CONSUMER,
};

/* One side's private view. */
struct ring {
        struct ring_control *control;
        uint8_t *data;
        uint32_t size; /* power of two */
        enum ring_side side;
        uint64_t mine;   /* head of a producer, tail of a consumer */
        uint64_t errors; /* times that the peer's index or a record could not be true */
};

/* Goes on where the shared indices stand; where these cannot be true, with an empty ring. `size` is a power
 * of two of at least 64 that both sides know beforehand: it is not read from shared memory. */
void ring_attach(struct ring *r, void *control, void *data, uint32_t size, enum ring_side side);

/* Stores the own index once more: mends what a stray write has broken. Call it now and then. */
void ring_republish(struct ring *r);

/* Consumer: drops what is there. */
void ring_drop_all(struct ring *r);

/* The peer's index as it stands in shared memory, which any thread may look at: it moves when the peer has
 * produced or consumed. */
uint64_t ring_peer_index(const struct ring *r);

/* Bytes that can be written (producer) or read (consumer) now. An impossible index counts as full for the
 * producer; the consumer drops what is in the ring. */
uint32_t ring_available(struct ring *r);

/* Streams: as many bytes as go now; the number of them. */
size_t ring_write(struct ring *r, const void *data, size_t n);
size_t ring_read(struct ring *r, void *data, size_t n);

/* The largest payload of a record. */
static inline uint32_t ring_record_max(const struct ring *r)
{
        return r->size / 2 - (uint32_t)sizeof(struct ring_record);
}

/* 0; -EAGAIN: no room now; -EMSGSIZE: larger than ring_record_max. The record is there whole or not at all.
 */
int ring_put(struct ring *r, uint32_t type, const void *data, size_t n);
int ring_putv(struct ring *r, uint32_t type, const struct iovec *parts, size_t n_parts);

/* Copies the next record out. 1: *ret_type and *ret_size are set; 0: none is there; -EMSGSIZE: it is larger
 * than `room` and was skipped; -EBADMSG: what lies there is no record, and the ring was emptied. */
int ring_get(struct ring *r, void *data, size_t room, uint32_t *ret_type, uint32_t *ret_size);

/* Room for a record of up to `n` bytes, in one or two pieces (the second may be empty); nothing is visible
 * to the peer before ring_commit, which takes the true size. Errors as ring_put. */
int ring_reserve(struct ring *r, uint32_t n, struct iovec ret[static 2]);
void ring_commit(struct ring *r, uint32_t type, uint32_t n);

/* The next record in place, in one or two pieces. The peer may change its bytes at any time: pass them on,
 * or copy before looking. Valid until ring_skip(r, *ret_size). 1, 0 or -EBADMSG as ring_get. */
int ring_peek(struct ring *r, uint32_t *ret_type, uint32_t *ret_size, struct iovec ret[static 2]);
void ring_skip(struct ring *r, uint32_t n);
