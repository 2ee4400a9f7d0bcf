/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>

#include "planner.h"

#define DEFAULT_IMAGE_SIZE (64 * MiB)
#define DEFAULT_RAMDISK_SIZE (64 * MiB)
#define SIZE_LIMIT (UINT64_C(1) << 52) /* of a physical address on x86-64 */
#define LOW_LIMIT (640 * KiB)
#define LOW_ALIGNMENT (64 * KiB)

static const char *const kind_table[_MPART_POLICY_MAX] = {
        [MPART_POLICY_PER_NUMA] = "per-numa",
        [MPART_POLICY_PER_CORE] = "per-core",
        [MPART_POLICY_PER_CPU] = "per-cpu",
        [MPART_POLICY_COUNT] = "count",
        [MPART_POLICY_NODES] = "nodes-per-kernel",
        [MPART_POLICY_REQUEST] = "request",
};
static const char *const dialect_table[_MPART_DIALECT_MAX] = {
        [MPART_DIALECT_LINUX] = "linux",
        [MPART_DIALECT_POPCORN] = "popcorn",
};
static const char *const restart_table[_MPART_RESTART_MAX] = {
        [MPART_RESTART_NEVER] = "never",
        [MPART_RESTART_ON_FAILURE] = "on-failure",
        [MPART_RESTART_ALWAYS] = "always",
};

static const char *name_of(const char *const *table, int n, int value)
{
        return value >= 0 && value < n ? table[value] : NULL;
}

/* -EINVAL, the _INVALID of every enum, where no entry is `s`. */
static int value_of(const char *const *table, int n, const char *s)
{
        for (int i = 0; s && i < n; i++)
                if (streq(table[i], s))
                        return i;
        return -EINVAL;
}

const char *mpart_policy_kind_to_string(enum mpart_policy_kind kind)
{
        return name_of(kind_table, _MPART_POLICY_MAX, (int)kind);
}

enum mpart_policy_kind mpart_policy_kind_from_string(const char *s)
{
        return (enum mpart_policy_kind)value_of(kind_table, _MPART_POLICY_MAX, s);
}

const char *mpart_dialect_to_string(enum mpart_dialect dialect)
{
        return name_of(dialect_table, _MPART_DIALECT_MAX, (int)dialect);
}

enum mpart_dialect mpart_dialect_from_string(const char *s)
{
        return (enum mpart_dialect)value_of(dialect_table, _MPART_DIALECT_MAX, s);
}

const char *mpart_restart_to_string(enum mpart_restart restart)
{
        return name_of(restart_table, _MPART_RESTART_MAX, (int)restart);
}

enum mpart_restart mpart_restart_from_string(const char *s)
{
        return (enum mpart_restart)value_of(restart_table, _MPART_RESTART_MAX, s);
}

static int check_sizes(const struct mpart_policy *p, struct mpart_error *e)
{
        if (p->alignment < MPART_ALIGNMENT || p->alignment > SIZE_LIMIT ||
                        (p->alignment & (p->alignment - 1)))
                return mpart_error_set(e, -EINVAL,
                                "policy: the alignment must be a power of two of at least 2 MiB, not "
                                "%" PRIu64 " bytes",
                                p->alignment);
        if (p->shared_size % MPART_ALIGNMENT || p->shared_size > SIZE_LIMIT)
                return mpart_error_set(e, -EINVAL,
                                "policy: the size of the shared region must be a multiple of 2 MiB, not "
                                "%" PRIu64 " bytes",
                                p->shared_size);
        if (p->image_size > SIZE_LIMIT || p->ramdisk_size > SIZE_LIMIT)
                return mpart_error_set(e, -EINVAL, "policy: %s of %" PRIu64 " bytes fits no machine",
                                p->image_size > SIZE_LIMIT ? "an image" : "a ramdisk",
                                MAX(p->image_size, p->ramdisk_size));
        if (p->primary_memory > SIZE_LIMIT)
                return mpart_error_set(e, -EINVAL,
                                "policy: no machine has %" PRIu64 " bytes of memory for the primary",
                                p->primary_memory);
        return 0;
}

static int check_choices(const struct mpart_policy *p, struct mpart_error *e)
{
        if (p->kind == MPART_POLICY_COUNT && p->count == 0)
                return mpart_error_set(e, -EINVAL, "policy: the count of kernels must be at least 1");
        if (p->kind == MPART_POLICY_NODES && p->nodes_per_kernel == 0)
                return mpart_error_set(e, -EINVAL, "policy: a kernel must have at least 1 node");
        if ((p->kind == MPART_POLICY_REQUEST) != (p->request != NULL))
                return mpart_error_set(e, -EINVAL, "policy: the kind \"request\" comes with a request");
        if (!mpart_dialect_to_string(p->dialect))
                return mpart_error_set(e, -EINVAL, "policy: unknown dialect %d", (int)p->dialect);
        if (p->low_window % LOW_ALIGNMENT || p->low_window > LOW_LIMIT - MPART_LOW_WINDOW_SIZE)
                return mpart_error_set(e, -EINVAL,
                                "policy: the low window must start at a multiple of 64 KiB from 0x10000 to "
                                "0x80000, not at 0x%" PRIx64,
                                p->low_window);
        return 0;
}

int planner_resolve_policy(
                const struct mpart_policy *policy, struct mpart_policy *ret, struct mpart_error *e)
{
        struct mpart_policy p = *policy;

        if (!mpart_policy_kind_to_string(p.kind))
                return mpart_error_set(e, -EINVAL, "policy: unknown kind %d", (int)p.kind);
        p.alignment = p.alignment ? p.alignment : MPART_ALIGNMENT;
        p.shared_size = p.shared_size ? p.shared_size : MPART_SHARED_SIZE;
        p.image_size = p.image_size ? p.image_size : DEFAULT_IMAGE_SIZE;
        p.ramdisk_size = p.ramdisk_size ? p.ramdisk_size : DEFAULT_RAMDISK_SIZE;
        p.count = p.kind == MPART_POLICY_COUNT ? p.count : 0;
        p.nodes_per_kernel = p.kind == MPART_POLICY_NODES ? p.nodes_per_kernel : 0;

        int r = check_sizes(&p, e);
        if (r == 0)
                r = check_choices(&p, e);
        if (r < 0)
                return r;
        p.request = NULL;
        p.primary_cpus = (struct mpart_cpuset){ 0 };
        if (mpart_cpuset_copy(&p.primary_cpus, &policy->primary_cpus) < 0)
                return mpart_error_set(e, -ENOMEM, "out of memory");
        *ret = p;
        return 0;
}
