/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which CPUs form a kernel, and from which node its memory comes. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "planner.h"

size_t planner_node_of_cpu(const struct mpart_machine *m, unsigned cpu)
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

size_t planner_home_of_node(const struct mpart_machine *m, size_t node)
{
        if (m->nodes[node].memory.n > 0)
                return node;
        size_t home = nearest_with_memory(m, node, true);
        return home != NO_NODE ? home : nearest_with_memory(m, node, false);
}

unsigned planner_distance(const struct mpart_machine *m, size_t from, size_t to)
{
        return mpart_machine_distance(m, m->nodes[from].id, m->nodes[to].id);
}

static unsigned distance_to_kernel(const struct planner *p, size_t node, size_t kernel)
{
        unsigned best = UINT_MAX;
        MPART_CPUSET_FOREACH (home, &p->kernels[kernel].homes) {
                unsigned d = planner_distance(p->machine, node, (size_t)home);
                best = MIN(best, d);
        }
        return best;
}

size_t planner_nearest_kernel(const struct planner *p, size_t node)
{
        size_t best = 0;
        unsigned best_distance = 0;

        for (size_t i = 0; i < p->plan->n_kernels; i++) {
                unsigned d = distance_to_kernel(p, node, i);
                if (i == 0 || d < best_distance) {
                        best = i;
                        best_distance = d;
                }
        }
        return best;
}

bool planner_primary_keeps(const struct planner *p, unsigned cpu)
{
        return cpu == 0 || mpart_cpuset_has(&p->plan->policy.primary_cpus, cpu) ||
               planner_node_of_cpu(p->machine, cpu) == NO_NODE;
}

int planner_add_kernel(struct planner *p, char *name, size_t home)
{
        _cleanup_free_ char *owned = name;
        struct mpart_plan *plan = p->plan;
        size_t n = plan->n_kernels;
        if (!name || grow_array(&plan->kernels, &p->plan_capacity, n + 1, sizeof(*plan->kernels)) < 0 ||
                        grow_array(&p->kernels, &p->kernel_capacity, n + 1, sizeof(*p->kernels)) < 0)
                return -ENOMEM;

        plan->kernels[n] = (struct mpart_plan_kernel){ .id = (unsigned)n, .name = TAKE_PTR(owned) };
        p->kernels[n] = (struct planner_kernel){ 0 };
        plan->n_kernels = n + 1;
        return home == NO_NODE ? 0 : mpart_cpuset_add(&p->kernels[n].homes, (unsigned)home);
}

/* A kernel named after a number, and why it is there. */
static int add_numbered(struct planner *p, const char *prefix, unsigned number, size_t home, const char *why)
{
        char *name;
        if (asprintf(&name, "%s%u", prefix, number) < 0)
                return -ENOMEM;
        int r = planner_add_kernel(p, name, home);
        return r < 0 ? r
                     : plan_why(&p->plan->kernels[p->plan->n_kernels - 1], "%s %u: %s", prefix, number, why);
}

/* Whether a node has CPUs that the policy may give away. */
static bool has_free_cpu(const struct planner *p, size_t node)
{
        MPART_CPUSET_FOREACH (cpu, &p->machine->nodes[node].cpus)
                if (!planner_primary_keeps(p, (unsigned)cpu) && mpart_machine_cpu(p->machine, (unsigned)cpu))
                        return true;
        return false;
}

/* per-numa: a kernel for each home of CPUs. */
static int group_by_node(struct planner *p)
{
        const struct mpart_machine *m = p->machine;
        int r = 0;

        for (size_t home = 0; r == 0 && home < m->n_nodes; home++) {
                bool used = false;
                for (size_t i = 0; i < m->n_nodes; i++)
                        used |= has_free_cpu(p, i) && planner_home_of_node(m, i) == home;
                if (used && !mpart_cpuset_has(&p->kernels[0].homes, (unsigned)home))
                        r = add_numbered(p, "node", m->nodes[home].id, home, "a node with CPUs");
        }
        for (size_t i = 0; r == 0 && i < m->n_cpus; i++) {
                unsigned cpu = m->cpus[i].id;
                size_t kernel = 0;
                if (!planner_primary_keeps(p, cpu)) {
                        unsigned home = (unsigned)planner_home_of_node(m, planner_node_of_cpu(m, cpu));
                        for (size_t j = 1; j < p->plan->n_kernels; j++)
                                if (mpart_cpuset_has(&p->kernels[j].homes, home))
                                        kernel = j;
                }
                r = mpart_cpuset_add(&p->plan->kernels[kernel].cpus, cpu);
        }
        return r;
}

/* Some firmware claims siblings across nodes. */
int planner_core_of_cpu(const struct mpart_machine *m, size_t i, struct mpart_cpuset *ret)
{
        unsigned cpu = m->cpus[i].id;
        size_t node = planner_node_of_cpu(m, cpu);

        int r = mpart_cpuset_add(ret, cpu);
        if (r < 0 || node == NO_NODE)
                return r;
        MPART_CPUSET_FOREACH (other, &m->nodes[node].cpus) {
                const struct mpart_cpu *c = mpart_machine_cpu(m, (unsigned)other);
                if (r == 0 && c &&
                                (mpart_cpuset_has(&m->cpus[i].siblings, c->id) ||
                                                mpart_cpuset_has(&c->siblings, cpu)))
                        r = mpart_cpuset_add(ret, c->id);
        }
        return r;
}

static bool keeps_any(const struct planner *p, const struct mpart_cpuset *cpus)
{
        MPART_CPUSET_FOREACH (cpu, cpus)
                if (planner_primary_keeps(p, (unsigned)cpu))
                        return true;
        return false;
}

/* per-core and per-cpu: CPUs in ascending order; one that no kernel has yet opens the next kernel. */
static int group_by_core(struct planner *p, bool whole_cores)
{
        const struct mpart_machine *m = p->machine;
        _cleanup_cpuset_ struct mpart_cpuset seen = { 0 };
        int r = 0;

        for (size_t i = 0; r == 0 && i < m->n_cpus; i++) {
                unsigned cpu = m->cpus[i].id;
                _cleanup_cpuset_ struct mpart_cpuset unit = { 0 };

                if (mpart_cpuset_has(&seen, cpu))
                        continue;
                r = whole_cores ? planner_core_of_cpu(m, i, &unit) : mpart_cpuset_add(&unit, cpu);
                mpart_cpuset_andnot(&unit, &seen);
                size_t kernel = 0;
                if (r == 0 && !keeps_any(p, &unit)) {
                        kernel = p->plan->n_kernels;
                        r = add_numbered(p, whole_cores ? "core" : "cpu", cpu,
                                        planner_home_of_node(m, planner_node_of_cpu(m, cpu)),
                                        whole_cores ? "a core with its threads" : "a hardware thread");
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
        if (planner_node_of_cpu(m, 0) == NO_NODE)
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
                if (planner_node_of_cpu(m, m->cpus[i].id) == NO_NODE) {
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

/* A misspelt CPU of the primary must not pass unseen. */
static int check_primary_cpus(const struct planner *p, struct mpart_error *e)
{
        const struct mpart_machine *m = p->machine;
        MPART_CPUSET_FOREACH (cpu, &p->plan->policy.primary_cpus)
                if (!mpart_machine_cpu(m, (unsigned)cpu))
                        return mpart_error_set(e, -EINVAL,
                                        "the primary cannot keep CPU %d: the machine has no such CPU", cpu);
        return 0;
}

/* The primary is at home where CPU 0 is, and where it has all CPUs. */
static int add_primary(struct planner *p)
{
        const struct mpart_machine *m = p->machine;
        size_t home = planner_home_of_node(m, planner_node_of_cpu(m, 0));
        int r = planner_add_kernel(p, strdup("primary"), home);

        for (size_t i = 0; r == 0 && !mpart_cpuset_is_empty(&p->plan->policy.primary_cpus) && i < m->n_nodes;
                        i++)
                if (!mpart_cpuset_is_empty(&m->nodes[i].cpus) && !has_free_cpu(p, i))
                        r = mpart_cpuset_add(&p->kernels[0].homes, (unsigned)planner_home_of_node(m, i));
        if (r == 0)
                r = plan_why(&p->plan->kernels[0], "CPU 0 is always the primary's");
        return r;
}

static int group(struct planner *p, struct mpart_error *e)
{
        enum mpart_policy_kind kind = p->plan->policy.kind;
        if (kind == MPART_POLICY_REQUEST)
                return planner_group_requested(p, e);
        if (kind == MPART_POLICY_COUNT || kind == MPART_POLICY_NODES)
                return planner_group_counted(p, e);
        return kind == MPART_POLICY_PER_NUMA ? group_by_node(p)
                                             : group_by_core(p, kind == MPART_POLICY_PER_CORE);
}

int planner_group_cpus(struct planner *p, struct mpart_error *e)
{
        struct mpart_error why = MPART_ERROR_INIT;
        int r = check_machine(p->machine, e);
        if (r == 0)
                r = check_primary_cpus(p, e);
        if (r < 0)
                return r;

        r = add_primary(p);
        if (r == 0)
                r = group(p, &why);
        if (r == 0)
                r = note_homeless(p);
        if (r < 0)
                return why.code ? mpart_error_set(e, r, "%s", why.text)
                                : mpart_error_set(e, r, "cannot divide the CPUs: %s", strerror(-r));

        for (size_t i = 0; i < p->plan->n_kernels; i++)
                p->plan->kernels[i].boot_cpu = (unsigned)mpart_cpuset_first(&p->plan->kernels[i].cpus);
        return 0;
}
