/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>

#include "macros.h"
#include "order.h"

#define NO_MEMORY(e) mpart_error_set(e, -ENOMEM, "out of memory")

/* The id of the kernel of that name; 0: there is none. */
static unsigned find_name(const struct mpart_request *q, const char *name)
{
        for (size_t i = 0; i < q->n_kernels; i++)
                if (streq(q->kernels[i].name, name))
                        return (unsigned)i + 1;
        return 0;
}

static int read_names(const cJSON *kernel, const char *field, const struct mpart_request *q, unsigned id,
                struct mpart_cpuset *ret, struct mpart_error *e)
{
        const cJSON *item;
        cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(kernel, field)) {
                const char *name = cJSON_GetStringValue(item);
                unsigned other = name ? find_name(q, name) : 0;
                if (!name)
                        return mpart_error_set(e, -EINVAL,
                                        "kernels[%u]: field \"%s\" must be an array of names of kernels",
                                        id - 1, field);
                if (other == 0)
                        return mpart_error_set(e, -EINVAL,
                                        "kernels[%u]: field \"%s\" names \"%.64s\", which is no kernel of "
                                        "this request",
                                        id - 1, field, name);
                if (other == id)
                        return mpart_error_set(
                                        e, -EINVAL, "kernels[%u]: field \"%s\" names itself", id - 1, field);
                if (mpart_cpuset_add(ret, other) < 0)
                        return NO_MEMORY(e);
        }
        return 0;
}

/* Takes away whoever waits for nobody that is left, again and again: who stays waits for ever. */
static int refuse_circles(const struct mpart_request *q, struct mpart_error *e)
{
        _cleanup_cpuset_ struct mpart_cpuset left = { 0 };
        for (unsigned id = 1; id <= q->n_kernels; id++)
                if (mpart_cpuset_add(&left, id) < 0)
                        return NO_MEMORY(e);
        for (size_t before = SIZE_MAX; mpart_cpuset_count(&left) < before;) {
                before = mpart_cpuset_count(&left);
                MPART_CPUSET_FOREACH (id, &left) {
                        const struct mpart_request_kernel *k = &q->kernels[id - 1];
                        if (!mpart_cpuset_intersects(&k->after, &left) &&
                                        !mpart_cpuset_intersects(&k->requires, &left))
                                mpart_cpuset_remove(&left, (unsigned)id);
                }
        }
        int id = mpart_cpuset_first(&left);
        return id < 0 ? 0
                      : mpart_error_set(e, -EINVAL,
                                        "kernels[%d]: by \"after\" and \"requires\" \"%s\" would wait for ever: "
                                        "it, or one that it waits for, waits for itself",
                                        id - 1, q->kernels[id - 1].name);
}

int request_read_order(const cJSON *kernels, struct mpart_request *q, struct mpart_error *e)
{
        const cJSON *item;
        unsigned id = 0;
        cJSON_ArrayForEach (item, kernels) {
                struct mpart_request_kernel *k = &q->kernels[id++];
                int r = read_names(item, "after", q, id, &k->after, e);
                if (r == 0)
                        r = read_names(item, "requires", q, id, &k->requires, e);
                if (r < 0)
                        return r;
        }
        return refuse_circles(q, e);
}

int plan_read_ids(const cJSON *array, const char *where, const char *field, struct mpart_cpuset *ret,
                struct mpart_error *e)
{
        const cJSON *item;
        cJSON_ArrayForEach (item, array) {
                double id = cJSON_IsNumber(item) ? item->valuedouble : -1;
                if (id < 0 || id >= MPART_CPU_LIMIT || id != (unsigned)id)
                        return mpart_error_set(e, -EINVAL, "%s: field \"%s\" must be an array of kernel ids",
                                        where, field);
                if (mpart_cpuset_add(ret, (unsigned)id) < 0)
                        return NO_MEMORY(e);
        }
        return 0;
}

static int add_ids(cJSON *kernel, const char *field, const struct mpart_cpuset *ids)
{
        if (mpart_cpuset_is_empty(ids))
                return 0;
        cJSON *array = cJSON_AddArrayToObject(kernel, field);
        MPART_CPUSET_FOREACH (id, ids)
                if (!array || !cJSON_AddItemToArray(array, cJSON_CreateNumber(id)))
                        return -ENOMEM;
        return 0;
}

int plan_add_order(cJSON *kernel, const struct mpart_plan_kernel *k)
{
        int r = add_ids(kernel, "after", &k->after);
        if (r == 0)
                r = add_ids(kernel, "requires", &k->requires);
        if (r == 0 && k->notify && !cJSON_AddTrueToObject(kernel, "notify"))
                r = -ENOMEM;
        return r;
}
