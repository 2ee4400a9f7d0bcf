/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who owns which PCI function. Bridges are the primary's; functions of one device and of one IOMMU group go
 * together; for stock kernels a bus changes hands whole, because a kernel scans every function of the buses
 * that its ACPI tables name. */
#include <errno.h>
#include <stdio.h>

#include "planner.h"

struct sharing {
        struct planner *p;
        const struct mpart_pci_function *functions;
        size_t n;
        size_t *owner; /* of each function */
        bool *firm;    /* asked for by address: refused rather than left to the primary */
};

static void sharing_free(struct sharing *s)
{
        free(s->owner);
        free(s->firm);
}

static bool same_bus(const struct mpart_pci_function *a, const struct mpart_pci_function *b)
{
        return a->domain == b->domain && a->bus == b->bus;
}

/* Why two functions go together, or NULL. */
static const char *bond(const struct mpart_pci_function *a, const struct mpart_pci_function *b)
{
        if (a->is_bridge || b->is_bridge)
                return NULL;
        if (same_bus(a, b) && a->slot == b->slot)
                return "they are functions of one device";
        return a->iommu_group >= 0 && a->iommu_group == b->iommu_group ? "they share an IOMMU group" : NULL;
}

static bool matches(const struct mpart_request_pci *s, const struct mpart_pci_function *f)
{
        return (!s->address || streq(s->address, f->address)) &&
               (s->class_digits == 0 || f->class_code >> (24 - 4 * s->class_digits) == s->class) &&
               (s->node < 0 || f->node == s->node);
}

static const char *name_of(const struct sharing *s, size_t kernel)
{
        return s->p->plan->kernels[kernel].name;
}

/* Gives a function and all that are bound to it. */
static int give(struct sharing *s, size_t kernel, size_t i, bool firm, struct mpart_error *e)
{
        s->owner[i] = kernel;
        s->firm[i] |= firm;
        for (size_t j = 0; j < s->n; j++) {
                const char *why = bond(&s->functions[i], &s->functions[j]);
                if (!why || (s->owner[j] == kernel && s->firm[j] >= firm))
                        continue;
                if (s->owner[j] != 0 && s->owner[j] != kernel)
                        return mpart_error_set(e, -EBUSY,
                                        "kernel %s cannot have %s while kernel %s has %s: %s; the nearest "
                                        "that fits: both for one kernel",
                                        name_of(s, kernel), s->functions[i].address, name_of(s, s->owner[j]),
                                        s->functions[j].address, why);
                int r = give(s, kernel, j, firm, e);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int select_address(
                struct sharing *s, size_t kernel, const struct mpart_request_pci *q, struct mpart_error *e)
{
        for (size_t i = 0; i < s->n; i++) {
                const struct mpart_pci_function *f = &s->functions[i];
                if (!streq(q->address, f->address))
                        continue;
                if (!matches(q, f))
                        return mpart_error_set(e, -EINVAL,
                                        "kernel %s: PCI function %s has class %06x and node %d, not what the "
                                        "request says of it",
                                        name_of(s, kernel), f->address, f->class_code, f->node);
                if (f->is_bridge)
                        return mpart_error_set(e, -EBUSY,
                                        "kernel %s cannot have %s: it is a bridge, and bridges stay with the "
                                        "primary; ask for the functions behind it",
                                        name_of(s, kernel), f->address);
                if (s->owner[i] != 0 && s->owner[i] != kernel)
                        return mpart_error_set(e, -EBUSY, "kernels %s and %s both ask for %s",
                                        name_of(s, s->owner[i]), name_of(s, kernel), f->address);
                return give(s, kernel, i, true, e);
        }
        return mpart_error_set(e, -EINVAL, "kernel %s: the machine has no PCI function %s",
                        name_of(s, kernel), q->address);
}

/* By class or node: what nobody else has. */
static int select_others(
                struct sharing *s, size_t kernel, const struct mpart_request_pci *q, struct mpart_error *e)
{
        for (size_t i = 0; i < s->n; i++) {
                if (s->functions[i].is_bridge || s->owner[i] != 0 || !matches(q, &s->functions[i]))
                        continue;
                int r = give(s, kernel, i, false, e);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Every selector of the request, those with an address first. */
static int select_all(struct sharing *s, struct mpart_error *e)
{
        const struct mpart_request *q = s->p->request;
        for (int by_address = 1; by_address >= 0; by_address--)
                for (size_t k = 0; k < q->n_kernels; k++)
                        for (size_t i = 0; i < q->kernels[k].n_pci; i++) {
                                const struct mpart_request_pci *pci = &q->kernels[k].pci[i];
                                if ((pci->address != NULL) != (by_address == 1))
                                        continue;
                                int r = pci->address ? select_address(s, k + 1, pci, e)
                                                     : select_others(s, k + 1, pci, e);
                                if (r < 0)
                                        return r;
                        }
        return 0;
}

/* A function on the same bus that another kernel has; s->n: there is none. */
static size_t stranger(const struct sharing *s, size_t i)
{
        for (size_t j = 0; j < s->n; j++)
                if (s->owner[j] != s->owner[i] && same_bus(&s->functions[i], &s->functions[j]))
                        return j;
        return s->n;
}

/* Gives a function and all that are bound to it back to the primary. */
static void drop(struct sharing *s, size_t i)
{
        s->owner[i] = 0;
        for (size_t j = 0; j < s->n; j++)
                if (s->owner[j] != 0 && bond(&s->functions[i], &s->functions[j]))
                        drop(s, j);
}

static int refuse_bus(const struct sharing *s, size_t i, size_t other, struct mpart_error *e)
{
        const struct mpart_pci_function *f = &s->functions[i], *g = &s->functions[other];
        return mpart_error_set(e, -EBUSY,
                        "kernel %s cannot have %s: a bus changes hands whole, and %s is on the same bus%s",
                        name_of(s, s->owner[i]), f->address, g->address,
                        g->is_bridge ? ", a bridge, which stays with the primary; the nearest that fits: a "
                                       "device alone on the bus behind a bridge, or the dialect popcorn"
                                     : "; the nearest that fits: both, or the dialect popcorn");
}

/* Whole buses alone: what was asked for by address is refused, the rest stays with the primary. */
static int keep_buses_whole(struct sharing *s, struct mpart_error *e)
{
        for (bool again = true; again;) {
                again = false;
                for (size_t i = 0; i < s->n; i++) {
                        size_t other = s->owner[i] == 0 ? s->n : stranger(s, i);
                        if (other == s->n)
                                continue;
                        if (s->firm[i])
                                return refuse_bus(s, i, other, e);
                        int r = plan_note(s->p->plan,
                                        "PCI function %s stays with the primary, not with %s: a bus changes "
                                        "hands whole, and %s is on the same bus",
                                        s->functions[i].address, name_of(s, s->owner[i]),
                                        s->functions[other].address);
                        if (r < 0)
                                return r;
                        drop(s, i);
                        again = true;
                }
        }
        return 0;
}

/* A class or node that gives a kernel nothing is a mistake, or cannot be had. */
static int check_selectors(const struct sharing *s, struct mpart_error *e)
{
        const struct mpart_request *q = s->p->request;
        for (size_t k = 0; k < q->n_kernels; k++)
                for (size_t i = 0; i < q->kernels[k].n_pci; i++) {
                        const struct mpart_request_pci *pci = &q->kernels[k].pci[i];
                        size_t found = 0, given = 0;
                        for (size_t j = 0; j < s->n; j++) {
                                bool match = !s->functions[j].is_bridge && matches(pci, &s->functions[j]);
                                found += match;
                                given += match && s->owner[j] == k + 1;
                        }
                        if (given == 0)
                                return mpart_error_set(e, -EBUSY,
                                                "kernel %s: pci[%zu] selects %zu PCI functions that are no "
                                                "bridges, and none of them can be its own%s; the nearest "
                                                "that fits: leave the selector out",
                                                q->kernels[k].name, i, found,
                                                found ? ": they share a bus with others, or another kernel "
                                                        "has them"
                                                      : "");
                }
        return 0;
}

static int list_functions(const struct sharing *s, size_t kernel)
{
        struct mpart_plan_kernel *k = &s->p->plan->kernels[kernel];
        size_t n = 0;
        for (size_t i = 0; i < s->n; i++)
                n += s->owner[i] == kernel;
        k->pci = calloc(MAX(n, 1U), sizeof(*k->pci));
        if (!k->pci)
                return -ENOMEM;
        for (size_t i = 0; i < s->n; i++) {
                if (s->owner[i] != kernel)
                        continue;
                k->pci[k->n_pci] = strdup(s->functions[i].address);
                if (!k->pci[k->n_pci])
                        return -ENOMEM;
                k->n_pci++;
        }
        return 0;
}

int planner_divide_pci(struct planner *p, struct mpart_error *e)
{
        _cleanup_(sharing_free) struct sharing s = {
                .p = p,
                .functions = p->machine->pci,
                .n = p->machine->n_pci,
                .owner = calloc(p->machine->n_pci + 1, sizeof(size_t)),
                .firm = calloc(p->machine->n_pci + 1, sizeof(bool)),
        };
        int r = s.owner && s.firm ? 0 : mpart_error_set(e, -ENOMEM, "out of memory");

        if (r == 0 && p->request)
                r = select_all(&s, e);
        if (r == 0 && p->request && p->plan->policy.dialect == MPART_DIALECT_LINUX)
                r = keep_buses_whole(&s, e);
        if (r == 0 && p->request)
                r = check_selectors(&s, e);
        for (size_t i = 0; r == 0 && i < p->plan->n_kernels; i++)
                if ((i == 0 || p->request) && list_functions(&s, i) < 0)
                        r = mpart_error_set(e, -ENOMEM, "out of memory");
        return r;
}
