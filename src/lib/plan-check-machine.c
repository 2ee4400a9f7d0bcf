/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>

#include "macros.h"
#include "plan-check.h"

static const struct mpart_plan_node *plan_node(const struct mpart_plan *plan, unsigned id)
{
        for (size_t i = 0; i < plan->n_nodes; i++)
                if (plan->nodes[i].id == id)
                        return &plan->nodes[i];
        return NULL;
}

static int check_node(const struct mpart_plan *plan, const struct mpart_node *node, struct mpart_error *e)
{
        const struct mpart_plan_node *p = plan_node(plan, node->id);
        _cleanup_spans_ struct spans theirs = { 0 }, ours = { 0 };
        uint64_t address;

        if (!p)
                return mpart_error_set(e, -EBADMSG, "the plan does not know node %u", node->id);
        for (size_t i = 0; i < node->memory.n; i++) {
                int r = spans_add(&theirs, node->memory.items[i].start, node->memory.items[i].size,
                                "memory of node", node->id, e);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < p->n_memory; i++) {
                int r = spans_add(&ours, p->memory[i].start, p->memory[i].size, "memory of node", p->id, e);
                if (r < 0)
                        return r;
        }
        int r = spans_sort_disjoint(&theirs, e);
        if (r == 0)
                r = spans_sort_disjoint(&ours, e);
        if (r == 0 && spans_differ(&theirs, &ours, &address))
                r = mpart_error_set(e, -EBADMSG,
                                "node %u: plan and machine disagree about memory at 0x%" PRIx64, node->id,
                                address);
        return r;
}

/* The machine may not know the node of a CPU while a kernel runs there: what it does know must agree. */
static int check_present(const struct mpart_plan *plan, const struct mpart_machine *m, struct mpart_error *e)
{
        _cleanup_cpuset_ struct mpart_cpuset planned = { 0 };

        for (size_t i = 0; i < plan->n_kernels; i++)
                if (mpart_cpuset_or(&planned, &plan->kernels[i].cpus) < 0)
                        return mpart_error_set(e, -ENOMEM, "out of memory");
        for (size_t i = 0; i < m->n_cpus; i++) {
                if (!mpart_cpuset_has(&planned, m->cpus[i].id))
                        return mpart_error_set(e, -EBADMSG, "CPU %u of the machine belongs to no kernel",
                                        m->cpus[i].id);
                mpart_cpuset_remove(&planned, m->cpus[i].id);
        }
        if (!mpart_cpuset_is_empty(&planned))
                return mpart_error_set(
                                e, -EBADMSG, "the machine has no CPU %d", mpart_cpuset_first(&planned));

        for (size_t i = 0; i < m->n_nodes; i++)
                MPART_CPUSET_FOREACH (cpu, &m->nodes[i].cpus) {
                        const struct mpart_plan_node *node = plan_node(plan, m->nodes[i].id);
                        if (!node || !mpart_cpuset_has(&node->cpus, (unsigned)cpu))
                                return mpart_error_set(e, -EBADMSG,
                                                "node %u of the plan lacks CPU %d, which the machine has "
                                                "there",
                                                m->nodes[i].id, cpu);
                }
        return 0;
}

/* RAM that somebody else withholds from the primary is in use by somebody else. */
static int check_withheld(
                const struct mpart_plan *plan, const struct mpart_machine *m, struct mpart_error *e)
{
        for (size_t i = 0; i < plan->n_kernels; i++)
                for (size_t j = 0; j < plan->kernels[i].n_memory; j++) {
                        const struct mpart_plan_memory *r = &plan->kernels[i].memory[j];
                        for (size_t w = 0; w < m->withheld.n; w++) {
                                const struct mpart_range *h = &m->withheld.items[w];
                                if (r->start < h->start + h->size && h->start < r->start + r->size)
                                        return mpart_error_set(e, -EBADMSG,
                                                        "kernel %zu: memory at 0x%" PRIx64
                                                        " is withheld for somebody else",
                                                        i, MAX(r->start, h->start));
                        }
                }
        return 0;
}

int check_machine_agrees(const struct mpart_plan *plan, const struct mpart_machine *m, struct mpart_error *e)
{
        if (!streq(plan->digest, m->digest))
                return mpart_error_set(e, -ESTALE,
                                "the plan is for another machine (digest %.12s..., this one has %.12s...): "
                                "make "
                                "a new plan here",
                                plan->digest, m->digest);
        if (plan->n_nodes != m->n_nodes)
                return mpart_error_set(e, -EBADMSG, "the plan has %zu nodes, the machine %zu", plan->n_nodes,
                                m->n_nodes);
        for (size_t i = 0; i < m->n_nodes; i++) {
                int r = check_node(plan, &m->nodes[i], e);
                if (r < 0)
                        return r;
        }
        int r = check_present(plan, m, e);
        if (r == 0)
                r = check_functions(plan, m, e);
        return r < 0 ? r : check_withheld(plan, m, e);
}
