/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "kmem-fixture.h"
#include "macros.h"

#define PRESENT 0x63 /* present, writable, accessed, dirty */
#define LARGE 0x80

#define NOTE                                                                                                \
        "OSRELEASE=6.1.0-1-test\nPAGESIZE=4096\nSYMBOL(swapper_pg_dir)=ffffffff81001000\n"                  \
        "SYMBOL(_stext)=ffffffff81000000\nNUMBER(phys_base)=251658240\nNUMBER(pgtable_l5_enabled)=0\n"      \
        "KERNELOFFSET=0\nNUMBER(KERNEL_IMAGE_SIZE)=1073741824\nNUMBER(sme_mask)=0\n"                        \
        "SYMBOL(prb)=ffffffff81009000\nSIZE(printk_ringbuffer)=80\nOFFSET(printk_ringbuffer.desc_ring)=0\n" \
        "OFFSET(printk_ringbuffer.text_data_ring)=40\nOFFSET(prb_desc_ring.count_bits)=0\n"                 \
        "OFFSET(prb_desc_ring.descs)=8\nOFFSET(prb_desc_ring.infos)=16\n"                                   \
        "OFFSET(prb_desc_ring.head_id)=24\nOFFSET(prb_desc_ring.tail_id)=32\nSIZE(prb_desc)=24\n"           \
        "OFFSET(prb_desc.state_var)=0\nOFFSET(prb_desc.text_blk_lpos)=8\n"                                  \
        "OFFSET(prb_data_blk_lpos.begin)=0\nOFFSET(prb_data_blk_lpos.next)=8\nSIZE(printk_info)=88\n"       \
        "OFFSET(printk_info.ts_nsec)=8\nOFFSET(printk_info.text_len)=16\n"                                  \
        "OFFSET(printk_info.caller_id)=20\nOFFSET(prb_data_ring.size_bits)=0\n"                             \
        "OFFSET(prb_data_ring.data)=8\nOFFSET(atomic_long_t.counter)=0\n"                                   \
        "SYMBOL(kallsyms_names)=ffffffff81010000\nSYMBOL(kallsyms_num_syms)=ffffffff81018000\n"             \
        "SYMBOL(kallsyms_token_table)=ffffffff81019000\nSYMBOL(kallsyms_token_index)=ffffffff8101a000\n"    \
        "SYMBOL(kallsyms_offsets)=ffffffff8101b000\nSYMBOL(kallsyms_relative_base)=ffffffff8101c000\n"

void fixture_set_u64(struct fixture *f, size_t offset, uint64_t value)
{
        memcpy(f->memory + offset, &value, sizeof(value));
}

static void set_entry(struct fixture *f, size_t table, uint64_t virtual, unsigned shift, uint64_t value)
{
        fixture_set_u64(f, table + (virtual >> shift & 511) * 8, value);
}

/* 2 MiB pages for [virtual, virtual + FIXTURE_SIZE) through the tables at `pud` and `pmd`. */
static void map(struct fixture *f, uint64_t virtual, size_t pud, size_t pmd)
{
        set_entry(f, FIXTURE_PGD, virtual, 39, (FIXTURE_START + pud) | PRESENT);
        set_entry(f, pud, virtual, 30, (FIXTURE_START + pmd) | PRESENT);
        for (uint64_t at = 0; at < FIXTURE_SIZE; at += 2 * MiB)
                set_entry(f, pmd, virtual + at, 21, (FIXTURE_START + at) | PRESENT | LARGE);
}

static void put_note(struct fixture *f)
{
        const Elf64_Nhdr h = { .n_namesz = 11, .n_descsz = sizeof(NOTE) - 1, .n_type = 0 };
        memcpy(f->memory + FIXTURE_NOTE, &h, sizeof(h));
        memcpy(f->memory + FIXTURE_NOTE + 12, "VMCOREINFO\0", 12);
        memcpy(f->memory + FIXTURE_NOTE + 24, NOTE, sizeof(NOTE) - 1);
}

/* DESC0: before the first record. */
static void put_empty_ring(struct fixture *f)
{
        uint64_t first = (uint32_t) - (FIXTURE_RECORDS + 1);
        uint32_t bits[] = { 4, 12 };
        fixture_set_u64(f, FIXTURE_RING, FIXTURE_STEXT + FIXTURE_RING + 64); /* prb is a pointer */
        memcpy(f->memory + FIXTURE_RING + 64, &bits[0], 4);
        fixture_set_u64(f, FIXTURE_RING + 64 + 8, FIXTURE_STEXT + FIXTURE_DESCS);
        fixture_set_u64(f, FIXTURE_RING + 64 + 16, FIXTURE_PAGE_OFFSET + FIXTURE_START + FIXTURE_INFOS);
        fixture_set_u64(f, FIXTURE_RING + 64 + 24, first);
        fixture_set_u64(f, FIXTURE_RING + 64 + 32, first);
        memcpy(f->memory + FIXTURE_RING + 64 + 40, &bits[1], 4);
        fixture_set_u64(f, FIXTURE_RING + 64 + 48, FIXTURE_PAGE_OFFSET + FIXTURE_START + FIXTURE_TEXT);
        fixture_set_u64(f, FIXTURE_DESCS + 15 * 24, first | (uint64_t)FIXTURE_REUSABLE << 62);
}

/* Space in the text ring as data_alloc() gives it: a block that does not fit at the end goes to the start.
 */
static void put_text(struct fixture *f, uint64_t id, const char *text, size_t length, size_t desc)
{
        uint64_t size = ALIGN_UP(8 + length, 8), begin = f->text_at, next = begin + size, at = begin;
        if (begin / FIXTURE_TEXT_SIZE != (next - 1) / FIXTURE_TEXT_SIZE) {
                at = ALIGN_UP(begin, FIXTURE_TEXT_SIZE);
                next = at + size;
        }
        if (length == 0)
                begin = next = 3; /* NO_LPOS */
        else
                f->text_at = next;
        fixture_set_u64(f, desc + 8, begin);
        fixture_set_u64(f, desc + 16, next);
        if (length > 0) {
                fixture_set_u64(f, FIXTURE_TEXT + at % FIXTURE_TEXT_SIZE, id);
                memcpy(f->memory + FIXTURE_TEXT + at % FIXTURE_TEXT_SIZE + 8, text, length);
        }
}

void fixture_put_record(
                struct fixture *f, enum fixture_state state, uint8_t level, const char *text, size_t length)
{
        uint64_t seq = f->n_records++, id = (UINT64_C(1) << 32) + seq - FIXTURE_RECORDS;
        size_t desc = FIXTURE_DESCS + seq % FIXTURE_RECORDS * 24,
               info = FIXTURE_INFOS + seq % FIXTURE_RECORDS * 88;
        uint16_t n = (uint16_t)length;
        fixture_set_u64(f, info, seq);
        fixture_set_u64(f, info + 8, seq * 1000000007);
        memcpy(f->memory + info + 16, &n, sizeof(n));
        f->memory[info + 18] = 3;
        f->memory[info + 19] = (uint8_t)(level << 5 | 2);
        fixture_set_u64(f, info + 20, 0x80000001);
        put_text(f, id, text, length, desc);
        fixture_set_u64(f, desc, id | (uint64_t)state << 62);
        fixture_set_u64(f, FIXTURE_RING + 64 + 24, id);
        if (seq >= FIXTURE_RECORDS - 1) /* the slot of DESC0 is needed */
                fixture_set_u64(f, FIXTURE_RING + 64 + 32, id - FIXTURE_RECORDS + 1);
}

/* Tokens: each printable character is one, and 128 and 129 stand for two beginnings. */
static void put_tokens(struct fixture *f)
{
        char *table = (char *)f->memory + FIXTURE_SYMBOLS + 0x9000, *p = table;
        for (unsigned i = 0; i < 256; i++) {
                uint16_t at = (uint16_t)(p - table);
                memcpy(f->memory + FIXTURE_SYMBOLS + 0xa000 + i * 2, &at, sizeof(at));
                if (i == 128)
                        p = stpcpy(p, "T_st") + 1;
                else if (i == 129)
                        p = stpcpy(p, "Dsystem_") + 1;
                else {
                        *p++ = i >= ' ' && i < 127 ? (char)i : 0;
                        if (p[-1])
                                *p++ = 0;
                }
        }
}

static uint8_t *put_name(uint8_t *p, const char *name)
{
        size_t n = strlen(name);
        if (n > 127)
                *p++ = (uint8_t)(n & 127) | 128;
        *p++ = (uint8_t)(n > 127 ? n >> 7 : n);
        return mempcpy(p, name, n);
}

static void put_symbols(struct fixture *f, bool absolute_percpu)
{
        char long_name[300] = { 0 };
        memset(long_name, 'x', sizeof(long_name) - 1);
        const struct {
                const char *name; /* type first */
                uint32_t offset;  /* from _stext */
        } symbols[] = {
                { "\x80"
                  "ext",
                                0 }, /* T_stext */
                { "Tstart_kernel", 0x100 },
                { long_name, 0x200 },
                { "\x81"
                  "state",
                                FIXTURE_VARIABLES },
                { "Bpanic_cpu", FIXTURE_VARIABLES + 4 },
                { "bpanic_cpu_other", FIXTURE_VARIABLES + 8 },
                { "Djiffies_64", FIXTURE_VARIABLES + 16 },
                { "D__num_online_cpus", FIXTURE_VARIABLES + 24 },
        };
        uint32_t count = ARRAY_SIZE(symbols);
        uint8_t *p = f->memory + FIXTURE_SYMBOLS;
        for (uint32_t i = 0; i < count; i++) {
                p = put_name(p, symbols[i].name);
                uint32_t offset = absolute_percpu ? (uint32_t)-1 - symbols[i].offset : symbols[i].offset;
                memcpy(f->memory + FIXTURE_SYMBOLS + 0xb000 + i * 4, &offset, sizeof(offset));
        }
        memcpy(f->memory + FIXTURE_SYMBOLS + 0x8000, &count, sizeof(count));
        fixture_set_u64(f, FIXTURE_SYMBOLS + 0xc000, FIXTURE_STEXT);
        put_tokens(f);
}

void fixture_make(struct fixture *f, bool absolute_percpu)
{
        *f = (struct fixture){ .memory = calloc(1, FIXTURE_SIZE) };
        assert_non_null(f->memory);
        f->range = (struct mpart_kmem_range){ FIXTURE_START, FIXTURE_SIZE, f->memory };
        map(f, FIXTURE_STEXT, 0x4000, 0x5000);
        map(f, FIXTURE_PAGE_OFFSET + FIXTURE_START, 0x2000, FIXTURE_PMD);
        put_note(f);
        put_empty_ring(f);
        put_symbols(f, absolute_percpu);
        const int32_t variables[] = { 3, -1 };
        memcpy(f->memory + FIXTURE_VARIABLES, variables, sizeof(variables));
        fixture_set_u64(f, FIXTURE_VARIABLES + 16, 4294937296);
        fixture_set_u64(f, FIXTURE_VARIABLES + 24, 2);
}

void fixture_free(struct fixture *f)
{
        free(f->memory);
}

void fixture_drop_key(struct fixture *f, const char *key)
{
        char *found = memmem(f->memory + FIXTURE_NOTE, 4096, key, strlen(key));
        assert_non_null(found);
        *found = '-';
}

struct mpart_kmem *fixture_open(const struct fixture *f)
{
        struct mpart_error e = MPART_ERROR_INIT;
        struct mpart_kmem *k = NULL;
        int r = mpart_kmem_open(&f->range, 1, 0, &k, &e);
        if (r < 0)
                print_error("%s\n", e.text);
        assert_int_equal(r, 0);
        return k;
}

int fixture_setup(void **state)
{
        static struct fixture f;
        fixture_make(&f, true);
        *state = &f;
        return 0;
}

int fixture_teardown(void **state)
{
        fixture_free(*state);
        return 0;
}

void fixture_put(struct fixture *f, enum fixture_state state, const char *text)
{
        fixture_put_record(f, state, 6, text, strlen(text));
}
