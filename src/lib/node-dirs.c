/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>

#include "fs.h"
#include "iomem.h"
#include "node-dirs.h"

#define DIRECTORY "sys/devices/system/node"
#define BLOCK_SIZE_FILE "sys/devices/system/memory/block_size_bytes"

void memory_blocks_free(struct memory_blocks *b)
{
        free(b->items);
        *b = (struct memory_blocks){ 0 };
}

static uint64_t read_block_size(int root)
{
        int64_t size;
        if (read_number_at(root, BLOCK_SIZE_FILE, 16, &size) < 0 || size < (int64_t)MPART_PAGE_SIZE ||
                        size % (int64_t)MPART_PAGE_SIZE != 0)
                return 0;
        return (uint64_t)size;
}

/* cpulist and cpumap of a node name online CPUs; the two may disagree on edited or old machines. */
static int read_cpu_files(int root, unsigned node, struct mpart_cpuset *ret)
{
        char path[96];
        _cleanup_free_ char *list = NULL, *mask = NULL;

        snprintf(path, sizeof(path), DIRECTORY "/node%u/cpulist", node);
        int r = read_line_at(root, path, &list);
        if (r == 0)
                r = mpart_cpuset_parse_list(list, ret);
        if (r == -ENOMEM || (r == 0 && !mpart_cpuset_is_empty(ret)))
                return r;

        snprintf(path, sizeof(path), DIRECTORY "/node%u/cpumap", node);
        r = read_line_at(root, path, &mask);
        if (r == 0) {
                mpart_cpuset_free(ret);
                r = mpart_cpuset_parse_mask(mask, ret);
        }
        return r == -ENOMEM ? r : 0;
}

/* Gives a CPU to a node unless another one has it. */
static int claim_cpu(struct mpart_machine *m, struct mpart_node *node, unsigned id)
{
        struct mpart_cpu *cpu = machine_cpu(m, id);
        if (!cpu)
                return 0;
        if (cpu->node >= 0 && cpu->node != (int)node->id)
                return machine_note(m, "CPU %u is listed under node %d and node %u; node %d is taken", id,
                                cpu->node, node->id, cpu->node);
        cpu->node = (int)node->id;
        return mpart_cpuset_add(&node->cpus, id);
}

/* What is linked in the directories of nodes. */
struct links {
        struct memory_blocks blocks;
        size_t capacity;
        uint64_t limit; /* of a block's number */
        /* of the node at hand: */
        unsigned node;
        struct mpart_cpuset cpus;
};

static void links_free(struct links *l)
{
        memory_blocks_free(&l->blocks);
        mpart_cpuset_free(&l->cpus);
}

static int add_block(struct links *l, uint64_t number)
{
        struct memory_blocks *b = &l->blocks;
        int r = grow_array(&b->items, &l->capacity, b->n + 1, sizeof(*b->items));
        if (r < 0)
                return r;
        b->items[b->n++] = (struct memory_block){ .number = number, .node = l->node };
        return 0;
}

static int add_link(void *userdata, const char *name)
{
        struct links *l = userdata;
        uint64_t number;
        if (name_number(name, "memory", l->limit, &number))
                return add_block(l, number);
        if (name_number(name, "cpu", MPART_CPU_LIMIT, &number))
                return mpart_cpuset_add(&l->cpus, (unsigned)number);
        return 0;
}

/* A node of a large machine links thousands of memory blocks. */
static int read_links(int root, struct mpart_machine *m, struct mpart_node *node, struct links *l)
{
        char path[96];
        snprintf(path, sizeof(path), DIRECTORY "/node%u", node->id);
        l->node = node->id;
        mpart_cpuset_free(&l->cpus);
        int r = visit_directory_at(root, path, add_link, l);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        MPART_CPUSET_FOREACH (id, &l->cpus) {
                r = claim_cpu(m, node, (unsigned)id);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* CPUs without a link in their node's directory: the other link, then the node's list. */
static int claim_unlinked(int root, struct mpart_machine *m)
{
        for (size_t i = 0; i < m->n_nodes; i++) {
                struct mpart_node *node = &m->nodes[i];
                _cleanup_cpuset_ struct mpart_cpuset listed = { 0 };
                int r = read_cpu_files(root, node->id, &listed);
                if (r < 0)
                        return r;
                MPART_CPUSET_FOREACH (id, &listed) {
                        const struct mpart_cpu *cpu = machine_cpu(m, (unsigned)id);
                        if (!cpu || !cpu->online || cpu->node >= 0)
                                continue;
                        r = claim_cpu(m, node, (unsigned)id);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

/* cpuN/nodeM. Sets *no_links where the CPU has none: then this kernel makes none (before Linux 2.6.33). */
static int claim_by_cpu_directory(
                int root, struct mpart_machine *m, const struct mpart_cpu *cpu, bool *no_links)
{
        bool found = false;
        char path[96], **names = NULL;
        size_t n = 0;
        snprintf(path, sizeof(path), "sys/devices/system/cpu/cpu%u", cpu->id);
        int r = list_directory_at(root, path, &names, &n);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        for (size_t i = 0; i < n && r == 0 && cpu->node < 0; i++) {
                uint64_t id;
                if (!name_number(names[i], "node", MPART_CPU_LIMIT, &id))
                        continue;
                found = true;
                size_t index = machine_node_index(m, (unsigned)id);
                if (index != SIZE_MAX)
                        r = claim_cpu(m, &m->nodes[index], cpu->id);
        }
        *no_links = cpu->online && !found;
        free_names(names, n);
        return r;
}

static size_t count_unclaimed(const struct mpart_machine *m)
{
        size_t n = 0;
        for (size_t i = 0; i < m->n_cpus; i++)
                n += m->cpus[i].node < 0;
        return n;
}

static int claim_rest(int root, struct mpart_machine *m)
{
        bool no_links = false;
        for (size_t i = 0; i < m->n_cpus && m->n_nodes > 0 && !no_links; i++) {
                int r = m->cpus[i].node < 0 ? claim_by_cpu_directory(root, m, &m->cpus[i], &no_links) : 0;
                if (r < 0)
                        return r;
        }
        int r = count_unclaimed(m) > 0 ? claim_unlinked(root, m) : 0;
        if (r < 0)
                return r;
        size_t n = count_unclaimed(m);
        return n > 0 ? machine_note(m, "%zu of %zu CPUs are in no node that can be told", n, m->n_cpus) : 0;
}

static int compare_ids(const void *a, const void *b)
{
        unsigned x = ((const struct mpart_node *)a)->id, y = ((const struct mpart_node *)b)->id;
        return x < y ? -1 : x > y;
}

static int list_nodes(int root, struct mpart_machine *m)
{
        char **names = NULL;
        size_t n = 0, capacity = 0;
        int r = list_directory_at(root, DIRECTORY, &names, &n);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        for (size_t i = 0; i < n; i++) {
                uint64_t id;
                if (!name_number(names[i], "node", MPART_CPU_LIMIT, &id) ||
                                machine_node_index(m, (unsigned)id) != SIZE_MAX)
                        continue;
                r = grow_array(&m->nodes, &capacity, m->n_nodes + 1, sizeof(*m->nodes));
                if (r < 0)
                        break;
                m->nodes[m->n_nodes++] = (struct mpart_node){ .id = (unsigned)id };
        }
        free_names(names, n);
        if (m->n_nodes)
                qsort(m->nodes, m->n_nodes, sizeof(*m->nodes), compare_ids);
        return r;
}

static int invent_node(struct mpart_machine *m)
{
        int r = new_array(&m->nodes, 1, sizeof(*m->nodes));
        if (r < 0)
                return r;
        m->n_nodes = 1;
        for (size_t i = 0; i < m->n_cpus; i++) {
                r = claim_cpu(m, m->nodes, m->cpus[i].id);
                if (r < 0)
                        return r;
        }
        return machine_note(m, "the kernel tells no NUMA nodes: CPUs and memory count as node 0");
}

static int compare_blocks(const void *a, const void *b)
{
        const struct memory_block *x = a, *y = b;
        if (x->number != y->number)
                return x->number < y->number ? -1 : 1;
        return x->node < y->node ? -1 : x->node > y->node;
}

int node_dirs_read(int root, struct mpart_machine *m, struct memory_blocks *ret)
{
        uint64_t size = read_block_size(root);
        _cleanup_(links_free) struct links l = { .blocks.size = size,
                .limit = size ? UINT64_MAX / size : 0 };

        int r = list_nodes(root, m);
        if (r < 0)
                return r;
        if (m->n_nodes == 0 && m->n_cpus > 0)
                return invent_node(m);
        for (size_t i = 0; i < m->n_nodes; i++) {
                r = read_links(root, m, &m->nodes[i], &l);
                if (r < 0)
                        return r;
        }
        if (l.blocks.n)
                qsort(l.blocks.items, l.blocks.n, sizeof(*l.blocks.items), compare_blocks);
        if (count_unclaimed(m) > 0) {
                r = claim_rest(root, m);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_STRUCT(l.blocks);
        return 0;
}

bool node_has_meminfo(int root, unsigned node)
{
        char path[96];
        _cleanup_free_ char *text = NULL;
        snprintf(path, sizeof(path), DIRECTORY "/node%u/meminfo", node);
        if (read_line_at(root, path, &text) < 0)
                return false;
        const char *p = strstr(text, "MemTotal:");
        return p && strtoull(p + strlen("MemTotal:"), NULL, 10) > 0;
}
