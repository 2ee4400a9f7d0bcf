/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory of a kernel that may hold anything: reading it ends, and stays within it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "kmem-fixture.h"
#include "macros.h"

#define PAGE 4096
#define DAMAGES 3000

/* A fixed sequence of numbers (xorshift64). */
static uint64_t next_random(uint64_t *seed)
{
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        return *seed;
}

static int count_record(void *data, const struct mpart_klog_record *r)
{
        size_t *n = data;
        assert_true(r->length <= UINT16_MAX);
        assert_true(++*n <= FIXTURE_RECORDS << 20);
        char *json = mpart_klog_format_json(r);
        assert_non_null(json);
        free(json);
        return *n > 64 ? -ECANCELED : 0;
}

/* All that there is, on memory that may be anything. */
static bool use_everything(const struct fixture *f)
{
        _cleanup_(mpart_kmem_freep) struct mpart_kmem *k = NULL;
        if (mpart_kmem_open(&f->range, 1, 0, &k, NULL) < 0)
                return false;
        struct mpart_kstate s;
        uint64_t seq = 0, first, last;
        size_t n = 0;
        mpart_klog_read(k, &seq, 0, count_record, &n, NULL);
        seq = 3;
        n = 0;
        mpart_klog_read(k, &seq, MPART_KLOG_FINAL, count_record, &n, NULL);
        mpart_klog_span(k, 5, &first, &last, NULL);
        mpart_kstate_read(k, &s, NULL);
        return true;
}

static const struct {
        size_t start, size;
} parts[] = {
        { FIXTURE_PGD, 0x5000 },
        { FIXTURE_NOTE, 2400 },
        { FIXTURE_RING, 64 + 80 },
        { FIXTURE_DESCS, FIXTURE_RECORDS * 24 },
        { FIXTURE_INFOS, FIXTURE_RECORDS * 88 },
        { FIXTURE_SYMBOLS, 400 },
        { FIXTURE_SYMBOLS + 0x8000, 0x300 },
        { FIXTURE_SYMBOLS + 0x9000, 0x200 },
        { FIXTURE_SYMBOLS + 0xa000, 0x200 },
        { FIXTURE_SYMBOLS + 0xb000, 0x40 },
};

static void test_damage(void **state)
{
        struct fixture *f = *state;
        for (int i = 0; i < 20; i++)
                fixture_put(f, FIXTURE_FINALIZED, "some text of a record");
        _cleanup_free_ uint8_t *whole = malloc(FIXTURE_END);
        memcpy(whole, f->memory, FIXTURE_END);

        uint64_t seed = 0x6d706172;
        unsigned opened = 0;
        for (int i = 0; i < DAMAGES; i++) {
                for (uint64_t n = 1 + next_random(&seed) % 4; n > 0; n--) {
                        size_t part = next_random(&seed) % ARRAY_SIZE(parts);
                        size_t at = parts[part].start + next_random(&seed) % parts[part].size;
                        f->memory[at] = (uint8_t)next_random(&seed);
                }
                opened += use_everything(f);
                memcpy(f->memory, whole, FIXTURE_END);
        }
        assert_true(opened > DAMAGES / 2 && opened < DAMAGES); /* the damage hits, but not always the door */
}

/* Each byte of the ring's own structure and of the note's numbers, one after the other. */
static void test_extremes(void **state)
{
        struct fixture *f = *state;
        for (int i = 0; i < 20; i++)
                fixture_put(f, FIXTURE_FINALIZED, "some text of a record");
        for (size_t at = FIXTURE_RING; at < FIXTURE_RING + 64 + 80; at++)
                for (int value = 0; value < 256; value += 51) {
                        uint8_t was = f->memory[at];
                        f->memory[at] = (uint8_t)value;
                        use_everything(f);
                        f->memory[at] = was;
                }
        for (size_t at = FIXTURE_NOTE + 24; at < FIXTURE_NOTE + 2400; at++) {
                uint8_t was = f->memory[at];
                if (was < '0' || was > '9')
                        continue;
                f->memory[at] = '9';
                use_everything(f);
                f->memory[at] = was;
        }
        assert_true(use_everything(f));
}

/* Page tables that lead back to themselves end at the lowest level. */
static void test_circular_tables(void **state)
{
        struct fixture *f = *state;
        for (size_t i = 0; i < 511; i++) /* the last one maps the image */
                fixture_set_u64(f, FIXTURE_PGD + i * 8, (FIXTURE_START + FIXTURE_PGD) | 0x63);
        _cleanup_(mpart_kmem_freep) struct mpart_kmem *k = fixture_open(f);
        assert_int_equal(k->page_offset, 0);
        use_everything(f);
}

/* Memory that ends within what is read. */
static void test_every_end(void **state)
{
        struct fixture *f = *state;
        fixture_put(f, FIXTURE_FINALIZED, "some text of a record");
        for (size_t size = 0x9000; size < FIXTURE_END + PAGE; size += 1021) {
                uint8_t *part = malloc(size); /* exactly: a read behind it is seen */
                memcpy(part, f->memory, size);
                const struct fixture cut = { .range = { FIXTURE_START, size, part } };
                assert_true(use_everything(&cut));
                free(part);
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                FIXTURE_TEST(test_damage),
                FIXTURE_TEST(test_extremes),
                FIXTURE_TEST(test_circular_tables),
                FIXTURE_TEST(test_every_end),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
