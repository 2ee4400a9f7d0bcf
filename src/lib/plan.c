/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "cmdline.h"
#include "planner.h"

_printf_(3, 0) static int add_sentence(char ***list, size_t *n, const char *format, va_list args)
{
        char **grown = realloc(*list, (*n + 1) * sizeof(*grown)), *text = NULL;
        if (!grown)
                return -ENOMEM;
        *list = grown;
        if (vasprintf(&text, format, args) < 0)
                return -ENOMEM;
        grown[(*n)++] = text;
        return 0;
}

int plan_note(struct mpart_plan *plan, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        int r = add_sentence(&plan->notes, &plan->n_notes, format, args);
        va_end(args);
        return r;
}

int plan_why(struct mpart_plan_kernel *k, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        int r = add_sentence(&k->why, &k->n_why, format, args);
        va_end(args);
        return r;
}

static void free_strings(char **strings, size_t n)
{
        for (size_t i = 0; i < n; i++)
                free(strings[i]);
        free(strings);
}

static void free_kernel(struct mpart_plan_kernel *k)
{
        free(k->name);
        mpart_cpuset_free(&k->cpus);
        free(k->memory);
        free_strings(k->pci, k->n_pci);
        free(k->cmdline_linux);
        free(k->cmdline_popcorn);
        free(k->image);
        free(k->initrd);
        free(k->extra);
        mpart_cpuset_free(&k->after);
        mpart_cpuset_free(&k->requires);
        free_strings(k->why, k->n_why);
}

void mpart_plan_free(struct mpart_plan *plan)
{
        if (!plan)
                return;
        for (size_t i = 0; i < plan->n_nodes; i++) {
                mpart_cpuset_free(&plan->nodes[i].cpus);
                free(plan->nodes[i].memory);
                free(plan->nodes[i].distance);
        }
        free(plan->nodes);
        for (size_t i = 0; i < plan->n_kernels; i++)
                free_kernel(&plan->kernels[i]);
        free(plan->kernels);
        for (size_t i = 0; i < plan->n_unused; i++)
                free(plan->unused[i].reason);
        free(plan->unused);
        free_strings(plan->notes, plan->n_notes);
        mpart_cpuset_free(&plan->policy.primary_cpus);
        free(plan);
}

const struct mpart_plan_kernel *mpart_plan_kernel(const struct mpart_plan *plan, unsigned id)
{
        return id < plan->n_kernels ? &plan->kernels[id] : NULL;
}

static int copy_node(const struct mpart_machine *m, size_t i, struct mpart_plan_node *to)
{
        const struct mpart_node *from = &m->nodes[i];

        to->id = from->id;
        for (size_t j = 0; j < m->n_cpus; j++)
                if (mpart_cpuset_has(&from->cpus, m->cpus[j].id) &&
                                mpart_cpuset_add(&to->cpus, m->cpus[j].id) < 0)
                        return -ENOMEM;
        to->memory = calloc(MAX(from->memory.n, 1U), sizeof(*to->memory));
        to->distance = calloc(m->n_nodes, sizeof(*to->distance));
        if (!to->memory || !to->distance)
                return -ENOMEM;
        for (size_t j = 0; j < from->memory.n; j++)
                to->memory[j] = from->memory.items[j];
        to->n_memory = from->memory.n;
        for (size_t j = 0; j < m->n_nodes; j++)
                to->distance[j] = mpart_machine_distance(m, from->id, m->nodes[j].id);
        return 0;
}

/* The machine as the document shows it. */
static int copy_machine(const struct mpart_machine *m, struct mpart_plan *plan)
{
        memcpy(plan->digest, m->digest, sizeof(plan->digest));
        plan->nodes = calloc(m->n_nodes, sizeof(*plan->nodes));
        if (!plan->nodes)
                return -ENOMEM;
        for (size_t i = 0; i < m->n_nodes; i++) {
                plan->n_nodes = i + 1;
                int r = copy_node(m, i, &plan->nodes[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The dialect of Popcorn's kernels has no limit on holes: where the plan is not for them, a line that cannot
 * be written is left out, and only a note tells, since no current kernel reads it. */
static int render_popcorn(
                struct mpart_plan *plan, unsigned id, const struct mpart_machine *m, struct mpart_error *e)
{
        struct mpart_error why = MPART_ERROR_INIT;
        static const struct mpart_popcorn_options options = { .cap = MiB };
        char **line = &plan->kernels[id].cmdline_popcorn;

        int r = mpart_cmdline_popcorn(plan, id, m, &options, line, &why);
        if (r == 0)
                return 0;
        if (r == -ENOMEM)
                return mpart_error_set(e, r, "out of memory");
        if (plan->policy.dialect == MPART_DIALECT_POPCORN)
                return mpart_error_set(e, r, "%s", why.text);
        *line = strdup("");
        if (!*line || plan_note(plan, "no command line in the popcorn dialect: %s", why.text) < 0)
                return mpart_error_set(e, -ENOMEM, "out of memory");
        return 0;
}

static int render_command_lines(
                struct mpart_plan *plan, const struct mpart_machine *m, struct mpart_error *e)
{
        for (unsigned id = 0; id < plan->n_kernels; id++) {
                int r = mpart_cmdline_linux(plan, id, m, &plan->kernels[id].cmdline_linux, e);
                if (r < 0)
                        return r;
                r = render_popcorn(plan, id, m, e);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int note_crash_kernel(struct mpart_plan *plan, const struct mpart_machine *m)
{
        for (size_t i = 1; i < plan->n_kernels; i++) {
                const struct mpart_plan_kernel *k = &plan->kernels[i];
                for (size_t j = 0; j < k->n_memory; j++) {
                        if (!mpart_ranges_intersects(
                                            &m->crash_kernel, k->memory[j].start, k->memory[j].size))
                                continue;
                        return plan_note(plan,
                                        "the crash kernel of the running primary lies in memory of kernel "
                                        "%zu (%s): it moves with the restart unless crashkernel= has a "
                                        "fixed "
                                        "position (crashkernel=SIZE@ADDRESS); take the position out then",
                                        i, k->name);
                }
        }
        return 0;
}

/* Regions of the primary's memmap= terms: more than the decompressor tracks switch physical KASLR off
 * (arch/x86/boot/compressed/kaslr.c, MAX_MEMMAP_REGIONS). */
static int note_kaslr(struct mpart_plan *plan)
{
        size_t n = 0;
        for (const char *s = plan->kernels[0].cmdline_linux; (s = strstr(s, "memmap=")); s++)
                n++;
        return n <= MPART_KASLR_RUNS_MAX ? 0
                                         : plan_note(plan,
                                                           "physical KASLR of the primary is off: its "
                                                           "command line leaves out "
                                                           "%zu regions of memory, and the kernel tracks %d",
                                                           n, MPART_KASLR_RUNS_MAX);
}

static int note_facts(struct mpart_plan *plan, const struct mpart_machine *m)
{
        int r = note_crash_kernel(plan, m);
        if (r < 0)
                return r;
        r = note_kaslr(plan);
        if (r < 0 || plan->n_kernels > 1)
                return r;
        return plan_note(plan,
                        "the policy %s finds a single partition on this machine: all of it is the "
                        "primary's",
                        mpart_policy_kind_to_string(plan->policy.kind));
}

static int fill(struct planner *p, struct mpart_error *e)
{
        const struct mpart_machine *m = p->machine;
        int r = planner_group_cpus(p, e);
        if (r < 0)
                return r;
        r = planner_divide_memory(p, e);
        if (r < 0)
                return r;
        if (copy_machine(m, p->plan) < 0)
                return mpart_error_set(e, -ENOMEM, "out of memory");
        r = planner_divide_pci(p, e);
        if (r < 0)
                return r;
        r = render_command_lines(p->plan, m, e);
        if (r < 0)
                return r;
        if (note_facts(p->plan, m) < 0)
                return mpart_error_set(e, -ENOMEM, "out of memory");
        return mpart_plan_check(p->plan, m, e);
}

static void free_kernels(struct planner *p)
{
        for (size_t i = 0; p->plan && i < p->plan->n_kernels; i++) {
                mpart_ranges_free(&p->kernels[i].own);
                mpart_cpuset_free(&p->kernels[i].homes);
        }
        free(p->kernels);
        p->kernels = NULL;
}

static void planner_done(struct planner *p)
{
        free_kernels(p);
        free(p->units);
        mpart_plan_free(p->plan);
}

int planner_make(const struct mpart_machine *m, const struct mpart_policy *policy, struct mpart_plan **ret,
                struct mpart_error *e)
{
        _cleanup_(planner_done) struct planner p = { .machine = m, .request = policy->request };

        p.plan = calloc(1, sizeof(*p.plan));
        if (!p.plan)
                return mpart_error_set(e, -ENOMEM, "out of memory");
        int r = planner_resolve_policy(policy, &p.plan->policy, e);
        if (r == 0)
                r = fill(&p, e);
        if (r < 0)
                return r;

        free_kernels(&p);
        *ret = TAKE_PTR(p.plan);
        return 0;
}

int mpart_plan_make(const struct mpart_machine *m, const struct mpart_policy *policy,
                struct mpart_plan **ret, struct mpart_error *e)
{
        struct mpart_error why = MPART_ERROR_INIT;
        int r = planner_make(m, policy, ret, &why);
        if (r == 0)
                return 0;
        if (r == -ENOSPC || r == -E2BIG)
                planner_tell_nearest(m, policy, &why);
        return mpart_error_set(e, r, "%s", why.text);
}
