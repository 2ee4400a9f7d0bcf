/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which CPUs form a kernel, and from which node its memory comes. */
#include <errno.h>
#include <stdio.h>

#include "planner.h"

#define NO_NODE SIZE_MAX

static size_t node_of_cpu(const struct mpart_machine *m, unsigned cpu)
{
        for (size_t i = 0; i < m->n_nodes; i++)
                if (mpart_cpuset_has(&m->nodes[i].cpus, cpu))
                        return i;
        return NO_NODE;
}

/* The nearest node to `node` with memory and, where asked for, CPUs; the lowest id of equals. */
static size_t nearest_with_memory(const struct mpart_machine *m, size_t node, bool with_cpus)
{
        size_t best = NO_NODE;
        unsigned best_distance = 0;

        for (size_t i = 0; i < m->n_nodes; i++) {
                if (m->nodes[i].memory.n == 0 || (with_cpus && mpart_cpuset_is_empty(&m->nodes[i].cpus)))
                        continue;
                unsigned d = mpart_machine_distance(m, m->nodes[node].id, m->nodes[i].id);
                if (best == NO_NODE || d < best_distance) {
                        best = i;
                        best_distance = d;
                }
        }
        return best;
}

/* Where CPUs of `node` get their memory: at home, else on the nearest node with both CPUs and memory. */
static size_t home_of_node(const struct mpart_machine *m, size_t node)
{
        if (m->nodes[node].memory.n > 0)
                return node;
        size_t home = nearest_with_memory(m, node, true);
        return home != NO_NODE ? home : nearest_with_memory(m, node, false);
}

size_t planner_nearest_kernel(const struct planner *p, size_t node)
{
        const struct mpart_node *nodes = p->machine->nodes;
        size_t best = 0;
        unsigned best_distance = 0;

        for (size_t i = 0; i < p->plan->n_kernels; i++) {
                unsigned d = mpart_machine_distance(
                                p->machine, nodes[node].id, nodes[p->kernels[i].home].id);
                if (i == 0 || d < best_distance) {
                        best = i;
                        best_distance = d;
                }
        }
        return best;
}

/* Adds an empty kernel; `prefix` NULL is the primary. */
static int add_kernel(struct planner *p, const char *prefix, unsigned number, size_t home)
{
        struct mpart_plan *plan = p->plan;
        size_t n = plan->n_kernels;
        if (grow_array(&plan->kernels, &p->plan_capacity, n + 1, sizeof(*plan->kernels)) < 0 ||
                        grow_array(&p->kernels, &p->kernel_capacity, n + 1, sizeof(*p->kernels)) < 0)
                return -ENOMEM;

        struct mpart_plan_kernel k = { .id = (unsigned)n };
        int r = prefix ? asprintf(&k.name, "%s%u", prefix, number) : asprintf(&k.name, "primary");
        if (r < 0)
                return -ENOMEM;
        plan->kernels[n] = k;
        p->kernels[n] = (struct planner_kernel){ .home = home };
        plan->n_kernels = n + 1;
        return 0;
}

/* per-numa: a kernel for each home of CPUs. */
static int group_by_node(struct planner *p, size_t primary_home)
{
        const struct mpart_machine *m = p->machine;
        int r = add_kernel(p, NULL, 0, primary_home);

        for (size_t home = 0; r == 0 && home < m->n_nodes; home++) {
                bool used = false;
                for (size_t i = 0; i < m->n_nodes; i++)
                        used |= !mpart_cpuset_is_empty(&m->nodes[i].cpus) && home_of_node(m, i) == home;
                if (used && home != primary_home)
                        r = add_kernel(p, "node", m->nodes[home].id, home);
        }
        for (size_t i = 0; r == 0 && i < m->n_cpus; i++) {
                size_t node = node_of_cpu(m, m->cpus[i].id), kernel = 0;
                for (size_t j = 1; node != NO_NODE && j < p->plan->n_kernels; j++)
                        if (p->kernels[j].home == home_of_node(m, node))
                                kernel = j;
                r = mpart_cpuset_add(&p->plan->kernels[kernel].cpus, m->cpus[i].id);
        }
        return r;
}

/* The threads of the core of m->cpus[i] that lie on the same node: some firmware claims siblings across
 * nodes. */
static int core_of_cpu(const struct mpart_machine *m, size_t i, struct mpart_cpuset *ret)
{
        unsigned cpu = m->cpus[i].id;
        size_t node = node_of_cpu(m, cpu);

        int r = mpart_cpuset_add(ret, cpu);
        for (size_t j = 0; r == 0 && j < m->n_cpus; j++) {
                unsigned other = m->cpus[j].id;
                bool siblings = mpart_cpuset_has(&m->cpus[i].siblings, other) ||
                                mpart_cpuset_has(&m->cpus[j].siblings, cpu);
                if (siblings && node_of_cpu(m, other) == node)
                        r = mpart_cpuset_add(ret, other);
        }
        return r;
}

/* per-core and per-cpu: CPUs in ascending order; one that no kernel has yet opens the next kernel. */
static int group_by_core(struct planner *p, size_t primary_home, bool whole_cores)
{
        const struct mpart_machine *m = p->machine;
        _cleanup_cpuset_ struct mpart_cpuset seen = { 0 };
        int r = add_kernel(p, NULL, 0, primary_home);

        for (size_t i = 0; r == 0 && i < m->n_cpus; i++) {
                unsigned cpu = m->cpus[i].id;
                size_t node = node_of_cpu(m, cpu);
                _cleanup_cpuset_ struct mpart_cpuset unit = { 0 };

                if (mpart_cpuset_has(&seen, cpu))
                        continue;
                r = whole_cores ? core_of_cpu(m, i, &unit) : mpart_cpuset_add(&unit, cpu);
                mpart_cpuset_andnot(&unit, &seen);
                size_t kernel = 0;
                if (r == 0 && cpu != 0 && node != NO_NODE) {
                        kernel = p->plan->n_kernels;
                        r = add_kernel(p, whole_cores ? "core" : "cpu", cpu, home_of_node(m, node));
                }
                if (r == 0)
                        r = mpart_cpuset_or(&p->plan->kernels[kernel].cpus, &unit);
                if (r == 0)
                        r = mpart_cpuset_or(&seen, &unit);
        }
        return r;
}

static int check_machine(const struct mpart_machine *m, struct mpart_error *e)
{
        if (m->n_cpus == 0 || m->cpus[0].id != 0)
                return mpart_error_set(e, -EOPNOTSUPP,
                                "CPU 0 is not present: the primary must have it, because it can be neither "
                                "taken offline nor woken elsewhere");
        if (!m->cpus[0].online)
                return mpart_error_set(e, -EOPNOTSUPP,
                                "CPU 0 is offline: the primary must have it; bring it back with 'echo 1 > "
                                "/sys/devices/system/cpu/cpu0/online'");
        if (node_of_cpu(m, 0) == NO_NODE)
                return mpart_error_set(e, -EOPNOTSUPP, "no node of the machine claims CPU 0");
        for (size_t i = 0; i < m->n_nodes; i++)
                if (m->nodes[i].memory.n > 0)
                        return 0;
        return mpart_error_set(e, -ENODATA, "no node of the machine has memory that could be planned");
}

static int note_homeless(struct planner *p)
{
        const struct mpart_machine *m = p->machine;
        _cleanup_cpuset_ struct mpart_cpuset homeless = { 0 };
        _cleanup_free_ char *list = NULL;

        for (size_t i = 0; i < m->n_cpus; i++)
                if (node_of_cpu(m, m->cpus[i].id) == NO_NODE) {
                        int r = mpart_cpuset_add(&homeless, m->cpus[i].id);
                        if (r < 0)
                                return r;
                }
        if (mpart_cpuset_is_empty(&homeless))
                return 0;
        int r = mpart_cpuset_format_list(&homeless, &list);
        return r < 0 ? r
                     : plan_note(p->plan, "CPU %s: no node claims it, so it stays with the primary", list);
}

int planner_group_cpus(struct planner *p, struct mpart_error *e)
{
        const struct mpart_machine *m = p->machine;
        int r = check_machine(m, e);
        if (r < 0)
                return r;

        size_t primary_home = home_of_node(m, node_of_cpu(m, 0));
        if (p->plan->policy.kind == MPART_POLICY_PER_NUMA)
                r = group_by_node(p, primary_home);
        else
                r = group_by_core(p, primary_home, p->plan->policy.kind == MPART_POLICY_PER_CORE);
        if (r == 0)
                r = note_homeless(p);
        if (r < 0)
                return mpart_error_set(e, r, "cannot divide the CPUs: %s", strerror(-r));

        for (size_t i = 0; i < p->plan->n_kernels; i++)
                p->plan->kernels[i].boot_cpu = (unsigned)mpart_cpuset_first(&p->plan->kernels[i].cpus);
        return 0;
}
