/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "corpus.h"
#include "fake-machine.h"
#include "fs.h"
#include "macros.h"
#include "srat.h"

enum { ENABLED = 1, HOTPLUG = 2 };

static void make_table(struct fake_srat *t, unsigned revision)
{
        fake_srat_begin(t, revision);
        fake_srat_cpu(t, 0x105, 0, true);
        fake_srat_cpu(t, 9, 1, false);
        fake_srat_memory(t, 7, 0x100000, 0x1000, ENABLED);
        fake_srat_x2apic(t, 0x12345, 0x1000, true);
        fake_srat_memory(t, 5, 0, 0xa0000, ENABLED | HOTPLUG);
        fake_srat_memory(t, 6, 0x5000, 0, ENABLED);
        fake_srat_memory(t, 8, 0x9000, 0x1000, 0);
        fake_srat_memory(t, 5, UINT64_MAX - 0xfff, 0x2000, ENABLED);
        fake_srat_end(t);
}

static void test_entries(void **state)
{
        (void)state;
        struct fake_srat t;
        struct mpart_error e = MPART_ERROR_INIT;
        _cleanup_(srat_free) struct srat s = { 0 };
        make_table(&t, 2);
        assert_int_equal(srat_parse(t.data, t.size, &s, &e), 0);

        assert_int_equal(s.n_cpus, 2);
        assert_int_equal(s.cpus[0].domain, 0x105);
        assert_int_equal(s.cpus[1].apic_id, 0x1000);
        assert_int_equal(s.cpus[1].domain, 0x12345);

        assert_int_equal(s.n_memory, 3);
        assert_int_equal(s.memory[0].domain, 7);
        assert_int_equal(s.memory[0].start, 0x100000);
        assert_false(s.memory[0].hotplug);
        assert_true(s.memory[1].hotplug);
        assert_true(s.memory[2].start + s.memory[2].size > s.memory[2].start); /* does not wrap */

        /* Linux numbers nodes by CPUs first, and counts the empty entry too. */
        static const uint32_t order[] = { 0x105, 0x12345, 7, 5, 6 };
        assert_int_equal(s.n_domains, ARRAY_SIZE(order));
        assert_memory_equal(s.domains, order, sizeof(order));
}

static void test_old_revision_has_short_domains(void **state)
{
        (void)state;
        struct fake_srat t;
        _cleanup_(srat_free) struct srat s = { 0 };
        make_table(&t, 1);
        assert_int_equal(srat_parse(t.data, t.size, &s, NULL), 0);
        assert_int_equal(s.cpus[0].domain, 5);
}

static void refuse(struct fake_srat *t, size_t size, const char *says)
{
        struct mpart_error e = MPART_ERROR_INIT;
        struct srat s = { 0 };
        assert_int_equal(srat_parse(t->data, size, &s, &e), -EBADMSG);
        assert_non_null(strstr(e.text, says));
        assert_null(s.domains);
}

static void test_refused(void **state)
{
        (void)state;
        struct fake_srat t;
        make_table(&t, 2);
        refuse(&t, 0, "begin");
        refuse(&t, t.size - 1, "length field");
        t.data[60] ^= 1;
        refuse(&t, t.size, "checksum");

        make_table(&t, 2);
        t.data[49] = 0; /* an entry of no length */
        fake_srat_end(&t);
        refuse(&t, t.size, "offset 48");

        make_table(&t, 2);
        t.data[49] = 12; /* shorter than its type */
        fake_srat_end(&t);
        refuse(&t, t.size, "instead of 16");

        make_table(&t, 2);
        t.size -= 8; /* the last entry reaches behind the end */
        fake_srat_end(&t);
        refuse(&t, t.size, "does not fit");
}

/* Each parse gets a block of exactly its size, so that the sanitizer sees the first byte too many. */
static void parse_copy(const unsigned char *data, size_t size)
{
        unsigned char *copy = malloc(size ? size : 1);
        assert_non_null(copy);
        memcpy(copy, data, size);
        struct srat s = { 0 };
        if (srat_parse(copy, size, &s, NULL) == 0) {
                for (size_t i = 0; i < s.n_memory; i++)
                        assert_true(s.memory[i].size > 0);
                assert_true(s.n_domains <= s.n_cpus + size / 32);
        }
        srat_free(&s);
        free(copy);
}

static void set_sum(unsigned char *data, size_t size)
{
        unsigned char sum = 0;
        data[9] = 0;
        for (size_t i = 0; i < size; i++)
                sum = (unsigned char)(sum + data[i]);
        data[9] = (unsigned char)-sum;
}

/* Every truncation, and every single flipped bit behind a right checksum. */
static void mutilate(unsigned char *data, size_t size)
{
        for (size_t n = 0; n <= size; n++) {
                parse_copy(data, n);
                if (n < 48)
                        continue;
                unsigned char head[10];
                memcpy(head, data, sizeof(head));
                for (unsigned i = 0; i < 4; i++)
                        data[4 + i] = (unsigned char)(n >> (8 * i));
                set_sum(data, n);
                parse_copy(data, n);
                memcpy(data, head, sizeof(head));
        }
        for (size_t bit = 0; bit < size * 8; bit++) {
                data[bit / 8] ^= (unsigned char)(1 << bit % 8);
                set_sum(data, size);
                parse_copy(data, size);
                data[bit / 8] ^= (unsigned char)(1 << bit % 8);
        }
        set_sum(data, size);
}

static void test_mutilated(void **state)
{
        (void)state;
        struct fake_srat t;
        make_table(&t, 2);
        mutilate(t.data, t.size);
}

static void check_captured(const char *directory, const char *name)
{
        char path[512];
        _cleanup_free_ char *data = NULL;
        _cleanup_(srat_free) struct srat s = { 0 };
        struct mpart_error e = MPART_ERROR_INIT;
        size_t size;
        snprintf(path, sizeof(path), "%s/%s/SRAT", directory, name);
        assert_int_equal(read_file_at(AT_FDCWD, path, 0, &data, &size), 0);
        assert_int_equal(srat_parse(data, size, &s, &e), 0);
        assert_true(s.n_cpus > 0 && s.n_memory > 0 && s.n_domains > 0);
        size = MIN(size, (size_t)1024); /* the rest repeats */
        for (unsigned i = 0; i < 4; i++)
                data[4 + i] = (char)(size >> (8 * i));
        mutilate((unsigned char *)data, size);
}

static void test_captured(void **state)
{
        (void)state;
        char directory[256];
        if (!corpus_path("srat", directory, sizeof(directory)))
                skip();
        char **names = NULL;
        size_t n = 0;
        assert_int_equal(list_directory_at(AT_FDCWD, directory, &names, &n), 0);
        assert_true(n > 0);
        for (size_t i = 0; i < n; i++)
                check_captured(directory, names[i]);
        free_names(names, n);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_entries),
                cmocka_unit_test(test_old_revision_has_short_domains),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_mutilated),
                cmocka_unit_test(test_captured),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
