/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>

#include "fs.h"
#include "iomem.h"
#include "node-memory.h"

/* A memory block that two nodes or more link: items [first, first + n) of the list of blocks. */
struct shared_block {
        size_t first, n;
};

struct assignment {
        struct mpart_machine *m;
        const struct memory_facts *f;
        struct mpart_ranges *certain; /* of each of m->nodes: RAM in blocks of its own */
        struct mpart_ranges *split;   /* of each: its share of other RAM */
        struct mpart_ranges loose;    /* RAM in no block that a node links */
        struct shared_block *shared;
        size_t n_shared, shared_capacity;
        struct domain_map map; /* all zero: no SRAT that agrees with the kernel */
};

static void free_sets(struct mpart_ranges *sets, size_t n)
{
        for (size_t i = 0; sets && i < n; i++)
                mpart_ranges_free(&sets[i]);
        free(sets);
}

static void assignment_free(struct assignment *a)
{
        free_sets(a->certain, a->m->n_nodes);
        free_sets(a->split, a->m->n_nodes);
        mpart_ranges_free(&a->loose);
        free(a->shared);
        domain_map_free(&a->map);
}

/* Adds the part of `from` that lies in [start, start + size). */
static int add_within(
                struct mpart_ranges *to, const struct mpart_ranges *from, uint64_t start, uint64_t size)
{
        _cleanup_ranges_ struct mpart_ranges part = { 0 };
        int r = mpart_ranges_add(&part, start, size);
        if (r == 0)
                r = mpart_ranges_and(&part, from);
        return r < 0 ? r : mpart_ranges_add_all(to, &part);
}

static int add_common(
                struct mpart_ranges *to, const struct mpart_ranges *one, const struct mpart_ranges *other)
{
        _cleanup_ranges_ struct mpart_ranges both = { 0 };
        int r = mpart_ranges_copy(&both, one);
        if (r == 0)
                r = mpart_ranges_and(&both, other);
        return r < 0 ? r : mpart_ranges_add_all(to, &both);
}

/* Takes the run of links to one block: to its only owner, or to the shared ones. */
static int take_block(struct assignment *a, size_t first, size_t n)
{
        const struct memory_blocks *b = a->f->blocks;
        uint64_t start = b->items[first].number * b->size;
        if (n > 1) {
                int r = grow_array(&a->shared, &a->shared_capacity, a->n_shared + 1, sizeof(*a->shared));
                if (r < 0)
                        return r;
                a->shared[a->n_shared++] = (struct shared_block){ .first = first, .n = n };
        } else {
                size_t node = machine_node_index(a->m, b->items[first].node);
                int r = mpart_ranges_add(&a->certain[node], start, b->size);
                if (r < 0)
                        return r;
        }
        return mpart_ranges_remove(&a->loose, start, b->size);
}

static int take_blocks(struct assignment *a)
{
        const struct memory_blocks *b = a->f->blocks;
        int r = mpart_ranges_copy(&a->loose, a->f->ram);
        for (size_t first = 0, n; first < b->n && r == 0; first += n) {
                n = 1;
                while (first + n < b->n && b->items[first + n].number == b->items[first].number)
                        n++;
                r = take_block(a, first, n);
        }
        for (size_t i = 0; i < a->m->n_nodes && r == 0; i++)
                r = mpart_ranges_and(&a->certain[i], a->f->ram);
        return r;
}

/* The only node has everything. */
static int take_all(struct assignment *a)
{
        int r = mpart_ranges_add_all(&a->certain[0], &a->loose);
        if (r == 0)
                r = mpart_ranges_add_all(&a->certain[0], &a->m->withheld_ours);
        mpart_ranges_free(&a->loose);
        return r;
}

static int make_map(struct assignment *a)
{
        if (!a->f->srat || a->m->n_nodes < 2)
                return 0;
        int r = domain_map_make(a->f->srat, a->m, a->certain, &a->map);
        if (r == -ESTALE)
                return machine_note(a->m,
                                "the SRAT contradicts the kernel's nodes (numa=fake?), so it is not used");
        return r;
}

/* The owners' shares of a shared block by the SRAT; positive: it does not tell all of the block. */
static int split_by_srat(
                struct assignment *a, const struct shared_block *block, const struct mpart_ranges *ram)
{
        const struct memory_blocks *b = a->f->blocks;
        uint64_t sum = 0;
        int r = 0;

        if (!a->map.memory)
                return 1;
        struct mpart_ranges *shares = calloc(block->n, sizeof(*shares));
        if (!shares)
                return -ENOMEM;
        for (size_t i = 0; i < block->n && r == 0; i++) {
                size_t node = machine_node_index(a->m, b->items[block->first + i].node);
                r = add_common(&shares[i], ram, &a->map.memory[node]);
                sum += mpart_ranges_total(&shares[i]);
        }
        if (r == 0 && sum != mpart_ranges_total(ram))
                r = 1;
        for (size_t i = 0; i < block->n && r == 0; i++) {
                size_t node = machine_node_index(a->m, b->items[block->first + i].node);
                r = mpart_ranges_add_all(&a->split[node], &shares[i]);
        }
        free_sets(shares, block->n);
        return r;
}

/* The owners' shares by where their zones start: one owner was there before the block, each other one
 * begins within it. Positive: the starts do not tell. */
static int split_by_zones(
                struct assignment *a, const struct shared_block *block, const struct mpart_ranges *ram)
{
        const struct memory_blocks *b = a->f->blocks;
        uint64_t start = b->items[block->first].number * b->size, end = start + b->size;
        if (!a->f->zones || ram->n == 0)
                return 1;

        uint64_t at = start; /* from here on the owner that started last */
        size_t owner = SIZE_MAX, n_before = 0;
        for (size_t i = 0; i < block->n; i++) {
                unsigned node = b->items[block->first + i].node;
                if (zoneinfo_start(a->f->zones, node) <= ram->items[0].start) {
                        owner = machine_node_index(a->m, node);
                        n_before++;
                }
        }
        if (n_before != 1)
                return 1;

        for (size_t done = 1; done <= block->n; done++) {
                uint64_t next = end;
                size_t next_owner = SIZE_MAX;
                for (size_t i = 0; i < block->n; i++) {
                        unsigned node = b->items[block->first + i].node;
                        uint64_t first = zoneinfo_start(a->f->zones, node);
                        if (first > MAX(at, ram->items[0].start) && first < next) {
                                next = first;
                                next_owner = machine_node_index(a->m, node);
                        }
                }
                int r = add_within(&a->split[owner], ram, at, next - at);
                if (r < 0 || next == end)
                        return r;
                at = next;
                owner = next_owner;
        }
        return 0;
}

static int split_shared(struct assignment *a)
{
        const struct memory_blocks *b = a->f->blocks;
        for (size_t i = 0; i < a->n_shared; i++) {
                uint64_t start = b->items[a->shared[i].first].number * b->size;
                _cleanup_ranges_ struct mpart_ranges ram = { 0 };
                int r = add_within(&ram, a->f->ram, start, b->size);
                if (r == 0)
                        r = split_by_srat(a, &a->shared[i], &ram);
                if (r > 0)
                        r = split_by_zones(a, &a->shared[i], &ram);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* RAM outside every linked block (a kernel without memory blocks has no others): by the SRAT alone. */
static int split_loose(struct assignment *a)
{
        int r = 0;
        for (size_t i = 0; a->map.memory && i < a->m->n_nodes && r == 0; i++)
                r = add_common(&a->split[i], &a->loose, &a->map.memory[i]);
        return r;
}

/* RAM of `node` in memory blocks that are offline: the kernel counts it in no zone. */
static int sum_offline(struct assignment *a, const struct mpart_node *node, uint64_t *ret)
{
        const struct memory_blocks *b = a->f->blocks;
        uint64_t sum = 0;
        for (size_t i = 0; i < b->n; i++) {
                if (b->items[i].node != node->id)
                        continue;
                char path[96];
                _cleanup_free_ char *state = NULL;
                snprintf(path, sizeof(path), "sys/devices/system/memory/memory%" PRIu64 "/state",
                                b->items[i].number);
                int r = read_line_at(a->f->root, path, &state);
                if (r == -ENOMEM)
                        return r;
                if (r < 0 || !streq(state, "offline"))
                        continue;
                _cleanup_ranges_ struct mpart_ranges part = { 0 };
                r = add_within(&part, &node->memory, b->items[i].number * b->size, b->size);
                if (r < 0)
                        return r;
                sum += mpart_ranges_total(&part);
        }
        *ret = sum;
        return 0;
}

/* Sum of the node's ranges against zoneinfo; where they differ only the node's own blocks remain. */
static int check_node(struct assignment *a, size_t i)
{
        struct mpart_node *node = &a->m->nodes[i];
        int r = mpart_ranges_copy(&node->memory, &a->certain[i]);
        if (r == 0)
                r = mpart_ranges_add_all(&node->memory, &a->split[i]);
        if (r < 0)
                return r;
        if (a->f->zones) {
                _cleanup_ranges_ struct mpart_ranges seen = { 0 };
                r = add_common(&seen, &node->memory, a->f->ram);
                if (r < 0)
                        return r;
                uint64_t sum = mpart_ranges_total(&seen), offline = 0;
                uint64_t present = zoneinfo_present(a->f->zones, node->id);
                if (sum != present)
                        r = sum_offline(a, node, &offline);
                if (r < 0)
                        return r;
                node->exact = sum - offline == present;
                if (node->exact)
                        return 0;
                r = machine_note(a->m,
                                "node %u: its memory ranges sum up to %" PRIu64
                                " KiB, proc/zoneinfo says %" PRIu64
                                " KiB; only whole memory blocks of its own are listed",
                                node->id, (sum - offline) / KiB, present / KiB);
                if (r < 0)
                        return r;
        }
        return mpart_ranges_copy(&node->memory, &a->certain[i]);
}

/* RAM withheld for a plan of ours has no memory blocks; the firmware still tells its domain. */
static int assign_withheld(struct assignment *a)
{
        struct mpart_machine *m = a->m;
        int r = 0;
        for (size_t i = 0; a->map.memory && i < m->n_nodes && r == 0; i++)
                r = add_common(&m->nodes[i].memory, &m->withheld_ours, &a->map.memory[i]);
        return r;
}

static int note_unclaimed(struct assignment *a)
{
        _cleanup_ranges_ struct mpart_ranges rest = { 0 };
        int r = mpart_ranges_copy(&rest, a->f->ram);
        if (r == 0)
                r = mpart_ranges_add_all(&rest, &a->m->withheld_ours);
        for (size_t i = 0; i < a->m->n_nodes && r == 0; i++)
                r = mpart_ranges_remove_all(&rest, &a->m->nodes[i].memory);
        if (r < 0 || rest.n == 0)
                return r;
        _cleanup_free_ char *text = ranges_describe(&rest);
        if (!text)
                return -ENOMEM;
        return machine_note(a->m, "%" PRIu64 " KiB of RAM belong to no node that can be told: %s",
                        mpart_ranges_total(&rest) / KiB, text);
}

static int share_out(struct assignment *a)
{
        int r = take_blocks(a);
        if (r == 0 && a->m->n_nodes == 1)
                r = take_all(a);
        if (r == 0)
                r = make_map(a);
        if (r == 0)
                r = split_shared(a);
        if (r == 0)
                r = split_loose(a);
        if (r == 0 && !a->f->zones && a->m->n_nodes > 0)
                r = machine_note(a->m,
                                "proc/zoneinfo cannot be read, so the memory of nodes is not verified");
        for (size_t i = 0; i < a->m->n_nodes && r == 0; i++)
                r = check_node(a, i);
        if (r == 0)
                r = assign_withheld(a);
        return r < 0 ? r : note_unclaimed(a);
}

int node_memory_assign(struct mpart_machine *m, const struct memory_facts *f, struct domain_map *ret_map)
{
        int r = f->srat ? domain_nodes_add(f->srat, &m->withheld_ours, m) : 0;
        if (r < 0)
                return r;
        _cleanup_(assignment_free) struct assignment a = { .m = m, .f = f };
        r = new_array(&a.certain, m->n_nodes, sizeof(*a.certain));
        if (r == 0)
                r = new_array(&a.split, m->n_nodes, sizeof(*a.split));
        if (r == 0)
                r = share_out(&a);
        if (r < 0)
                return r;
        *ret_map = a.map;
        a.map = (struct domain_map){ 0 };
        return 0;
}
