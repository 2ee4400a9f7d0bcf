/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan-helpers.h"

/* A machine whose plan has every kind of part, and 3 secondaries. */
#define MACHINE                                                                                             \
        "node 0 cpus 0-1 memory " LOW ",1M-2G\n"                                                            \
        "node 1 cpus 2-3 memory 4G-6G,0x180001000-7G\n"                                                     \
        "withheld 8G-9G\npci 0000:00:1f.2 8086:2922 010601\npci 10000:00:02.0 8086:2923 010601\n"

static struct mpart_plan *fresh(const struct mpart_machine *m)
{
        return make_plan_of_kind(m, MPART_POLICY_PER_CPU);
}

/* One thing that is wrong, and what the checker must say. */
struct mutation {
        void (*apply)(struct mpart_plan *plan);
        int code;
        const char *text;
};

static void replace_string(char **s, const char *with)
{
        free(*s);
        *s = strdup(with);
}

static void set_cpus(struct mpart_cpuset *s, const char *list)
{
        mpart_cpuset_free(s);
        assert_int_equal(mpart_cpuset_parse_list(list, s), 0);
}

#define MUTATION(name, statement)                                                                           \
        static void name(struct mpart_plan *p)                                                              \
        {                                                                                                   \
                statement;                                                                                  \
        }

MUTATION(no_digest, p->digest[10] = 'x')
MUTATION(policy_kind, p->policy.kind = _MPART_POLICY_MAX)
MUTATION(policy_alignment, p->policy.alignment = 3 * MiB)
MUTATION(policy_shared, p->policy.shared_size = MiB)
MUTATION(policy_image, p->policy.image_size = 0)
MUTATION(policy_ramdisk, p->policy.ramdisk_size = UINT64_C(1) << 53)
MUTATION(no_name, replace_string(&p->kernels[1].name, ""))
MUTATION(bad_name, replace_string(&p->kernels[1].name, "a/b"))
MUTATION(same_name, replace_string(&p->kernels[2].name, p->kernels[1].name))
MUTATION(wrong_id, p->kernels[2].id = 5)
MUTATION(no_cpu, mpart_cpuset_free(&p->kernels[1].cpus))
MUTATION(shared_cpu, set_cpus(&p->kernels[1].cpus, "1-2"))
MUTATION(lost_cpu, set_cpus(&p->nodes[1].cpus, "2-4"))
MUTATION(foreign_cpu, set_cpus(&p->kernels[1].cpus, "1,9"))
MUTATION(boot_cpu, p->kernels[1].boot_cpu = 3)
MUTATION(primary_boot_cpu, set_cpus(&p->kernels[0].cpus, "9"); p->kernels[0].boot_cpu = 9)
MUTATION(node_cpus, set_cpus(&p->nodes[1].cpus, "1-3"))
MUTATION(node_ids, p->nodes[1].id = 0)
MUTATION(node_memory, p->nodes[1].memory[0].start = GiB)
MUTATION(node_pages, p->nodes[1].memory[0].start += 512)
MUTATION(memory_empty, p->kernels[2].memory[0].size = 0)
MUTATION(memory_huge, p->kernels[2].memory[0].size = UINT64_MAX - 2 * MiB + 1)
MUTATION(memory_node, p->kernels[2].memory[0].node = 0)
MUTATION(memory_grows, p->kernels[2].memory[0].size += 2 * MiB)
MUTATION(memory_shrinks, p->kernels[0].memory[0].size -= 4096)
MUTATION(memory_unaligned, p->kernels[2].memory[0].start += 4096; p->kernels[2].memory[0].size -= 4096)
MUTATION(memory_order, p->kernels[3].memory[0].start = p->kernels[3].memory[1].start)
MUTATION(memory_low, p->kernels[1].memory[0].start = 64 * MiB)
MUTATION(no_memory, p->kernels[1].n_memory = 0)
MUTATION(load_unaligned, p->kernels[1].load += MiB)
MUTATION(load_elsewhere, p->kernels[1].load = 4 * GiB)
MUTATION(load_high, p->kernels[1].load = p->kernels[1].ramdisk - 62 * MiB)
MUTATION(ramdisk_unaligned, p->kernels[1].ramdisk -= 512)
MUTATION(ramdisk_late, p->kernels[1].ramdisk += 4096)
MUTATION(shared_size, p->kernels[1].shared.size -= 4096)
MUTATION(shared_place, p->kernels[1].shared.start -= 4096)
MUTATION(low_size, p->kernels[1].low_memory.size = 64 * KiB)
MUTATION(low_unaligned, p->kernels[1].low_memory.start += 4096)
MUTATION(low_high, p->kernels[1].low_memory.start = 640 * KiB)
MUTATION(low_zero, p->kernels[1].low_memory.start = 0)
MUTATION(low_primary, p->kernels[1].low_memory.start = 0x60000)
MUTATION(low_not_ram, p->kernels[1].low_memory.start = 0x80000)
MUTATION(primary_load, p->kernels[0].load = 16 * MiB)
MUTATION(primary_low, p->kernels[0].low_memory = p->kernels[1].low_memory)
MUTATION(unused_node, p->unused[0].node = 4)
MUTATION(unused_reason, replace_string(&p->unused[0].reason, ""))
MUTATION(unused_overlap, p->unused[0].start = 5 * GiB)
MUTATION(unused_across, p->unused[0].start = 7 * GiB - 4096)
MUTATION(pci_twice, p->kernels[0].n_pci = 2; replace_string(&p->kernels[0].pci[1], "0000:00:1f.2"))
MUTATION(pci_form, replace_string(&p->kernels[0].pci[0], "0000:00:2f.2"))
MUTATION(pci_short, replace_string(&p->kernels[0].pci[0], "00:1f.2"))
MUTATION(line_missing, free(p->kernels[1].cmdline_linux); p->kernels[1].cmdline_linux = NULL)
MUTATION(line_newline, replace_string(&p->kernels[1].cmdline_linux, "a\nb"))
MUTATION(other_machine, p->digest[0] = p->digest[0] == '0' ? '1' : '0')

static void line_long(struct mpart_plan *p)
{
        char line[MPART_COMMAND_LINE_MAX + 2];
        memset(line, 'x', sizeof(line) - 1);
        line[sizeof(line) - 1] = 0;
        replace_string(&p->kernels[1].cmdline_popcorn, line);
}

static const struct mutation mutations[] = {
        { no_digest, -EBADMSG, "digest" },
        { policy_kind, -EBADMSG, "kind" },
        { policy_alignment, -EBADMSG, "alignment" },
        { policy_shared, -EBADMSG, "shared_size" },
        { policy_image, -EBADMSG, "image_size" },
        { policy_ramdisk, -EBADMSG, "ramdisk_size" },
        { no_name, -EBADMSG, "name" },
        { bad_name, -EBADMSG, "name" },
        { same_name, -EBADMSG, "both named" },
        { wrong_id, -EBADMSG, "id must be 2" },
        { no_cpu, -EBADMSG, "no CPU" },
        { shared_cpu, -EBADMSG, "CPU 2 belongs to another" },
        { lost_cpu, -EBADMSG, "CPU 4 belongs to no kernel" },
        { foreign_cpu, -EBADMSG, "no node has CPU 9" },
        { boot_cpu, -EBADMSG, "boot CPU 3" },
        { primary_boot_cpu, -EBADMSG, "CPU 0" },
        { node_cpus, -EBADMSG, "another node" },
        { node_ids, -EBADMSG, "ascend" },
        { node_memory, -EBADMSG, "overlap" },
        { node_pages, -EBADMSG, "whole pages" },
        { memory_empty, -EBADMSG, "empty" },
        { memory_huge, -EBADMSG, "node it names" },
        { memory_node, -EBADMSG, "node it names" },
        { memory_grows, -EBADMSG, "end of a range" },
        { memory_shrinks, -EBADMSG, "belongs to no kernel" },
        { memory_unaligned, -EBADMSG, "not aligned" },
        { memory_order, -EBADMSG, "out of order" },
        { memory_low, -EBADMSG, "first 128 MiB" },
        { no_memory, -EBADMSG, "no memory" },
        { load_unaligned, -EBADMSG, "2 MiB" },
        { load_elsewhere, -EBADMSG, "image" },
        { load_high, -EBADMSG, "overlap" },
        { ramdisk_unaligned, -EBADMSG, "start on a page" },
        { ramdisk_late, -EBADMSG, "overlap" },
        { shared_size, -EBADMSG, "as the policy says" },
        { shared_place, -EBADMSG, "end of a range" },
        { low_size, -EBADMSG, "128 KiB" },
        { low_unaligned, -EBADMSG, "64 KiB" },
        { low_high, -EBADMSG, "640 KiB" },
        { low_zero, -EBADMSG, "page 0" },
        { low_primary, -EBADMSG, "overlap" },
        { low_not_ram, -EBADMSG, "not RAM" },
        { primary_load, -EBADMSG, "primary has no" },
        { primary_low, -EBADMSG, "primary has no" },
        { unused_node, -EBADMSG, "no node 4" },
        { unused_reason, -EBADMSG, "reason" },
        { unused_overlap, -EBADMSG, "overlap" },
        { unused_across, -EBADMSG, "overlap" },
        { pci_twice, -EBADMSG, "twice" },
        { pci_form, -EBADMSG, "0000:00:2f.2" },
        { pci_short, -EBADMSG, "00:1f.2" },
        { line_missing, -EBADMSG, "no command line" },
        { line_newline, -EBADMSG, "unprintable" },
        { line_long, -EBADMSG, "more than 2047" },
        { other_machine, -ESTALE, "another machine" },
};

static void test_mutations(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m = build(MACHINE);
        for (size_t i = 0; i < ARRAY_SIZE(mutations); i++) {
                _cleanup_plan_ struct mpart_plan *plan = fresh(m);
                struct mpart_error e = MPART_ERROR_INIT;
                assert_int_equal(mpart_plan_check(plan, m, &e), 0);
                mutations[i].apply(plan);
                int r = mpart_plan_check(plan, m, &e);
                if (r != mutations[i].code || e.code != r || !strstr(e.text, mutations[i].text))
                        fail_msg("mutation %zu (\"%s\"): %d \"%s\"", i, mutations[i].text, r, e.text);
                assert_int_equal(mpart_plan_check(plan, m, NULL), r);
        }
}

/* Without a machine a digest cannot be stale, and everything else still holds. */
static void test_on_its_own(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m = build(MACHINE);
        _cleanup_plan_ struct mpart_plan *plan = fresh(m);
        other_machine(plan);
        assert_int_equal(mpart_plan_check(plan, NULL, NULL), 0);
        plan->n_kernels = 0;
        assert_int_equal(mpart_plan_check(plan, NULL, NULL), -EBADMSG);
        plan->n_kernels = 4;
}

#define DIGEST "digest 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n"

static void assert_disagrees(const char *other, const char *text)
{
        _cleanup_machine_ struct mpart_machine *m = build(DIGEST MACHINE), *n = build(other);
        _cleanup_plan_ struct mpart_plan *plan = fresh(m);
        struct mpart_error e = MPART_ERROR_INIT;
        assert_int_equal(mpart_plan_check(plan, n, &e), -EBADMSG);
        if (!strstr(e.text, text))
                fail_msg("\"%s\" does not say \"%s\"", e.text, text);
}

static void test_against_machine(void **state)
{
        (void)state;
        assert_disagrees(DIGEST "node 0 cpus 0-3 memory 1M-1G\n", "nodes");
        assert_disagrees(DIGEST "node 0 cpus 0-1 memory " LOW ",1M-2G\n"
                                "node 1 cpus 2-3 memory 4G-6G,0x180002000-7G\n",
                        "0x180001000");
        assert_disagrees(DIGEST "node 0 cpus 0-1 memory " LOW ",1M-2G\n"
                                "node 2 cpus 2-3 memory 4G-6G,0x180001000-7G\n",
                        "does not know node 2");
        assert_disagrees(DIGEST "node 0 cpus 0-1,4 memory " LOW ",1M-2G\n"
                                "node 1 cpus 2-3 memory 4G-6G,0x180001000-7G\n",
                        "CPU 4 of the machine");
        assert_disagrees(DIGEST "node 0 cpus 0-1 memory " LOW ",1M-2G\n"
                                "node 1 cpus 2 memory 4G-6G,0x180001000-7G\n",
                        "no CPU 3");
        assert_disagrees(DIGEST "node 0 cpus 0-2 memory " LOW ",1M-2G\n"
                                "node 1 cpus 3 memory 4G-6G,0x180001000-7G\n",
                        "lacks CPU 2");
        assert_disagrees(DIGEST MACHINE "withheld 5G-5121M\n", "somebody else");

        /* Where a kernel runs, the machine may have lost the node of its CPUs. */
        _cleanup_machine_ struct mpart_machine *m = build(DIGEST MACHINE);
        _cleanup_machine_ struct mpart_machine *running = build(
                        DIGEST "node 0 cpus 0-1 memory " LOW ",1M-2G\n"
                               "node 1 cpus - memory 4G-6G,0x180001000-7G\nhomeless 2-3\noffline 2-3\n");
        _cleanup_plan_ struct mpart_plan *plan = fresh(m);
        assert_int_equal(mpart_plan_check(plan, running, NULL), 0);
}

static void test_pci_of_secondary(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m = build(MACHINE);
        _cleanup_plan_ struct mpart_plan *plan = fresh(m);
        char *moved = plan->kernels[0].pci[1];
        free(plan->kernels[1].pci);
        plan->kernels[1].pci = calloc(1, sizeof(char *));
        plan->kernels[1].pci[0] = moved;
        plan->kernels[1].n_pci = 1;
        plan->kernels[0].n_pci = 1;
        struct mpart_error e = MPART_ERROR_INIT;
        assert_int_equal(mpart_plan_check(plan, m, &e), 0);
        m->n_pci = 1;
        assert_int_equal(mpart_plan_check(plan, m, &e), -EBADMSG);
        assert_non_null(strstr(e.text, "10000:00:02.0"));
}

/* Kernels may share a window, or have windows that do not overlap. */
static void test_two_windows(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m = build(MACHINE);
        _cleanup_plan_ struct mpart_plan *plan = fresh(m);
        assert_int_equal(plan->kernels[0].memory[0].start, 0x1000);
        assert_int_equal(plan->kernels[0].memory[0].size, 0x2f000);
        assert_int_equal(plan->kernels[2].low_memory.start, 0x50000);
        assert_int_equal(plan->kernels[3].low_memory.start, 0x30000);
        struct mpart_error e = MPART_ERROR_INIT;
        assert_int_equal(mpart_plan_check(plan, m, &e), 0);
        plan->kernels[3].low_memory.start = 0x40000;
        assert_int_equal(mpart_plan_check(plan, m, &e), -EBADMSG);
        plan->kernels[3].low_memory.start = 0x50000;
        assert_int_equal(mpart_plan_check(plan, m, &e), -EBADMSG); /* nobody has the other one now */
        plan->kernels[0].memory[0].size = 0x4f000;
        assert_int_equal(mpart_plan_check(plan, m, &e), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_mutations),
                cmocka_unit_test(test_on_its_own),
                cmocka_unit_test(test_against_machine),
                cmocka_unit_test(test_pci_of_secondary),
                cmocka_unit_test(test_two_windows),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
