/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>

#include "cmdline-words.h"
#include "distances.h"
#include "firmware-map.h"
#include "fs.h"
#include "iomem.h"
#include "node-memory.h"
#include "reader.h"

#define SRAT_FILE "sys/firmware/acpi/tables/SRAT"
#define SRAT_LIMIT MiB

/* One reading: what several steps need and nobody does afterwards. */
struct reading {
        struct mpart_machine *m;
        const char *path;
        int root;
        bool look; /* content with what an ordinary user sees */
        bool x86_64_certain;
        struct iomem iomem;               /* no RAM: the memory map is not known */
        struct mpart_ranges ours;         /* what the command line withholds for a plan of ours */
        struct mpart_ranges firmware_ram; /* as told; empty: no map */
        struct memory_blocks blocks;
        struct zoneinfo zones;
        struct srat srat;
        struct domain_map domains;
        char *srat_data;
        size_t srat_size;
        struct mpart_error *e;
};

static void reading_free(struct reading *s)
{
        mpart_machine_free(s->m);
        close_fd(&s->root);
        iomem_free(&s->iomem);
        mpart_ranges_free(&s->ours);
        mpart_ranges_free(&s->firmware_ram);
        memory_blocks_free(&s->blocks);
        zoneinfo_free(&s->zones);
        domain_map_free(&s->domains);
        srat_free(&s->srat);
        free(s->srat_data);
}

/* A fault that forbids planning, but not a look. */
static int forbid(struct reading *s, int code, const char *format, ...) _printf_(3, 4);
static int forbid(struct reading *s, int code, const char *format, ...)
{
        struct mpart_error local;
        va_list args;
        va_start(args, format);
        vsnprintf(local.text, sizeof(local.text), format, args);
        va_end(args);
        if (s->look && code != -ENOMEM)
                return machine_note(s->m, "%s", local.text);
        return mpart_error_set(s->e, code, "%s: %s", s->path, local.text);
}

static int read_processor(struct reading *s)
{
        _cleanup_free_ char *cpuinfo = NULL;
        int r = read_file_at(s->root, "proc/cpuinfo", 0, &cpuinfo, NULL);
        if (r == -ENOMEM)
                return r;
        s->m->x86_64 = machine_is_x86_64(s->root, cpuinfo, s->m->live, &s->x86_64_certain);
        if (!s->m->x86_64 && s->x86_64_certain) {
                r = forbid(s, -EOPNOTSUPP,
                                "not an x86-64 machine (no flag \"lm\" in proc/cpuinfo); partitions can be "
                                "planned on x86-64 alone");
                if (r < 0)
                        return r;
        }
        return cpus_read(s->root, s->m, cpuinfo);
}

static int read_iomem(struct reading *s)
{
        _cleanup_free_ char *text = NULL;
        struct mpart_error e = MPART_ERROR_INIT;
        int r = read_file_at(s->root, "proc/iomem", 0, &text, NULL);
        if (r == -EACCES || r == -EPERM)
                return forbid(s, -EPERM,
                                "proc/iomem cannot be opened: the memory map is for root; read it as root");
        if (r < 0)
                return forbid(s, r == -ENOMEM ? r : -ENODATA,
                                "no memory map: proc/iomem cannot be read (%s); capture the machine again, as "
                                "root, with \"mpartctl capture\"",
                                strerror(-r));
        r = iomem_parse(text, &s->iomem, &e);
        return r < 0 ? forbid(s, r, "%s", e.text) : 0;
}

/* The marker's own terms, less what somebody else withholds as well. */
static int take_terms(struct reading *s, const struct mpart_cmdline *c)
{
        if (!c->has_marker)
                return 0;
        int r = mpart_ranges_copy(&s->ours, &c->reserved);
        return r < 0 ? r : mpart_ranges_remove_all(&s->ours, &c->foreign);
}

static int read_cmdline(struct reading *s)
{
        _cleanup_free_ char *text = NULL;
        _cleanup_(mpart_cmdline_free) struct mpart_cmdline c = { 0 };
        struct mpart_error e = MPART_ERROR_INIT;
        int r = read_line_at(s->root, "proc/cmdline", &text);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        r = mpart_cmdline_parse(text, &c, &e);
        if (r < 0)
                return r == -ENOMEM ? r : machine_note(s->m, "proc/cmdline is not used: %s", e.text);
        r = take_terms(s, &c);
        if (r == 0)
                r = mpart_cpuset_copy(&s->m->consoles, &c.consoles);
        if (r == 0 && !c.has_marker && strstr(text, MARKER_PREFIX))
                r = machine_note(s->m, "the running command line has " MARKER_PREFIX
                                       " but the memmap= terms behind it were changed: what they withhold "
                                       "counts as "
                                       "somebody else's");
        return r;
}

/* RAM of the firmware map that the running kernel does not have: ours by the marker, or somebody else's. */
static int find_withheld(struct reading *s)
{
        struct mpart_machine *m = s->m;
        int r = firmware_map_read(s->root, &s->firmware_ram);
        if (r == -ENOMEM)
                return r;
        bool has_map = r == 0;
        if (s->iomem.ram.n == 0)
                return 0;

        r = mpart_ranges_copy(&m->withheld, has_map ? &s->firmware_ram : &s->ours);
        if (r == 0)
                r = ram_trim(&m->withheld);
        if (r == 0)
                r = mpart_ranges_remove_all(&m->withheld, &s->iomem.ram);
        if (r == 0)
                r = mpart_ranges_copy(&m->withheld_ours, &m->withheld);
        if (r == 0)
                r = mpart_ranges_and(&m->withheld_ours, &s->ours);
        if (r == 0)
                r = mpart_ranges_remove_all(&m->withheld, &m->withheld_ours);
        if (r < 0)
                return r;
        if (!has_map)
                return machine_note(m, "no firmware map (sys/firmware/memmap): RAM that others withhold is "
                                       "not seen");
        if (m->withheld.n == 0)
                return 0;
        _cleanup_free_ char *text = ranges_describe(&m->withheld);
        if (!text)
                return -ENOMEM;
        return machine_note(m,
                        "%" PRIu64
                        " KiB of the firmware's RAM are withheld from the running kernel, not by a "
                        "plan of ours, and are left alone: %s",
                        mpart_ranges_total(&m->withheld) / KiB, text);
}

static int read_srat(struct reading *s)
{
        struct mpart_error e = MPART_ERROR_INIT;
        int r = read_file_at(s->root, SRAT_FILE, SRAT_LIMIT, &s->srat_data, &s->srat_size);
        if (r == -ENOENT || r == -ENOTDIR)
                return 0;
        if (r < 0)
                return r == -ENOMEM ? r : machine_note(s->m, SRAT_FILE " cannot be read (%s)", strerror(-r));
        r = srat_parse(s->srat_data, s->srat_size, &s->srat, &e);
        if (r < 0)
                return r == -ENOMEM ? r : machine_note(s->m, SRAT_FILE " is not used: %s", e.text);
        return 0;
}

static int read_zoneinfo(struct reading *s)
{
        _cleanup_free_ char *text = NULL;
        int r = read_file_at(s->root, "proc/zoneinfo", 0, &text, NULL);
        if (r == 0)
                r = zoneinfo_parse(text, &s->zones);
        return r == -ENOMEM ? r : 0;
}

/* The union of the nodes' memory, and what no node claims. */
static int collect_ram(struct reading *s)
{
        struct mpart_machine *m = s->m;
        int r = mpart_ranges_copy(&m->ram, &s->iomem.ram);
        if (r == 0)
                r = mpart_ranges_add_all(&m->ram, &m->withheld_ours);
        m->kernel = s->iomem.kernel;
        m->crash_kernel = s->iomem.crash_kernel;
        s->iomem.kernel = s->iomem.crash_kernel = (struct mpart_ranges){ 0 };
        return r;
}

static int read_memory(struct reading *s)
{
        int r = read_srat(s);
        if (r == 0)
                r = read_zoneinfo(s);
        if (r < 0 || s->iomem.ram.n == 0)
                return r;
        struct memory_facts facts = {
                .root = s->root,
                .ram = &s->iomem.ram,
                .blocks = &s->blocks,
                .srat = s->srat.n_domains ? &s->srat : NULL,
                .zones = s->zones.n ? &s->zones : NULL,
        };
        r = node_memory_assign(s->m, &facts, &s->domains);
        return r < 0 ? r : collect_ram(s);
}

static bool has_block(const struct reading *s, unsigned node)
{
        for (size_t i = 0; i < s->blocks.n; i++)
                if (s->blocks.items[i].node == node)
                        return true;
        return false;
}

/* Drops nodes without CPUs and memory. Without a memory map a node that the kernel gives memory stays. */
static void drop_empty_nodes(struct reading *s)
{
        struct mpart_machine *m = s->m;
        size_t n = 0;
        for (size_t i = 0; i < m->n_nodes; i++) {
                struct mpart_node *node = &m->nodes[i];
                if (!mpart_cpuset_is_empty(&node->cpus) || node->memory.n > 0 || has_block(s, node->id) ||
                                (m->ram.n == 0 && node_has_meminfo(s->root, node->id)))
                        m->nodes[n++] = *node;
                else {
                        mpart_cpuset_free(&node->cpus);
                        mpart_ranges_free(&node->memory);
                }
        }
        m->n_nodes = n;
}

static int digest(struct reading *s)
{
        _cleanup_ranges_ struct mpart_ranges ram = { 0 };
        int r = mpart_ranges_copy(&ram, s->firmware_ram.n ? &s->firmware_ram : &s->m->ram);
        if (r < 0)
                return r;
        return machine_digest(&ram, s->m, s->srat_data, s->srat_size, s->m->digest);
}

static int check_use(struct reading *s)
{
        const struct mpart_machine *m = s->m;
        if (m->n_cpus == 0 && m->n_nodes == 0 && m->n_pci == 0)
                return mpart_error_set(s->e, -ENODATA,
                                "%s: no machine to be seen: neither CPUs nor nodes in sys/devices/system",
                                s->path);
        if (s->look)
                return 0;
        if (!m->x86_64)
                return mpart_error_set(s->e, -EOPNOTSUPP,
                                "%s: cannot tell that this is an x86-64 machine: proc/cpuinfo is missing",
                                s->path);
        if (m->n_cpus == 0)
                return mpart_error_set(s->e, -ENODATA, "%s: no CPU in sys/devices/system/cpu", s->path);
        return 0;
}

static int read_all(struct reading *s)
{
        static int (*const steps[])(
                        struct reading * s) = { read_processor, read_iomem, read_cmdline, find_withheld };
        int r = 0;
        for (size_t i = 0; i < ARRAY_SIZE(steps) && r == 0; i++)
                r = steps[i](s);
        if (r == 0)
                r = node_dirs_read(s->root, s->m, &s->blocks);
        if (r == 0)
                r = read_memory(s);
        if (r < 0)
                return r;
        drop_empty_nodes(s);
        r = distances_read(s->root, s->m, &s->domains);
        if (r == 0)
                r = pci_read(s->root, s->path, s->m);
        if (r == 0)
                r = check_use(s);
        if (r == 0)
                r = uarts_read(s->root, s->m);
        if (r == 0)
                r = digest(s);
        if (r == 0 && s->m->live) {
                s->m->apic_mode = apic_mode_read(s->root);
                r = numa_compare(s->m);
        }
        return r;
}

static bool is_live(const char *path)
{
        _cleanup_free_ char *real = realpath(path, NULL);
        return real && streq(real, "/");
}

static int read_machine(const char *path, bool look, struct mpart_machine **ret, struct mpart_error *e)
{
        struct mpart_error local = MPART_ERROR_INIT;
        _cleanup_(reading_free) struct reading s = { .path = path, .look = look, .e = &local };
        s.root = open_root(path);
        if (s.root < 0)
                return mpart_error_set(e, s.root, "%s: cannot be opened as the root of a machine: %s", path,
                                strerror(-s.root));
        if (new_array(&s.m, 1, sizeof(*s.m)) < 0)
                return mpart_error_set(e, -ENOMEM, "%s: out of memory", path);
        s.m->live = is_live(path);

        int r = read_all(&s);
        if (r < 0)
                return mpart_error_set(e, r, "%s", local.code ? local.text : strerror(-r));
        *ret = TAKE_PTR(s.m);
        return 0;
}

int mpart_machine_read(const char *root, struct mpart_machine **ret, struct mpart_error *e)
{
        return read_machine(root, false, ret, e);
}

int mpart_machine_look(const char *root, struct mpart_machine **ret, struct mpart_error *e)
{
        return read_machine(root, true, ret, e);
}
