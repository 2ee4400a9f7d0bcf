/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "library.h"

#define MISSING(X) X(function_of_a_missing_library)
LIBRARY(missing, "libmpart-missing.so.7", "libmpart-missing7", "a test", MISSING);

#define OLD(X) X(erf) X(function_of_a_newer_libm)
LIBRARY(old, "libm.so.6", "libc6", "a test of an old library", OLD);

#define PRESENT(X) X(lgamma) X(fma)
LIBRARY(present, "libm.so.6", "libc6", "a test", PRESENT);

static void test_missing(void **state)
{
        (void)state;
        struct mpart_error e = MPART_ERROR_INIT;
        assert_int_equal(library_load(&missing, &e), -EOPNOTSUPP);
        assert_non_null(strstr(e.text, "a test needs libmpart-missing.so.7"));
        assert_non_null(strstr(e.text, "libmpart-missing7"));
        assert_null(library_variable(&missing, "anything"));
}

/* Some functions are found: that does not make it a library that is loaded. */
static void test_old(void **state)
{
        (void)state;
        for (int i = 0; i < 2; i++) {
                struct mpart_error e = MPART_ERROR_INIT;
                assert_int_equal(library_load(&old, &e), -EOPNOTSUPP);
                assert_non_null(strstr(e.text, "newer libm.so.6"));
                assert_non_null(strstr(e.text, "function_of_a_newer_libm"));
        }
}

static void test_present(void **state)
{
        (void)state;
        volatile double two = 2, three = 3, half = -0.5;
        assert_null(library_address_fma);
        for (int i = 0; i < 2; i++) {
                assert_int_equal(library_load(&present, NULL), 0);
                assert_true(fma(two, three, 1) == 7);
        }
        int *sign = library_variable(&present, "signgam");
        assert_non_null(sign);
        assert_true(lgamma(half) > 1);
        assert_int_equal(*sign, -1);
        assert_null(library_variable(&present, "no_such_variable"));
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_missing),
                cmocka_unit_test(test_old),
                cmocka_unit_test(test_present),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
