/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "cpuset.h"
#include "fs.h"
#include "json.h"
#include "macros.h"
#include "ranges.h"

static void check_list(const char *in, const char *out)
{
        _cleanup_cpuset_ struct mpart_cpuset s = { 0 };
        _cleanup_free_ char *text = NULL;
        assert_int_equal(mpart_cpuset_parse_list(in, &s), 0);
        assert_int_equal(mpart_cpuset_format_list(&s, &text), 0);
        assert_string_equal(text, out);
}

static void test_cpu_lists(void **state)
{
        (void)state;
        check_list("", "");
        check_list("\n", "");
        check_list("0-3,8\n", "0-3,8");
        check_list("8,1,0,2-3,63-64", "0-3,8,63-64");

        static const char *const bad[] = { "a", "1-", "3-1", "1,,2", "1,", "-1", "1 2", "99999999999" };
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                struct mpart_cpuset s = { 0 };
                assert_true(mpart_cpuset_parse_list(bad[i], &s) < 0);
                assert_null(s.words);
        }
}

static void test_cpu_masks(void **state)
{
        (void)state;
        static const struct {
                const char *mask, *list;
        } good[] = {
                { "f", "0-3" },
                { "00000000,00000020\n", "5" },
                { "3,00000000,80000000", "31,64-65" },
                { "", "" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                _cleanup_cpuset_ struct mpart_cpuset s = { 0 };
                _cleanup_free_ char *text = NULL;
                assert_int_equal(mpart_cpuset_parse_mask(good[i].mask, &s), 0);
                assert_int_equal(mpart_cpuset_format_list(&s, &text), 0);
                assert_string_equal(text, good[i].list);
        }
        struct mpart_cpuset s = { 0 };
        assert_int_equal(mpart_cpuset_parse_mask("0xf", &s), -EINVAL);
        assert_int_equal(mpart_cpuset_parse_mask("1,", &s), -EINVAL);
        assert_int_equal(mpart_cpuset_parse_mask(",1", &s), -EINVAL);
        assert_int_equal(mpart_cpuset_parse_mask("123456789", &s), -EINVAL);
}

/* The set algebra against a plain array of flags, one flag an address. */
enum { SPACE = 96 };

static void apply_to_flags(char *flags, unsigned start, unsigned size, char value)
{
        memset(flags + start, value, size);
}

static void check_against_flags(const struct mpart_ranges *s, const char *flags)
{
        uint64_t last_end = 0;
        for (size_t i = 0; i < s->n; i++) {
                assert_true(s->items[i].size > 0);
                assert_true(i == 0 || s->items[i].start > last_end);
                last_end = mpart_range_end(s->items[i]);
        }
        for (unsigned a = 0; a < SPACE; a++) {
                assert_int_equal(mpart_ranges_contains(s, a, 1), flags[a]);
                assert_int_equal(mpart_ranges_intersects(s, a, 1), flags[a]);
        }
}

static void test_ranges_algebra(void **state)
{
        (void)state;
        _cleanup_ranges_ struct mpart_ranges s = { 0 };
        char flags[SPACE] = { 0 };
        uint32_t seed = 12345;
        for (int i = 0; i < 20000; i++) {
                seed = seed * 1103515245U + 12345U;
                unsigned start = seed >> 8 & 63, size = seed >> 16 & 31;
                if (seed >> 24 & 1) {
                        assert_int_equal(mpart_ranges_add(&s, start, size), 0);
                        apply_to_flags(flags, start, size, 1);
                } else {
                        assert_int_equal(mpart_ranges_remove(&s, start, size), 0);
                        apply_to_flags(flags, start, size, 0);
                }
                check_against_flags(&s, flags);
        }
}

static void test_ranges_and(void **state)
{
        (void)state;
        _cleanup_ranges_ struct mpart_ranges a = { 0 }, b = { 0 };
        mpart_ranges_add(&a, 0, 10);
        mpart_ranges_add(&a, 20, 10);
        mpart_ranges_add(&b, 5, 20);
        assert_int_equal(mpart_ranges_and(&a, &b), 0);
        assert_int_equal(a.n, 2);
        assert_int_equal(a.items[0].start, 5);
        assert_int_equal(a.items[1].size, 5);
        assert_int_equal(mpart_ranges_total(&a), 10);
        assert_false(mpart_ranges_contains(&a, 5, 20));
}

static void test_ranges_edges(void **state)
{
        (void)state;
        _cleanup_ranges_ struct mpart_ranges s = { 0 };
        assert_int_equal(mpart_ranges_add(&s, UINT64_MAX, 2), -ERANGE);
        mpart_ranges_add(&s, 0x1000, 0x3ff000);
        mpart_ranges_align_inward(&s, 2 * MiB);
        assert_int_equal(s.n, 1);
        assert_int_equal(s.items[0].start, 2 * MiB);
        mpart_ranges_add(&s, UINT64_MAX - 100, 50);
        mpart_ranges_align_inward(&s, 2 * MiB);
        assert_int_equal(s.n, 1);
}

static int dispatch(const char *text, struct mpart_error *e)
{
        cJSON *o;
        int r = json_parse(text, &o, e);
        if (r < 0)
                return r;
        const char *name;
        uint64_t size = 0;
        const struct json_field fields[] = {
                { "name", JSON_STRING, true, &name },
                { "size", JSON_U64, false, &size },
        };
        r = json_dispatch(o, "thing", fields, ARRAY_SIZE(fields), e);
        cJSON_Delete(o);
        return r;
}

static void test_json_dispatch(void **state)
{
        (void)state;
        static const struct {
                const char *text, *want;
        } bad[] = {
                { "{", "line 1" },
                { "{}\n\nx", "line 3" },
                { "[]", "must be an object" },
                { "{}", "\"name\" is missing" },
                { "{\"name\":1}", "must be a string" },
                { "{\"name\":\"a\",\"name\":\"b\"}", "twice" },
                { "{\"name\":\"a\",\"other\":1}", "unknown field \"other\"" },
                { "{\"name\":\"a\",\"size\":1.5}", "whole number" },
                { "{\"name\":\"a\",\"size\":-1}", "whole number" },
        };
        struct mpart_error e = MPART_ERROR_INIT;
        assert_int_equal(dispatch("{\"name\":\"a\",\"size\":9007199254740992}", &e), 0);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                assert_int_equal(dispatch(bad[i].text, &e), -EINVAL);
                assert_non_null(strstr(e.text, bad[i].want));
        }
}

static void test_error_text(void **state)
{
        (void)state;
        struct mpart_error e = MPART_ERROR_INIT;
        char big[2000];
        memset(big, 'x', sizeof(big) - 1);
        big[sizeof(big) - 1] = 0;
        assert_int_equal(mpart_error_set(&e, -EIO, "%s", big), -EIO);
        assert_string_equal(e.text + sizeof(e.text) - 4, "...");
        mpart_error_set(&e, -EIO, "broken");
        assert_int_equal(mpart_error_prefix(&e, -EINVAL, "file %d", 3), -EIO);
        assert_string_equal(e.text, "file 3: broken");
        assert_int_equal(mpart_error_set(NULL, -EIO, "x"), -EIO);
}

static void test_files(void **state)
{
        (void)state;
        char directory[] = "/tmp/mpart-test-XXXXXX", path[64];
        assert_non_null(mkdtemp(directory));
        _cleanup_close_ int root = open_root(directory);
        snprintf(path, sizeof(path), "%s/f", directory);
        assert_int_equal(write_file_atomic(path, "12\n\0", 4, 0644), 0);

        int64_t value = 0;
        assert_int_equal(read_number_at(root, "f", 10, &value), 0);
        assert_int_equal(value, 12);
        char *text = NULL;
        assert_int_equal(read_file_at(root, "f", 3, &text, NULL), -EFBIG);
        assert_int_equal(read_file_at(root, "absent", 0, &text, NULL), -ENOENT);
        struct mpart_error e = MPART_ERROR_INIT;
        assert_int_equal(read_input_at(root, "absent", 0, &text, NULL, &e), -ENOENT);
        assert_string_equal(e.text, "absent cannot be read: No such file or directory");
        assert_int_equal(read_input_at(root, ".", 0, &text, NULL, &e), -EISDIR);
        assert_string_equal(e.text, ". cannot be read at byte 0: Is a directory");
        assert_null(text);

        char **names;
        size_t n;
        assert_int_equal(list_directory_at(root, ".", &names, &n), 0);
        assert_int_equal(n, 1);
        free_names(names, n);
        unlink(path);
        rmdir(directory);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_cpu_lists),
                cmocka_unit_test(test_cpu_masks),
                cmocka_unit_test(test_ranges_algebra),
                cmocka_unit_test(test_ranges_and),
                cmocka_unit_test(test_ranges_edges),
                cmocka_unit_test(test_json_dispatch),
                cmocka_unit_test(test_error_text),
                cmocka_unit_test(test_files),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
