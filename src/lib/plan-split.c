/* SPDX-License-Identifier: GPL-2.0-or-later */
/* More kernels than nodes. */
#include <errno.h>

#include "plan-count.h"

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
        int r = of_primary ? 0 : planner_add_kernel(p, planner_name_part(p, cell->home), cell->home);
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
                        if (!first && groups > 1 &&
                                        planner_wants_more(load, c->n_cpus[i], share, groups) <= 0)
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

int planner_split_cells(struct planner *p, const struct cells *c, size_t wanted)
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
