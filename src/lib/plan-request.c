/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The CPUs of a request: lists first, then whole nodes, then counts on a node, then mere counts, each in the
 * order of the document. */
#include <errno.h>
#include <stdio.h>

#include "planner.h"

struct chooser {
        struct planner *p;
        struct mpart_cpuset free;    /* CPUs that nobody has yet */
        struct mpart_cpuset *chosen; /* of each kernel of the request */
};

static void chooser_done(struct chooser *s)
{
        mpart_cpuset_free(&s->free);
        for (size_t i = 0; s->chosen && i < s->p->request->n_kernels; i++)
                mpart_cpuset_free(&s->chosen[i]);
        free(s->chosen);
}

static int chooser_start(struct chooser *s)
{
        const struct mpart_machine *m = s->p->machine;
        s->chosen = calloc(MAX(s->p->request->n_kernels, 1U), sizeof(*s->chosen));
        int r = s->chosen ? 0 : -ENOMEM;
        for (size_t i = 0; r == 0 && i < m->n_cpus; i++)
                if (!planner_primary_keeps(s->p, m->cpus[i].id))
                        r = mpart_cpuset_add(&s->free, m->cpus[i].id);
        return r;
}

static int give(struct chooser *s, size_t kernel, const struct mpart_cpuset *cpus)
{
        int r = mpart_cpuset_or(&s->chosen[kernel], cpus);
        if (r == 0)
                mpart_cpuset_andnot(&s->free, cpus);
        return r;
}

/* Why a kernel cannot have a CPU. */
static const char *reason(const struct chooser *s, unsigned cpu, char ret[static 128])
{
        const struct mpart_request *q = s->p->request;
        if (!mpart_machine_cpu(s->p->machine, cpu))
                return "the machine has no such CPU";
        if (cpu == 0)
                return "it is always the primary's";
        if (planner_node_of_cpu(s->p->machine, cpu) == NO_NODE)
                return "no node claims it";
        for (size_t i = 0; i < q->n_kernels; i++)
                if (mpart_cpuset_has(&s->chosen[i], cpu)) {
                        snprintf(ret, 128, "kernel %s asks for it too", q->kernels[i].name);
                        return ret;
                }
        return "the primary is to keep it";
}

static int choose_list(struct chooser *s, size_t kernel, struct mpart_error *e)
{
        const struct mpart_request_kernel *k = &s->p->request->kernels[kernel];
        _cleanup_cpuset_ struct mpart_cpuset fit = { 0 };
        _cleanup_free_ char *list = NULL;

        int r = mpart_cpuset_copy(&fit, &k->cpus);
        if (r < 0)
                return r;
        mpart_cpuset_and(&fit, &s->free);
        MPART_CPUSET_FOREACH (cpu, &k->cpus) {
                char text[128];
                if (mpart_cpuset_has(&fit, (unsigned)cpu))
                        continue;
                r = mpart_cpuset_format_list(&fit, &list);
                return r < 0 ? r
                             : mpart_error_set(e, -ENOSPC, "kernel %s: it cannot have CPU %d: %s%s%s%s",
                                               k->name, cpu, reason(s, (unsigned)cpu, text),
                                               list[0] ? "; the nearest that fits: \"cpus\": \"" : "", list,
                                               list[0] ? "\"" : "; no CPU of its list is free");
        }
        return give(s, kernel, &k->cpus);
}

static int free_cpus_of(const struct chooser *s, size_t node, struct mpart_cpuset *ret)
{
        int r = mpart_cpuset_copy(ret, &s->p->machine->nodes[node].cpus);
        mpart_cpuset_and(ret, &s->free);
        return r;
}

static size_t count_free(const struct chooser *s, size_t node)
{
        size_t n = 0;
        MPART_CPUSET_FOREACH (cpu, &s->p->machine->nodes[node].cpus)
                n += mpart_cpuset_has(&s->free, (unsigned)cpu);
        return n;
}

/* The CPUs of the core of `cpu` that are in `left`. */
static int core_within(const struct mpart_machine *m, unsigned cpu, const struct mpart_cpuset *left,
                struct mpart_cpuset *ret)
{
        int r = planner_core_of_cpu(m, (size_t)(mpart_machine_cpu(m, cpu) - m->cpus), ret);
        mpart_cpuset_and(ret, left);
        return r;
}

/* Moves cores of `size` CPUs each from `left` to `taken` while they fit into *wanted; *ret_largest is the
 * size of the largest core seen. */
static int take_cores(const struct mpart_machine *m, size_t size, struct mpart_cpuset *left, size_t *wanted,
                struct mpart_cpuset *taken, size_t *ret_largest)
{
        for (int cpu = mpart_cpuset_first(left); cpu >= 0; cpu = mpart_cpuset_next(left, (unsigned)cpu)) {
                _cleanup_cpuset_ struct mpart_cpuset core = { 0 };
                int r = core_within(m, (unsigned)cpu, left, &core);
                size_t n = mpart_cpuset_count(&core);
                if (r < 0)
                        return r;
                *ret_largest = MAX(*ret_largest, n);
                if (n != size || size > *wanted)
                        continue;
                r = mpart_cpuset_or(taken, &core);
                if (r < 0)
                        return r;
                mpart_cpuset_andnot(left, &core);
                *wanted -= size;
        }
        return 0;
}

/* Gives up to `wanted` free CPUs of a node: whole cores while they fit, large ones first, then a part of
 * one. */
static int choose_cores(struct chooser *s, size_t kernel, size_t node, size_t wanted)
{
        const struct mpart_machine *m = s->p->machine;
        _cleanup_cpuset_ struct mpart_cpuset left = { 0 }, taken = { 0 };
        size_t largest = 0, ignored = 0;

        int r = free_cpus_of(s, node, &left);
        if (r == 0)
                r = take_cores(m, 0, &left, &wanted, &taken, &largest);
        for (size_t size = MIN(largest, wanted); r == 0 && size > 0; size--)
                r = take_cores(m, size, &left, &wanted, &taken, &ignored);
        for (int cpu; r == 0 && wanted > 0 && (cpu = mpart_cpuset_first(&left)) >= 0; wanted--) {
                r = mpart_cpuset_add(&taken, (unsigned)cpu);
                mpart_cpuset_remove(&left, (unsigned)cpu);
        }
        return r < 0 ? r : give(s, kernel, &taken);
}

static size_t find_node(const struct mpart_machine *m, int id)
{
        for (size_t i = 0; id >= 0 && i < m->n_nodes; i++)
                if (m->nodes[i].id == (unsigned)id)
                        return i;
        return NO_NODE;
}

static int choose_on_node(struct chooser *s, size_t kernel, struct mpart_error *e)
{
        const struct mpart_request_kernel *k = &s->p->request->kernels[kernel];
        size_t node = find_node(s->p->machine, k->node);
        if (node == NO_NODE)
                return mpart_error_set(
                                e, -ENOSPC, "kernel %s: the machine has no node %d", k->name, k->node);
        size_t n = count_free(s, node);
        if (n == 0)
                return mpart_error_set(e, -ENOSPC,
                                "kernel %s: node %d has no CPU that the primary and other kernels leave",
                                k->name, k->node);
        if (k->cpu_count > n)
                return mpart_error_set(e, -ENOSPC,
                                "kernel %s: it asks for %u CPUs of node %d, where the primary and other "
                                "kernels leave %zu; the nearest that fits: \"cpu_count\": %zu",
                                k->name, k->cpu_count, k->node, n, n);
        return choose_cores(s, kernel, node, k->cpu_count ? k->cpu_count : n);
}

/* Whether node `a` serves a count better than `b`, both having room: nearer to its memory, not the
 * primary's, less left over. */
static bool better_node(const struct chooser *s, const struct mpart_request_kernel *k, size_t a, size_t b)
{
        const struct mpart_machine *m = s->p->machine;
        size_t wanted = find_node(m, k->memory_node);
        unsigned to_a = wanted == NO_NODE ? 0 : planner_distance(m, a, wanted);
        unsigned to_b = wanted == NO_NODE ? 0 : planner_distance(m, b, wanted);
        bool of_a = mpart_cpuset_has(&m->nodes[a].cpus, 0), of_b = mpart_cpuset_has(&m->nodes[b].cpus, 0);

        if (to_a != to_b)
                return to_a < to_b;
        if (of_a != of_b)
                return of_b;
        return count_free(s, a) < count_free(s, b);
}

/* One node that has all, or else the one that has most. */
static size_t first_node(const struct chooser *s, const struct mpart_request_kernel *k)
{
        size_t fits = NO_NODE, most = 0;
        for (size_t i = 0; i < s->p->machine->n_nodes; i++) {
                size_t n = count_free(s, i);
                if (n >= k->cpu_count && (fits == NO_NODE || better_node(s, k, i, fits)))
                        fits = i;
                if (n > count_free(s, most))
                        most = i;
        }
        return fits != NO_NODE ? fits : most;
}

static int choose_count(struct chooser *s, size_t kernel, struct mpart_error *e)
{
        const struct mpart_machine *m = s->p->machine;
        const struct mpart_request_kernel *k = &s->p->request->kernels[kernel];
        size_t n = mpart_cpuset_count(&s->free);
        if (n == 0)
                return mpart_error_set(e, -ENOSPC,
                                "kernel %s: it asks for %u CPUs, but the primary and other kernels have them all",
                                k->name, k->cpu_count);
        if (k->cpu_count > n)
                return mpart_error_set(e, -ENOSPC,
                                "kernel %s: it asks for %u CPUs, where the primary and other kernels leave "
                                "%zu; the nearest that fits: \"cpu_count\": %zu",
                                k->name, k->cpu_count, n, n);

        _cleanup_free_ size_t *order = calloc(m->n_nodes, sizeof(*order));
        _cleanup_cpuset_ struct mpart_cpuset from = { 0 };
        if (!order || mpart_cpuset_add(&from, (unsigned)first_node(s, k)) < 0)
                return -ENOMEM;
        int r = planner_nodes_by_distance(m, &from, order);
        for (size_t i = 0; r == 0 && i < m->n_nodes; i++) {
                size_t have = mpart_cpuset_count(&s->chosen[kernel]);
                if (have < k->cpu_count)
                        r = choose_cores(s, kernel, order[i], k->cpu_count - have);
        }
        return r;
}

static int choose(struct chooser *s, struct mpart_error *e)
{
        const struct mpart_request *q = s->p->request;
        int r = 0;
        for (int pass = 0; pass < 4; pass++)
                for (size_t i = 0; r == 0 && i < q->n_kernels; i++) {
                        const struct mpart_request_kernel *k = &q->kernels[i];
                        bool listed = !mpart_cpuset_is_empty(&k->cpus);
                        if (pass == 0 && listed)
                                r = choose_list(s, i, e);
                        else if (pass == (k->cpu_count > 0 ? 1 : 2) && !listed && k->node >= 0)
                                r = choose_on_node(s, i, e);
                        else if (pass == 3 && !listed && k->node < 0)
                                r = choose_count(s, i, e);
                }
        return r;
}

static int copy_string(const char *from, char **to)
{
        *to = from ? strdup(from) : NULL;
        return from && !*to ? -ENOMEM : 0;
}

static int tell_choice(struct mpart_plan_kernel *k, const struct mpart_request_kernel *q)
{
        if (!mpart_cpuset_is_empty(&q->cpus))
                return plan_why(k, "CPUs: as listed in the request");
        if (q->node >= 0 && q->cpu_count == 0)
                return plan_why(k, "CPUs: all of node %d that nobody else asked for", q->node);
        if (q->node >= 0)
                return plan_why(k, "CPUs: %u of node %d, whole cores first", q->cpu_count, q->node);
        return plan_why(k, "CPUs: %u of the node that leaves the fewest over, or of near nodes",
                        q->cpu_count);
}

static int add_requested(
                struct planner *p, const struct mpart_request_kernel *q, const struct mpart_cpuset *cpus)
{
        int r = planner_add_kernel(p, strdup(q->name), NO_NODE);
        if (r < 0)
                return r;
        size_t i = p->plan->n_kernels - 1;
        struct mpart_plan_kernel *k = &p->plan->kernels[i];

        r = mpart_cpuset_copy(&k->cpus, cpus);
        MPART_CPUSET_FOREACH (cpu, cpus) {
                size_t node = planner_node_of_cpu(p->machine, (unsigned)cpu);
                if (r == 0)
                        r = mpart_cpuset_add(&p->kernels[i].homes,
                                        (unsigned)planner_home_of_node(p->machine, node));
        }
        if (r == 0)
                r = copy_string(q->image, &k->image);
        if (r == 0)
                r = copy_string(q->initrd, &k->initrd);
        if (r == 0)
                r = copy_string(q->extra, &k->extra);
        if (r == 0)
                r = mpart_cpuset_copy(&k->after, &q->after);
        if (r == 0)
                r = mpart_cpuset_copy(&k->requires, &q->requires);
        k->restart = q->restart;
        k->notify = q->notify;
        return r < 0 ? r : tell_choice(k, q);
}

int planner_group_requested(struct planner *p, struct mpart_error *e)
{
        const struct mpart_machine *m = p->machine;
        _cleanup_(chooser_done) struct chooser s = { .p = p };
        int r = chooser_start(&s);
        if (r == 0)
                r = choose(&s, e);
        for (size_t i = 0; r == 0 && i < p->request->n_kernels; i++)
                r = add_requested(p, &p->request->kernels[i], &s.chosen[i]);
        for (size_t i = 0; r == 0 && i < m->n_cpus; i++)
                if (mpart_cpuset_has(&s.free, m->cpus[i].id) || planner_primary_keeps(p, m->cpus[i].id))
                        r = mpart_cpuset_add(&p->plan->kernels[0].cpus, m->cpus[i].id);
        return r < 0 ? r : plan_why(&p->plan->kernels[0], "all CPUs that the request does not name");
}
