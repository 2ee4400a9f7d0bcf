/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <sys/types.h>

#include <sha2.h>

#include "plan-helpers.h"

#define TERMS "memmap=128K$0x70000 memmap=4G$0x140000000"

/* The marker, made here anew from its definition. */
static const char *marker_of(const char *terms)
{
        static char hex[SHA256_DIGEST_STRING_LENGTH];
        SHA256Data((const uint8_t *)terms, strlen(terms), hex);
        hex[16] = 0;
        return hex;
}

static char *ours(const char *terms, const char *rest)
{
        char *line = NULL;
        assert_true(asprintf(&line, "mpart.plan=%s %s%s", marker_of(terms), terms, rest) >= 0);
        return line;
}

static struct mpart_plan *plan_for(const char *machine)
{
        _cleanup_machine_ struct mpart_machine *m = build(machine);
        return make_plan_of_kind(m, MPART_POLICY_PER_NUMA);
}

static void test_primary(void **state)
{
        (void)state;
        _cleanup_free_ char *xapic = ours(TERMS, " iomem=relaxed"), *x2apic = ours(TERMS, "");
        _cleanup_plan_ struct mpart_plan *a = plan_for(TWO_NODES), *b = plan_for(TWO_NODES "apic x2apic\n"),
                                         *c = plan_for(TWO_NODES "apic xapic\n");
        assert_string_equal(a->kernels[0].cmdline_linux, xapic);
        assert_string_equal(b->kernels[0].cmdline_linux, x2apic);
        assert_string_equal(c->kernels[0].cmdline_linux, xapic);
}

/* Neighbours that touch make one term; sizes take the largest unit that is exact. */
static void test_runs(void **state)
{
        (void)state;
        _cleanup_plan_ struct mpart_plan *plan = plan_for("node 0 cpus 0 memory " LOW ",1M-2G\n"
                                                          "node 1 cpus 1 memory 4G-6G\n"
                                                          "node 2 cpus 2 memory 6G-8194M\n"
                                                          "node 3 cpus 3 memory 9G-10G\napic x2apic\n");
        _cleanup_free_ char *line =
                        ours("memmap=384K$0x30000 memmap=4098M$0x100000000 memmap=1G$0x240000000", "");
        assert_string_equal(plan->kernels[0].cmdline_linux, line);
}

static void test_secondary(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m =
                        build("node 0 cpus 0-5 memory " LOW ",1M-4G\nuarts 0-3\nconsoles 0,2\n");
        _cleanup_plan_ struct mpart_plan *plan = make_plan_of_kind(m, MPART_POLICY_PER_CPU);
        const char *base = "no_ipi_broadcast=1 panic=0 reboot=acpi pci=off "
                           "reserve=0x3f8,8,0x2f8,8,0x3e8,8,0x2e8,8";
        assert_string_equal(plan->kernels[1].cmdline_linux,
                        "no_ipi_broadcast=1 panic=0 reboot=acpi pci=off "
                        "reserve=0x3f8,8,0x3e8,8,0x2e8,8 console=ttyS1,115200");
        assert_string_equal(plan->kernels[2].cmdline_linux,
                        "no_ipi_broadcast=1 panic=0 reboot=acpi pci=off "
                        "reserve=0x3f8,8,0x2f8,8,0x3e8,8 console=ttyS3,115200");
        assert_string_equal(plan->kernels[3].cmdline_linux, base);
        assert_string_equal(plan->kernels[5].cmdline_linux, base);

        char *line = NULL;
        assert_int_equal(mpart_cmdline_linux(plan, 6, m, &line, NULL), -EINVAL);
        assert_int_equal(mpart_cmdline_linux(plan, 1, NULL, &line, NULL), 0);
        assert_string_equal(line, base);
        free(line);
}

/* Twenty-odd fragments per node make a line that no kernel takes whole. */
static void test_too_long(void **state)
{
        (void)state;
        char text[8192];
        int n = snprintf(text, sizeof(text),
                        "node 0 cpus 0 memory " LOW ",1M-1G\nnode 1 cpus 1 memory 4G-5G");
        for (unsigned i = 0; i < 100; i++)
                n += snprintf(text + n, sizeof(text) - (size_t)n, ",%uM-%uM", 8192 + 8 * i,
                                8192 + 8 * i + 2);
        snprintf(text + n, sizeof(text) - (size_t)n, "\n");
        _cleanup_machine_ struct mpart_machine *m = build(text);
        struct mpart_plan *plan = NULL;
        struct mpart_error e = MPART_ERROR_INIT;
        assert_int_equal(mpart_plan_make(m, &(struct mpart_policy){ 0 }, &plan, &e), -E2BIG);
        assert_non_null(strstr(e.text, "primary"));

        struct mpart_policy coarse = { .alignment = 4 * MiB };
        _cleanup_plan_ struct mpart_plan *fits = make_plan(m, &coarse);
        assert_int_equal(fits->kernels[1].n_memory, 1);
}

static void assert_for_primary(const struct mpart_plan *plan, const char *running, const char *wanted)
{
        _cleanup_free_ char *line = NULL;
        assert_int_equal(mpart_cmdline_for_primary(running, plan, &line, NULL), 0);
        assert_string_equal(line, wanted);
}

static void test_for_primary(void **state)
{
        (void)state;
        _cleanup_plan_ struct mpart_plan *plan = plan_for(TWO_NODES "apic x2apic\n");
        _cleanup_plan_ struct mpart_plan *relaxed = plan_for(TWO_NODES);
        const char *new = plan->kernels[0].cmdline_linux;
        _cleanup_free_ char *old = ours("memmap=64K$0x10000 memmap=1G$0x80000000", " iomem=relaxed");
        char running[1024], wanted[1024];

        assert_for_primary(plan, "", new);
        snprintf(wanted, sizeof(wanted), "root=/dev/sda1 quiet %s", new);
        assert_for_primary(plan, "BOOT_IMAGE=/vmlinuz  root=/dev/sda1 initrd=\\initrd quiet\n", wanted);

        /* In the place of the old terms; another user's term directly behind them stays. */
        snprintf(running, sizeof(running), "root=UUID=1 %s quiet", old);
        snprintf(wanted, sizeof(wanted), "root=UUID=1 %s quiet", new);
        assert_for_primary(plan, running, wanted);
        _cleanup_free_ char *bare = ours("memmap=64K$0x10000", "");
        snprintf(running, sizeof(running), "a %s memmap=1G$9G iomem=relaxed", bare);
        snprintf(wanted, sizeof(wanted), "a %s memmap=1G$9G iomem=relaxed", new);
        assert_for_primary(plan, running, wanted);

        /* Two earlier plans: both go, ours comes once; a marker edited by hand goes alone. */
        snprintf(running, sizeof(running), "%s x %s", old, bare);
        snprintf(wanted, sizeof(wanted), "%s x", new);
        assert_for_primary(plan, running, wanted);
        snprintf(wanted, sizeof(wanted), "%s memmap=1G$1G y", new);
        assert_for_primary(plan, "mpart.plan=0123456789abcdef memmap=1G$1G y", wanted);

        /* Quotes, and what is for init. */
        snprintf(wanted, sizeof(wanted), "dyndbg=\"file a b\" %s -- BOOT_IMAGE=x", new);
        assert_for_primary(plan, "dyndbg=\"file a b\" -- BOOT_IMAGE=x", wanted);

        /* Once more on its own result changes nothing. */
        snprintf(wanted, sizeof(wanted), "ro %s quiet", relaxed->kernels[0].cmdline_linux);
        assert_for_primary(relaxed, wanted, wanted);
}

static void test_for_primary_too_long(void **state)
{
        (void)state;
        _cleanup_plan_ struct mpart_plan *plan = plan_for(TWO_NODES);
        size_t own = strlen(plan->kernels[0].cmdline_linux);
        char running[MPART_COMMAND_LINE_MAX + 1];
        char *line = NULL;
        struct mpart_error e = MPART_ERROR_INIT;

        memset(running, 'x', sizeof(running));
        running[MPART_COMMAND_LINE_MAX - own] = 0;
        assert_int_equal(mpart_cmdline_for_primary(running, plan, &line, &e), -E2BIG);
        assert_null(line);
        running[MPART_COMMAND_LINE_MAX - own - 1] = 0;
        assert_int_equal(mpart_cmdline_for_primary(running, plan, &line, &e), 0);
        assert_int_equal(strlen(line), MPART_COMMAND_LINE_MAX);
        free(line);
}

#define _cleanup_line_ _cleanup_(mpart_cmdline_free)

static void test_parse(void **state)
{
        (void)state;
        _cleanup_free_ char *mine = ours(TERMS, " memmap=1M$1G,2M!3G iomem=relaxed");
        _cleanup_free_ char *line = NULL;
        assert_true(asprintf(&line,
                                    "ro \"a b\"=c %s console=tty0 console=ttyS2,115200 mem=0x80000000 "
                                    "memmap=1G@2G memmap=exactmap memmap=64K#0x1000 memmap=4K%%1G-1+2 "
                                    "mem=nopentium present_mask=1,4-5 -- mem=5x console=ttyS9",
                                    mine) >= 0);
        _cleanup_line_ struct mpart_cmdline c = { 0 };
        struct mpart_error e = MPART_ERROR_INIT;
        if (mpart_cmdline_parse(line, &c, &e) < 0)
                fail_msg("%s", e.text);
        assert_true(c.has_marker);
        assert_string_equal(c.marker, marker_of(TERMS));
        assert_int_equal(c.reserved.n, 2);
        assert_int_equal(c.reserved.items[1].start, 5 * GiB);
        assert_int_equal(c.foreign.n, 2);
        assert_int_equal(c.foreign.items[0].start, GiB);
        assert_int_equal(c.foreign.items[1].size, 2 * MiB);
        assert_int_equal(c.usable.n, 1);
        assert_int_equal(c.usable.items[0].start, 2 * GiB);
        assert_int_equal(c.mem, 2 * GiB);
        assert_true(c.iomem_relaxed);
        assert_int_equal(mpart_cpuset_count(&c.present), 3);
        assert_int_equal(mpart_cpuset_count(&c.consoles), 1);
        assert_true(mpart_cpuset_has(&c.consoles, 2));
        assert_string_equal(c.words[1], "a b=c");
        assert_string_equal(c.words[c.n_words - 1], "console=ttyS9");

        /* The result of an earlier reading is freed. */
        assert_int_equal(mpart_cmdline_parse("memmap=1G$4G memmap=2G", &c, NULL), 0);
        assert_false(c.has_marker);
        assert_string_equal(c.marker, "");
        assert_int_equal(c.reserved.n, 1);
        assert_int_equal(c.foreign.n, 1);
        assert_int_equal(c.mem, 2 * GiB);
        assert_int_equal(c.n_words, 2);
}

/* A marker that does not agree makes nothing ours. */
static void test_false_marker(void **state)
{
        (void)state;
        static const char *const lines[] = {
                "mpart.plan=0123456789abcdef " TERMS,
                "mpart.plan=0123456789abcde " TERMS,
                "mpart.plan= " TERMS,
                "mpart.plan=0123456789abcdef x " TERMS,
                "mpart.plan " TERMS,
        };
        for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
                _cleanup_line_ struct mpart_cmdline c = { 0 };
                assert_int_equal(mpart_cmdline_parse(lines[i], &c, NULL), 0);
                assert_false(c.has_marker);
                assert_int_equal(c.foreign.n, 2);
        }
        /* One digit of a term changed. */
        _cleanup_free_ char *mine = ours(TERMS, "");
        mine[strlen(mine) - 1] = '1';
        _cleanup_line_ struct mpart_cmdline c = { 0 };
        assert_int_equal(mpart_cmdline_parse(mine, &c, NULL), 0);
        assert_true(c.has_marker == false || c.reserved.n == 1);
        assert_int_equal(c.foreign.n, 2);
}

static void test_unreadable_words(void **state)
{
        (void)state;
        static const char *const words[] = { "memmap=x", "memmap=1G$", "memmap=1G$2Gx", "memmap=1Q@2",
                "mem=", "mem=1Gx", "mem=-1", "memmap=99999999999E$0", "memmap=16E$0",
                "memmap=8E$0xffffffffffffffff", "present_mask=3-1", "console=ttyS1x", "console=ttyS99999999",
                "memmap=1G$1G,,2G$2G", "memmap=18446744073709551616$0" };
        for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
                char line[256];
                snprintf(line, sizeof(line), "quiet %s ro", words[i]);
                struct mpart_cmdline c = { 0 };
                struct mpart_error e = MPART_ERROR_INIT;
                int r = mpart_cmdline_parse(line, &c, &e);
                if (r != -EINVAL || !strstr(e.text, words[i]))
                        fail_msg("%s: %d \"%s\"", words[i], r, e.text);
                assert_null(c.words);
        }
}

/* Our lines read back are the plan. */
static void test_read_back(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m = build(TWO_NODES "uarts 0-1\nconsoles 0\n");
        _cleanup_plan_ struct mpart_plan *plan = make_plan_of_kind(m, MPART_POLICY_PER_CORE);
        _cleanup_line_ struct mpart_cmdline c = { 0 };
        assert_int_equal(mpart_cmdline_parse(plan->kernels[0].cmdline_linux, &c, NULL), 0);
        assert_true(c.has_marker);
        assert_true(c.iomem_relaxed);
        assert_int_equal(c.foreign.n, 0);
        for (size_t i = 1; i < plan->n_kernels; i++) {
                const struct mpart_plan_kernel *k = &plan->kernels[i];
                assert_true(mpart_ranges_contains(&c.reserved, k->low_memory.start, k->low_memory.size));
                for (size_t j = 0; j < k->n_memory; j++)
                        assert_true(mpart_ranges_contains(
                                        &c.reserved, k->memory[j].start, k->memory[j].size));
        }
        for (size_t j = 0; j < plan->kernels[0].n_memory; j++)
                assert_false(mpart_ranges_intersects(&c.reserved, plan->kernels[0].memory[j].start,
                                plan->kernels[0].memory[j].size));
        assert_int_equal(mpart_cmdline_parse(plan->kernels[1].cmdline_linux, &c, NULL), 0);
        assert_true(mpart_cpuset_has(&c.consoles, 1));
}

static void test_grub(void **state)
{
        (void)state;
        _cleanup_plan_ struct mpart_plan *plan = plan_for(TWO_NODES "apic x2apic\n");
        _cleanup_free_ char *text = NULL;
        assert_int_equal(mpart_grub_dropin(plan, &text, NULL), 0);
        assert_non_null(strstr(text, " memmap=128K\\\\\\$0x70000 memmap=4G\\\\\\$0x140000000\""));

        /* The file is run by root: nothing from a document may be more than text. */
        static const char *const bad[] = { "a`reboot`", "a$(b)", "a\"b", "a;b", "a\\b", "a'b", "a&b",
                "a\nb" };
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                char *none = NULL;
                free(plan->kernels[0].cmdline_linux);
                plan->kernels[0].cmdline_linux = strdup(bad[i]);
                assert_int_equal(mpart_grub_dropin(plan, &none, NULL), -EINVAL);
                assert_null(none);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_primary),
                cmocka_unit_test(test_runs),
                cmocka_unit_test(test_secondary),
                cmocka_unit_test(test_too_long),
                cmocka_unit_test(test_for_primary),
                cmocka_unit_test(test_for_primary_too_long),
                cmocka_unit_test(test_parse),
                cmocka_unit_test(test_false_marker),
                cmocka_unit_test(test_unreadable_words),
                cmocka_unit_test(test_read_back),
                cmocka_unit_test(test_grub),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
