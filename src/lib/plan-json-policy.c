/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The policy of a plan document, read. */
#include <errno.h>

#include "macros.h"
#include "plan-json.h"

int plan_read_cpus(const char *where, const char *field, const char *text, struct mpart_cpuset *ret,
                struct mpart_error *e)
{
        int r = mpart_cpuset_parse_list(text, ret);
        if (r == -ENOMEM)
                return mpart_error_set(e, r, "out of memory");
        return r < 0 ? mpart_error_set(e, -EINVAL,
                                       "%s: field \"%s\" must be a list of CPUs such as \"0-3,8\"", where,
                                       field)
                     : 0;
}

static int take_choices(const char *kind, const char *dialect, struct mpart_policy *p, struct mpart_error *e)
{
        p->kind = mpart_policy_kind_from_string(kind);
        if ((int)p->kind < 0)
                return mpart_error_set(e, -EINVAL,
                                "policy: field \"kind\" must be per-numa, per-core, per-cpu, count, "
                                "nodes-per-kernel or request, not \"%.32s\"",
                                kind);
        p->dialect = mpart_dialect_from_string(dialect);
        if ((int)p->dialect < 0)
                return mpart_error_set(e, -EINVAL,
                                "policy: field \"dialect\" must be linux or popcorn, not \"%.32s\"",
                                dialect);
        return 0;
}

int plan_read_policy(const cJSON *o, struct mpart_policy *p, struct mpart_error *e)
{
        const char *kind, *dialect = "linux", *cpus = "";
        uint64_t count = 0, nodes = 0;
        const struct json_field fields[] = {
                { "kind", JSON_STRING, true, &kind },
                { "alignment", JSON_U64, true, &p->alignment },
                { "shared_size", JSON_U64, true, &p->shared_size },
                { "image_size", JSON_U64, true, &p->image_size },
                { "ramdisk_size", JSON_U64, true, &p->ramdisk_size },
                { "count", JSON_U64, false, &count },
                { "nodes_per_kernel", JSON_U64, false, &nodes },
                { "low_window", JSON_U64, false, &p->low_window },
                { "dialect", JSON_STRING, false, &dialect },
                { "primary_cpus", JSON_STRING, false, &cpus },
                { "primary_memory", JSON_U64, false, &p->primary_memory },
        };
        int r = json_dispatch(o, "policy", fields, ARRAY_SIZE(fields), e);
        if (r < 0)
                return r;
        if (count > UINT32_MAX || nodes > UINT32_MAX)
                return mpart_error_set(e, -EINVAL, "policy: field \"%s\" is too large",
                                count > UINT32_MAX ? "count" : "nodes_per_kernel");
        p->count = (unsigned)count;
        p->nodes_per_kernel = (unsigned)nodes;
        r = take_choices(kind, dialect, p, e);
        return r < 0 ? r : plan_read_cpus("policy", "primary_cpus", cpus, &p->primary_cpus, e);
}
