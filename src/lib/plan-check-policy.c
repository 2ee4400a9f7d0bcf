/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the policy of a plan promises, and whether the plan keeps it. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>

#include "macros.h"
#include "plan-check.h"

#define POWER_OF_TWO(x) ((x) != 0 && ((x) & ((x)-1)) == 0)

static int check_numbers(const struct mpart_policy *p, struct mpart_error *e)
{
        if (!POWER_OF_TWO(p->alignment) || p->alignment < 2 * MiB || p->alignment >= CHECK_NUMBER_LIMIT)
                return mpart_error_set(e, -EBADMSG,
                                "policy: alignment %" PRIu64 " is no power of two from 2 MiB on",
                                p->alignment);
        if (p->shared_size == 0 || p->shared_size % (2 * MiB) || p->shared_size >= CHECK_NUMBER_LIMIT)
                return mpart_error_set(e, -EBADMSG,
                                "policy: shared_size %" PRIu64 " is no multiple of 2 MiB", p->shared_size);
        if (p->image_size == 0 || p->image_size >= CHECK_NUMBER_LIMIT)
                return mpart_error_set(e, -EBADMSG, "policy: image_size %" PRIu64 " is out of range",
                                p->image_size);
        if (p->ramdisk_size == 0 || p->ramdisk_size >= CHECK_NUMBER_LIMIT)
                return mpart_error_set(e, -EBADMSG, "policy: ramdisk_size %" PRIu64 " is out of range",
                                p->ramdisk_size);
        return 0;
}

static int check_kinds(const struct mpart_policy *p, struct mpart_error *e)
{
        if ((int)p->kind < 0 || p->kind >= _MPART_POLICY_MAX)
                return mpart_error_set(e, -EBADMSG, "policy: unknown kind");
        if ((int)p->dialect < 0 || p->dialect >= _MPART_DIALECT_MAX)
                return mpart_error_set(e, -EBADMSG, "policy: unknown dialect");
        if ((p->kind == MPART_POLICY_COUNT) != (p->count > 0))
                return mpart_error_set(e, -EBADMSG, "policy: a count belongs to the kind \"count\" alone");
        if ((p->kind == MPART_POLICY_NODES) != (p->nodes_per_kernel > 0))
                return mpart_error_set(e, -EBADMSG,
                                "policy: nodes_per_kernel belongs to the kind \"nodes-per-kernel\" alone");
        return 0;
}

static int check_primary(const struct mpart_plan *plan, struct mpart_error *e)
{
        const struct mpart_plan_kernel *k = &plan->kernels[0];
        uint64_t total = 0;

        MPART_CPUSET_FOREACH (cpu, &plan->policy.primary_cpus)
                if (!mpart_cpuset_has(&k->cpus, (unsigned)cpu))
                        return mpart_error_set(e, -EBADMSG,
                                        "kernel 0: the policy says that the primary keeps CPU %d", cpu);
        for (size_t i = 0; i < k->n_memory; i++)
                total += MIN(k->memory[i].size, CHECK_NUMBER_LIMIT);
        if (total < plan->policy.primary_memory)
                return mpart_error_set(e, -EBADMSG,
                                "kernel 0: it has %" PRIu64 " bytes of memory, and the policy says at least "
                                "%" PRIu64,
                                total, plan->policy.primary_memory);
        return 0;
}

/* Nodes of a kernel with both CPUs and memory: those without memory come on top. */
static size_t count_nodes(const struct mpart_plan *plan, const struct mpart_plan_kernel *k)
{
        size_t n = 0;
        for (size_t i = 0; i < plan->n_nodes; i++)
                n += plan->nodes[i].n_memory > 0 && mpart_cpuset_intersects(&plan->nodes[i].cpus, &k->cpus);
        return n;
}

static int check_promises(const struct mpart_plan *plan, struct mpart_error *e)
{
        const struct mpart_policy *p = &plan->policy;

        if (p->kind == MPART_POLICY_COUNT && plan->n_kernels != p->count)
                return mpart_error_set(e, -EBADMSG, "the plan has %zu kernels, and its policy says %u",
                                plan->n_kernels, p->count);
        for (size_t i = 0; i < plan->n_kernels; i++) {
                const struct mpart_plan_kernel *k = &plan->kernels[i];
                bool free = i == 0 && !mpart_cpuset_is_empty(&p->primary_cpus);
                if (p->kind == MPART_POLICY_NODES && !free && count_nodes(plan, k) > p->nodes_per_kernel)
                        return mpart_error_set(e, -EBADMSG, "kernel %zu: it has CPUs of more than %u nodes",
                                        i, p->nodes_per_kernel);
                if (i > 0 && p->low_window && k->low_memory.start != p->low_window)
                        return mpart_error_set(e, -EBADMSG,
                                        "kernel %zu: its low memory is not where the policy says", i);
        }
        return 0;
}

int check_policy(const struct mpart_plan *plan, struct mpart_error *e)
{
        int r = check_numbers(&plan->policy, e);
        if (r == 0)
                r = check_kinds(&plan->policy, e);
        if (r == 0)
                r = check_primary(plan, e);
        return r < 0 ? r : check_promises(plan, e);
}

static int check_path(unsigned id, const char *what, const char *path, struct mpart_error *e)
{
        if (!path || path[0] == '/')
                return 0;
        return mpart_error_set(e, -EBADMSG, "kernel %u: the path of its %s is not absolute", id, what);
}

/* The command line ends in the further words. */
static bool ends_in(const char *line, const char *words)
{
        size_t n = strlen(line), m = strlen(words);
        return n > m && line[n - m - 1] == ' ' && streq(line + n - m, words);
}

int check_boot_wishes(const struct mpart_plan_kernel *k, struct mpart_error *e)
{
        int r = check_path(k->id, "image", k->image, e);
        if (r == 0)
                r = check_path(k->id, "ramdisk", k->initrd, e);
        if (r < 0)
                return r;
        if ((int)k->restart < 0 || k->restart >= _MPART_RESTART_MAX)
                return mpart_error_set(e, -EBADMSG, "kernel %u: unknown restart policy", k->id);
        if (k->stop_timeout > MPART_STOP_TIMEOUT_MAX)
                return mpart_error_set(e, -EBADMSG, "kernel %u: stop_timeout is %u s, %u at most", k->id,
                                k->stop_timeout, MPART_STOP_TIMEOUT_MAX);
        if (k->id == 0 && (k->image || k->initrd || k->extra || k->restart || k->stop_timeout))
                return mpart_error_set(e, -EBADMSG,
                                "kernel 0: the primary has no image, initrd, extra words, restart policy or "
                                "stop_timeout");
        if (k->extra && !ends_in(k->cmdline_linux, k->extra))
                return mpart_error_set(e, -EBADMSG,
                                "kernel %u: its command line does not end in its extra words", k->id);
        return 0;
}
