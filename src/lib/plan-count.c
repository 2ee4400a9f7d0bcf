/* SPDX-License-Identifier: GPL-2.0-or-later */
/* So many kernels, or so many nodes a kernel. Whole nodes are grouped while there are enough of them; then
 * nodes are split between cores, and only where there are too few cores are these split too. */
#include <errno.h>
#include <stdio.h>

#include "planner.h"

#define NO_GROUP SIZE_MAX

/* A node of memory and all CPUs that are at home there: what is not split. */
struct cell {
        size_t home;
        struct mpart_cpuset cpus;
        size_t n_cpus;
        size_t group;
};

struct cells {
        struct cell *items; /* ascending by home */
        size_t n, n_cpus;
        size_t primary; /* index of the cell that CPU 0 is in; `n`: in none */
};

static void cells_free(struct cells *c)
{
        for (size_t i = 0; i < c->n; i++)
                mpart_cpuset_free(&c->items[i].cpus);
        free(c->items);
}

/* Where the primary's CPUs are told, it has these alone, and the others are divided. */
static bool is_divided(const struct planner *p, unsigned cpu)
{
        if (mpart_cpuset_is_empty(&p->plan->policy.primary_cpus))
                return planner_node_of_cpu(p->machine, cpu) != NO_NODE;
        return !planner_primary_keeps(p, cpu);
}

static int add_to_cell(struct cells *c, size_t home, unsigned cpu)
{
        size_t i = 0;
        while (i < c->n && c->items[i].home < home)
                i++;
        if (i == c->n || c->items[i].home != home) {
                memmove(c->items + i + 1, c->items + i, (c->n - i) * sizeof(*c->items));
                c->items[i] = (struct cell){ .home = home, .group = NO_GROUP };
                c->n++;
        }
        c->items[i].n_cpus++;
        c->n_cpus++;
        return mpart_cpuset_add(&c->items[i].cpus, cpu);
}

/* CPUs that are not divided go to the primary at once. */
static int collect_cells(struct planner *p, struct cells *ret)
{
        const struct mpart_machine *m = p->machine;
        int r = 0;

        ret->items = calloc(m->n_nodes, sizeof(*ret->items));
        if (!ret->items)
                return -ENOMEM;
        for (size_t i = 0; r == 0 && i < m->n_cpus; i++) {
                unsigned cpu = m->cpus[i].id;
                if (is_divided(p, cpu))
                        r = add_to_cell(ret, planner_home_of_node(m, planner_node_of_cpu(m, cpu)), cpu);
                else
                        r = mpart_cpuset_add(&p->plan->kernels[0].cpus, cpu);
        }
        for (ret->primary = 0; ret->primary < ret->n; ret->primary++)
                if (mpart_cpuset_has(&ret->items[ret->primary].cpus, 0))
                        break;
        return r;
}

/* Whether a group of `load` CPUs comes closer to its share, `left` CPUs over `groups` groups, by `more`. */
static bool wants_more(size_t load, size_t more, size_t left, size_t groups)
{
        return (2 * load + more) * groups < 2 * left;
}

/* The first cell without a group, the primary's before all; or the nearest to a group, by the sum of
 * distances. */
static size_t next_cell(const struct cells *c, const uint64_t *distance)
{
        size_t best = NO_GROUP;
        if (!distance && c->primary < c->n && c->items[c->primary].group == NO_GROUP)
                return c->primary;
        for (size_t i = 0; i < c->n; i++)
                if (c->items[i].group == NO_GROUP &&
                                (best == NO_GROUP || (distance && distance[i] < distance[best])))
                        best = i;
        return best;
}

/* Groups of near cells, one after the other: each takes its share, or `limit` cells where that is not 0. */
static int group_near(const struct mpart_machine *m, struct cells *c, size_t groups, size_t limit)
{
        _cleanup_free_ uint64_t *distance = calloc(c->n, sizeof(*distance));
        size_t left = c->n_cpus, n_left = c->n;
        if (!distance)
                return -ENOMEM;

        for (size_t i = 0; i < c->n; i++)
                c->items[i].group = NO_GROUP;
        for (size_t g = 0; g < groups; g++) {
                size_t load = 0, members = 0, share = left;
                memset(distance, 0, c->n * sizeof(*distance));
                while (n_left > (limit ? 0 : groups - 1 - g)) {
                        size_t i = next_cell(c, members ? distance : NULL);
                        struct cell *cell = &c->items[i];
                        bool more = limit ? members < limit
                                          : g == groups - 1 || wants_more(load, cell->n_cpus, share,
                                                                               groups - g);
                        if (members > 0 && !more)
                                break;
                        cell->group = g;
                        load += cell->n_cpus;
                        left -= cell->n_cpus;
                        n_left--;
                        members++;
                        for (size_t j = 0; j < c->n; j++)
                                distance[j] += planner_distance(m, cell->home, c->items[j].home);
                }
        }
        return 0;
}

/* The cell with the most CPUs to the group with the fewest; among equal groups to the nearest. */
static int group_balanced(const struct mpart_machine *m, struct cells *c, size_t groups)
{
        _cleanup_free_ size_t *load = calloc(groups, sizeof(*load)), *size = calloc(groups, sizeof(*size));
        if (!load || !size)
                return -ENOMEM;

        for (size_t i = 0; i < c->n; i++)
                c->items[i].group = NO_GROUP;
        for (size_t turn = 0; turn < c->n; turn++) {
                size_t cell = NO_GROUP, best = 0;
                uint64_t best_sum = 0;
                for (size_t i = 0; i < c->n; i++)
                        if (c->items[i].group == NO_GROUP &&
                                        (cell == NO_GROUP || c->items[i].n_cpus > c->items[cell].n_cpus))
                                cell = i;
                for (size_t g = 0; g < groups; g++) {
                        uint64_t sum = 0;
                        for (size_t i = 0; i < c->n; i++)
                                if (c->items[i].group == g)
                                        sum += planner_distance(m, c->items[cell].home, c->items[i].home);
                        if (g == 0 || load[g] < load[best] ||
                                        (load[g] == load[best] && sum * size[best] < best_sum * size[g])) {
                                best = g;
                                best_sum = sum;
                        }
                }
                c->items[cell].group = best;
                load[best] += c->items[cell].n_cpus;
                size[best]++;
        }
        return 0;
}

/* How many CPUs the largest group has more than the smallest. */
static int spread(const struct cells *c, size_t groups, size_t *ret)
{
        _cleanup_free_ size_t *load = calloc(groups, sizeof(*load));
        size_t most = 0, least = SIZE_MAX;
        if (!load)
                return -ENOMEM;
        for (size_t i = 0; i < c->n; i++)
                load[c->items[i].group] += c->items[i].n_cpus;
        for (size_t g = 0; g < groups; g++) {
                most = MAX(most, load[g]);
                least = MIN(least, load[g]);
        }
        *ret = most - least;
        return 0;
}

/* Near cells together, unless their sizes are so uneven that another way is more equal. */
static int group_equal(const struct mpart_machine *m, struct cells *c, size_t groups)
{
        size_t balanced = 0, near = 0;
        int r = group_balanced(m, c, groups);
        if (r == 0)
                r = spread(c, groups, &balanced);
        if (r == 0)
                r = group_near(m, c, groups, 0);
        if (r == 0)
                r = spread(c, groups, &near);
        return r < 0 || near <= balanced ? r : group_balanced(m, c, groups);
}

static char *name_kernel(const struct planner *p, size_t home)
{
        char *name;
        bool by_node = p->plan->policy.kind == MPART_POLICY_NODES;
        int n = asprintf(&name, "%s%zu", by_node ? "node" : "part",
                        by_node ? p->machine->nodes[home].id : p->plan->n_kernels);
        return n < 0 ? NULL : name;
}

/* Kernels in the order of their first cell; the group of CPU 0 is the primary. */
static int add_groups(struct planner *p, const struct cells *c, size_t groups)
{
        _cleanup_free_ size_t *kernel = calloc(groups, sizeof(*kernel));
        int r = 0;
        if (!kernel)
                return -ENOMEM;
        for (size_t i = 0; r == 0 && i < c->n; i++) {
                const struct cell *cell = &c->items[i];
                bool of_primary = c->primary < c->n && cell->group == c->items[c->primary].group;
                size_t k = of_primary ? 0 : kernel[cell->group];
                if (!of_primary && k == 0) {
                        k = kernel[cell->group] = p->plan->n_kernels;
                        r = planner_add_kernel(p, name_kernel(p, cell->home), cell->home);
                }
                if (r == 0)
                        r = mpart_cpuset_or(&p->plan->kernels[k].cpus, &cell->cpus);
                if (r == 0)
                        r = mpart_cpuset_add(&p->kernels[k].homes, (unsigned)cell->home);
                if (r == 0)
                        r = plan_why(&p->plan->kernels[k], "node %u whole: no node is split for %zu %s",
                                        p->machine->nodes[cell->home].id, groups,
                                        groups == 1 ? "kernel" : "kernels");
        }
        return r;
}

/* Divides `wanted` parts over n things: one each, each further one where a part is largest; at most limit[i]
 * of thing i. */
static void allot(size_t wanted, const size_t *weight, const size_t *limit, size_t n, size_t *ret)
{
        for (size_t i = 0; i < n; i++)
                ret[i] = 1;
        for (size_t given = n; given < wanted; given++) {
                size_t best = NO_GROUP;
                for (size_t i = 0; i < n; i++)
                        if (ret[i] < limit[i] &&
                                        (best == NO_GROUP || weight[i] * ret[best] > weight[best] * ret[i]))
                                best = i;
                if (best == NO_GROUP)
                        return;
                ret[best]++;
        }
}

struct cores {
        struct mpart_cpuset *items; /* ascending by their first CPU */
        size_t *n_cpus, *parts;
        size_t n;
};

static void cores_free(struct cores *c)
{
        for (size_t i = 0; i < c->n; i++)
                mpart_cpuset_free(&c->items[i]);
        free(c->items);
        free(c->n_cpus);
        free(c->parts);
}

static int collect_cores(const struct mpart_machine *m, const struct cell *cell, struct cores *ret)
{
        _cleanup_cpuset_ struct mpart_cpuset left = { 0 };
        ret->items = calloc(cell->n_cpus, sizeof(*ret->items));
        ret->n_cpus = calloc(cell->n_cpus, sizeof(*ret->n_cpus));
        ret->parts = calloc(cell->n_cpus, sizeof(*ret->parts));
        if (!ret->items || !ret->n_cpus || !ret->parts || mpart_cpuset_copy(&left, &cell->cpus) < 0)
                return -ENOMEM;
        for (int cpu; (cpu = mpart_cpuset_first(&left)) >= 0;) {
                struct mpart_cpuset *core = &ret->items[ret->n];
                size_t i = (size_t)(mpart_machine_cpu(m, (unsigned)cpu) - m->cpus);
                if (planner_core_of_cpu(m, i, core) < 0)
                        return -ENOMEM;
                mpart_cpuset_and(core, &left);
                mpart_cpuset_andnot(&left, core);
                ret->n_cpus[ret->n++] = mpart_cpuset_count(core);
        }
        return 0;
}

/* The kernel of the next part of a cell. CPU 0 is in the first part of its cell. */
static int open_part(
                struct planner *p, const struct cell *cell, bool of_primary, bool split_core, size_t *ret)
{
        size_t k = of_primary ? 0 : p->plan->n_kernels;
        int r = of_primary ? 0 : planner_add_kernel(p, name_kernel(p, cell->home), cell->home);
        *ret = k;
        return r < 0 ? r
                     : plan_why(&p->plan->kernels[k], "a part of node %u: there are fewer %s than kernels",
                                       p->machine->nodes[cell->home].id, split_core ? "cores" : "nodes");
}

/* Fills `parts` kernels with whole cores, in order. */
static int add_whole_cores(struct planner *p, const struct cell *cell, const struct cores *c, size_t parts)
{
        size_t left = cell->n_cpus, i = 0;
        for (size_t part = 0; part < parts; part++) {
                size_t k, load = 0, share = left, groups = parts - part;
                int r = open_part(p, cell, part == 0 && mpart_cpuset_has(&cell->cpus, 0), false, &k);
                for (bool first = true; r == 0 && i < c->n - (groups - 1); i++, first = false) {
                        if (!first && groups > 1 && !wants_more(load, c->n_cpus[i], share, groups))
                                break;
                        load += c->n_cpus[i];
                        left -= c->n_cpus[i];
                        r = mpart_cpuset_or(&p->plan->kernels[k].cpus, &c->items[i]);
                }
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Splits one core into c->parts[i] kernels. */
static int add_split_core(struct planner *p, const struct cell *cell, const struct cores *c, size_t i)
{
        size_t done = 0, part = 0, k = 0;
        MPART_CPUSET_FOREACH (cpu, &c->items[i]) {
                int r = 0;
                if (done == part * c->n_cpus[i] / c->parts[i]) {
                        r = open_part(p, cell, cpu == 0, true, &k);
                        part++;
                }
                if (r == 0)
                        r = mpart_cpuset_add(&p->plan->kernels[k].cpus, (unsigned)cpu);
                if (r < 0)
                        return r;
                done++;
        }
        return 0;
}

static int split_cell(struct planner *p, const struct cell *cell, size_t parts)
{
        _cleanup_(cores_free) struct cores c = { 0 };
        int r = collect_cores(p->machine, cell, &c);
        if (r < 0 || parts <= c.n)
                return r < 0 ? r : add_whole_cores(p, cell, &c, parts);
        allot(parts, c.n_cpus, c.n_cpus, c.n, c.parts);
        for (size_t i = 0; r == 0 && i < c.n; i++)
                r = add_split_core(p, cell, &c, i);
        return r;
}

/* More kernels than cells. */
static int split_cells(struct planner *p, const struct cells *c, size_t wanted)
{
        _cleanup_free_ size_t *weight = calloc(c->n, sizeof(*weight)), *limit = calloc(c->n, sizeof(*limit)),
                              *parts = calloc(c->n, sizeof(*parts));
        size_t n_cores = 0;
        int r = 0;
        if (!weight || !limit || !parts)
                return -ENOMEM;

        for (size_t i = 0; i < c->n; i++) {
                _cleanup_(cores_free) struct cores cores = { 0 };
                if (collect_cores(p->machine, &c->items[i], &cores) < 0)
                        return -ENOMEM;
                weight[i] = c->items[i].n_cpus;
                limit[i] = cores.n;
                n_cores += cores.n;
        }
        allot(wanted, weight, n_cores >= wanted ? limit : weight, c->n, parts);
        for (size_t i = 0; r == 0 && i < c->n; i++)
                r = split_cell(p, &c->items[i], parts[i]);
        return r;
}

static int give_all_to_primary(struct planner *p, const struct cells *c)
{
        int r = 0;
        for (size_t i = 0; r == 0 && i < c->n; i++)
                r = mpart_cpuset_or(&p->plan->kernels[0].cpus, &c->items[i].cpus);
        return r;
}

int planner_group_counted(struct planner *p, struct mpart_error *e)
{
        const struct mpart_policy *policy = &p->plan->policy;
        bool apart = !mpart_cpuset_is_empty(&policy->primary_cpus); /* the primary is none of the groups */
        _cleanup_(cells_free) struct cells c = { 0 };
        int r = collect_cells(p, &c);
        if (r < 0)
                return r;

        size_t limit = policy->kind == MPART_POLICY_NODES ? policy->nodes_per_kernel : 0;
        size_t groups = limit ? (c.n + limit - 1) / limit : policy->count - apart;
        if (groups == 0)
                return give_all_to_primary(p, &c);
        if (groups > c.n_cpus)
                return mpart_error_set(e, -ENOSPC, "%zu kernels need a CPU each, but %zu CPUs can be given",
                                groups, c.n_cpus);
        if (groups > c.n)
                return split_cells(p, &c, groups);
        r = limit ? group_near(p->machine, &c, groups, limit) : group_equal(p->machine, &c, groups);
        return r < 0 ? r : add_groups(p, &c, groups);
}
