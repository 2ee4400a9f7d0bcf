/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machines that do not exist, read whole. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "cmdline-words.h"
#include "fake-machine.h"
#include "json.h"
#include "machine.h"
#include "macros.h"

#define _cleanup_machine_ _cleanup_(mpart_machine_freep)

/* Two nodes that meet in the middle of a 128 MiB block; node 0 goes on behind node 1. */
static const struct fake_memory two_nodes[] = {
        { 0x1000, 0x9f000, 0 },
        { MiB, 1000 * MiB, 0 },
        { 1000 * MiB, 2000 * MiB, 1 },
        { 4 * GiB, 5 * GiB, 0 },
};
static const struct fake_machine two = {
        .memory = two_nodes,
        .n_memory = ARRAY_SIZE(two_nodes),
        .n_nodes = 2,
        .cpus_per_node = 4,
        .block_size = 128 * MiB,
};

static struct mpart_machine *read_fake(const struct fake_machine *f)
{
        struct scratch s;
        struct mpart_machine *m = NULL;
        struct mpart_error e = MPART_ERROR_INIT;
        scratch_make(&s);
        fake_machine_write(&s, f);
        int r = mpart_machine_read(s.path, &m, &e);
        scratch_remove(&s);
        if (r < 0)
                print_error("%s\n", e.text);
        assert_int_equal(r, 0);
        return m;
}

static bool has_note(const struct mpart_machine *m, const char *part)
{
        for (size_t i = 0; i < m->n_notes; i++)
                if (strstr(m->notes[i], part))
                        return true;
        return false;
}

static void assert_node_memory(const struct mpart_machine *m, const struct fake_machine *f)
{
        for (size_t i = 0; i < m->n_nodes; i++) {
                _cleanup_ranges_ struct mpart_ranges wanted = { 0 };
                for (size_t k = 0; k < f->n_memory; k++)
                        if (f->memory[k].node == m->nodes[i].id)
                                assert_int_equal(mpart_ranges_add(&wanted, f->memory[k].start,
                                                                 f->memory[k].end - f->memory[k].start),
                                                0);
                assert_true(mpart_ranges_equal(&m->nodes[i].memory, &wanted));
                assert_true(m->nodes[i].exact);
        }
}

static void test_two_nodes(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m = read_fake(&two);
        assert_true(m->x86_64);
        assert_false(m->live);
        assert_int_equal(m->n_nodes, 2);
        assert_int_equal(m->n_cpus, 8);
        assert_node_memory(m, &two);
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
        struct fake_machine f = two;
        f.no_srat = true;
        _cleanup_machine_ struct mpart_machine *m = read_fake(&f);
        assert_node_memory(m, &f);
}

/* Blocks of 2 GiB: all of both nodes below 4 GiB is one shared block. */
static void test_one_big_shared_block(void **state)
{
        (void)state;
        struct fake_machine f = two;
        f.block_size = 2 * GiB;
        _cleanup_machine_ struct mpart_machine *m = read_fake(&f);
        assert_node_memory(m, &f);
}

static void test_sum_differs(void **state)
{
        (void)state;
        struct fake_machine f = two;
        f.missing[1] = 64 * KiB;
        _cleanup_machine_ struct mpart_machine *m = read_fake(&f);
        assert_true(m->nodes[0].exact);
        assert_false(m->nodes[1].exact);
        /* The shared block is [896 MiB, 1024 MiB): only what lies behind it is certain. */
        assert_int_equal(m->nodes[1].memory.n, 1);
        assert_int_equal(m->nodes[1].memory.items[0].start, 1024 * MiB);
        assert_true(has_note(m, "node 1: its memory ranges sum up to"));
        assert_true(has_note(m, "belong to no node"));
        assert_true(mpart_ranges_contains(&m->ram, 1000 * MiB, 24 * MiB));
}

static void test_without_zoneinfo(void **state)
{
        (void)state;
        struct fake_machine f = two;
        f.no_zoneinfo = true;
        _cleanup_machine_ struct mpart_machine *m = read_fake(&f);
        assert_false(m->nodes[0].exact || m->nodes[1].exact);
        assert_false(mpart_ranges_intersects(&m->nodes[1].memory, 1000 * MiB, 24 * MiB));
        assert_true(has_note(m, "zoneinfo"));
}

static void test_offline_blocks(void **state)
{
        (void)state;
        struct mpart_range offline = { 4 * GiB + 256 * MiB, 128 * MiB };
        struct fake_machine f = two;
        f.offline_blocks = (struct mpart_ranges){ &offline, 1, 1 };
        _cleanup_machine_ struct mpart_machine *m = read_fake(&f);
        assert_node_memory(m, &f);
}

/* The machine started again with the terms of a plan, with all of node 1 given away, CPUs too. */
static void restart(struct fake_machine *f, char *line, size_t size, struct mpart_range *range)
{
        static const char terms[] = "memmap=1000M$1000M memmap=0x20000$0x70000";
        char digits[MARKER_DIGITS + 1];
        assert_int_equal(mpart_marker_make(terms, digits), 0);
        snprintf(line, size, "console=ttyS1,115200 console=tty0 mpart.plan=%s %s", digits, terms);
        range[0] = (struct mpart_range){ 0x70000, 0x20000 };
        range[1] = (struct mpart_range){ 1000 * MiB, 1000 * MiB };
        f->withheld = (struct mpart_ranges){ range, 2, 2 };
        f->cmdline = line;
}

static void test_restarted_with_our_terms(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *before = read_fake(&two);

        char line[256];
        struct mpart_range range[2];
        uint64_t offline = 0xf0; /* CPUs 4-7, all of node 1 */
        struct fake_machine f = two;
        restart(&f, line, sizeof(line), range);
        f.offline = (struct mpart_cpuset){ &offline, 1 };
        _cleanup_machine_ struct mpart_machine *m = read_fake(&f);

        assert_node_memory(m, &two);
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
        struct fake_machine f = two;
        f.no_firmware_map = true;
        _cleanup_machine_ struct mpart_machine *before = read_fake(&f);
        char line[256];
        struct mpart_range range[2];
        restart(&f, line, sizeof(line), range);
        _cleanup_machine_ struct mpart_machine *m = read_fake(&f);
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
        _cleanup_machine_ struct mpart_machine *before = read_fake(&f);
        assert_int_equal(before->n_nodes, 3);

        char digits[MARKER_DIGITS + 1], line[128];
        struct mpart_range range = { 6 * GiB, GiB };
        assert_int_equal(mpart_marker_make(terms, digits), 0);
        snprintf(line, sizeof(line), "mpart.plan=%s %s", digits, terms);
        f.cmdline = line;
        f.withheld = (struct mpart_ranges){ &range, 1, 1 };
        _cleanup_machine_ struct mpart_machine *m = read_fake(&f);
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
        struct fake_machine f = two;
        char line[256];
        struct mpart_range range[2];
        restart(&f, line, sizeof(line), range);
        f.no_srat = true;
        _cleanup_machine_ struct mpart_machine *m = read_fake(&f);
        assert_true(has_note(m, "belong to no node"));
        assert_false(mpart_ranges_intersects(&m->nodes[1].memory, 1000 * MiB, 1000 * MiB));
        assert_true(mpart_ranges_contains(&m->ram, 1000 * MiB, 1000 * MiB));
}

static void test_withheld_by_others(void **state)
{
        (void)state;
        struct mpart_range theirs = { 4 * GiB, 512 * MiB };
        struct fake_machine f = two;
        f.withheld = (struct mpart_ranges){ &theirs, 1, 1 };
        f.cmdline = "mpart.plan=0123456789abcdef memmap=512M$4G";
        _cleanup_machine_ struct mpart_machine *m = read_fake(&f);
        assert_int_equal(m->withheld_ours.n, 0);
        assert_true(mpart_ranges_equal(&m->withheld, &f.withheld));
        assert_false(mpart_ranges_intersects(&m->ram, theirs.start, theirs.size));
        assert_false(mpart_ranges_intersects(&m->nodes[0].memory, theirs.start, theirs.size));
        assert_true(has_note(m, "terms behind it were changed"));
        assert_true(has_note(m, "withheld from the running kernel"));
}

/* Kernels with numa=fake make nodes that the firmware does not know. */
static void test_fake_nodes_of_the_kernel(void **state)
{
        (void)state;
        struct scratch s;
        struct fake_srat t;
        struct mpart_machine *read = NULL;
        scratch_make(&s);
        struct fake_machine f = two;
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
        assert_true(has_note(m, "numa=fake"));
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
        assert_true(has_note(m, says));
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
        fake_machine_write(&s, &two);
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
        assert_true(has_note(m, "node252/distance"));
}

static void write_function(struct scratch *s, const char *address, const char *class, const char *node)
{
        char path[128];
        snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/class", address);
        scratch_write(s, path, "%s\n", class);
        snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/vendor", address);
        scratch_write(s, path, "0x8086\n");
        snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/device", address);
        scratch_write(s, path, "0x10d3\n");
        if (node) {
                snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/numa_node", address);
                scratch_write(s, path, "%s\n", node);
        }
}

static void write_functions(struct scratch *s)
{
        unsigned char config[64] = { 0x86, 0x80, [14] = 0x81 }; /* header type 1, several functions */
        write_function(s, "10000:00:1f.7", "0x010802", "1");
        write_function(s, "0000:00:01.0", "0x060400", "-1");
        write_function(s, "0000:00:02.0", "0x088000", NULL);
        scratch_write(s, "sys/bus/pci/devices/0000:00:03.0/uevent", "%s", "");
        scratch_write(s, "sys/bus/pci/devices/0000:00:02/class", "0x060400");
        fake_file(s, "sys/bus/pci/devices/0000:00:02.0/config", config, sizeof(config));
        scratch_write(s, "sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0/vendor", "0x8086");
        assert_int_equal(symlinkat("../../../devices/pci0000:00/0000:00:01.0/0000:01:00.0", s->fd,
                                         "sys/bus/pci/devices/0000:01:00.0"),
                        0);
        assert_int_equal(symlinkat("../../../../kernel/iommu_groups/17", s->fd,
                                         "sys/bus/pci/devices/0000:01:00.0/iommu_group"),
                        0);
        assert_int_equal(symlinkat("../../../../bus/pci/drivers/e1000e", s->fd,
                                         "sys/bus/pci/devices/0000:01:00.0/driver"),
                        0);
}

static void test_pci(void **state)
{
        (void)state;
        struct scratch s;
        struct mpart_machine *read = NULL;
        scratch_make(&s);
        fake_machine_write(&s, &two);
        write_functions(&s);
        assert_int_equal(mpart_machine_read(s.path, &read, NULL), 0);
        _cleanup_machine_ struct mpart_machine *m = read;
        scratch_remove(&s);

        static const char *const addresses[] = { "0000:00:01.0", "0000:00:02.0", "0000:00:03.0",
                "0000:01:00.0", "10000:00:1f.7" };
        assert_int_equal(m->n_pci, ARRAY_SIZE(addresses));
        for (size_t i = 0; i < m->n_pci; i++)
                assert_string_equal(m->pci[i].address, addresses[i]);
        assert_true(m->pci[0].is_bridge);
        assert_int_equal(m->pci[0].vendor, 0x8086);
        assert_int_equal(m->pci[0].device, 0x10d3);
        assert_int_equal(m->pci[0].node, -1);
        assert_true(m->pci[1].is_bridge); /* by its configuration space */
        assert_int_equal(m->pci[2].vendor, 0);
        assert_false(m->pci[2].is_bridge);
        assert_string_equal(m->pci[3].parent, "0000:00:01.0");
        assert_string_equal(m->pci[3].driver, "e1000e");
        assert_int_equal(m->pci[3].iommu_group, 17);
        assert_int_equal(m->pci[4].iommu_group, -1);
        assert_int_equal(m->pci[4].domain, 0x10000);
        assert_int_equal(m->pci[4].slot, 0x1f);
        assert_int_equal(m->pci[4].function, 7);
        assert_int_equal(m->pci[4].class_code, 0x010802);
        assert_int_equal(m->pci[4].node, 1);
        assert_true(has_note(m, "0000:00:02\""));
}

static void test_uarts(void **state)
{
        (void)state;
        struct scratch s;
        struct mpart_machine *read = NULL;
        static const struct {
                const char *name, *type, *port;
        } ports[] = { { "ttyS0", "4", "0x3F8" }, { "ttyS1", "0", "0x2F8" }, { "ttyS2", "4", "0x3E8" },
                { "ttyS4", "4", "0xE010" }, { "ttyUSB0", "4", "0x2E8" } };
        scratch_make(&s);
        fake_machine_write(&s, &two);
        for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
                char path[64];
                snprintf(path, sizeof(path), "sys/class/tty/%s/type", ports[i].name);
                scratch_write(&s, path, "%s\n", ports[i].type);
                snprintf(path, sizeof(path), "sys/class/tty/%s/port", ports[i].name);
                scratch_write(&s, path, "%s\n", ports[i].port);
        }
        assert_int_equal(mpart_machine_read(s.path, &read, NULL), 0);
        _cleanup_machine_ struct mpart_machine *m = read;
        scratch_remove(&s);
        assert_int_equal(m->n_uarts, 2);
        assert_int_equal(m->uarts[0], 0);
        assert_int_equal(m->uarts[1], 2);
}

static void test_json(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m = read_fake(&two);
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
                cmocka_unit_test(test_restarted_with_our_terms),
                cmocka_unit_test(test_restarted_without_memory_node),
                cmocka_unit_test(test_restarted_without_firmware_map),
                cmocka_unit_test(test_withheld_without_srat),
                cmocka_unit_test(test_withheld_by_others),
                cmocka_unit_test(test_fake_nodes_of_the_kernel),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_sparse),
                cmocka_unit_test(test_pci),
                cmocka_unit_test(test_uarts),
                cmocka_unit_test(test_json),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
