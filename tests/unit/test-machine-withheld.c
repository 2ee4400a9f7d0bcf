/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machines of whose RAM the running kernel does not have all. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "cmdline-words.h"
#include "fake-machine.h"
#include "macros.h"

/* The machine started again with the terms of a plan, with all of node 1 given away, CPUs too. */
static void restart(struct fake_machine *f, char *line, size_t size, struct mpart_range *range)
{
        static const char terms[] = "memmap=1000M$1000M memmap=0x20000$0x70000";
        char digits[MARKER_DIGITS + 1];
        mpart_marker_make(terms, strlen(terms), digits);
        snprintf(line, size, "console=ttyS1,115200 console=tty0 mpart.plan=%s %s", digits, terms);
        range[0] = (struct mpart_range){ 0x70000, 0x20000 };
        range[1] = (struct mpart_range){ 1000 * MiB, 1000 * MiB };
        f->withheld = (struct mpart_ranges){ range, 2, 2 };
        f->cmdline = line;
}

static void test_restarted_with_our_terms(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *before = fake_machine_read(&fake_two_nodes);

        char line[256];
        struct mpart_range range[2];
        uint64_t offline = 0xf0; /* CPUs 4-7, all of node 1 */
        struct fake_machine f = fake_two_nodes;
        restart(&f, line, sizeof(line), range);
        f.offline = (struct mpart_cpuset){ &offline, 1 };
        _cleanup_machine_ struct mpart_machine *m = fake_machine_read(&f);

        assert_node_memory(m, &fake_two_nodes);
        assert_true(mpart_ranges_equal(&m->ram, &before->ram));
        assert_string_equal(m->digest, before->digest);
        assert_true(mpart_ranges_equal(&m->withheld_ours, &f.withheld));
        assert_int_equal(m->withheld.n, 0);
        assert_true(mpart_cpuset_has(&m->consoles, 1));
        assert_int_equal(mpart_cpuset_count(&m->consoles), 1);

        const struct mpart_cpu *cpu = mpart_machine_cpu(m, 6);
        assert_non_null(cpu);
        assert_false(cpu->online);
        assert_int_equal(cpu->node, 1);
        assert_true(cpu->apic_id == MPART_APIC_ID_UNKNOWN);
        assert_int_equal(mpart_cpuset_count(&cpu->siblings), 1);
        assert_true(mpart_cpuset_equal(&m->nodes[1].cpus, &before->nodes[1].cpus));
}

static void test_restarted_without_firmware_map(void **state)
{
        (void)state;
        struct fake_machine f = fake_two_nodes;
        f.no_firmware_map = true;
        _cleanup_machine_ struct mpart_machine *before = fake_machine_read(&f);
        char line[256];
        struct mpart_range range[2];
        restart(&f, line, sizeof(line), range);
        _cleanup_machine_ struct mpart_machine *m = fake_machine_read(&f);
        assert_node_memory(m, &f);
        assert_string_equal(m->digest, before->digest);
}

/* A node of memory alone has no directory any more once all of it is withheld. */
static void test_restarted_without_memory_node(void **state)
{
        (void)state;
        static const struct fake_memory memory[] = {
                { 0x1000, 0x9f000, 0 },
                { MiB, 2000 * MiB, 0 },
                { 4 * GiB, 6 * GiB, 1 },
                { 6 * GiB, 7 * GiB, 2 },
        };
        static const char terms[] = "memmap=1G$6G";
        struct fake_machine f = { .memory = memory,
                .n_memory = ARRAY_SIZE(memory),
                .n_nodes = 3,
                .n_memory_only = 1,
                .cpus_per_node = 2,
                .block_size = 128 * MiB };
        _cleanup_machine_ struct mpart_machine *before = fake_machine_read(&f);
        assert_int_equal(before->n_nodes, 3);

        char digits[MARKER_DIGITS + 1], line[128];
        struct mpart_range range = { 6 * GiB, GiB };
        mpart_marker_make(terms, strlen(terms), digits);
        snprintf(line, sizeof(line), "mpart.plan=%s %s", digits, terms);
        f.cmdline = line;
        f.withheld = (struct mpart_ranges){ &range, 1, 1 };
        _cleanup_machine_ struct mpart_machine *m = fake_machine_read(&f);
        assert_int_equal(m->n_nodes, 3);
        assert_node_memory(m, &f);
        assert_string_equal(m->digest, before->digest);
        for (unsigned i = 0; i < 3; i++)
                for (unsigned k = 0; k < 3; k++)
                        assert_int_equal(mpart_machine_distance(m, i, k), fake_distance(i, k));
}

/* Without the SRAT nothing tells whose the withheld RAM is: it stays RAM, but of no node. */
static void test_withheld_without_srat(void **state)
{
        (void)state;
        struct fake_machine f = fake_two_nodes;
        char line[256];
        struct mpart_range range[2];
        restart(&f, line, sizeof(line), range);
        f.no_srat = true;
        _cleanup_machine_ struct mpart_machine *m = fake_machine_read(&f);
        assert_true(machine_has_note(m, "belong to no node"));
        assert_false(mpart_ranges_intersects(&m->nodes[1].memory, 1000 * MiB, 1000 * MiB));
        assert_true(mpart_ranges_contains(&m->ram, 1000 * MiB, 1000 * MiB));
}

static void test_withheld_by_others(void **state)
{
        (void)state;
        struct mpart_range theirs = { 4 * GiB, 512 * MiB };
        struct fake_machine f = fake_two_nodes;
        f.withheld = (struct mpart_ranges){ &theirs, 1, 1 };
        f.cmdline = "mpart.plan=0123456789abcdef memmap=512M$4G";
        _cleanup_machine_ struct mpart_machine *m = fake_machine_read(&f);
        assert_int_equal(m->withheld_ours.n, 0);
        assert_true(mpart_ranges_equal(&m->withheld, &f.withheld));
        assert_false(mpart_ranges_intersects(&m->ram, theirs.start, theirs.size));
        assert_false(mpart_ranges_intersects(&m->nodes[0].memory, theirs.start, theirs.size));
        assert_true(machine_has_note(m, "terms behind it were changed"));
        assert_true(machine_has_note(m, "withheld from the running kernel"));
}

/* Kernels with numa=fake make nodes that the firmware does not know. */
static void test_fake_nodes_of_the_kernel(void **state)
{
        (void)state;
        struct scratch s;
        struct fake_srat t;
        struct mpart_machine *read = NULL;
        scratch_make(&s);
        struct fake_machine f = fake_two_nodes;
        f.no_srat = true;
        fake_machine_write(&s, &f);
        fake_srat_begin(&t, 3);
        for (unsigned cpu = 0; cpu < 8; cpu++)
                fake_srat_cpu(&t, 3, fake_apic_id(cpu), true);
        fake_srat_memory(&t, 3, 0, 5 * GiB, 1);
        fake_srat_end(&t);
        fake_file(&s, "sys/firmware/acpi/tables/SRAT", t.data, t.size);
        assert_int_equal(mpart_machine_read(s.path, &read, NULL), 0);
        _cleanup_machine_ struct mpart_machine *m = read;
        scratch_remove(&s);
        assert_true(machine_has_note(m, "numa=fake"));
        assert_node_memory(m, &f);
}
int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_restarted_with_our_terms),
                cmocka_unit_test(test_restarted_without_memory_node),
                cmocka_unit_test(test_restarted_without_firmware_map),
                cmocka_unit_test(test_withheld_without_srat),
                cmocka_unit_test(test_withheld_by_others),
                cmocka_unit_test(test_fake_nodes_of_the_kernel),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
