/* SPDX-License-Identifier: GPL-2.0-or-later */
/* So many kernels, or so many nodes a kernel. Whole nodes are grouped while there are enough of them; then
 * nodes are split between cores, and only where there are too few cores are these split too. */
#include <errno.h>
#include <stdio.h>

#include "plan-count.h"

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

int planner_wants_more(size_t load, size_t more, size_t left, size_t groups)
{
        size_t with = (2 * load + more) * groups, without = 2 * left;
        return with < without ? 1 : -(with > without);
}

/* Distances decide ties: whether a cell is nearer to the group than to any cell that is left. */
static bool is_nearer(const struct mpart_machine *m, const struct cells *c, size_t cell, uint64_t distance,
                size_t members)
{
        for (size_t i = 0; i < c->n; i++)
                if (i != cell && c->items[i].group == NO_GROUP &&
                                planner_distance(m, c->items[cell].home, c->items[i].home) * members <=
                                                distance)
                        return false;
        return true;
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

/* The groups in the making, one after the other. */
struct grouping {
        const struct mpart_machine *m;
        struct cells *c;
        uint64_t *distance;   /* of each cell, the sum to the members of the group */
        size_t groups, limit; /* `limit` cells a group where that is not 0 */
        size_t left, n_left;  /* CPUs and cells without a group */
        size_t load, members; /* of the group */
        size_t share;         /* CPUs that were left when the group was begun */
};

static bool takes(const struct grouping *s, size_t group, size_t cell)
{
        size_t n = s->c->items[cell].n_cpus, groups = s->groups - group;
        if (s->members == 0 || (s->limit && s->members < s->limit) || (!s->limit && groups == 1))
                return true;
        int more = s->limit ? -1 : planner_wants_more(s->load, n, s->share, groups);
        return more > 0 || (more == 0 && is_nearer(s->m, s->c, cell, s->distance[cell], s->members));
}

static void take(struct grouping *s, size_t group, size_t i)
{
        struct cell *cell = &s->c->items[i];
        cell->group = group;
        s->load += cell->n_cpus;
        s->left -= cell->n_cpus;
        s->n_left--;
        s->members++;
        for (size_t j = 0; j < s->c->n; j++)
                s->distance[j] += planner_distance(s->m, cell->home, s->c->items[j].home);
}

/* Groups of near cells: each takes its share, or `limit` cells where that is not 0. */
static int group_near(const struct mpart_machine *m, struct cells *c, size_t groups, size_t limit)
{
        _cleanup_free_ uint64_t *distance = calloc(c->n, sizeof(*distance));
        if (!distance)
                return -ENOMEM;

        struct grouping s = { m, c, distance, groups, limit, .left = c->n_cpus, .n_left = c->n };
        for (size_t i = 0; i < c->n; i++)
                c->items[i].group = NO_GROUP;
        for (size_t g = 0; g < groups; g++) {
                memset(distance, 0, c->n * sizeof(*distance));
                s.load = s.members = 0;
                s.share = s.left;
                while (s.n_left > (limit ? 0 : groups - 1 - g)) {
                        size_t i = next_cell(c, s.members ? distance : NULL);
                        if (!takes(&s, g, i))
                                break;
                        take(&s, g, i);
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

char *planner_name_part(const struct planner *p, size_t home)
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
                        r = planner_add_kernel(p, planner_name_part(p, cell->home), cell->home);
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
                return planner_split_cells(p, &c, groups);
        r = limit ? group_near(p->machine, &c, groups, limit) : group_equal(p->machine, &c, groups);
        return r < 0 ? r : add_groups(p, &c, groups);
}
