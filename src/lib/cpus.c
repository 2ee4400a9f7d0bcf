/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPUs: which are present and online, their topology and APIC ids. */
#include <ctype.h>
#include <errno.h>

#include "fs.h"
#include "reader.h"

#define DIRECTORY "sys/devices/system/cpu"

static int read_set(int root, const char *path, struct mpart_cpuset *ret)
{
        _cleanup_free_ char *text = NULL;
        int r = read_line_at(root, path, &text);
        if (r < 0)
                return r;
        return mpart_cpuset_parse_list(text, ret);
}

static int list_directories(int root, struct mpart_cpuset *ret)
{
        char **names = NULL;
        size_t n = 0;
        int r = list_directory_at(root, DIRECTORY, &names, &n);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        for (size_t i = 0; i < n && r == 0; i++) {
                uint64_t id;
                if (name_number(names[i], "cpu", MPART_CPU_LIMIT, &id))
                        r = mpart_cpuset_add(ret, (unsigned)id);
        }
        free_names(names, n);
        return r;
}

/* Present CPUs all have a directory; captured machines may lack the list, or the directories of some. */
static int read_present(int root, struct mpart_cpuset *ret)
{
        _cleanup_cpuset_ struct mpart_cpuset listed = { 0 };
        int r = list_directories(root, ret);
        if (r < 0)
                return r;
        r = read_set(root, DIRECTORY "/present", &listed);
        if (r == -ENOMEM)
                return r;
        if (r == 0 && mpart_cpuset_intersects(&listed, ret))
                mpart_cpuset_and(ret, &listed);
        return 0;
}

/* cpu/online, and in its absence cpuN/online of each, which CPUs that cannot go offline lack. */
static int read_online(int root, const struct mpart_cpuset *present, struct mpart_cpuset *ret)
{
        int r = read_set(root, DIRECTORY "/online", ret);
        if (r == -ENOMEM)
                return r;
        if (r == 0 && !mpart_cpuset_is_empty(ret)) {
                mpart_cpuset_and(ret, present);
                return 0;
        }

        MPART_CPUSET_FOREACH (cpu, present) {
                char path[96];
                int64_t online = 1;
                snprintf(path, sizeof(path), DIRECTORY "/cpu%d/online", cpu);
                r = read_number_at(root, path, 10, &online);
                if (r == -ENOMEM)
                        return r;
                if (online != 0) {
                        r = mpart_cpuset_add(ret, (unsigned)cpu);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

static int read_topology_id(int root, unsigned cpu, const char *file)
{
        char path[96];
        int64_t value;
        snprintf(path, sizeof(path), DIRECTORY "/cpu%u/topology/%s", cpu, file);
        if (read_number_at(root, path, 10, &value) < 0 || value < 0 || value > INT32_MAX)
                return -1;
        return (int)value;
}

/* Newer kernels say core_cpus, all say thread_siblings; the oldest have the mask alone
 * (Documentation/admin-guide/cputopology.rst). *first: the file that the CPU before had. */
static int read_siblings(int root, unsigned cpu, size_t *first, struct mpart_cpuset *ret)
{
        static const struct {
                const char *name;
                int (*parse)(const char *text, struct mpart_cpuset *ret);
        } files[] = {
                { "core_cpus_list", mpart_cpuset_parse_list },
                { "thread_siblings_list", mpart_cpuset_parse_list },
                { "thread_siblings", mpart_cpuset_parse_mask },
        };
        for (size_t n = 0; n < ARRAY_SIZE(files); n++) {
                size_t i = (*first + n) % ARRAY_SIZE(files);
                char path[96];
                _cleanup_free_ char *text = NULL;
                snprintf(path, sizeof(path), DIRECTORY "/cpu%u/topology/%s", cpu, files[i].name);
                int r = read_line_at(root, path, &text);
                if (r == 0)
                        r = files[i].parse(text, ret);
                if (r == 0)
                        *first = i;
                if (r == 0 || r == -ENOMEM)
                        return r;
        }
        return 0;
}

/* What a thread tells holds for the other threads of its core, except for the core's number: the halves of
 * an AMD compute unit are siblings with numbers of their own. */
static int copy_to_siblings(struct mpart_machine *m, const struct mpart_cpu *from)
{
        MPART_CPUSET_FOREACH (id, &from->siblings) {
                struct mpart_cpu *cpu = (unsigned)id > from->id ? machine_cpu(m, (unsigned)id) : NULL;
                if (!cpu || !cpu->online || cpu->siblings.words)
                        continue;
                cpu->package = from->package;
                int r = mpart_cpuset_copy(&cpu->siblings, &from->siblings);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int read_cpu(int root, struct mpart_machine *m, const struct mpart_cpuset *present,
                size_t *siblings_file, struct mpart_cpu *cpu)
{
        if (cpu->online) /* the topology directory of an offline CPU is gone */
                cpu->core = read_topology_id(root, cpu->id, "core_id");
        if (!cpu->online || cpu->siblings.words)
                return mpart_cpuset_add(&cpu->siblings, cpu->id);
        cpu->package = read_topology_id(root, cpu->id, "physical_package_id");
        int r = read_siblings(root, cpu->id, siblings_file, &cpu->siblings);
        if (r < 0)
                return r;
        mpart_cpuset_and(&cpu->siblings, present);
        r = mpart_cpuset_add(&cpu->siblings, cpu->id);
        return r < 0 ? r : copy_to_siblings(m, cpu);
}

static bool parse_u32(const char *text, uint32_t *ret)
{
        if (!isdigit((unsigned char)*text))
                return false;
        errno = 0;
        unsigned long long value = strtoull(text, NULL, 10);
        if (errno || value >= UINT32_MAX)
                return false;
        *ret = (uint32_t)value;
        return true;
}

/* "processor : N" begins a CPU's lines, "apicid : M" is one of them. */
static void parse_apic_ids(const char *cpuinfo, struct mpart_machine *m)
{
        struct mpart_cpu *cpu = NULL;
        for (const char *p = cpuinfo; *p;) {
                uint32_t number;
                const char *value;
                if ((value = field_value(p, "processor")))
                        cpu = parse_u32(value, &number) ? machine_cpu(m, number) : NULL;
                else if (cpu && cpu->online && (value = field_value(p, "apicid")) &&
                                parse_u32(value, &number))
                        cpu->apic_id = number;
                p = strchrnul(p, '\n');
                p += *p == '\n';
        }
}

int cpus_read(int root, struct mpart_machine *m, const char *cpuinfo)
{
        _cleanup_cpuset_ struct mpart_cpuset present = { 0 }, online = { 0 };
        int r = read_present(root, &present);
        if (r < 0)
                return r;
        r = read_online(root, &present, &online);
        if (r < 0)
                return r;

        size_t n = mpart_cpuset_count(&present);
        r = new_array(&m->cpus, n, sizeof(*m->cpus));
        if (r < 0)
                return r;
        MPART_CPUSET_FOREACH (id, &present) {
                struct mpart_cpu *cpu = &m->cpus[m->n_cpus++];
                cpu->id = (unsigned)id;
                cpu->online = mpart_cpuset_has(&online, cpu->id);
                cpu->node = cpu->package = cpu->core = -1;
                cpu->apic_id = MPART_APIC_ID_UNKNOWN;
        }
        size_t siblings_file = 0;
        for (size_t i = 0; i < m->n_cpus; i++) {
                r = read_cpu(root, m, &present, &siblings_file, &m->cpus[i]);
                if (r < 0)
                        return r;
        }
        if (cpuinfo)
                parse_apic_ids(cpuinfo, m);
        return 0;
}

static const char *find_flags(const char *cpuinfo)
{
        for (const char *p = cpuinfo; *p;) {
                const char *value = field_value(p, "flags");
                if (value)
                        return value;
                p = strchrnul(p, '\n');
                p += *p == '\n';
        }
        return NULL;
}

/* "lm" (long mode) among the flags, the way arch/x86/kernel/cpu/proc.c writes them. */
static bool has_long_mode(const char *flags)
{
        const char *end = flags + strcspn(flags, "\n");
        for (const char *p = flags; p < end;) {
                size_t size = strcspn(p, " \n");
                if (size == 2 && startswith(p, "lm"))
                        return true;
                p += size + 1;
        }
        return false;
}

bool machine_is_x86_64(int root, const char *cpuinfo, bool live, bool *ret_certain)
{
        *ret_certain = true;
        if (cpuinfo && *cpuinfo) {
                const char *flags = find_flags(cpuinfo);
                return flags && has_long_mode(flags);
        }
#ifdef __x86_64__
        if (live)
                return true;
#else
        (void)live;
#endif
        _cleanup_free_ char *alias = NULL;
        if (read_line_at(root, DIRECTORY "/modalias", &alias) == 0)
                return startswith(alias, "cpu:type:x86") != NULL;
        *ret_certain = false;
        return false;
}
