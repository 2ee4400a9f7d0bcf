/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looking into a kernel: its memory, log, symbols and state. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "kmem-fixture.h"
#include "macros.h"

#define PAGE 4096
#define LOG_MAX 8192

struct log {
        char text[LOG_MAX];
        size_t n;
};

static int append_record(void *data, const struct mpart_klog_record *r)
{
        struct log *log = data;
        _cleanup_free_ char *line = mpart_klog_format(r);
        assert_non_null(line);
        assert_true(strlen(log->text) + strlen(line) < LOG_MAX);
        strcat(log->text, line);
        log->n++;
        return 0;
}

static void read_log(const struct mpart_kmem *k, uint64_t *seq, unsigned flags, struct log *ret)
{
        *ret = (struct log){ .n = 0 };
        assert_int_equal(mpart_klog_read(k, seq, flags, append_record, ret, NULL), 0);
}

static void test_memory(void **state)
{
        struct fixture *f = *state;
        _cleanup_(mpart_kmem_freep) struct mpart_kmem *k = fixture_open(f);
        assert_string_equal(k->info.release, "6.1.0-1-test");
        assert_int_equal(k->note_address, FIXTURE_START + FIXTURE_NOTE);
        assert_true(k->page_offset == FIXTURE_PAGE_OFFSET);

        uint64_t physical, room, value = 0;
        assert_int_equal(mpart_kmem_translate(k, FIXTURE_STEXT + 0x1234, &physical, &room), 0);
        assert_int_equal(physical, FIXTURE_START + 0x1234);
        uint64_t direct = FIXTURE_PAGE_OFFSET + FIXTURE_START;
        assert_int_equal(mpart_kmem_translate(k, direct + 3 * MiB, &physical, &room), 0);
        assert_int_equal(physical, FIXTURE_START + 3 * MiB);
        assert_int_equal(room, MiB);
        assert_int_equal(mpart_kmem_read(k, direct + FIXTURE_VARIABLES + 16, &value, 8), 0);
        assert_int_equal(value, 4294937296);

        assert_int_equal(mpart_kmem_read(k, direct + FIXTURE_SIZE - 4, &value, 8), -EFAULT);
        assert_int_equal(mpart_kmem_read(k, direct - 8, &value, 8), -EFAULT);
        assert_int_equal(mpart_kmem_read(k, 0, &value, 8), -EFAULT);
        assert_int_equal(mpart_kmem_read(k, FIXTURE_STEXT - 8, &value, 8), -EFAULT); /* outside the range */
        assert_null(mpart_kmem_at(k, FIXTURE_START - 1, &room));
        assert_null(mpart_kmem_at(k, FIXTURE_START + FIXTURE_SIZE, &room));
}

/* Reads go on from one range to the next; a range that is missing is an error. */
static void test_two_ranges(void **state)
{
        struct fixture *f = *state;
        const struct mpart_kmem_range halves[] = {
                { FIXTURE_START, MiB, f->memory },
                { FIXTURE_START + MiB, FIXTURE_SIZE - MiB, f->memory + MiB },
        };
        _cleanup_(mpart_kmem_freep) struct mpart_kmem *k = NULL, *half = NULL;
        assert_int_equal(mpart_kmem_open(halves, 2, 0, &k, NULL), 0);
        memcpy(f->memory + MiB - 4, "12345678", 8);
        char text[9] = { 0 };
        assert_int_equal(mpart_kmem_read_physical(k, FIXTURE_START + MiB - 4, text, 8), 0);
        assert_string_equal(text, "12345678");
        assert_int_equal(mpart_kmem_open(halves, 1, 0, &half, NULL), 0);
        assert_int_equal(mpart_kmem_read_physical(half, FIXTURE_START + MiB - 4, text, 8), -EFAULT);
}

/* Where the note was is looked at first; whatever that says, the kernel is found. */
static void test_known_note(void **state)
{
        struct fixture *f = *state;
        const uint64_t notes[] = { FIXTURE_START + FIXTURE_NOTE, FIXTURE_START,
                FIXTURE_START + FIXTURE_NOTE + 8, FIXTURE_START + FIXTURE_SIZE - 1, 1, UINT64_MAX };
        for (size_t i = 0; i < ARRAY_SIZE(notes); i++) {
                _cleanup_(mpart_kmem_freep) struct mpart_kmem *k = NULL;
                assert_int_equal(mpart_kmem_open(&f->range, 1, notes[i], &k, NULL), 0);
                assert_int_equal(k->note_address, FIXTURE_START + FIXTURE_NOTE);
        }
        /* Of two notes it is the known one, not the first. */
        _cleanup_(mpart_kmem_freep) struct mpart_kmem *k = NULL;
        uint64_t copy = FIXTURE_END;
        memcpy(f->memory + copy, f->memory + FIXTURE_NOTE, 0x1000);
        assert_int_equal(mpart_kmem_open(&f->range, 1, FIXTURE_START + copy, &k, NULL), 0);
        assert_int_equal(k->note_address, FIXTURE_START + copy);
}

static void assert_not_open(const struct fixture *f, int code)
{
        struct mpart_error e = MPART_ERROR_INIT;
        struct mpart_kmem *k = NULL;
        assert_int_equal(mpart_kmem_open(&f->range, 1, 0, &k, &e), code);
        assert_null(k);
        assert_string_not_equal(e.text, "");
}

static void test_no_kernel(void **state)
{
        struct fixture *f = *state;
        uint64_t entry;
        memcpy(&entry, f->memory + 0x5000 + 8 * 8, 8); /* _stext: 2 MiB page 8 of the image's mapping */
        fixture_set_u64(f, 0x5000 + 8 * 8, entry + 2 * MiB);
        assert_not_open(f, -ENODATA);
        fixture_set_u64(f, 0x5000 + 8 * 8, 0);
        assert_not_open(f, -ENODATA);
        fixture_set_u64(f, 0x5000 + 8 * 8, entry);
        mpart_kmem_free(fixture_open(f));

        fixture_drop_key(f, "NUMBER(phys_base)");
        assert_not_open(f, -EBADMSG);
        memset(f->memory + FIXTURE_NOTE, 0, PAGE);
        assert_not_open(f, -ENODATA);
}

static void test_log(void **state)
{
        struct fixture *f = *state;
        _cleanup_(mpart_kmem_freep) struct mpart_kmem *k = fixture_open(f);
        uint64_t seq = 0;
        struct log log;
        read_log(k, &seq, 0, &log);
        assert_int_equal(log.n, 0);
        assert_int_equal(seq, 0);

        fixture_put(f, FIXTURE_FINALIZED, "Linux version 6.1");
        fixture_put(f, FIXTURE_FINALIZED, "two\nlines\tand \x1b[1m\xc3\xa4");
        fixture_put(f, FIXTURE_FINALIZED, "");
        read_log(k, &seq, 0, &log);
        assert_string_equal(log.text, "[    0.000000] Linux version 6.1\n"
                                      "[    1.000000] two\nlines\tand \\x1b[1m\\xc3\\xa4\n"
                                      "[    2.000000] \n");
        assert_int_equal(seq, 3);
        read_log(k, &seq, 0, &log);
        assert_int_equal(log.n, 0);

        fixture_drop_key(f, "SYMBOL(prb)");
        _cleanup_(mpart_kmem_freep) struct mpart_kmem *old = fixture_open(f);
        assert_int_equal(mpart_klog_read(old, &seq, 0, append_record, &log, NULL), -EOPNOTSUPP);
}

/* Records not yet final are in a snapshot, unless their writer is at work; a follower waits for them. */
static void test_unfinished_records(void **state)
{
        struct fixture *f = *state;
        _cleanup_(mpart_kmem_freep) struct mpart_kmem *k = fixture_open(f);
        fixture_put(f, FIXTURE_FINALIZED, "a");
        fixture_put(f, FIXTURE_RESERVED, "b");
        fixture_put(f, FIXTURE_FINALIZED, "c");
        fixture_put(f, FIXTURE_COMMITTED, "d");
        fixture_put(f, FIXTURE_REUSABLE, "e");
        uint64_t seq = 0;
        struct log log;
        read_log(k, &seq, 0, &log);
        assert_string_equal(log.text, "[    0.000000] a\n[    2.000000] c\n[    3.000000] d\n");
        assert_int_equal(seq, 5);

        seq = 0;
        read_log(k, &seq, MPART_KLOG_FINAL, &log);
        assert_string_equal(log.text, "[    0.000000] a\n");
        assert_int_equal(seq, 1);
        f->memory[FIXTURE_DESCS + 24 + 7] |= FIXTURE_FINALIZED << 6; /* b is done */
        read_log(k, &seq, MPART_KLOG_FINAL, &log);
        assert_string_equal(log.text, "[    1.000000] b\n[    2.000000] c\n");
        assert_int_equal(seq, 3);
}

/* Text and records wrap; a follower that was too slow goes on with the oldest there is. */
static void test_wrapping(void **state)
{
        struct fixture *f = *state;
        _cleanup_(mpart_kmem_freep) struct mpart_kmem *k = fixture_open(f);
        char text[240];
        uint64_t seq = 0;
        struct log log;
        for (int i = 0; i < 100; i++) {
                int n = snprintf(text, sizeof(text), "record %d%*s", i, 200 + i % 17, "end");
                assert_true(n > 0);
                fixture_put(f, FIXTURE_FINALIZED, text);
                read_log(k, &seq, MPART_KLOG_FINAL, &log);
                assert_int_equal(log.n, 1);
                assert_string_equal(strchr(log.text, ']') + 2, strcat(text, "\n"));
        }
        seq = 5;
        read_log(k, &seq, 0, &log);
        assert_int_equal(log.n, FIXTURE_RECORDS);
        assert_non_null(strstr(log.text, "] record 84 "));
        assert_int_equal(seq, 100);
        seq = 98;
        read_log(k, &seq, 0, &log);
        assert_int_equal(log.n, 2);

        uint64_t first, last;
        assert_int_equal(mpart_klog_span(k, 3, &first, &last, NULL), 0);
        assert_int_equal(first, 97);
        assert_int_equal(last, 99);
        assert_int_equal(mpart_klog_span(k, 1000, &first, &last, NULL), 0);
        assert_int_equal(first, 84);
}

static int keep_json(void *data, const struct mpart_klog_record *r)
{
        *(char **)data = mpart_klog_format_json(r);
        return -ECANCELED;
}

static void test_json(void **state)
{
        struct fixture *f = *state;
        _cleanup_(mpart_kmem_freep) struct mpart_kmem *k = fixture_open(f);
        _cleanup_free_ char *line = NULL;
        uint64_t seq = 1;
        fixture_put(f, FIXTURE_FINALIZED, "");
        fixture_put_record(f, FIXTURE_FINALIZED, 4, "\"q\" \xc3\xa4 \xff\xc3\n\0", 11);
        assert_int_equal(mpart_klog_read(k, &seq, 0, keep_json, &line, NULL), -ECANCELED);
        assert_string_equal(line,
                        "{\"seq\":1,\"time_us\":1000000,\"level\":4,\"facility\":3,"
                        "\"caller\":2147483649,"
                        "\"text\":\"\\\"q\\\" \xc3\xa4 \xef\xbf\xbd\xef\xbf\xbd\\n\xef\xbf\xbd\"}\n");
}

static void check_symbols(const struct mpart_kmem *k)
{
        const char *const names[] = { "panic_cpu", "nothing", "system_state", "jiffies_64", "start_kerne" };
        uint64_t found[ARRAY_SIZE(names)];
        assert_int_equal(mpart_kallsyms_find(k, names, ARRAY_SIZE(names), found, NULL), 3);
        assert_true(found[0] == FIXTURE_STEXT + FIXTURE_VARIABLES + 4);
        assert_int_equal(found[1], 0);
        assert_true(found[2] == FIXTURE_STEXT + FIXTURE_VARIABLES);
        assert_true(found[3] == FIXTURE_STEXT + FIXTURE_VARIABLES + 16);
        assert_int_equal(found[4], 0);
        assert_int_equal(mpart_kallsyms_find(k, NULL, 0, NULL, NULL), 0);
}

static void test_symbols(void **state)
{
        struct fixture *f = *state, plain;
        _cleanup_(mpart_kmem_freep) struct mpart_kmem *k = fixture_open(f);
        check_symbols(k);
        fixture_make(&plain, false);
        struct mpart_kmem *of_plain = fixture_open(&plain);
        check_symbols(of_plain);
        mpart_kmem_free(of_plain);
        fixture_free(&plain);

        /* Tables that do not agree with _stext are not believed. */
        const char *const name = "panic_cpu";
        uint64_t found = 7;
        fixture_set_u64(f, FIXTURE_SYMBOLS + 0xc000, FIXTURE_STEXT + 1);
        assert_int_equal(mpart_kallsyms_find(k, &name, 1, &found, NULL), -EBADMSG);
        assert_int_equal(found, 7);
}

static void test_state(void **state)
{
        struct fixture *f = *state;
        _cleanup_(mpart_kmem_freep) struct mpart_kmem *k = fixture_open(f), *old = NULL, *one = NULL;
        struct fixture single;
        struct mpart_kstate s;
        assert_null(mpart_kstate_place(k));
        assert_int_equal(mpart_kstate_read(k, &s, NULL), 0);
        assert_true(s.found);
        assert_int_equal(s.system_state, MPART_SYSTEM_RUNNING);
        assert_ptr_equal(mpart_kstate_place(k), f->memory + FIXTURE_VARIABLES);
        assert_int_equal(s.panic_cpu, -1);
        assert_int_equal(s.jiffies, 4294937296);
        assert_int_equal(s.cpus_online, 2);
        f->memory[FIXTURE_VARIABLES] = MPART_SYSTEM_RESTART;
        memset(f->memory + FIXTURE_VARIABLES + 4, 0, 4);
        memset(f->memory + FIXTURE_SYMBOLS, 0, 0x1000); /* not looked up twice */
        assert_int_equal(mpart_kstate_read(k, &s, NULL), 0);
        assert_int_equal(s.system_state, MPART_SYSTEM_RESTART);
        assert_int_equal(s.panic_cpu, 0);

        /* A kernel for one CPU has no count of them. */
        fixture_make(&single, false);
        char *name_of_count = memmem(single.memory + FIXTURE_SYMBOLS, 0x1000, "__num_online", 12);
        assert_non_null(name_of_count);
        *name_of_count = '-';
        one = fixture_open(&single);
        assert_int_equal(mpart_kstate_read(one, &s, NULL), 0);
        assert_true(s.found);
        assert_int_equal(s.cpus_online, 0);
        mpart_kmem_free(TAKE_PTR(one));
        fixture_free(&single);

        fixture_drop_key(f, "SYMBOL(kallsyms_names)");
        old = fixture_open(f);
        assert_int_equal(mpart_kstate_read(old, &s, NULL), 0);
        assert_false(s.found);
        assert_null(mpart_kstate_place(old));
        const char *const name = "panic_cpu";
        uint64_t found;
        assert_int_equal(mpart_kallsyms_find(old, &name, 1, &found, NULL), -EOPNOTSUPP);

        for (int i = 0; i < _MPART_SYSTEM_MAX; i++)
                assert_non_null(mpart_system_state_to_string(i));
        assert_null(mpart_system_state_to_string(_MPART_SYSTEM_MAX));
        assert_null(mpart_system_state_to_string(-1));
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                FIXTURE_TEST(test_memory),
                FIXTURE_TEST(test_two_ranges),
                FIXTURE_TEST(test_known_note),
                FIXTURE_TEST(test_no_kernel),
                FIXTURE_TEST(test_log),
                FIXTURE_TEST(test_unfinished_records),
                FIXTURE_TEST(test_wrapping),
                FIXTURE_TEST(test_json),
                FIXTURE_TEST(test_symbols),
                FIXTURE_TEST(test_state),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
