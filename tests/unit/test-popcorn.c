/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The popcorn dialect against command lines of real machines. */
#include "plan-helpers.h"

#define FRONT                                                                                               \
        "earlyprintk=ttyS0,115200 console=ttyS0,115200 acpi_irq_nobalance no_ipi_broadcast=1 "              \
        "lapic_timer=1000000 "

static char *line_of(const struct mpart_plan *plan, unsigned id, const struct mpart_machine *m,
                const struct mpart_popcorn_options *options)
{
        char *line = NULL;
        struct mpart_error e = MPART_ERROR_INIT;
        if (mpart_cmdline_popcorn(plan, id, m, options, &line, &e) < 0)
                fail_msg("%s", e.text);
        return line;
}

/* 8 nodes of 8 CPUs, 128 GiB, distances 16 and 22. The hole between node 0 and node 1 is as large as the
 * hole for devices below 4 GiB was, so that memory ends where it did. */
#define SLIDE_DISTANCES                                                                                     \
        "distance 10 16 16 22 16 22 16 22\ndistance 16 10 22 16 16 22 22 16\n"                              \
        "distance 16 22 10 16 16 16 16 16\ndistance 22 16 16 10 16 16 22 22\n"                              \
        "distance 16 16 16 16 10 16 16 22\ndistance 22 22 16 16 16 10 22 16\n"                              \
        "distance 16 22 16 22 16 22 10 16\ndistance 22 16 16 22 22 16 16 10\n"
#define SLIDE_NODES_1_TO_7                                                                                  \
        "node 1 cpus 8-15 memory 16896M-33280M\nnode 2 cpus 16-23 memory 33280M-49664M\n"                   \
        "node 3 cpus 24-31 memory 49664M-66048M\nnode 4 cpus 32-39 memory 66048M-82432M\n"                  \
        "node 5 cpus 40-47 memory 82432M-98816M\nnode 6 cpus 48-55 memory 98816M-115200M\n"                 \
        "node 7 cpus 56-63 memory 115200M-131568M\n"
#define SLIDE_PCI                                                                                           \
        "pci 0000:00:00.0 1002:5a11 060000\npci 0000:00:02.0 1002:5a16 060400\n"                            \
        "pci 0000:03:00.0 8086:10c9 020000\npci 0000:03:00.1 8086:10c9 020000\n"                            \
        "pci 0000:04:04.0 102b:0532 030000\npci 0000:20:00.0 1002:5a10 130000\n"                            \
        "pci 0001:00:11.0 1002:4390 010600\npci 0001:00:12.0 1002:4396 0c0320\n"                            \
        "pci 0001:00:12.1 1002:4397 0c0310\npci 0001:00:13.0 1002:4397 0c0310\n"                            \
        "pci 0001:00:14.0 1002:4398 0c0310\npci 0001:00:14.5 1002:4399 0c0310\n"

static uint64_t node_size(const struct mpart_plan *plan, size_t node)
{
        uint64_t total = 0;
        for (size_t i = 0; i < plan->nodes[node].n_memory; i++)
                total += plan->nodes[node].memory[i].size;
        return total;
}

static void test_slide(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m = build(
                        "node 0 cpus 0-7 memory 0-16254M,16257M-16384M\n" SLIDE_NODES_1_TO_7 SLIDE_DISTANCES
                                        SLIDE_PCI);
        struct mpart_policy policy = { .kind = MPART_POLICY_PER_CORE, .alignment = 128 * MiB };
        _cleanup_plan_ struct mpart_plan *plan = make_plan(m, &policy);
        const struct mpart_popcorn_options first_release = { .cap = 16 * MiB };
        _cleanup_free_ char *second = line_of(plan, 2, m, &first_release);
        _cleanup_free_ char *primary = line_of(plan, 0, m, &first_release);

        assert_int_equal(plan->n_kernels, 64);
        static const uint64_t sizes[] = { 16381, 16384, 16384, 16384, 16384, 16384, 16384, 16368 };
        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
                assert_int_equal(node_size(plan, i), sizes[i] * MiB);
                for (size_t j = 0; j < 8; j++) {
                        unsigned d = plan->nodes[i].distance[j];
                        assert_true(i == j ? d == 10 : d == 16 || d == 22);
                }
        }
        assert_string_equal(second, FRONT
                        "pci_dev_flags=0x8086:0x10c9:b,0x102b:0x0532:b,0x1002:0x5a10:b,0x1002:0x4390:b,"
                        "0x1002:0x4396:b,0x1002:0x4397:b,0x1002:0x4398:b,0x1002:0x4399:b "
                        "mklinux debug vty_offset=0x1fac000000 "
                        "present_mask=2 memmap=1920M@4608M memmap=4592M$16M mem=6528M");
        assert_string_equal(primary, FRONT
                        "mklinux debug vty_offset=0x1fac000000 present_mask=0 memmap=2688M@0M mem=2688M");
        assert_int_equal(plan->kernels[2].load, 4608 * MiB);
}

/* As printed: CPU 7 is missing from node 0. */
static void test_slide_as_printed(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m =
                        build("node 0 cpus 0-6 memory 0-16381M\n" SLIDE_NODES_1_TO_7 SLIDE_DISTANCES);
        _cleanup_plan_ struct mpart_plan *plan = make_plan_of_kind(m, MPART_POLICY_PER_NUMA);
        assert_int_equal(plan->n_kernels, 8);
        _cleanup_free_ char *primary = line_of(plan, 0, m, NULL), *last = line_of(plan, 7, m, NULL);
        assert_string_equal(primary, FRONT "mklinux debug vty_offset=0x1fac000000 present_mask=0-6 "
                                           "memmap=16381M@0M mem=16381M");
        assert_string_equal(last, FRONT "mklinux debug vty_offset=0x1fac000000 present_mask=56-63 "
                                        "memmap=16368M@115200M memmap=16380M$1M memmap=98304M$16896M "
                                        "mem=131568M");
        assert_string_equal(plan->kernels[7].cmdline_popcorn, last);
}

static void test_kvm(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m = build("node 0 cpus 0-1 memory " LOW ",1M-2G\n");
        _cleanup_plan_ struct mpart_plan *plan = make_plan_of_kind(m, MPART_POLICY_PER_CPU);
        assert_string_equal(plan->kernels[1].cmdline_popcorn,
                        FRONT "mklinux debug vty_offset=0xb0000000 present_mask=1 memmap=1024M@1024M "
                              "memmap=1023M$1M mem=2048M");
        assert_string_equal(plan->kernels[0].cmdline_popcorn, FRONT
                        "mklinux debug vty_offset=0xb0000000 present_mask=0 memmap=1024M@0M mem=1024M");
        assert_int_equal(plan->kernels[1].load, 0x40000000);
        const struct mpart_popcorn_options options = {
                .cap = MiB, .vty_offset = 0x60000000, .prefix = "quiet"
        };
        _cleanup_free_ char *line = line_of(plan, 1, m, &options);
        assert_string_equal(line, "quiet mklinux debug vty_offset=0x60000000 present_mask=1 "
                                  "memmap=1024M@1024M memmap=1023M$1M mem=2048M");
}

/* The hole below 4 GiB splits the terms. */
static void test_opteron(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m =
                        build("node 0 cpus 0-3 memory " LOW ",1M-3536M,4096M-16700M\n"
                              "node 1 cpus 4-63 memory 16896M-131584M\n");
        struct mpart_policy policy = { .kind = MPART_POLICY_PER_CPU, .alignment = 128 * MiB };
        _cleanup_plan_ struct mpart_plan *plan = make_plan(m, &policy);
        assert_string_equal(plan->kernels[1].cmdline_popcorn,
                        FRONT "mklinux debug vty_offset=0x1fac000000 present_mask=1 memmap=3968M@4736M "
                              "memmap=3535M$1M memmap=640M$4096M mem=8704M");
        assert_string_equal(plan->kernels[0].cmdline_popcorn,
                        FRONT "mklinux debug vty_offset=0x1fac000000 present_mask=0 memmap=3536M@0M "
                              "memmap=640M@4096M mem=4736M");
        assert_int_equal(plan->kernels[1].load, 0x128000000);
}

/* A hole in its own memory splits the first term, another's memory between its ranges is left alone, and
 * what is no whole MiB is told in KiB. */
static void test_holes(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m = build("node 0 cpus 0 memory " LOW ",1M-2G\n"
                                                          "node 1 cpus 1,5-6 memory 4G-5G,6G-7G,9G-10G\n"
                                                          "node 2 cpus 2 memory 0x1e0001000-8G\n");
        _cleanup_plan_ struct mpart_plan *plan = make_plan_of_kind(m, MPART_POLICY_PER_NUMA);
        assert_string_equal(plan->kernels[1].cmdline_popcorn, FRONT
                        "mklinux debug vty_offset=0x20c000000 present_mask=1,5-6 memmap=1024M@4096M "
                        "memmap=1024M@6144M memmap=1024M@9216M memmap=2047M$1M memmap=524284K$7864324K "
                        "mem=10240M");
        /* The rest of node 2 that alignment leaves to the primary is above others' memory: not named. */
        assert_string_equal(plan->kernels[0].cmdline_popcorn, FRONT
                        "mklinux debug vty_offset=0x20c000000 present_mask=0 memmap=2048M@0M mem=2048M");
}

/* Functions with equal ids where one is the kernel's own: told apart by slot, or refused. */
static void test_pci_twins(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m = build(TWO_NODES "pci 0000:01:00.0 8086:10c9 020000\n"
                                                                    "pci 0000:01:00.1 8086:10c9 020000\n"
                                                                    "pci 0000:02:00.1 8086:10c9 020000\n"
                                                                    "pci 0000:03:1f.0 8086:10ca 020000\n"
                                                                    "pci 0000:05:00.0 8086:10c9 020000\n");
        _cleanup_plan_ struct mpart_plan *plan = make_plan_of_kind(m, MPART_POLICY_PER_NUMA);
        struct mpart_plan_kernel *k = &plan->kernels[1];
        free(k->pci);
        k->pci = calloc(1, sizeof(char *));
        k->pci[0] = strdup("0000:05:00.0");
        k->n_pci = 1;

        char *line = NULL;
        struct mpart_error e = MPART_ERROR_INIT;
        assert_int_equal(mpart_cmdline_popcorn(plan, 1, m, NULL, &line, &e), -ENOTUNIQ);
        assert_non_null(strstr(e.text, "0000:01:00.0"));
        m->pci[0].device = 0x10cb;
        _cleanup_free_ char *told = line_of(plan, 1, m, NULL);
        assert_non_null(strstr(
                        told, " pci_dev_flags=0x8086:0x10cb:b,0x8086:0x10c9:0.1:b,0x8086:0x10ca:b mklinux"));

        _cleanup_free_ char *linux_line = NULL;
        assert_int_equal(mpart_cmdline_linux(plan, 1, m, &linux_line, NULL), 0);
        assert_non_null(strstr(linux_line, "pci=lastbus=0,noearly"));
}

static void test_read_back(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m = build(TWO_NODES);
        _cleanup_plan_ struct mpart_plan *plan = make_plan_of_kind(m, MPART_POLICY_PER_NUMA);
        _cleanup_(mpart_cmdline_free) struct mpart_cmdline c = { 0 };
        assert_int_equal(mpart_cmdline_parse(plan->kernels[1].cmdline_popcorn, &c, NULL), 0);
        assert_true(mpart_cpuset_equal(&c.present, &plan->kernels[1].cpus));
        assert_int_equal(c.usable.n, 1);
        assert_int_equal(c.usable.items[0].start, 5 * GiB);
        assert_int_equal(c.usable.items[0].size, 4 * GiB);
        assert_int_equal(c.mem, 9 * GiB);
        assert_true(mpart_cpuset_has(&c.consoles, 0));
}

/* A line that no kernel takes whole is left out of the plan with a note; asked for, it is an error. */
static void test_too_long(void **state)
{
        (void)state;
        char text[8192];
        int n = snprintf(text, sizeof(text), "node 0 cpus 0 memory " LOW ",1M-1G");
        for (unsigned i = 0; i < 130; i++)
                n += snprintf(text + n, sizeof(text) - (size_t)n, ",%uM-%uM", 2048 + 8 * i,
                                2048 + 8 * i + 1);
        snprintf(text + n, sizeof(text) - (size_t)n, "\nnode 1 cpus 1 memory 4G-5G\n");
        _cleanup_machine_ struct mpart_machine *m = build(text);
        _cleanup_plan_ struct mpart_plan *plan = make_plan_of_kind(m, MPART_POLICY_PER_NUMA);
        assert_string_equal(plan->kernels[1].cmdline_popcorn, "");
        assert_true(has_note(plan, "popcorn dialect"));
        char *line = NULL;
        assert_int_equal(mpart_cmdline_popcorn(plan, 1, m, NULL, &line, NULL), -E2BIG);
        assert_int_equal(mpart_cmdline_popcorn(plan, 2, m, NULL, &line, NULL), -EINVAL);
        assert_null(line);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_slide),
                cmocka_unit_test(test_slide_as_printed),
                cmocka_unit_test(test_kvm),
                cmocka_unit_test(test_opteron),
                cmocka_unit_test(test_holes),
                cmocka_unit_test(test_pci_twins),
                cmocka_unit_test(test_read_back),
                cmocka_unit_test(test_too_long),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
