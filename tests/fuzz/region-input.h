/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The other side of a shared region, played by an input: records, true or not, and stray stores. */
#pragma once

#include "fuzz.h"
#include "macros.h"
#include "ring.h"
#include "shared-region.h"

struct region_input {
        const uint8_t *data;
        size_t size;
};

static inline uint32_t take(struct region_input *in, size_t n)
{
        uint32_t value = 0;
        n = MIN(MIN(n, in->size), sizeof(value));
        memcpy(&value, in->data, n);
        in->data += n;
        in->size -= n;
        return value;
}

static inline void *region_new(void)
{
        void *region = calloc(1, MPART_REGION_USER_OFFSET);
        MUST(region);
        return region;
}

static inline struct ring region_ring(char *region, enum mpart_shared_ring which, enum ring_side side)
{
        struct mpart_shared_ring_place p = mpart_shared_ring_place(which);
        struct ring r;
        ring_attach(&r, region + p.control, region + p.data, p.size, side);
        return r;
}

/* A record of the input's; its bytes are the input's too, as far as they go. */
static inline void put_record(struct region_input *in, struct ring *to, uint32_t first_type)
{
        static uint8_t bytes[MPART_EXEC_CHUNK + 64];
        uint32_t type = first_type + take(in, 1) % 8;
        struct mpart_control c = { .job = take(in, 1) % 4, .value = take(in, 4) };
        size_t n = take(in, 2) % sizeof(bytes), own = MIN(n, in->size);
        memset(bytes, 'x', n);
        memcpy(bytes, in->data, own);
        in->data += own;
        in->size -= own;
        const struct iovec parts[] = { { &c, sizeof(c) }, { bytes, n } };
        ring_putv(to, type, parts, 2);
}

/* Half of them where it hurts: in the header and the indices. */
static inline void stray_store(struct region_input *in, char *region)
{
        uint32_t where = take(in, 3);
        region[where % 2 ? where / 2 % 0x2000 : where / 2 % MPART_REGION_USER_OFFSET] = (char)take(in, 1);
}
