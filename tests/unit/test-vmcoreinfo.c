/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "boot.h"
#include "macros.h"

#define PAGE 4096
#define TEXT                                                                                                \
        "OSRELEASE=6.1.0-1-test\nPAGESIZE=4096\nSYMBOL(_stext)=ffffffff81000000\nNUMBER(phys_base)=-4096\n" \
        "KERNELOFFSET=1c00000\nCRASHTIME=0"

static void put_note(uint8_t *at)
{
        const Elf64_Nhdr h = { .n_namesz = 11, .n_descsz = sizeof(TEXT) - 1, .n_type = 0 };
        memcpy(at, &h, sizeof(h));
        memcpy(at + 12, "VMCOREINFO\0", 12);
        memcpy(at + 24, TEXT, sizeof(TEXT) - 1);
}

static void test_find(void **state)
{
        (void)state;
        _cleanup_free_ uint8_t *memory = calloc(4, PAGE);
        assert_int_equal(mpart_vmcoreinfo_find(memory, 4 * PAGE), -1);
        put_note(memory + 2 * PAGE + 8); /* not at a page's start */
        assert_int_equal(mpart_vmcoreinfo_find(memory, 4 * PAGE), -1);
        put_note(memory + 2 * PAGE);
        assert_int_equal(mpart_vmcoreinfo_find(memory, 4 * PAGE), 2 * PAGE);
        put_note(memory);
        assert_int_equal(mpart_vmcoreinfo_find(memory, 4 * PAGE), 0);
        assert_int_equal(mpart_vmcoreinfo_find(memory, 0), -1);
}

static void test_damaged(void **state)
{
        (void)state;
        static const struct {
                size_t offset;
                uint8_t value;
        } damage[] = {
                { 0, 10 },   /* namesz */
                { 5, 0x40 }, /* descsz beyond a page */
                { 8, 1 },    /* type */
                { 12, 'v' }, /* name */
                { 22, '!' }, /* its NUL */
                { 24, 'o' }, /* text */
        };
        for (size_t i = 0; i < ARRAY_SIZE(damage); i++) {
                _cleanup_free_ uint8_t *memory = calloc(1, PAGE);
                put_note(memory);
                assert_int_equal(mpart_vmcoreinfo_find(memory, PAGE), 0);
                memory[damage[i].offset] = damage[i].value;
                assert_int_equal(mpart_vmcoreinfo_find(memory, PAGE), -1);
                assert_null(mpart_vmcoreinfo_get(memory, PAGE, "OSRELEASE"));
        }
}

/* Memory that ends within the note is no note, at whatever length. */
static void test_every_length(void **state)
{
        (void)state;
        uint8_t whole[PAGE] = { 0 };
        put_note(whole);
        for (size_t n = 0; n < 24 + sizeof(TEXT) - 1; n++) {
                _cleanup_free_ uint8_t *part = malloc(n ? n : 1);
                memcpy(part, whole, n);
                assert_int_equal(mpart_vmcoreinfo_find(part, n), -1);
                assert_null(mpart_vmcoreinfo_get(part, n, "OSRELEASE"));
        }
        assert_int_equal(mpart_vmcoreinfo_find(whole, 24 + sizeof(TEXT) - 1), 0);
}

static void check_value(const uint8_t *note, const char *key, const char *value)
{
        _cleanup_free_ char *got = mpart_vmcoreinfo_get(note, PAGE, key);
        if (!value)
                assert_null(got);
        else
                assert_string_equal(got, value);
}

static void test_get(void **state)
{
        (void)state;
        _cleanup_free_ uint8_t *note = calloc(1, PAGE);
        put_note(note);
        memset(note + 24 + sizeof(TEXT) - 1, 'X', 8); /* behind the note: not read */
        check_value(note, "OSRELEASE", "6.1.0-1-test");
        check_value(note, "SYMBOL(_stext)", "ffffffff81000000");
        check_value(note, "NUMBER(phys_base)", "-4096");
        check_value(note, "CRASHTIME", "0");
        check_value(note, "PAGE", NULL);
        check_value(note, "ELEASE", NULL);
        check_value(note, "", NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_find),
                cmocka_unit_test(test_damaged),
                cmocka_unit_test(test_every_length),
                cmocka_unit_test(test_get),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
