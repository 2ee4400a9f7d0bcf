/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include <sys/types.h>

#include <sha2.h>

#include "machine-builder.h"
#include "macros.h"

struct builder {
        struct mpart_machine *m;
        size_t cpu_capacity, node_capacity, pci_capacity, uart_capacity;
        size_t n_distances, distance_capacity;
        SHA2_CTX digest;
};

static bool read_size(const char **p, uint64_t *ret)
{
        char *end;
        *ret = strtoull(*p, &end, 0);
        if (end == *p)
                return false;
        static const char suffixes[] = "KMG";
        const char *suffix = *end ? strchr(suffixes, *end) : NULL;
        if (suffix) {
                *ret <<= 10 * (unsigned)(suffix - suffixes + 1);
                end++;
        }
        *p = end;
        return true;
}

static bool read_ranges(const char *p, struct mpart_ranges *ret)
{
        if (streq(p, "-"))
                return true;
        for (;; p++) {
                uint64_t start, end;
                if (!read_size(&p, &start) || *p++ != '-' || !read_size(&p, &end) || end <= start ||
                                mpart_ranges_add(ret, start, end - start) < 0)
                        return false;
                if (*p != ',')
                        return *p == 0;
        }
}

static bool read_cpus(const char *p, struct mpart_cpuset *ret)
{
        return streq(p, "-") || mpart_cpuset_parse_list(p, ret) == 0;
}

static struct mpart_cpu *find_cpu(struct builder *b, unsigned id)
{
        for (size_t i = 0; i < b->m->n_cpus; i++)
                if (b->m->cpus[i].id == id)
                        return &b->m->cpus[i];
        return NULL;
}

static bool add_cpus(struct builder *b, const struct mpart_cpuset *cpus, int node)
{
        MPART_CPUSET_FOREACH (cpu, cpus) {
                if (find_cpu(b, (unsigned)cpu) || grow_array(&b->m->cpus, &b->cpu_capacity, b->m->n_cpus + 1,
                                                                  sizeof(*b->m->cpus)) < 0)
                        return false;
                struct mpart_cpu c = {
                        .id = (unsigned)cpu, .node = node, .apic_id = (uint32_t)cpu, .online = true
                };
                if (mpart_cpuset_add(&c.siblings, c.id) < 0)
                        return false;
                size_t at = b->m->n_cpus;
                while (at > 0 && b->m->cpus[at - 1].id > c.id)
                        at--;
                memmove(b->m->cpus + at + 1, b->m->cpus + at, (b->m->n_cpus - at) * sizeof(c));
                b->m->cpus[at] = c;
                b->m->n_cpus++;
        }
        return true;
}

static bool add_node(struct builder *b, char *rest)
{
        unsigned id;
        char cpus[512], memory[4096];
        if (sscanf(rest, "%u cpus %511s memory %4095s", &id, cpus, memory) != 3 ||
                        grow_array(&b->m->nodes, &b->node_capacity, b->m->n_nodes + 1,
                                        sizeof(*b->m->nodes)) < 0)
                return false;
        struct mpart_node *node = &b->m->nodes[b->m->n_nodes++];
        *node = (struct mpart_node){ .id = id, .exact = true };
        return read_cpus(cpus, &node->cpus) && read_ranges(memory, &node->memory) &&
               add_cpus(b, &node->cpus, (int)id) && mpart_ranges_add_all(&b->m->ram, &node->memory) == 0;
}

static bool add_distances(struct builder *b, char *rest)
{
        char *word;
        while ((word = strsep(&rest, " "))) {
                if (grow_array(&b->m->distance, &b->distance_capacity, b->n_distances + 1,
                                    sizeof(unsigned)) < 0)
                        return false;
                b->m->distance[b->n_distances++] = (unsigned)atoi(word);
        }
        return true;
}

/* "node N", "group N", "behind ADDRESS" behind a function. */
static bool read_pci_words(char *rest, struct mpart_pci_function *f)
{
        for (char *key; (key = strsep(&rest, " "));) {
                const char *value = strsep(&rest, " ");
                if (!value)
                        return false;
                if (streq(key, "node"))
                        f->node = atoi(value);
                else if (streq(key, "group"))
                        f->iommu_group = atoi(value);
                else if (streq(key, "behind"))
                        snprintf(f->parent, sizeof(f->parent), "%s", value);
                else
                        return false;
        }
        return true;
}

static bool add_pci(struct builder *b, char *rest)
{
        struct mpart_pci_function f = { .node = -1, .iommu_group = -1 };
        unsigned vendor, device;
        int end = 0;
        if (sscanf(rest, "%15s %x:%x %x%n", f.address, &vendor, &device, &f.class_code, &end) != 4 ||
                        sscanf(f.address, "%x:%x:%x.%x", &f.domain, &f.bus, &f.slot, &f.function) != 4 ||
                        grow_array(&b->m->pci, &b->pci_capacity, b->m->n_pci + 1, sizeof(f)) < 0)
                return false;
        f.vendor = (uint16_t)vendor;
        f.device = (uint16_t)device;
        f.is_bridge = f.class_code >> 16 == 6;
        if (rest[end] && !read_pci_words(rest + end + 1, &f))
                return false;
        b->m->pci[b->m->n_pci++] = f;
        return true;
}

static bool add_core(struct builder *b, const char *rest)
{
        _cleanup_cpuset_ struct mpart_cpuset core = { 0 };
        if (!read_cpus(rest, &core))
                return false;
        MPART_CPUSET_FOREACH (cpu, &core) {
                struct mpart_cpu *c = find_cpu(b, (unsigned)cpu);
                if (!c || mpart_cpuset_copy(&c->siblings, &core) < 0)
                        return false;
        }
        return true;
}

static bool set_offline(struct builder *b, const char *rest)
{
        _cleanup_cpuset_ struct mpart_cpuset cpus = { 0 };
        if (!read_cpus(rest, &cpus))
                return false;
        MPART_CPUSET_FOREACH (cpu, &cpus) {
                struct mpart_cpu *c = find_cpu(b, (unsigned)cpu);
                if (!c)
                        return false;
                c->online = false;
                c->apic_id = MPART_APIC_ID_UNKNOWN;
        }
        return true;
}

static bool add_uarts(struct builder *b, const char *rest)
{
        _cleanup_cpuset_ struct mpart_cpuset uarts = { 0 };
        if (!read_cpus(rest, &uarts))
                return false;
        MPART_CPUSET_FOREACH (n, &uarts) {
                if (grow_array(&b->m->uarts, &b->uart_capacity, b->m->n_uarts + 1, sizeof(unsigned)) < 0)
                        return false;
                b->m->uarts[b->m->n_uarts++] = (unsigned)n;
        }
        return true;
}

static bool add_homeless(struct builder *b, const char *rest)
{
        _cleanup_cpuset_ struct mpart_cpuset cpus = { 0 };
        return read_cpus(rest, &cpus) && add_cpus(b, &cpus, -1);
}

static bool set_apic(struct builder *b, const char *rest)
{
        b->m->apic_mode = streq(rest, "x2apic") ? MPART_APIC_MODE_X2APIC : MPART_APIC_MODE_XAPIC;
        return true;
}

static bool set_digest(struct builder *b, const char *rest)
{
        snprintf(b->m->digest, sizeof(b->m->digest), "%s", rest);
        return strlen(rest) == sizeof(b->m->digest) - 1;
}

static bool add_line(struct builder *b, const char *key, char *rest)
{
        if (streq(key, "node") || streq(key, "homeless"))
                SHA256Update(&b->digest, (const uint8_t *)rest, strlen(rest));
        if (streq(key, "node"))
                return add_node(b, rest);
        if (streq(key, "distance"))
                return add_distances(b, rest);
        if (streq(key, "core"))
                return add_core(b, rest);
        if (streq(key, "homeless"))
                return add_homeless(b, rest);
        if (streq(key, "offline"))
                return set_offline(b, rest);
        if (streq(key, "pci"))
                return add_pci(b, rest);
        if (streq(key, "unclaimed"))
                return read_ranges(rest, &b->m->ram);
        if (streq(key, "withheld"))
                return read_ranges(rest, &b->m->withheld);
        if (streq(key, "crash"))
                return read_ranges(rest, &b->m->crash_kernel);
        if (streq(key, "ours"))
                return read_ranges(rest, &b->m->withheld_ours);
        if (streq(key, "uarts"))
                return add_uarts(b, rest);
        if (streq(key, "consoles"))
                return read_cpus(rest, &b->m->consoles);
        if (streq(key, "apic"))
                return set_apic(b, rest);
        return streq(key, "digest") && set_digest(b, rest);
}

static bool finish(struct builder *b)
{
        size_t n = b->m->n_nodes;
        uint8_t hash[SHA256_DIGEST_LENGTH];

        SHA256Final(hash, &b->digest);
        bool given = b->m->digest[0] != 0;
        for (size_t i = 0; !given && i < sizeof(hash); i++)
                snprintf(b->m->digest + 2 * i, 3, "%02x", hash[i]);
        if (b->n_distances == 0) {
                b->m->distance = calloc(n * n + 1, sizeof(unsigned));
                return b->m->distance != NULL;
        }
        return b->n_distances == n * n;
}

struct mpart_machine *machine_from_text(const char *text)
{
        _cleanup_free_ char *copy = strdup(text);
        _cleanup_machine_ struct mpart_machine *m = calloc(1, sizeof(*m));
        if (!copy || !m)
                return NULL;
        struct builder b = { .m = m };
        SHA256Init(&b.digest);
        m->x86_64 = true;

        char *lines = copy, *line;
        while ((line = strsep(&lines, "\n"))) {
                while (isspace((unsigned char)*line))
                        line++;
                if (*line == 0 || *line == '#')
                        continue;
                char *rest = line, *key = strsep(&rest, " ");
                if (!rest || !add_line(&b, key, rest)) {
                        fprintf(stderr, "machine: cannot read the line \"%s %s\"\n", key, rest ? rest : "");
                        return NULL;
                }
        }
        if (!finish(&b)) {
                fprintf(stderr, "machine: wrong number of distances\n");
                return NULL;
        }
        return TAKE_PTR(m);
}
