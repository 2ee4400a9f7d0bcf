/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan-helpers.h"

static void assert_refused(
                const char *machine, const struct mpart_policy *policy, int code, const char *text)
{
        _cleanup_machine_ struct mpart_machine *m = build(machine);
        assert_plan_refused(m, policy, code, text);
}

static void test_kinds(void **state)
{
        (void)state;
        for (int kind = 0; kind < _MPART_POLICY_MAX; kind++)
                assert_int_equal(mpart_policy_kind_from_string(
                                                 mpart_policy_kind_to_string((enum mpart_policy_kind)kind)),
                                kind);
        assert_int_equal(mpart_policy_kind_from_string("per-socket"), _MPART_POLICY_INVALID);
        assert_int_equal(mpart_policy_kind_from_string(NULL), _MPART_POLICY_INVALID);
        assert_null(mpart_policy_kind_to_string(_MPART_POLICY_MAX));
        assert_null(mpart_policy_kind_to_string(_MPART_POLICY_INVALID));
}

static void test_per_numa(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m = build(TWO_NODES "pci 0000:00:1f.2 8086:2922 010601\n");
        _cleanup_plan_ struct mpart_plan *plan = make_plan_of_kind(m, MPART_POLICY_PER_NUMA);

        assert_int_equal(plan->n_kernels, 2);
        assert_kernel(plan, 0,
                        "primary 0-3 0x1000+0x6f000@0 0x90000+0xf000@0 0x100000+0xbff00000@0 "
                        "0x100000000+0x40000000@0");
        assert_kernel(plan, 1, "node1 4-7 0x140000000+0x100000000@1");

        const struct mpart_plan_kernel *k = &plan->kernels[1];
        assert_int_equal(k->boot_cpu, 4);
        assert_int_equal(k->low_memory.start, 0x70000);
        assert_int_equal(k->low_memory.size, 0x20000);
        assert_int_equal(k->load, 0x140000000);
        assert_int_equal(k->shared.start, 9 * GiB - 2 * MiB);
        assert_int_equal(k->shared.size, 2 * MiB);
        assert_int_equal(k->ramdisk, 9 * GiB - 4 * MiB - 64 * MiB);
        assert_int_equal(k->n_pci, 0);
        assert_int_equal(plan->kernels[0].n_pci, 1);
        assert_string_equal(plan->kernels[0].pci[0], "0000:00:1f.2");
        assert_int_equal(plan->n_unused, 0);
        assert_int_equal(plan->policy.alignment, MPART_ALIGNMENT);
        assert_null(mpart_plan_kernel(plan, 2));
}

/* What firmware keeps at the edges of nodes stays with the primary once memory is aligned inward. */
static void test_alignment(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m =
                        build("node 0 cpus 0 memory " LOW ",1M-2G\n"
                              "node 1 cpus 1 memory 0x80001000-0xc0001000,0x100100000-0x100180000,5G-8G\n");
        _cleanup_plan_ struct mpart_plan *fine = make_plan_of_kind(m, MPART_POLICY_PER_NUMA);
        assert_kernel(fine, 1, "node1 1 0x80200000+0x3fe00000@1 0x140000000+0xc0000000@1");
        assert_kernel(fine, 0,
                        "primary 0 0x1000+0x6f000@0 0x90000+0xf000@0 0x100000+0x7ff00000@0 "
                        "0x80001000+0x1ff000@1 0xc0000000+0x1000@1 0x100100000+0x80000@1");

        struct mpart_policy coarse = { .alignment = GiB };
        _cleanup_plan_ struct mpart_plan *plan = make_plan(m, &coarse);
        assert_kernel(plan, 1, "node1 1 0x140000000+0xc0000000@1");
}

/* A node whose memory starts at 0 is not the primary's: its first 128 MiB are the primary's all the same. */
static void test_low_memory_of_another_node(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m =
                        build("node 0 cpus 1 memory " LOW ",1M-2G\nnode 3 cpus 0 memory 4G-6G\n");
        _cleanup_plan_ struct mpart_plan *plan = make_plan_of_kind(m, MPART_POLICY_PER_NUMA);
        assert_kernel(plan, 0,
                        "primary 0 0x1000+0x6f000@0 0x90000+0xf000@0 0x100000+0x7f00000@0 "
                        "0x100000000+0x80000000@3");
        assert_kernel(plan, 1, "node0 1 0x8000000+0x78000000@0");
}

/* Memory without CPUs and CPUs without memory go to the nearest kernel, the lower id of equals. */
static void test_incomplete_nodes(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m = build("node 0 cpus 0-1 memory " LOW ",1M-2G\n"
                                                          "node 1 cpus 2-3 memory 4G-6G\n"
                                                          "node 2 cpus - memory 6G-7G\n"
                                                          "node 5 cpus 4 memory -\n"
                                                          "node 7 cpus - memory 7G-8G\n"
                                                          "node 9 cpus 5 memory -\n"
                                                          "distance 10 21 31 20 20 20\n"
                                                          "distance 21 10 17 17 20 20\n"
                                                          "distance 31 17 10 20 20 20\n"
                                                          "distance 20 17 20 10 20 20\n"
                                                          "distance 20 20 20 20 10 20\n"
                                                          "distance 20 20 12 20 12 10\n");
        _cleanup_plan_ struct mpart_plan *plan = make_plan_of_kind(m, MPART_POLICY_PER_NUMA);
        assert_int_equal(plan->n_kernels, 2);
        assert_kernel(plan, 0,
                        "primary 0-1,5 0x1000+0x6f000@0 0x90000+0xf000@0 0x100000+0x7ff00000@0 "
                        "0x1c0000000+0x40000000@7");
        assert_kernel(plan, 1, "node1 2-4 0x100000000+0x80000000@1 0x180000000+0x40000000@2");
        assert_int_equal(plan->kernels[1].load, 4 * GiB);
}

/* The primary moves in where the node of CPU 0 has no memory. */
static void test_primary_without_memory(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m = build("node 0 cpus 0-1 memory -\n"
                                                          "node 1 cpus 2-3 memory " LOW ",1M-2G\n"
                                                          "node 2 cpus 4-5 memory 4G-6G\n"
                                                          "distance 10 20 15\n"
                                                          "distance 20 10 20\n"
                                                          "distance 15 20 10\n");
        _cleanup_plan_ struct mpart_plan *plan = make_plan_of_kind(m, MPART_POLICY_PER_NUMA);
        assert_kernel(plan, 0,
                        "primary 0-1,4-5 0x1000+0x6f000@1 0x90000+0xf000@1 0x100000+0x7f00000@1 "
                        "0x100000000+0x80000000@2");
        assert_kernel(plan, 1, "node1 2-3 0x8000000+0x78000000@1");

        _cleanup_machine_ struct mpart_machine *bare =
                        build("node 0 cpus 0-1 memory -\nnode 1 cpus - memory " LOW ",1M-2G\n");
        _cleanup_plan_ struct mpart_plan *alone = make_plan_of_kind(bare, MPART_POLICY_PER_NUMA);
        assert_kernel(alone, 0, "primary 0-1 0x1000+0x9e000@1 0x100000+0x7ff00000@1");
}

static void test_single_partition(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m = build("node 0 cpus 0-3 memory 1M-2G\n");
        _cleanup_plan_ struct mpart_plan *plan = make_plan_of_kind(m, MPART_POLICY_PER_NUMA);
        assert_int_equal(plan->n_kernels, 1);
        assert_kernel(plan, 0, "primary 0-3 0x100000+0x7ff00000@0");
        assert_string_equal(plan->kernels[0].cmdline_linux, "");
        assert_true(has_note(plan, "single partition"));
}

static void test_per_core(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m = build("node 0 cpus 0-1,4-5 memory " LOW ",1M-2G\n"
                                                          "node 1 cpus 2-3,6-7 memory 4G-6G\n"
                                                          "core 0,4\ncore 1,5\ncore 2,6\ncore 3,7\n");
        _cleanup_plan_ struct mpart_plan *plan = make_plan_of_kind(m, MPART_POLICY_PER_CORE);
        assert_int_equal(plan->n_kernels, 4);
        assert_kernel(plan, 0, "primary 0,4 0x1000+0x2f000@0 0x90000+0xf000@0 0x100000+0x3ff00000@0");
        assert_kernel(plan, 1, "core1 1,5 0x40000000+0x40000000@0");
        assert_kernel(plan, 2, "core2 2,6 0x100000000+0x40000000@1");
        assert_kernel(plan, 3, "core3 3,7 0x140000000+0x40000000@1");
        assert_int_equal(plan->kernels[3].boot_cpu, 3);
}

/* Firmware that claims siblings on two nodes does not join them. */
static void test_siblings_across_nodes(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m = build("node 0 cpus 0-1 memory " LOW ",1M-2G\n"
                                                          "node 1 cpus 2-3 memory 4G-6G\n"
                                                          "core 0,2\ncore 1,3\n");
        _cleanup_plan_ struct mpart_plan *plan = make_plan_of_kind(m, MPART_POLICY_PER_CORE);
        assert_int_equal(plan->n_kernels, 4);
        assert_kernel(plan, 2, "core2 2 0x100000000+0x40000000@1");
}

/* What does not divide: the first kernels of a node get one unit more; on the primary's node it does. */
static void test_per_cpu_rest(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m = build("node 0 cpus 0-2 memory " LOW ",1M-1028M\n"
                                                          "node 1 cpus 3-5 memory 4G-5124M\n");
        _cleanup_plan_ struct mpart_plan *plan = make_plan_of_kind(m, MPART_POLICY_PER_CPU);
        assert_kernel(plan, 0, "primary 0 0x1000+0x2f000@0 0x90000+0xf000@0 0x100000+0x15700000@0");
        assert_kernel(plan, 1, "cpu1 1 0x15800000+0x15600000@0");
        assert_kernel(plan, 2, "cpu2 2 0x2ae00000+0x15600000@0");
        assert_kernel(plan, 3, "cpu3 3 0x100000000+0x15800000@1");
        assert_kernel(plan, 4, "cpu4 4 0x115800000+0x15600000@1");
        assert_kernel(plan, 5, "cpu5 5 0x12ae00000+0x15600000@1");
}

/* CPUs that run another kernel now are offline, and planned all the same. */
static void test_offline_cpus(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m = build(TWO_NODES "homeless 8\noffline 4-7\n");
        _cleanup_plan_ struct mpart_plan *plan = make_plan_of_kind(m, MPART_POLICY_PER_NUMA);
        assert_kernel(plan, 1, "node1 4-7 0x140000000+0x100000000@1");
        assert_true(mpart_cpuset_has(&plan->kernels[0].cpus, 8));
        assert_true(has_note(plan, "CPU 8: no node claims it"));
}

static void test_unused(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m =
                        build(TWO_NODES "unclaimed 3G-3100M\nwithheld 10G-11G,9G-9300M\n");
        _cleanup_plan_ struct mpart_plan *plan = make_plan_of_kind(m, MPART_POLICY_PER_NUMA);
        assert_int_equal(plan->n_unused, 3);
        assert_int_equal(plan->unused[0].start, 3 * GiB);
        assert_int_equal(plan->unused[0].size, 28 * MiB);
        assert_int_equal(plan->unused[0].node, 0);
        assert_non_null(strstr(plan->unused[0].reason, "no node claims it"));
        assert_int_equal(plan->unused[1].start, 9 * GiB);
        assert_int_equal(plan->unused[1].node, 1);
        assert_non_null(strstr(plan->unused[1].reason, "withheld"));
        assert_int_equal(plan->unused[2].start, 10 * GiB);
}

static void test_low_window(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m =
                        build("node 0 cpus 0 memory 0x1000-0x38000,0x40000-0x60000,0x61000-0x90000,1M-1G\n"
                              "node 1 cpus 1 memory 4G-5G\n");
        _cleanup_plan_ struct mpart_plan *plan = make_plan_of_kind(m, MPART_POLICY_PER_NUMA);
        assert_int_equal(plan->kernels[1].low_memory.start, 0x70000);
        assert_kernel(plan, 0,
                        "primary 0 0x1000+0x37000@0 0x40000+0x20000@0 0x61000+0xf000@0 "
                        "0x100000+0x3ff00000@0");

        _cleanup_machine_ struct mpart_machine *full =
                        build("node 0 cpus 0 memory 0-640K,1M-1G\nnode 1 cpus 1 memory 4G-5G\n");
        _cleanup_plan_ struct mpart_plan *top = make_plan_of_kind(full, MPART_POLICY_PER_NUMA);
        assert_int_equal(top->kernels[1].low_memory.start, 0x80000);

        /* One each, as far as the primary keeps 128 KiB; then they take turns. */
        static const uint64_t starts[] = { 0x70000, 0x50000, 0x30000, 0x70000, 0x50000 };
        _cleanup_machine_ struct mpart_machine *many = build("node 0 cpus 0-5 memory " LOW ",1M-4G\n");
        _cleanup_plan_ struct mpart_plan *six = make_plan_of_kind(many, MPART_POLICY_PER_CPU);
        assert_int_equal(six->n_kernels, 1 + ARRAY_SIZE(starts));
        for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
                assert_int_equal(six->kernels[i + 1].low_memory.start, starts[i]);
        _cleanup_machine_ struct mpart_machine *little =
                        build("node 0 cpus 0-5 memory 0x1000-0x50000,1M-4G\n");
        _cleanup_plan_ struct mpart_plan *one = make_plan_of_kind(little, MPART_POLICY_PER_CPU);
        for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
                assert_int_equal(one->kernels[i + 1].low_memory.start, 0x30000);

        assert_refused("node 0 cpus 0 memory 0-0x20000,0x48000-0x68000,1M-1G\nnode 1 cpus 1 memory 4G-5G\n",
                        &(struct mpart_policy){ 0 }, -ENOSPC, "below 640 KiB");
}

static void test_refusals(void **state)
{
        (void)state;
        struct mpart_policy plain = { 0 };
        assert_refused("node 0 cpus 1-2 memory 1M-1G\n", &plain, -EOPNOTSUPP, "CPU 0 is not present");
        assert_refused("node 0 cpus 0-2 memory 1M-1G\noffline 0\n", &plain, -EOPNOTSUPP, "CPU 0 is offline");
        assert_refused("homeless 0\nnode 0 cpus 1-2 memory 1M-1G\n", &plain, -EOPNOTSUPP, "claims CPU 0");
        assert_refused("node 0 cpus 0-2 memory -\n", &plain, -ENODATA, "memory");
        assert_refused("node 0 cpus 0 memory " LOW ",1M-1G\nnode 1 cpus 1 memory 4G-4227M\n", &plain,
                        -ENOSPC, "kernel 1 (node1)");
        assert_refused("node 0 cpus 0 memory " LOW ",1M-3G\nnode 1 cpus 1 memory 4G-5G\n",
                        &(struct mpart_policy){ .image_size = GiB }, -ENOSPC, "68 MiB too small");
        assert_refused("node 0 cpus 0-15 memory " LOW ",1M-1G\n",
                        &(struct mpart_policy){ .kind = MPART_POLICY_PER_CPU }, -ENOSPC, "need 132 MiB");
        assert_refused("node 0 cpus 0 memory " LOW ",1M-50M\nnode 1 cpus 1 memory 4G-5G\n", &plain, -ENOSPC,
                        "kernel 0 (primary)");

        assert_refused(TWO_NODES, &(struct mpart_policy){ .kind = _MPART_POLICY_MAX }, -EINVAL, "kind");
        assert_refused(TWO_NODES, &(struct mpart_policy){ .alignment = MiB }, -EINVAL, "alignment");
        assert_refused(TWO_NODES, &(struct mpart_policy){ .alignment = 6 * MiB }, -EINVAL, "alignment");
        assert_refused(TWO_NODES, &(struct mpart_policy){ .shared_size = 3 * MiB }, -EINVAL, "shared");
        assert_refused(TWO_NODES, &(struct mpart_policy){ .image_size = UINT64_MAX }, -EINVAL, "image");
        assert_refused(TWO_NODES, &(struct mpart_policy){ .ramdisk_size = 5 * GiB }, -ENOSPC,
                        "need 5184 MiB");
}

static void test_notes(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m = build("node 0 cpus 0 memory " LOW ",1M-2G\n"
                                                          "node 1 cpus 1 memory 4G-6G\n"
                                                          "node 2 cpus 2 memory 7G-8G,9G-10G,11G-12G\n"
                                                          "crash 5000M-5200M\n");
        _cleanup_plan_ struct mpart_plan *plan = make_plan_of_kind(m, MPART_POLICY_PER_NUMA);
        assert_true(has_note(plan, "crash kernel"));
        assert_true(has_note(plan, "physical KASLR"));

        _cleanup_machine_ struct mpart_machine *quiet = build(TWO_NODES "crash 1G-1200M\n");
        _cleanup_plan_ struct mpart_plan *silent = make_plan_of_kind(quiet, MPART_POLICY_PER_NUMA);
        assert_int_equal(silent->n_notes, 0);
}

static void test_layout(void **state)
{
        (void)state;
        const struct mpart_plan_memory memory[] = {
                { .start = GiB, .size = 64 * MiB },
                { .start = 2 * GiB + MiB, .size = 256 * MiB },
                { .start = 4 * GiB, .size = 256 * MiB },
        };
        struct mpart_layout l = { 0 };
        struct mpart_error e = MPART_ERROR_INIT;
        assert_int_equal(mpart_layout_make(memory, 3, 32 * MiB, 5000, 4 * MiB, &l, &e), 0);
        assert_int_equal(l.load, 2 * GiB + 2 * MiB);
        assert_int_equal(l.image_size, 32 * MiB);
        assert_int_equal(l.shared.start, 2 * GiB + 253 * MiB);
        assert_int_equal(l.shared.size, 4 * MiB);
        assert_int_equal(l.boot_area.start, 2 * GiB + 251 * MiB);
        assert_int_equal(l.boot_area.size, MPART_BOOT_AREA_SIZE);
        assert_int_equal(l.ramdisk, 2 * GiB + 251 * MiB - 8192);
        assert_int_equal(l.ramdisk_size, 5000);

        /* To the byte: 1 MiB is lost below the load address. */
        uint64_t most = 249 * MiB - 8192;
        struct mpart_layout old = l;
        assert_int_equal(mpart_layout_make(memory, 3, most, 5000, 4 * MiB, &l, &e), 0);
        l = old;
        assert_int_equal(mpart_layout_make(memory, 3, most + 1, 5000, 4 * MiB, &l, &e), -ENOSPC);
        assert_memory_equal(&l, &old, sizeof(l));
        assert_int_equal(mpart_layout_make(memory, 3, UINT64_MAX, UINT64_MAX, UINT64_MAX, &l, &e), -ENOSPC);
        assert_int_equal(mpart_layout_make(memory, 0, MiB, 0, 2 * MiB, &l, &e), -ENOSPC);
        assert_int_equal(mpart_layout_make(memory, 1, 62 * MiB, 0, 0, &l, NULL), 0);
        assert_int_equal(l.ramdisk, l.boot_area.start);
}

/* A machine that runs with a plan in effect gives the same plan, and knows that it is. */
static void test_replanning(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *before = build(TWO_NODES);
        _cleanup_machine_ struct mpart_machine *after = build(TWO_NODES "ours 0x70000-0x90000,5G-9G\n");
        _cleanup_plan_ struct mpart_plan *first = make_plan_of_kind(before, MPART_POLICY_PER_NUMA);
        _cleanup_plan_ struct mpart_plan *second = make_plan_of_kind(after, MPART_POLICY_PER_NUMA);
        _cleanup_free_ char *a = NULL, *b = NULL, *none = NULL, *some = NULL;

        assert_int_equal(mpart_plan_to_json(first, &a), 0);
        assert_int_equal(mpart_plan_to_json(second, &b), 0);
        assert_string_equal(a, b);
        assert_int_equal(mpart_plan_compare_running(second, after, &none), 0);
        assert_string_equal(none, "");
        assert_int_equal(mpart_plan_compare_running(first, before, &some), 2);
        assert_string_equal(some,
                        "0x70000-0x8ffff (128K) is for low memory in the plan, but the running primary does "
                        "not leave it out\n"
                        "0x140000000-0x23fffffff (4G) is for node1 in the plan, but the running primary "
                        "does "
                        "not leave it out\n");
}

static void test_compare_surplus(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m = build(TWO_NODES "ours 0x70000-0x90000,4G-8G\n");
        _cleanup_plan_ struct mpart_plan *plan = make_plan_of_kind(m, MPART_POLICY_PER_NUMA);
        _cleanup_free_ char *text = NULL;
        assert_int_equal(mpart_plan_compare_running(plan, m, &text), 2);
        assert_string_equal(text,
                        "0x200000000-0x23fffffff (1G) is for node1 in the plan, but the running primary "
                        "does "
                        "not leave it out\n"
                        "0x100000000-0x13fffffff (1G) is left out by the running primary, but is the "
                        "primary's in the plan\n");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_kinds),
                cmocka_unit_test(test_per_numa),
                cmocka_unit_test(test_alignment),
                cmocka_unit_test(test_low_memory_of_another_node),
                cmocka_unit_test(test_incomplete_nodes),
                cmocka_unit_test(test_primary_without_memory),
                cmocka_unit_test(test_single_partition),
                cmocka_unit_test(test_per_core),
                cmocka_unit_test(test_siblings_across_nodes),
                cmocka_unit_test(test_per_cpu_rest),
                cmocka_unit_test(test_offline_cpus),
                cmocka_unit_test(test_unused),
                cmocka_unit_test(test_low_window),
                cmocka_unit_test(test_refusals),
                cmocka_unit_test(test_notes),
                cmocka_unit_test(test_layout),
                cmocka_unit_test(test_replanning),
                cmocka_unit_test(test_compare_surplus),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
