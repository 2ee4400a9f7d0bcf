/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lockless ring of kernel/printk/printk_ringbuffer.h: descriptors named by ids that only grow (62 bits;
 * the upper 2 bits of state_var are the state), for each one a printk_info, and text blocks in a byte ring.
 * The record of an id is in the slot id % count. */
#include <errno.h>

#include "kmem.h"
#include "macros.h"

#define ID_MASK (~(UINT64_C(3) << 62))
#define STATE_SHIFT 62
#define FIRST_WRAP (UINT64_C(1) << 32)
#define COUNT_BITS_MAX 24U
#define SIZE_BITS_MAX 31U
#define STRUCT_MAX 1024U /* larger than any structure here can be */
#define TEXT_MAX UINT16_MAX
#define RETRIES 3
/* struct printk_info of 5.10 to 6.12: text_len (2 bytes), facility, flags:5 level:3, caller_id */
#define FACILITY_BEHIND_LENGTH 2
#define LEVEL_BEHIND_LENGTH 3
#define LEVEL_SHIFT 5
#define CALLER_BEHIND_LENGTH 4
#define LEVEL_UNKNOWN 6 /* LOG_INFO */

enum {
        STATE_RESERVED,
        STATE_COMMITTED, /* may be continued */
        STATE_FINALIZED,
        STATE_REUSABLE,
};

struct ring {
        uint64_t descs, infos, data; /* virtual */
        uint64_t head, tail;
        uint64_t count, data_size;
};

/* One slot. */
struct slot {
        uint64_t state_var, begin, next; /* positions in the text ring */
        uint8_t info[STRUCT_MAX];
};

static uint64_t get_u64(const uint8_t *from)
{
        uint64_t value;
        memcpy(&value, from, sizeof(value));
        return value;
}

static uint32_t get_u32(const uint8_t *from)
{
        uint32_t value;
        memcpy(&value, from, sizeof(value));
        return value;
}

static uint16_t get_u16(const uint8_t *from)
{
        uint16_t value;
        memcpy(&value, from, sizeof(value));
        return value;
}

/* Each member (8 bytes at most) lies inside its structure. */
static bool layout_fits(const struct mpart_vmcoreinfo *i)
{
        const struct {
                uint64_t outer, inner, size;
        } members[] = {
                { i->log.desc_ring, i->log.count_bits, i->log.ring_size },
                { i->log.desc_ring, i->log.descs, i->log.ring_size },
                { i->log.desc_ring, i->log.infos, i->log.ring_size },
                { i->log.desc_ring + i->log.counter, i->log.head, i->log.ring_size },
                { i->log.desc_ring + i->log.counter, i->log.tail, i->log.ring_size },
                { i->log.text_ring, i->log.size_bits, i->log.ring_size },
                { i->log.text_ring, i->log.data, i->log.ring_size },
                { i->log.state_var, i->log.counter, i->log.desc_size },
                { i->log.text_block, i->log.block_begin, i->log.desc_size },
                { i->log.text_block, i->log.block_next, i->log.desc_size },
                { i->log.time, 0, i->log.info_size },
                { i->log.text_length, 0, i->log.info_size },
                { i->log.caller, 0, i->log.info_size },
        };
        for (size_t n = 0; n < ARRAY_SIZE(members); n++)
                if (members[n].size > STRUCT_MAX || members[n].outer > STRUCT_MAX ||
                                members[n].inner > STRUCT_MAX ||
                                members[n].outer + members[n].inner + 8 > members[n].size)
                        return false;
        return true;
}

static int read_ring(const struct mpart_kmem *k, struct ring *ret, struct mpart_error *e)
{
        const struct mpart_vmcoreinfo *i = &k->info;
        if (!i->has_log)
                return mpart_error_set(e, -EOPNOTSUPP,
                                "kernel %s does not describe a log that can be read (5.10 and later do)",
                                i->release);
        uint64_t address;
        uint8_t rb[STRUCT_MAX];
        if (!layout_fits(i) || mpart_kmem_read(k, i->log.prb, &address, sizeof(address)) < 0 ||
                        mpart_kmem_read(k, address, rb, i->log.ring_size) < 0)
                return mpart_error_set(e, -EBADMSG, "the log of kernel %s cannot be found in its memory",
                                i->release);

        const uint8_t *desc_ring = rb + i->log.desc_ring, *text_ring = rb + i->log.text_ring;
        uint32_t count_bits = get_u32(desc_ring + i->log.count_bits);
        uint32_t size_bits = get_u32(text_ring + i->log.size_bits);
        if (count_bits > COUNT_BITS_MAX || size_bits > SIZE_BITS_MAX)
                return mpart_error_set(e, -EBADMSG,
                                "the log of kernel %s claims 2^%u records in 2^%u bytes: its memory is "
                                "damaged",
                                i->release, count_bits, size_bits);
        *ret = (struct ring){
                .descs = get_u64(desc_ring + i->log.descs),
                .infos = get_u64(desc_ring + i->log.infos),
                .data = get_u64(text_ring + i->log.data),
                .head = get_u64(desc_ring + i->log.head + i->log.counter) & ID_MASK,
                .tail = get_u64(desc_ring + i->log.tail + i->log.counter) & ID_MASK,
                .count = UINT64_C(1) << count_bits,
                .data_size = UINT64_C(1) << size_bits,
        };
        return 0;
}

/* Record 0 has the id -count, in 32 bits (DESC0_ID, one before, is of none). */
static uint64_t seq_of(const struct ring *r, uint64_t id)
{
        return (id + r->count - FIRST_WRAP) & ID_MASK;
}

static uint64_t n_records(const struct ring *r)
{
        return MIN(((r->head - r->tail) & ID_MASK) + 1, r->count);
}

static int read_state(const struct mpart_kmem *k, const struct ring *r, uint64_t id, uint64_t *ret)
{
        const struct mpart_vmcoreinfo *i = &k->info;
        uint64_t desc = r->descs + id % r->count * i->log.desc_size;
        return mpart_kmem_read(k, desc + i->log.state_var + i->log.counter, ret, sizeof(*ret));
}

static int read_slot(const struct mpart_kmem *k, const struct ring *r, uint64_t id, struct slot *ret)
{
        const struct mpart_vmcoreinfo *i = &k->info;
        uint8_t desc[STRUCT_MAX];
        uint64_t at = id % r->count;
        if (mpart_kmem_read(k, r->descs + at * i->log.desc_size, desc, i->log.desc_size) < 0 ||
                        mpart_kmem_read(k, r->infos + at * i->log.info_size, ret->info, i->log.info_size) <
                                        0)
                return -EFAULT;
        ret->state_var = get_u64(desc + i->log.state_var + i->log.counter);
        ret->begin = get_u64(desc + i->log.text_block + i->log.block_begin) % r->data_size;
        ret->next = get_u64(desc + i->log.text_block + i->log.block_next) % r->data_size;
        return 0;
}

/* A block begins with the id; one that wraps lies whole at the start of the ring; a record without text has
 * equal positions. Newer kernels let a block end exactly where the ring does; before, that one wrapped. */
static int read_text(const struct mpart_kmem *k, const struct ring *r, const struct slot *s, char *text,
                size_t *ret_length)
{
        uint64_t next = s->next == 0 ? r->data_size : s->next;
        uint64_t begin = s->begin > next ? 0 : s->begin;
        *ret_length = 0;
        if (s->begin == s->next || next - begin < sizeof(uint64_t))
                return 0;
        begin += sizeof(uint64_t);
        size_t length = get_u16(s->info + k->info.log.text_length);
        *ret_length = MIN((uint64_t)length, next - begin);
        return mpart_kmem_read(k, r->data + begin, text, *ret_length);
}

static void fill_record(const struct mpart_kmem *k, const struct slot *s, struct mpart_klog_record *r)
{
        const struct mpart_vmcoreinfo *i = &k->info;
        const uint8_t *length = s->info + i->log.text_length;
        bool known = i->log.caller == i->log.text_length + CALLER_BEHIND_LENGTH;
        r->time_ns = get_u64(s->info + i->log.time);
        r->caller = get_u32(s->info + i->log.caller);
        r->facility = known ? length[FACILITY_BEHIND_LENGTH] : 0;
        r->level = known ? length[LEVEL_BEHIND_LENGTH] >> LEVEL_SHIFT : LEVEL_UNKNOWN;
}

enum outcome {
        RECORD_READ,
        RECORD_GONE,   /* overwritten, or never written */
        RECORD_COMING, /* its writer is not done */
};

static enum outcome judge(const struct ring *r, uint64_t id, uint64_t state_var, bool final)
{
        unsigned state = (unsigned)(state_var >> STATE_SHIFT);
        if ((state_var & ID_MASK) != id) /* head_id moves before the slot is taken */
                return (state_var & ID_MASK) == ((id - r->count) & ID_MASK) ? RECORD_COMING : RECORD_GONE;
        if (state == STATE_FINALIZED || (state == STATE_COMMITTED && !final))
                return RECORD_READ;
        return state == STATE_REUSABLE ? RECORD_GONE : RECORD_COMING;
}

/* As the kernel's own reader does: copy, then see whether the descriptor is still the same. */
static enum outcome read_record(const struct mpart_kmem *k, const struct ring *r, uint64_t id, bool final,
                char *text, struct mpart_klog_record *ret)
{
        for (int i = 0; i < RETRIES; i++) {
                struct slot s;
                uint64_t again;
                if (read_slot(k, r, id, &s) < 0)
                        return RECORD_GONE;
                enum outcome outcome = judge(r, id, s.state_var, final);
                if (outcome != RECORD_READ)
                        return outcome;
                *ret = (struct mpart_klog_record){ .seq = seq_of(r, id), .text = text };
                if (read_text(k, r, &s, text, &ret->length) < 0)
                        ret->length = 0;
                fill_record(k, &s, ret);
                if (read_state(k, r, id, &again) < 0 || again == s.state_var)
                        return RECORD_READ;
        }
        return RECORD_GONE;
}

int mpart_klog_read(const struct mpart_kmem *k, uint64_t *seq, unsigned flags, mpart_klog_fn f, void *data,
                struct mpart_error *e)
{
        struct ring ring = { 0 };
        int r = read_ring(k, &ring, e);
        if (r < 0)
                return r;
        _cleanup_free_ char *text = malloc(TEXT_MAX);
        if (!text)
                return -ENOMEM;

        uint64_t n = n_records(&ring), at = (*seq - seq_of(&ring, ring.tail)) & ID_MASK;
        if (at > n) /* overwritten meanwhile, or a position of another log */
                at = 0;
        for (; at < n && r == 0; at++) {
                uint64_t id = (ring.tail + at) & ID_MASK;
                struct mpart_klog_record record;
                enum outcome o = read_record(k, &ring, id, flags & MPART_KLOG_FINAL, text, &record);
                if (o == RECORD_COMING && flags & MPART_KLOG_FINAL)
                        break;
                if (o == RECORD_READ)
                        r = f(data, &record);
                *seq = (seq_of(&ring, id) + 1) & ID_MASK;
        }
        return r;
}

int mpart_klog_span(const struct mpart_kmem *k, uint64_t lines, uint64_t *ret_first, uint64_t *ret_last,
                struct mpart_error *e)
{
        struct ring ring = { 0 };
        int r = read_ring(k, &ring, e);
        if (r < 0)
                return r;
        uint64_t n = MIN(n_records(&ring), lines);
        *ret_last = seq_of(&ring, ring.head);
        *ret_first = (*ret_last - n + 1) & ID_MASK;
        return 0;
}
