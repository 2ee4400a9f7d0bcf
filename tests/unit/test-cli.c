/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mpartctl without a machine and without a bus: its command table, its parser, its texts. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "kexec.h"
#include "macros.h"
#include "options.h"
#include "output.h"
#include "scratch.h"

#define MAX_WORDS 8

/* Parses `line`, cut at spaces, as the command line of its first word. The result borrows from `buffer`. */
static int parse(const char *line, char buffer[256], char *words[MAX_WORDS], struct invocation *ret,
                struct mpart_error *e)
{
        snprintf(buffer, 256, "%s", line);
        int n = 0;
        for (char *save, *word = strtok_r(buffer, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
                assert_true(n < MAX_WORDS - 1);
                words[n++] = word;
        }
        words[n] = NULL;
        const struct verb *verb = verb_find(words[0]);
        assert_non_null(verb);
        invocation_free(ret);
        return options_parse(verb, n, words, ret, e);
}

static void test_options(void **state)
{
        (void)state;
        char buffer[256], *words[MAX_WORDS];
        _cleanup_(invocation_free) struct invocation c = { 0 };
        assert_int_equal(parse("plan --per-core -j -o out.json --root=/r", buffer, words, &c, NULL), 0);
        assert_true(option_given(&c, OPTION_PER_CORE));
        assert_true(option_given(&c, OPTION_JSON));
        assert_false(option_given(&c, OPTION_SAVE));
        assert_string_equal(c.value[OPTION_OUTPUT], "out.json");
        assert_string_equal(c.value[OPTION_ROOT], "/r");
        assert_int_equal(c.n_operands, 0);

        /* One letter, two options. */
        assert_int_equal(parse("log -n 5 -f 3", buffer, words, &c, NULL), 0);
        assert_string_equal(c.value[OPTION_LINES], "5");
        assert_false(option_given(&c, OPTION_DRY_RUN));
        assert_int_equal(parse("apply -n", buffer, words, &c, NULL), 0);
        assert_true(option_given(&c, OPTION_DRY_RUN));
        assert_false(option_given(&c, OPTION_LINES));

        assert_int_equal(parse("boot kernel 3 --no-wait", buffer, words, &c, NULL), 0);
        assert_true(option_given(&c, OPTION_NO_WAIT));
        assert_int_equal(c.n_operands, 2);
        assert_string_equal(c.operands[1], "3");
}

static void test_usage_errors(void **state)
{
        (void)state;
        static const struct {
                const char *line, *text;
        } bad[] = {
                { "plan --nothing", "plan: unknown option --nothing" },
                { "plan -z", "plan: unknown option -z" },
                { "plan --root", "plan: --root needs an argument" },
                { "plan --json=yes", "plan: --json takes no argument" },
                { "plan --root a --root b", "--root is given twice" },
                { "plan 3", "plan: \"3\" is too much" },
                { "list --per-numa", "list: unknown option --per-numa" },
                { "export", "export: grub|plan|cmdline is missing" },
                { "boot kernel 3 4", "boot: \"4\" is too much" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                char buffer[256], *words[MAX_WORDS];
                _cleanup_(invocation_free) struct invocation c = { 0 };
                struct mpart_error e = MPART_ERROR_INIT;
                assert_int_equal(parse(bad[i].line, buffer, words, &c, &e), CLI_USAGE);
                assert_string_equal(e.text, bad[i].text);
        }
}

static void test_help_overrides_missing_operands(void **state)
{
        (void)state;
        char buffer[256], *words[MAX_WORDS];
        _cleanup_(invocation_free) struct invocation c = { 0 };
        assert_int_equal(parse("boot --help", buffer, words, &c, NULL), 0);
        assert_true(option_given(&c, OPTION_HELP));
}

static void test_sizes(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                uint64_t size;
        } good[] = {
                { "0", 0 },
                { "4096", 4096 },
                { "0x1000", 4096 },
                { "2M", 2 * MiB },
                { "2m", 2 * MiB },
                { "3GiB", 3 * GiB },
                { "1T", 1024 * GiB },
                { "16777215T", UINT64_C(16777215) << 40 },
        };
        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                uint64_t size = 1;
                assert_int_equal(parse_size(good[i].text, &size), 0);
                assert_int_equal(size, good[i].size);
        }
        static const char *const bad[] = { "", "M", "-1", " 1", "1 M", "2MB", "2Mi", "1.5G", "16777216T",
                "2x", "99999999999999999999" };
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                uint64_t size = 77;
                assert_int_equal(parse_size(bad[i], &size), -EINVAL);
                assert_int_equal(size, 77);
        }
}

static void test_kernel_operands(void **state)
{
        (void)state;
        static const struct {
                const char *line;
                int result;
                bool all;
                unsigned id;
        } cases[] = {
                { "boot 3", 0, false, 3 },
                { "boot kernel 12", 0, false, 12 },
                { "stop all", 0, true, 0 },
                { "stop kernel all", 0, true, 0 },
                { "boot kernel", CLI_USAGE, false, 0 },
                { "boot 3 4", CLI_USAGE, false, 0 },
                { "boot three", CLI_USAGE, false, 0 },
                { "boot 3x", CLI_USAGE, false, 0 },
                { "boot -- -3", CLI_USAGE, false, 0 },
                { "boot 4294967296", CLI_USAGE, false, 0 },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char buffer[256], *words[MAX_WORDS];
                _cleanup_(invocation_free) struct invocation c = { 0 };
                assert_int_equal(parse(cases[i].line, buffer, words, &c, NULL), 0);
                unsigned id = 0;
                bool all = false;
                assert_int_equal(operand_kernel(&c, &id, &all, NULL), cases[i].result);
                assert_int_equal(all, cases[i].all);
                assert_int_equal(id, cases[i].id);
        }
        char buffer[256], *words[MAX_WORDS];
        _cleanup_(invocation_free) struct invocation c = { 0 };
        unsigned id;
        assert_int_equal(parse("status all", buffer, words, &c, NULL), 0);
        assert_int_equal(operand_kernel(&c, &id, NULL, NULL), CLI_USAGE); /* one kernel only */
}

/* What help and completion rely on. */
static void test_command_table(void **state)
{
        (void)state;
        for (size_t i = 0; i < n_verbs; i++) {
                const struct verb *verb = &verbs[i];
                assert_ptr_equal(verb_find(verb->name), verb); /* no name twice */
                assert_non_null(verb->run);
                assert_non_null(verb->help);
                assert_true(verb->min_operands <= verb->max_operands);
                assert_true(verb->max_operands == 0 || verb->operands);
                for (size_t j = 0; j < verb->n_options; j++) {
                        const struct verb_option *o = &verb->options[j];
                        assert_ptr_equal(verb_find_option(verb, o->id), o); /* no option twice */
                        assert_non_null(option_name(o->id));
                        assert_non_null(o->help);
                        for (size_t l = 0; l < j; l++) /* no letter twice in a verb */
                                assert_true(option_letter(o->id) == 0 ||
                                                option_letter(o->id) != option_letter(verb->options[l].id));
                }
        }
        assert_null(verb_find("nothing"));
}

static void test_texts(void **state)
{
        (void)state;
        assert_string_equal(size_text(0).text, "0 B");
        assert_string_equal(size_text(1023).text, "1023 B");
        assert_string_equal(size_text(2 * MiB).text, "2 MiB");
        assert_string_equal(size_text(GiB + GiB / 2).text, "1.50 GiB");
        assert_string_equal(size_text(UINT64_MAX).text, "16.00 EiB");

        _cleanup_free_ char *text = NULL;
        text_add_range(&text, MiB, MiB);
        text_add(&text, " %s", "and");
        assert_string_equal(text, "0x100000-0x1fffff and");
}

static void test_boot_files(void **state)
{
        (void)state;
        _cleanup_(scratch_remove) struct scratch s;
        scratch_make(&s);

        char *found = NULL;
        struct mpart_error e = MPART_ERROR_INIT;
        assert_int_equal(kexec_find_image(s.fd, "quiet", "6.1", &found, &e), -ENOENT);
        assert_non_null(strstr(e.text, "/boot/vmlinuz-6.1"));
        assert_int_equal(kexec_find_ramdisk(s.fd, "6.1", &found), 0);
        assert_null(found);

        scratch_write(&s, "boot/vmlinuz-6.1", "%s", "x");
        scratch_write(&s, "boot/other", "%s", "x");
        scratch_write(&s, "boot/initramfs-6.1.img", "%s", "x");
        static const struct {
                const char *line, *image;
        } cases[] = {
                { "quiet", "boot/vmlinuz-6.1" },
                { "BOOT_IMAGE=/boot/other quiet", "boot/other" },
                { "BOOT_IMAGE=/other quiet", "boot/other" }, /* /boot is a partition of its own */
                { "quiet BOOT_IMAGE=(hd0,gpt2)/other", "boot/other" },
                { "BOOT_IMAGE=/boot/gone quiet", "boot/vmlinuz-6.1" },
                { "BOOT_IMAGE= quiet", "boot/vmlinuz-6.1" },
                { "BOOT_IMAGE=/ quiet", "boot/vmlinuz-6.1" },
                { "MY_BOOT_IMAGE=/boot/other", "boot/vmlinuz-6.1" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_free_ char *image = NULL;
                assert_int_equal(kexec_find_image(s.fd, cases[i].line, "6.1", &image, NULL), 0);
                assert_string_equal(image, cases[i].image);
        }
        _cleanup_free_ char *ramdisk = NULL;
        assert_int_equal(kexec_find_ramdisk(s.fd, "6.1", &ramdisk), 0);
        assert_string_equal(ramdisk, "boot/initramfs-6.1.img");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_options),
                cmocka_unit_test(test_usage_errors),
                cmocka_unit_test(test_help_overrides_missing_operands),
                cmocka_unit_test(test_sizes),
                cmocka_unit_test(test_kernel_operands),
                cmocka_unit_test(test_command_table),
                cmocka_unit_test(test_texts),
                cmocka_unit_test(test_boot_files),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
