/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a program needs to start. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "elf-needs.h"
#include "fs.h"
#include "macros.h"

static void test_own_program(void **state)
{
        (void)state;
        _cleanup_free_ char *data = NULL;
        size_t size;
        assert_int_equal(read_file_at(AT_FDCWD, "/proc/self/exe", 0, &data, &size), 0);
        struct elf_needs needs = { 0 };
        assert_int_equal(elf_needs_read(data, size, &needs), 0);
        assert_true(needs.n >= 2);
        assert_int_equal(needs.names[0][0], '/');
        bool libc = false;
        for (size_t i = 1; i < needs.n; i++)
                libc |= streq(needs.names[i], "libc.so.6");
        assert_true(libc);
        elf_needs_free(&needs);
}

static void test_damaged(void **state)
{
        (void)state;
        _cleanup_free_ char *data = NULL;
        size_t size;
        assert_int_equal(read_file_at(AT_FDCWD, "/proc/self/exe", 0, &data, &size), 0);
        /* A damaged header names no place outside of the file. */
        for (size_t i = 16; i < 1024; i++) {
                char old = data[i];
                struct elf_needs n = { 0 };
                data[i] = (char)0xff;
                elf_needs_read(data, size, &n);
                elf_needs_free(&n);
                data[i] = old;
        }
        struct elf_needs none = { 0 };
        assert_int_equal(elf_needs_read("#!/bin/sh", 9, &none), 0);
        assert_int_equal(none.n, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_own_program),
                cmocka_unit_test(test_damaged),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
