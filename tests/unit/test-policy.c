/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counts, nodes per kernel, what the primary keeps, and what fits instead. */
#include "plan-helpers.h"
#include "request.h"

/* Five nodes; 0 and 3, 1 and 4 are near each other. */
#define FIVE_NODES                                                                                          \
        "node 0 cpus 0-1 memory " LOW ",1M-2G\nnode 1 cpus 2-3 memory 4G-6G\n"                              \
        "node 2 cpus 4-5 memory 6G-8G\nnode 3 cpus 6-7 memory 8G-10G\n"                                     \
        "node 4 cpus 8-9 memory 10G-12G\n"                                                                  \
        "distance 10 21 21 12 21\ndistance 21 10 21 21 12\ndistance 21 21 10 21 21\n"                       \
        "distance 12 21 21 10 21\ndistance 21 12 21 21 10\n"

/* The CPUs of all kernels: "0-1,6-7 2-5 ...". */
static void assert_cpus(
                const char *machine, struct mpart_policy policy, const char *keep, const char *wanted)
{
        _cleanup_machine_ struct mpart_machine *m = build(machine);
        char text[512] = "";
        assert_int_equal(mpart_cpuset_parse_list(keep, &policy.primary_cpus), 0);
        _cleanup_plan_ struct mpart_plan *plan = make_plan(m, &policy);
        for (size_t i = 0; i < plan->n_kernels; i++) {
                _cleanup_free_ char *cpus = NULL;
                assert_int_equal(mpart_cpuset_format_list(&plan->kernels[i].cpus, &cpus), 0);
                snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "", cpus);
        }
        mpart_cpuset_free(&policy.primary_cpus);
        assert_string_equal(text, wanted);
}

static struct mpart_policy count(unsigned n)
{
        return (struct mpart_policy){ .kind = MPART_POLICY_COUNT, .count = n };
}

static struct mpart_policy nodes(unsigned n)
{
        return (struct mpart_policy){ .kind = MPART_POLICY_NODES, .nodes_per_kernel = n };
}

static void test_count(void **state)
{
        (void)state;
        assert_cpus(FIVE_NODES, count(1), "", "0-9");
        assert_cpus(FIVE_NODES, count(2), "", "0-1,6-7 2-5,8-9");
        assert_cpus(FIVE_NODES, count(3), "", "0-1,6-7 2-3,8-9 4-5");
        assert_cpus(FIVE_NODES, count(5), "", "0-1 2-3 4-5 6-7 8-9");
        assert_cpus(FIVE_NODES, count(7), "", "0 1 2 3 4-5 6-7 8-9");
        assert_cpus(FIVE_NODES, count(10), "", "0 1 2 3 4 5 6 7 8 9");
        /* The primary apart: the others divide what is left. */
        assert_cpus(FIVE_NODES, count(3), "0-1", "0-1 2-3,8-9 4-7");
        assert_cpus(FIVE_NODES, count(1), "0-1", "0-9");
}

/* Sizes so uneven that near nodes together would be unfair. */
static void test_uneven_nodes(void **state)
{
        (void)state;
        assert_cpus("node 0 cpus 0-3 memory " LOW ",1M-2G\nnode 1 cpus 4 memory 4G-6G\n"
                    "node 2 cpus 5 memory 6G-8G\nnode 3 cpus 6-7 memory 8G-10G\n",
                        count(2), "", "0-3 4-7");
}

/* Nodes before cores, cores before threads. */
static void test_cores(void **state)
{
        (void)state;
        const char *machine = "node 0 cpus 0-3,6-9 memory " LOW ",1M-4G\nnode 1 cpus 4-5 memory 4G-6G\n"
                              "core 0,6\ncore 1,7\ncore 2,8\ncore 3,9\n";
        assert_cpus(machine, count(2), "", "0-3,6-9 4-5");
        assert_cpus(machine, count(4), "", "0,6 1,7 2-3,8-9 4-5");
        assert_cpus(machine, count(6), "", "0,6 1,7 2,8 3,9 4 5");
        assert_cpus(machine, count(8), "", "0 6 1 7 2,8 3,9 4 5");
}

static void test_nodes(void **state)
{
        (void)state;
        assert_cpus(FIVE_NODES, nodes(1), "", "0-1 2-3 4-5 6-7 8-9");
        assert_cpus(FIVE_NODES, nodes(2), "", "0-1,6-7 2-3,8-9 4-5");
        assert_cpus(FIVE_NODES, nodes(3), "", "0-3,6-7 4-5,8-9");
        assert_cpus(FIVE_NODES, nodes(9), "", "0-9");
        assert_cpus(FIVE_NODES, nodes(4), "0", "0 1-3,6-9 4-5");

        _cleanup_machine_ struct mpart_machine *m = build(FIVE_NODES);
        struct mpart_policy policy = nodes(2);
        _cleanup_plan_ struct mpart_plan *plan = make_plan(m, &policy);
        assert_kernel(plan, 1, "node1 2-3,8-9 0x100000000+0x80000000@1 0x280000000+0x80000000@4");
}

static void test_primary_cpus(void **state)
{
        (void)state;
        struct mpart_policy numa = { .kind = MPART_POLICY_PER_NUMA },
                            core = { .kind = MPART_POLICY_PER_CORE };
        assert_cpus(FIVE_NODES, numa, "2,4-5", "0-2,4-5 3 6-7 8-9");
        assert_cpus(TWO_NODES "core 0,1\ncore 4,5\n", core, "5", "0-1,4-5 2 3 6 7");

        _cleanup_machine_ struct mpart_machine *m = build(FIVE_NODES);
        _cleanup_cpuset_ struct mpart_cpuset cpus = { 0 };
        assert_int_equal(mpart_cpuset_parse_list("3,40", &cpus), 0);
        struct mpart_policy wrong = { .primary_cpus = cpus };
        assert_plan_refused(m, &wrong, -EINVAL, "CPU 40");
}

static uint64_t primary_bytes(const struct mpart_plan *plan)
{
        uint64_t total = 0;
        for (size_t i = 0; i < plan->kernels[0].n_memory; i++)
                total += plan->kernels[0].memory[i].size;
        return total;
}

static void test_primary_memory(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m = build(FIVE_NODES);
        struct mpart_policy policy = { .primary_memory = 3 * GiB };
        _cleanup_plan_ struct mpart_plan *plan = make_plan(m, &policy);
        assert_in_range(primary_bytes(plan), 3 * GiB, 3 * GiB + 2 * MiB);
        assert_int_equal(plan->kernels[0].memory[plan->kernels[0].n_memory - 1].node, 3); /* the nearest */

        policy.primary_memory = 9998 * MiB;
        assert_plan_refused(m, &policy, -ENOSPC, "the nearest that fits: --primary-memory 9711M");
        policy.primary_memory = 9711 * MiB;
        _cleanup_plan_ struct mpart_plan *most = make_plan(m, &policy);
        assert_in_range(primary_bytes(most), 9711 * MiB, 9712 * MiB);
        policy.primary_memory = 9712 * MiB;
        assert_plan_refused(m, &policy, -ENOSPC, "the primary cannot keep 9712 MiB");
}

static void test_low_window(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m = build(TWO_NODES);
        struct mpart_policy policy = { .low_window = 0x30000 };
        _cleanup_plan_ struct mpart_plan *plan = make_plan(m, &policy);
        assert_int_equal(plan->kernels[1].low_memory.start, 0x30000);
        policy.low_window = 0x80000;
        assert_plan_refused(m, &policy, -ENOSPC, "the nearest place that fits is 0x70000");
        policy.low_window = 0x18000;
        assert_plan_refused(m, &policy, -EINVAL, "multiple of 64 KiB");
        policy.low_window = 0x90000;
        assert_plan_refused(m, &policy, -EINVAL, "multiple of 64 KiB");
}

static void test_nearest(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m = build(FIVE_NODES);
        struct mpart_policy policy = count(11);
        assert_plan_refused(m, &policy, -ENOSPC, "the nearest that fits: --count 10");
        policy = count(0);
        assert_plan_refused(m, &policy, -EINVAL, "at least 1");
        policy = nodes(0);
        assert_plan_refused(m, &policy, -EINVAL, "at least 1");
        policy = (struct mpart_policy){ .alignment = 4 * GiB };
        assert_plan_refused(m, &policy, -ENOSPC, "the nearest that fits: --alignment 2048M");
        policy = (struct mpart_policy){ .ramdisk_size = 3 * GiB };
        assert_plan_refused(m, &policy, -ENOSPC, "the nearest that fits: a ramdisk of 1980 MiB");
        policy.ramdisk_size = 1980 * MiB;
        _cleanup_plan_ struct mpart_plan *plan = make_plan(m, &policy);
        assert_non_null(plan);
        policy = (struct mpart_policy){ .kind = MPART_POLICY_REQUEST };
        assert_plan_refused(m, &policy, -EINVAL, "request");

        _cleanup_machine_ struct mpart_machine *small = build("node 0 cpus 0-15 memory " LOW ",1M-1G\n");
        policy = (struct mpart_policy){ .kind = MPART_POLICY_PER_CPU };
        assert_plan_refused(small, &policy, -ENOSPC, "the nearest that fits");
}

static void test_account(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m =
                        build(TWO_NODES "unclaimed 3G-3100M\nwithheld 10G-11G\n");
        _cleanup_plan_ struct mpart_plan *plan = make_plan_of_kind(m, MPART_POLICY_PER_NUMA);
        struct mpart_plan_account a;
        assert_int_equal(mpart_plan_account(plan, m, &a), 0);
        assert_int_equal(a.installed, 0x9e000 + 4 * GiB - MiB + 4 * GiB + 28 * MiB + GiB);
        assert_int_equal(a.secondaries, 4 * GiB + 128 * KiB);
        assert_int_equal(a.foreign, GiB);
        assert_int_equal(a.unowned, 0);
        assert_int_equal(a.primary, a.installed - a.secondaries - a.foreign);

        /* What a plan loses sight of has no owner. */
        plan->kernels[1].memory[0].size -= 64 * MiB;
        assert_int_equal(mpart_plan_account(plan, m, &a), 0);
        assert_int_equal(a.unowned, 64 * MiB);

        _cleanup_free_ char *text = NULL;
        assert_int_equal(mpart_plan_explain(plan, m, &text), 0);
        assert_non_null(strstr(text, "node 1: a node with CPUs"));
        assert_non_null(strstr(text, "28 MiB  no node claims it"));
        assert_non_null(strstr(text, "64 MiB  without an owner: 0.6"));
}

static void test_restart_changes(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m = build(TWO_NODES "ours 0x70000-0x90000,5G-9G\n");
        _cleanup_plan_ struct mpart_plan *same = make_plan_of_kind(m, MPART_POLICY_PER_NUMA);
        struct mpart_policy policy = { .primary_memory = 5 * GiB, .low_window = 0x60000 };
        _cleanup_plan_ struct mpart_plan *other = make_plan(m, &policy);
        _cleanup_free_ char *none = NULL, *some = NULL;
        assert_int_equal(mpart_plan_restart_changes(same, m, &none), 0);
        assert_string_equal(none, "");
        assert_int_equal(mpart_plan_restart_changes(other, m, &some), 3);
        assert_string_equal(some, "+ 0x60000-0x6ffff (64K) for low memory\n"
                                  "- 0x80000-0x8ffff (64K) back to the primary\n"
                                  "- 0x140000000-0x1801fffff (1026M) back to the primary\n");
}

static void test_names(void **state)
{
        (void)state;
        for (int i = 0; i < _MPART_DIALECT_MAX; i++)
                assert_int_equal(mpart_dialect_from_string(mpart_dialect_to_string((enum mpart_dialect)i)),
                                i);
        for (int i = 0; i < _MPART_RESTART_MAX; i++)
                assert_int_equal(mpart_restart_from_string(mpart_restart_to_string((enum mpart_restart)i)),
                                i);
        assert_int_equal(mpart_dialect_from_string("klingon"), _MPART_DIALECT_INVALID);
        assert_int_equal(mpart_restart_from_string(NULL), _MPART_RESTART_INVALID);
        assert_null(mpart_dialect_to_string(_MPART_DIALECT_MAX));
        assert_null(mpart_restart_to_string(_MPART_RESTART_INVALID));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_count),
                cmocka_unit_test(test_uneven_nodes),
                cmocka_unit_test(test_cores),
                cmocka_unit_test(test_nodes),
                cmocka_unit_test(test_primary_cpus),
                cmocka_unit_test(test_primary_memory),
                cmocka_unit_test(test_low_window),
                cmocka_unit_test(test_nearest),
                cmocka_unit_test(test_account),
                cmocka_unit_test(test_restart_changes),
                cmocka_unit_test(test_names),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
