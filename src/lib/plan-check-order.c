/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The order in which all kernels boot can be kept. */
#include <errno.h>

#include "macros.h"
#include "plan-check.h"

static int check_ids(const struct mpart_plan *plan, const struct mpart_plan_kernel *k,
                const struct mpart_cpuset *ids, const char *what, struct mpart_error *e)
{
        MPART_CPUSET_FOREACH (id, ids)
                if (id == 0 || (unsigned)id == k->id || (size_t)id >= plan->n_kernels)
                        return mpart_error_set(e, -EBADMSG,
                                        "kernel %u: it %s kernel %d, which is no other secondary", k->id,
                                        what, id);
        return 0;
}

static bool waits_for_any(const struct mpart_plan_kernel *k, const struct mpart_cpuset *waiting)
{
        return mpart_cpuset_intersects(&k->after, waiting) || mpart_cpuset_intersects(&k->requires, waiting);
}

/* Boots them on paper: in each round all that wait for nobody who is left. */
static int boot_on_paper(const struct mpart_plan *plan, struct mpart_cpuset *waiting, struct mpart_error *e)
{
        for (bool moved = true; moved;) {
                moved = false;
                MPART_CPUSET_FOREACH (id, waiting)
                        if (!waits_for_any(&plan->kernels[id], waiting)) {
                                mpart_cpuset_remove(waiting, (unsigned)id);
                                moved = true;
                        }
        }
        int id = mpart_cpuset_first(waiting);
        return id < 0 ? 0
                      : mpart_error_set(e, -EBADMSG,
                                        "kernel %d: it would wait for ever for kernels that wait "
                                        "for it",
                                        id);
}

int check_order(const struct mpart_plan *plan, struct mpart_error *e)
{
        const struct mpart_plan_kernel *primary = &plan->kernels[0];
        _cleanup_cpuset_ struct mpart_cpuset waiting = { 0 };
        if (primary->notify || !mpart_cpuset_is_empty(&primary->after) ||
                        !mpart_cpuset_is_empty(&primary->requires))
                return mpart_error_set(e, -EBADMSG, "kernel 0: the primary waits for no kernel");
        for (size_t i = 1; i < plan->n_kernels; i++) {
                const struct mpart_plan_kernel *k = &plan->kernels[i];
                int r = check_ids(plan, k, &k->after, "comes after", e);
                if (r == 0)
                        r = check_ids(plan, k, &k->requires, "requires", e);
                if (r < 0)
                        return r;
                if (mpart_cpuset_add(&waiting, k->id) < 0)
                        return mpart_error_set(e, -ENOMEM, "out of memory");
        }
        return boot_on_paper(plan, &waiting, e);
}
