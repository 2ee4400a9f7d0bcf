/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machines that do not exist, read whole. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake-machine.h"
#include "json.h"
#include "macros.h"

static void test_two_nodes(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m = fake_machine_read(&fake_two_nodes);
        assert_true(m->x86_64);
        assert_false(m->live);
        assert_int_equal(m->n_nodes, 2);
        assert_int_equal(m->n_cpus, 8);
        assert_node_memory(m, &fake_two_nodes);
        assert_int_equal(m->n_notes, 0);
        assert_int_equal(m->withheld.n + m->withheld_ours.n, 0);
        assert_int_equal(strlen(m->digest), 64);

        const struct mpart_cpu *cpu = mpart_machine_cpu(m, 5);
        assert_non_null(cpu);
        assert_int_equal(cpu->node, 1);
        assert_int_equal(cpu->apic_id, fake_apic_id(5));
        assert_int_equal(cpu->package, 1);
        assert_int_equal(cpu->core, 2);
        assert_true(mpart_cpuset_has(&cpu->siblings, 4) && mpart_cpuset_has(&cpu->siblings, 5));
        assert_int_equal(mpart_cpuset_count(&cpu->siblings), 2);
        assert_null(mpart_machine_cpu(m, 8));
        assert_null(mpart_machine_node(m, 2));
        assert_int_equal(mpart_machine_distance(m, 0, 1), 21);
        assert_int_equal(mpart_machine_distance(m, 1, 1), 10);
        assert_int_equal(mpart_machine_distance(m, 0, 7), 20);
}

static void test_shared_block_by_zones(void **state)
{
        (void)state;
        struct fake_machine f = fake_two_nodes;
        f.no_srat = true;
        _cleanup_machine_ struct mpart_machine *m = fake_machine_read(&f);
        assert_node_memory(m, &f);
}

/* Blocks of 2 GiB: all of both nodes below 4 GiB is one shared block. */
static void test_one_big_shared_block(void **state)
{
        (void)state;
        struct fake_machine f = fake_two_nodes;
        f.block_size = 2 * GiB;
        _cleanup_machine_ struct mpart_machine *m = fake_machine_read(&f);
        assert_node_memory(m, &f);
}

static void test_sum_differs(void **state)
{
        (void)state;
        struct fake_machine f = fake_two_nodes;
        f.missing[1] = 64 * KiB;
        _cleanup_machine_ struct mpart_machine *m = fake_machine_read(&f);
        assert_true(m->nodes[0].exact);
        assert_false(m->nodes[1].exact);
        /* The shared block is [896 MiB, 1024 MiB): only what lies behind it is certain. */
        assert_int_equal(m->nodes[1].memory.n, 1);
        assert_int_equal(m->nodes[1].memory.items[0].start, 1024 * MiB);
        assert_true(machine_has_note(m, "node 1: its memory ranges sum up to"));
        assert_true(machine_has_note(m, "belong to no node"));
        assert_true(mpart_ranges_contains(&m->ram, 1000 * MiB, 24 * MiB));
}

static void test_without_zoneinfo(void **state)
{
        (void)state;
        struct fake_machine f = fake_two_nodes;
        f.no_zoneinfo = true;
        _cleanup_machine_ struct mpart_machine *m = fake_machine_read(&f);
        assert_false(m->nodes[0].exact || m->nodes[1].exact);
        assert_false(mpart_ranges_intersects(&m->nodes[1].memory, 1000 * MiB, 24 * MiB));
        assert_true(machine_has_note(m, "zoneinfo"));
}

static void test_offline_blocks(void **state)
{
        (void)state;
        struct mpart_range offline = { 4 * GiB + 256 * MiB, 128 * MiB };
        struct fake_machine f = fake_two_nodes;
        f.offline_blocks = (struct mpart_ranges){ &offline, 1, 1 };
        _cleanup_machine_ struct mpart_machine *m = fake_machine_read(&f);
        assert_node_memory(m, &f);
}

static void expect_refusal(struct scratch *s, int code, const char *says)
{
        struct mpart_machine *m = NULL;
        struct mpart_error e = MPART_ERROR_INIT;
        assert_int_equal(mpart_machine_read(s->path, &m, &e), code);
        assert_null(m);
        assert_non_null(strstr(e.text, says));
        assert_int_equal(mpart_machine_look(s->path, &m, NULL), 0);
        assert_true(machine_has_note(m, says));
        assert_int_equal(m->n_cpus, 8);
        assert_int_equal(m->n_nodes, 2);
        assert_int_equal(m->ram.n, code == -EOPNOTSUPP);
        mpart_machine_free(m);
}

static void test_refused(void **state)
{
        (void)state;
        struct scratch s;
        scratch_make(&s);
        fake_machine_write(&s, &fake_two_nodes);
        scratch_write(&s, "proc/iomem",
                        "00000000-00000000 : System RAM\n  00000000-00000000 : Kernel code\n");
        expect_refusal(&s, -EPERM, "root");
        scratch_write(&s, "proc/iomem", "%s", "");
        expect_refusal(&s, -ENODATA, "System RAM");
        scratch_write(&s, "proc/iomem", "00001000-0009ffff : System RAM\n\x01\x02");
        expect_refusal(&s, -EBADMSG, "line 2");
        scratch_write(&s, "proc/iomem", "00100000-0fffffff : System RAM\n");
        scratch_write(&s, "proc/cpuinfo", "processor\t: 0\nfeatures\t: fp asimd lm\n");
        expect_refusal(&s, -EOPNOTSUPP, "x86-64");
        scratch_remove(&s);

        struct mpart_machine *m = NULL;
        struct mpart_error e = MPART_ERROR_INIT;
        assert_int_equal(mpart_machine_look(s.path, &m, &e), -ENOENT);
        assert_non_null(strstr(e.text, s.path));
        scratch_make(&s);
        assert_int_equal(mpart_machine_look(s.path, &m, &e), -ENODATA);
        assert_null(m);
        scratch_remove(&s);
}

/* Old and edited machines: ids with gaps, masks alone, no lists of CPUs or nodes. */
static void test_sparse(void **state)
{
        (void)state;
        struct scratch s;
        struct mpart_machine *read = NULL;
        static const struct {
                const char *path, *text;
        } files[] = {
                { "sys/devices/system/cpu/cpu1/topology/thread_siblings", "00000000,00000002\n" },
                { "sys/devices/system/cpu/cpu2/topology/core_id", "3" },
                { "sys/devices/system/cpu/cpu3/online", "0\n" },
                { "sys/devices/system/cpu/cpufreq/boost", "1" },
                { "sys/devices/system/cpu/present", "1-3,64-71\n" },
                { "sys/devices/system/node/online", "8,250,252\n" },
                { "sys/devices/system/node/node8/cpumap", "00000000,00000002\n" },
                { "sys/devices/system/node/node8/distance", "10 17 28\n" },
                { "sys/devices/system/node/node250/cpulist", "2-3\n" },
                { "sys/devices/system/node/node250/cpu3/uevent", "" },
                { "sys/devices/system/node/node250/distance", "17 10 255" },
                { "sys/devices/system/node/node252/meminfo", "Node 252 MemTotal:    4096 kB\n" },
                { "sys/devices/system/node/node252/distance", "28 10\n" },
                { "sys/devices/system/node/node253/cpulist", "\n" },
        };
        scratch_make(&s);
        for (size_t i = 0; i < ARRAY_SIZE(files); i++)
                scratch_write(&s, files[i].path, "%s", files[i].text);
        assert_int_equal(mpart_machine_look(s.path, &read, NULL), 0);
        _cleanup_machine_ struct mpart_machine *m = read;
        scratch_remove(&s);

        assert_int_equal(m->n_cpus, 3);
        assert_int_equal(mpart_machine_cpu(m, 1)->node, 8);
        assert_int_equal(mpart_machine_cpu(m, 2)->node, 250);
        assert_int_equal(mpart_machine_cpu(m, 2)->core, 3);
        assert_int_equal(mpart_machine_cpu(m, 3)->node, 250); /* offline: the link alone tells */
        assert_false(mpart_machine_cpu(m, 3)->online);
        assert_int_equal(m->n_nodes, 3); /* 253 has nothing */
        assert_int_equal(mpart_machine_distance(m, 8, 252), 28);
        assert_int_equal(mpart_machine_distance(m, 250, 252), 255);
        assert_int_equal(mpart_machine_distance(m, 252, 8), 20); /* two numbers for three nodes */
        assert_true(machine_has_note(m, "node252/distance"));
}

static void test_json(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m = fake_machine_read(&fake_two_nodes);
        _cleanup_free_ char *text = mpart_machine_to_json(m);
        assert_non_null(text);
        cJSON *o = NULL;
        assert_int_equal(json_parse(text, &o, NULL), 0);
        assert_string_equal(cJSON_GetObjectItem(o, "format")->valuestring, "mpart-machine");
        const cJSON *node = cJSON_GetArrayItem(cJSON_GetObjectItem(o, "nodes"), 1);
        assert_string_equal(cJSON_GetObjectItem(node, "cpus")->valuestring, "4-7");
        const cJSON *range = cJSON_GetArrayItem(cJSON_GetObjectItem(node, "memory"), 0);
        assert_true(cJSON_GetObjectItem(range, "start")->valuedouble == (double)(1000 * MiB));
        assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(o, "cpus")), 8);
        cJSON_Delete(o);
}
int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_two_nodes),
                cmocka_unit_test(test_shared_block_by_zones),
                cmocka_unit_test(test_one_big_shared_block),
                cmocka_unit_test(test_sum_differs),
                cmocka_unit_test(test_without_zoneinfo),
                cmocka_unit_test(test_offline_blocks),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_sparse),
                cmocka_unit_test(test_json),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
