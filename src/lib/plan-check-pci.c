/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the machine does not let apart must have one owner. */
#include <errno.h>

#include "macros.h"
#include "plan-check.h"

static const struct mpart_pci_function *find(const struct mpart_machine *m, const char *address)
{
        for (size_t i = 0; i < m->n_pci; i++)
                if (streq(m->pci[i].address, address))
                        return &m->pci[i];
        return NULL;
}

static bool has(const struct mpart_plan_kernel *k, const char *address)
{
        for (size_t i = 0; i < k->n_pci; i++)
                if (streq(k->pci[i], address))
                        return true;
        return false;
}

/* Why `other` must have the same owner as `f`, or NULL. */
static const char *tie(const struct mpart_plan *plan, const struct mpart_pci_function *f,
                const struct mpart_pci_function *other)
{
        bool one_bus = f->domain == other->domain && f->bus == other->bus;

        if (plan->policy.dialect == MPART_DIALECT_LINUX && one_bus)
                return "is on the same bus";
        if (other->is_bridge)
                return NULL;
        if (one_bus && f->slot == other->slot)
                return "is the same device";
        return f->iommu_group >= 0 && f->iommu_group == other->iommu_group ? "is in the same IOMMU group"
                                                                           : NULL;
}

static int check_function(const struct mpart_plan *plan, const struct mpart_plan_kernel *k,
                const struct mpart_machine *m, const char *address, struct mpart_error *e)
{
        const struct mpart_pci_function *f = find(m, address);

        if (!f)
                return mpart_error_set(e, -EBADMSG, "kernel %u: the machine has no PCI function %s", k->id,
                                address);
        if (f->is_bridge)
                return mpart_error_set(e, -EBADMSG,
                                "kernel %u: PCI function %s is a bridge, and bridges are the primary's",
                                k->id, address);
        for (size_t i = 0; i < m->n_pci; i++) {
                const char *why = tie(plan, f, &m->pci[i]);
                if (why && !has(k, m->pci[i].address))
                        return mpart_error_set(e, -EBADMSG,
                                        "kernel %u: it has PCI function %s, but not %s, which %s", k->id,
                                        address, m->pci[i].address, why);
        }
        return 0;
}

/* What a secondary owns must be there; functions of the primary come and go (virtual functions, hotplug). */
int check_functions(const struct mpart_plan *plan, const struct mpart_machine *m, struct mpart_error *e)
{
        for (size_t i = 1; i < plan->n_kernels; i++)
                for (size_t j = 0; j < plan->kernels[i].n_pci; j++) {
                        int r = check_function(plan, &plan->kernels[i], m, plan->kernels[i].pci[j], e);
                        if (r < 0)
                                return r;
                }
        return 0;
}
