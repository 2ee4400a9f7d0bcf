/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "fake-machine.h"
#include "fs.h"
#include "iomem.h"
#include "macros.h"

#define CPU_DIRECTORY "sys/devices/system/cpu"
#define NODE_DIRECTORY "sys/devices/system/node"

static void must(bool ok)
{
        if (!ok)
                abort();
}

static void put(struct fake_srat *t, uint64_t value, unsigned size)
{
        must(t->size + size <= sizeof(t->data));
        for (unsigned i = 0; i < size; i++)
                t->data[t->size++] = (unsigned char)(value >> (8 * i));
}

void fake_srat_begin(struct fake_srat *t, unsigned revision)
{
        *t = (struct fake_srat){ 0 };
        memcpy(t->data, "SRAT", 4);
        t->data[8] = (unsigned char)revision;
        t->size = 48;
}

void fake_srat_cpu(struct fake_srat *t, unsigned domain, unsigned apic_id, bool enabled)
{
        put(t, 0 | 16 << 8, 2);
        put(t, domain, 1);
        put(t, apic_id, 1);
        put(t, enabled, 4);
        put(t, 0, 1);
        put(t, domain >> 8, 3);
        put(t, 0, 4);
}

void fake_srat_x2apic(struct fake_srat *t, uint32_t domain, uint32_t x2apic_id, bool enabled)
{
        put(t, 2 | 24 << 8, 4);
        put(t, domain, 4);
        put(t, x2apic_id, 4);
        put(t, enabled, 4);
        put(t, 0, 8);
}

void fake_srat_memory(struct fake_srat *t, uint32_t domain, uint64_t start, uint64_t size, unsigned flags)
{
        put(t, 1 | 40 << 8, 2);
        put(t, domain, 4);
        put(t, 0, 2);
        put(t, start, 8);
        put(t, size, 8);
        put(t, 0, 4);
        put(t, flags, 4);
        put(t, 0, 8);
}

void fake_srat_end(struct fake_srat *t)
{
        unsigned char sum = 0;
        for (unsigned i = 0; i < 4; i++)
                t->data[4 + i] = (unsigned char)(t->size >> (8 * i));
        t->data[9] = 0;
        for (size_t i = 0; i < t->size; i++)
                sum = (unsigned char)(sum + t->data[i]);
        t->data[9] = (unsigned char)-sum;
}

void fake_file(struct scratch *s, const char *path, const void *data, size_t size)
{
        char whole[512];
        scratch_write(s, path, "%s", ""); /* makes the directories above */
        must(snprintf(whole, sizeof(whole), "%s/%s", s->path, path) < (int)sizeof(whole));
        must(write_file_atomic(whole, data, size, 0644) == 0);
}

/* RAM of the running kernel: of one node, or of all (-1). */
static struct mpart_ranges running_ram(const struct fake_machine *f, int node)
{
        struct mpart_ranges ram = { 0 };
        for (size_t i = 0; i < f->n_memory; i++)
                if (node < 0 || f->memory[i].node == (unsigned)node)
                        must(mpart_ranges_add(&ram, f->memory[i].start,
                                             f->memory[i].end - f->memory[i].start) == 0);
        must(mpart_ranges_remove_all(&ram, &f->withheld) == 0);
        return ram;
}

static unsigned count_cpus(const struct fake_machine *f)
{
        return (f->n_nodes - f->n_memory_only) * f->cpus_per_node;
}

/* The kernel has no node where there is neither a CPU nor RAM. */
static bool node_exists(const struct fake_machine *f, unsigned node)
{
        _cleanup_ranges_ struct mpart_ranges ram = running_ram(f, (int)node);
        return node < f->n_nodes - f->n_memory_only || ram.n > 0;
}

static void write_maps(struct scratch *s, const struct fake_machine *f)
{
        char path[64];
        _cleanup_ranges_ struct mpart_ranges ram = running_ram(f, -1);
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        FILE *file = open_memstream(&text, &size);
        must(file);
        for (size_t i = 0; i < ram.n; i++)
                fprintf(file, "%08" PRIx64 "-%08" PRIx64 " : System RAM\n", ram.items[i].start,
                                mpart_range_end(ram.items[i]) - 1);
        fclose(file);
        scratch_write(s, "proc/iomem", "%s", text);

        for (size_t i = 0; i < f->n_memory && !f->no_firmware_map; i++) {
                snprintf(path, sizeof(path), "sys/firmware/memmap/%zu/start", i);
                scratch_write(s, path, "0x%" PRIx64 "\n", f->memory[i].start);
                snprintf(path, sizeof(path), "sys/firmware/memmap/%zu/end", i);
                scratch_write(s, path, "0x%" PRIx64 "\n", f->memory[i].end - 1);
                snprintf(path, sizeof(path), "sys/firmware/memmap/%zu/type", i);
                scratch_write(s, path, "System RAM\n");
        }
}

static void write_blocks(struct scratch *s, const struct fake_machine *f, unsigned node)
{
        char path[96];
        _cleanup_ranges_ struct mpart_ranges ram = running_ram(f, (int)node);
        for (size_t i = 0; i < ram.n; i++) {
                uint64_t first = ram.items[i].start / f->block_size;
                uint64_t last = (mpart_range_end(ram.items[i]) - 1) / f->block_size;
                for (uint64_t block = first; block <= last; block++) {
                        bool offline = mpart_ranges_intersects(
                                        &f->offline_blocks, block * f->block_size, f->block_size);
                        snprintf(path, sizeof(path), NODE_DIRECTORY "/node%u/memory%" PRIu64, node, block);
                        scratch_write(s, path, "%s", "");
                        if (f->offline_blocks.n == 0)
                                continue;
                        snprintf(path, sizeof(path), "sys/devices/system/memory/memory%" PRIu64 "/state",
                                        block);
                        scratch_write(s, path, offline ? "offline\n" : "online\n");
                }
        }
}

static void write_node(struct scratch *s, const struct fake_machine *f, unsigned node)
{
        char path[96];
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        FILE *file = open_memstream(&text, &size);
        must(file);
        for (unsigned i = 0; i < f->n_nodes; i++)
                if (node_exists(f, i))
                        fprintf(file, "%u ", fake_distance(node, i));
        fclose(file);
        snprintf(path, sizeof(path), NODE_DIRECTORY "/node%u/distance", node);
        scratch_write(s, path, "%s\n", text);
        for (unsigned i = 0; i < f->cpus_per_node && node < f->n_nodes - f->n_memory_only; i++) {
                snprintf(path, sizeof(path), NODE_DIRECTORY "/node%u/cpu%u", node,
                                node * f->cpus_per_node + i);
                scratch_write(s, path, "%s", "");
        }
        snprintf(path, sizeof(path), NODE_DIRECTORY "/node%u/memory_failure", node);
        scratch_write(s, path, "%s", "");
        write_blocks(s, f, node);
}

static void write_zoneinfo(struct scratch *s, const struct fake_machine *f)
{
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        FILE *file = open_memstream(&text, &size);
        must(file);
        for (unsigned node = 0; node < f->n_nodes; node++) {
                _cleanup_ranges_ struct mpart_ranges ram = running_ram(f, (int)node);
                uint64_t start = ram.n ? ram.items[0].start : 0;
                must(mpart_ranges_remove_all(&ram, &f->offline_blocks) == 0);
                uint64_t present = mpart_ranges_total(&ram) - f->missing[node];
                fprintf(file, "Node %u, zone   Normal\n  per-node stats\n  pages free     1\n", node);
                fprintf(file, "        spanned  1\n        present  %" PRIu64 "\n        managed  1\n",
                                present / MPART_PAGE_SIZE);
                fprintf(file, "  start_pfn:           %" PRIu64 "\n", start / MPART_PAGE_SIZE);
        }
        fclose(file);
        scratch_write(s, "proc/zoneinfo", "%s", text);
}

static void write_cpus(struct scratch *s, const struct fake_machine *f)
{
        unsigned n = count_cpus(f);
        _cleanup_cpuset_ struct mpart_cpuset online = { 0 };
        _cleanup_free_ char *list = NULL, *text = NULL;
        size_t size = 0;
        FILE *file = open_memstream(&text, &size);
        must(file);
        for (unsigned cpu = 0; cpu < n; cpu++) {
                char path[96];
                snprintf(path, sizeof(path), CPU_DIRECTORY "/cpu%u/uevent", cpu);
                scratch_write(s, path, "%s", "");
                if (mpart_cpuset_has(&f->offline, cpu))
                        continue;
                must(mpart_cpuset_add(&online, cpu) == 0);
                fprintf(file, "processor\t: %u\nflags\t\t: fpu lm\napicid\t\t: %u\n\n", cpu,
                                fake_apic_id(cpu));
                snprintf(path, sizeof(path), CPU_DIRECTORY "/cpu%u/topology/core_id", cpu);
                scratch_write(s, path, "%u\n", cpu / 2);
                snprintf(path, sizeof(path), CPU_DIRECTORY "/cpu%u/topology/physical_package_id", cpu);
                scratch_write(s, path, "%u\n", cpu / f->cpus_per_node);
                snprintf(path, sizeof(path), CPU_DIRECTORY "/cpu%u/topology/thread_siblings_list", cpu);
                if (mpart_cpuset_has(&f->offline, cpu ^ 1))
                        scratch_write(s, path, "%u\n", cpu);
                else
                        scratch_write(s, path, "%u-%u\n", cpu & ~1U, cpu | 1);
        }
        fclose(file);
        must(mpart_cpuset_format_list(&online, &list) == 0);
        scratch_write(s, "proc/cpuinfo", "%s", text);
        scratch_write(s, CPU_DIRECTORY "/present", "0-%u\n", n - 1);
        scratch_write(s, CPU_DIRECTORY "/online", "%s\n", list);
}

static void write_srat(struct scratch *s, const struct fake_machine *f)
{
        struct fake_srat t;
        fake_srat_begin(&t, 3);
        for (unsigned cpu = 0; cpu < count_cpus(f); cpu++)
                fake_srat_cpu(&t, fake_domain(cpu / f->cpus_per_node), fake_apic_id(cpu), true);
        for (size_t i = 0; i < f->n_memory; i++)
                fake_srat_memory(&t, fake_domain(f->memory[i].node), f->memory[i].start,
                                f->memory[i].end - f->memory[i].start, 1);
        fake_srat_end(&t);
        fake_file(s, "sys/firmware/acpi/tables/SRAT", t.data, t.size);
}

static void write_slit(struct scratch *s, const struct fake_machine *f)
{
        enum { N = 41, MATRIX = 44 }; /* up to fake_domain(0) */
        unsigned char table[MATRIX + N * N] = "SLIT", sum = 0;
        table[4] = sizeof(table) & 0xff;
        table[5] = sizeof(table) >> 8;
        table[36] = N;
        for (unsigned i = 0; i < N; i++)
                for (unsigned k = 0; k < N; k++)
                        table[MATRIX + i * N + k] = i == k ? 10 : 254;
        for (unsigned i = 0; i < f->n_nodes; i++)
                for (unsigned k = 0; k < f->n_nodes; k++)
                        table[MATRIX + fake_domain(i) * N + fake_domain(k)] =
                                        (unsigned char)fake_distance(i, k);
        for (size_t i = 0; i < sizeof(table); i++)
                sum = (unsigned char)(sum + table[i]);
        table[9] = (unsigned char)-sum;
        fake_file(s, "sys/firmware/acpi/tables/SLIT", table, sizeof(table));
}

static void write_nodes(struct scratch *s, const struct fake_machine *f)
{
        _cleanup_cpuset_ struct mpart_cpuset online = { 0 };
        _cleanup_free_ char *list = NULL;
        for (unsigned node = 0; node < f->n_nodes; node++) {
                if (!node_exists(f, node))
                        continue;
                write_node(s, f, node);
                must(mpart_cpuset_add(&online, node) == 0);
        }
        must(mpart_cpuset_format_list(&online, &list) == 0);
        scratch_write(s, NODE_DIRECTORY "/online", "%s\n", list);
}

void fake_machine_write(struct scratch *s, const struct fake_machine *f)
{
        write_maps(s, f);
        write_cpus(s, f);
        write_nodes(s, f);
        scratch_write(s, "sys/devices/system/memory/block_size_bytes", "%" PRIx64 "\n", f->block_size);
        scratch_write(s, "proc/cmdline", "%s\n", f->cmdline ? f->cmdline : "quiet");
        if (!f->no_zoneinfo)
                write_zoneinfo(s, f);
        if (!f->no_srat) {
                write_srat(s, f);
                write_slit(s, f);
        }
}

static const struct fake_memory two_nodes[] = {
        { 0x1000, 0x9f000, 0 },
        { MiB, 1000 * MiB, 0 },
        { 1000 * MiB, 2000 * MiB, 1 },
        { 4 * GiB, 5 * GiB, 0 },
};
const struct fake_machine fake_two_nodes = {
        .memory = two_nodes,
        .n_memory = ARRAY_SIZE(two_nodes),
        .n_nodes = 2,
        .cpus_per_node = 4,
        .block_size = 128 * MiB,
};

struct mpart_machine *fake_machine_read(const struct fake_machine *f)
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

bool machine_has_note(const struct mpart_machine *m, const char *part)
{
        for (size_t i = 0; i < m->n_notes; i++)
                if (strstr(m->notes[i], part))
                        return true;
        return false;
}

void assert_node_memory(const struct mpart_machine *m, const struct fake_machine *f)
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
