/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "domains.h"

#define UNKNOWN (-1)

void domain_map_free(struct domain_map *map)
{
        free(map->nodes);
        for (size_t i = 0; map->memory && i < map->n_nodes; i++)
                mpart_ranges_free(&map->memory[i]);
        free(map->memory);
        *map = (struct domain_map){ 0 };
}

static size_t domain_index(const struct srat *srat, uint32_t domain)
{
        size_t i = 0;
        while (i < srat->n_domains && srat->domains[i] != domain)
                i++;
        return i; /* srat_parse lists every domain that an entry names */
}

static int learn(struct domain_map *map, uint32_t domain, unsigned node)
{
        int *known = &map->nodes[domain_index(map->srat, domain)];
        if (*known != UNKNOWN && *known != (int)node)
                return -ESTALE;
        *known = (int)node;
        return 0;
}

static int compare_apic_ids(const void *a, const void *b)
{
        uint32_t x = ((const struct srat_cpu *)a)->apic_id, y = ((const struct srat_cpu *)b)->apic_id;
        return x < y ? -1 : x > y;
}

static int learn_from_cpus(struct domain_map *map, const struct mpart_machine *m)
{
        const struct srat *srat = map->srat;
        if (srat->n_cpus == 0)
                return 0;
        _cleanup_free_ struct srat_cpu *sorted = calloc(srat->n_cpus, sizeof(*sorted));
        if (!sorted)
                return -ENOMEM;
        memcpy(sorted, srat->cpus, srat->n_cpus * sizeof(*sorted));
        qsort(sorted, srat->n_cpus, sizeof(*sorted), compare_apic_ids);

        for (size_t i = 0; i < m->n_cpus; i++) {
                const struct mpart_cpu *cpu = &m->cpus[i];
                if (cpu->apic_id == MPART_APIC_ID_UNKNOWN || cpu->node < 0)
                        continue;
                struct srat_cpu key = { .apic_id = cpu->apic_id };
                const struct srat_cpu *entry =
                                bsearch(&key, sorted, srat->n_cpus, sizeof(*sorted), compare_apic_ids);
                int r = entry ? learn(map, entry->domain, (unsigned)cpu->node) : 0;
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Hot-plug room is not evidence: memory added later belongs to the node that its ACPI device names. */
static int learn_from_memory(
                struct domain_map *map, const struct mpart_machine *m, const struct mpart_ranges *certain)
{
        for (size_t i = 0; i < map->srat->n_memory; i++) {
                const struct srat_memory *entry = &map->srat->memory[i];
                for (size_t node = 0; node < map->n_nodes && !entry->hotplug; node++) {
                        if (!mpart_ranges_intersects(&certain[node], entry->start, entry->size))
                                continue;
                        int r = learn(map, entry->domain, m->nodes[node].id);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

/* Linux gives domains node ids 0, 1, 2, ... in the order in which it meets them. Holds only where nothing
 * that is known speaks against it and something speaks for it. */
static void conclude_by_order(struct domain_map *map, const struct mpart_machine *m)
{
        size_t n_known = 0;
        for (size_t i = 0; i < map->srat->n_domains; i++) {
                if (map->nodes[i] == UNKNOWN)
                        continue;
                if (map->nodes[i] != (int)i)
                        return;
                n_known++;
        }
        for (size_t i = 0; i < map->srat->n_domains && n_known > 0; i++)
                if (map->nodes[i] == UNKNOWN && machine_node_index(m, (unsigned)i) != SIZE_MAX)
                        map->nodes[i] = (int)i;
}

static bool is_taken(const struct domain_map *map, unsigned node)
{
        for (size_t i = 0; i < map->srat->n_domains; i++)
                if (map->nodes[i] == (int)node)
                        return true;
        return false;
}

/* One domain left and one node left: they belong together. A single node has all of them. Nodes that
 * domain_nodes_add() put there do not count: nothing but the order speaks for them. */
static void conclude_by_elimination(
                struct domain_map *map, const struct mpart_machine *m, const struct mpart_ranges *certain)
{
        size_t n_unknown = 0, n_free = 0, n_real = 0;
        unsigned free_node = 0, real_node = 0;
        for (size_t i = 0; i < map->srat->n_domains; i++)
                n_unknown += map->nodes[i] == UNKNOWN;
        for (size_t i = 0; i < m->n_nodes; i++) {
                unsigned id = m->nodes[i].id;
                if (mpart_cpuset_is_empty(&m->nodes[i].cpus) && certain[i].n == 0)
                        continue;
                n_real++;
                real_node = id;
                if (!is_taken(map, id)) {
                        n_free++;
                        free_node = id;
                }
        }
        for (size_t i = 0; i < map->srat->n_domains; i++) {
                if (map->nodes[i] != UNKNOWN)
                        continue;
                if (n_real == 1)
                        map->nodes[i] = (int)real_node;
                else if (n_unknown == 1 && n_free == 1)
                        map->nodes[i] = (int)free_node;
        }
}

struct piece {
        uint64_t start, end;
        int node; /* index in m->nodes, or UNKNOWN */
};

static int compare_pieces(const void *a, const void *b)
{
        const struct piece *x = a, *y = b;
        if (x->start != y->start)
                return x->start < y->start ? -1 : 1;
        return x->end < y->end ? -1 : x->end > y->end;
}

/* Two neighbours of one node are joined over the hole between them, as numa_cleanup_meminfo()
 * (arch/x86/mm/numa.c, later mm/numa_memblks.c) does; unknown domains keep others from being joined over
 * them. */
static int add_pieces(struct domain_map *map, const struct piece *pieces, size_t n)
{
        uint64_t reach = 0; /* an entry that an earlier one outlasts has no hole behind it */
        for (size_t i = 0; i < n; i++) {
                uint64_t end = pieces[i].end;
                reach = MAX(reach, end);
                if (pieces[i].node == UNKNOWN)
                        continue;
                if (end == reach && i + 1 < n && pieces[i + 1].node == pieces[i].node)
                        end = MAX(end, pieces[i + 1].start);
                int r = mpart_ranges_add(
                                &map->memory[pieces[i].node], pieces[i].start, end - pieces[i].start);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* What two domains of different nodes (or of unknown ones) claim belongs to neither for sure. */
static int remove_overlaps(struct domain_map *map, const struct piece *pieces, size_t n)
{
        uint64_t reach = 0;
        int owner = UNKNOWN;
        for (size_t i = 0; i < n; i++) {
                if (pieces[i].start < reach && (pieces[i].node != owner || owner == UNKNOWN)) {
                        uint64_t end = MIN(reach, pieces[i].end);
                        for (size_t k = 0; k < map->n_nodes; k++) {
                                int r = mpart_ranges_remove(
                                                &map->memory[k], pieces[i].start, end - pieces[i].start);
                                if (r < 0)
                                        return r;
                        }
                }
                if (pieces[i].end > reach) {
                        reach = pieces[i].end;
                        owner = pieces[i].node;
                }
        }
        return 0;
}

static int collect_memory(struct domain_map *map, const struct mpart_machine *m)
{
        size_t n = map->srat->n_memory;
        if (n == 0)
                return 0;
        _cleanup_free_ struct piece *pieces = calloc(n, sizeof(*pieces));
        if (!pieces)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                const struct srat_memory *entry = &map->srat->memory[i];
                int id = map->nodes[domain_index(map->srat, entry->domain)];
                size_t node = id == UNKNOWN ? SIZE_MAX : machine_node_index(m, (unsigned)id);
                pieces[i] = (struct piece){ entry->start, entry->start + entry->size,
                        node == SIZE_MAX ? UNKNOWN : (int)node };
        }
        qsort(pieces, n, sizeof(*pieces), compare_pieces);
        int r = add_pieces(map, pieces, n);
        return r < 0 ? r : remove_overlaps(map, pieces, n);
}

int domain_map_make(const struct srat *srat, const struct mpart_machine *m,
                const struct mpart_ranges *certain, struct domain_map *ret)
{
        _cleanup_(domain_map_free) struct domain_map map = { .srat = srat, .n_nodes = m->n_nodes };
        int r = new_array(&map.nodes, srat->n_domains, sizeof(*map.nodes));
        if (r == 0)
                r = new_array(&map.memory, m->n_nodes, sizeof(*map.memory));
        if (r < 0)
                return r;
        for (size_t i = 0; i < srat->n_domains; i++)
                map.nodes[i] = UNKNOWN;

        r = learn_from_cpus(&map, m);
        if (r < 0)
                return r;
        r = learn_from_memory(&map, m, certain);
        if (r < 0)
                return r;
        conclude_by_order(&map, m);
        conclude_by_elimination(&map, m, certain);
        r = collect_memory(&map, m);
        if (r < 0)
                return r;
        *ret = map;
        map = (struct domain_map){ 0 };
        return 0;
}

size_t domain_of_node(const struct domain_map *map, unsigned id)
{
        size_t found = SIZE_MAX;
        for (size_t i = 0; map->nodes && i < map->srat->n_domains; i++) {
                if (map->nodes[i] != (int)id)
                        continue;
                if (found != SIZE_MAX)
                        return SIZE_MAX;
                found = i;
        }
        return found;
}

static int compare_nodes(const void *a, const void *b)
{
        unsigned x = ((const struct mpart_node *)a)->id, y = ((const struct mpart_node *)b)->id;
        return x < y ? -1 : x > y;
}

int domain_nodes_add(const struct srat *srat, const struct mpart_ranges *withheld, struct mpart_machine *m)
{
        for (size_t i = 0; i < srat->n_memory; i++) {
                const struct srat_memory *entry = &srat->memory[i];
                size_t id = domain_index(srat, entry->domain);
                if (id >= MPART_CPU_LIMIT || machine_node_index(m, (unsigned)id) != SIZE_MAX ||
                                !mpart_ranges_intersects(withheld, entry->start, entry->size))
                        continue;
                struct mpart_node *nodes = reallocarray(m->nodes, m->n_nodes + 1, sizeof(*nodes));
                if (!nodes)
                        return -ENOMEM;
                m->nodes = nodes;
                nodes[m->n_nodes++] = (struct mpart_node){ .id = (unsigned)id };
                qsort(nodes, m->n_nodes, sizeof(*nodes), compare_nodes);
        }
        return 0;
}
