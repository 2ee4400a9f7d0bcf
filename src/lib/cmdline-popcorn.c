/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The dialect of Popcorn Linux 3.2.14, whose kernels are told on the command line what ACPI tables of their
 * own tell a stock kernel. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "cmdline-words.h"
#include "macros.h"

#define DEFAULT_PREFIX                                                                                      \
        "earlyprintk=ttyS0,115200 console=ttyS0,115200 acpi_irq_nobalance no_ipi_broadcast=1 "              \
        "lapic_timer=1000000"
#define DEFAULT_CAP (1 * MiB)

/* The communication area of Popcorn's 64-core machine: 64 MiB for applications and 0x70000000 behind them,
 * below the top of memory. Firmware keeps a few MiB there, hence the rounding. */
#define VTY_BELOW_TOP (64 * MiB + UINT64_C(0x70000000))
#define VTY_TOP_UNIT (64 * MiB)
/* Its place in Popcorn's virtual machines, whose memory ends below it. */
#define VTY_SMALL UINT64_C(0xb0000000)

#define CLASS_HOST_BRIDGE 0x0600
#define CLASS_PCI_BRIDGE 0x0604

static int all_ram(const struct mpart_plan *plan, struct mpart_ranges *ret)
{
        int r = 0;
        for (size_t i = 0; r == 0 && i < plan->n_nodes; i++)
                for (size_t j = 0; r == 0 && j < plan->nodes[i].n_memory; j++)
                        r = mpart_ranges_add(
                                        ret, plan->nodes[i].memory[j].start, plan->nodes[i].memory[j].size);
        for (size_t i = 0; r == 0 && i < plan->n_unused; i++)
                r = mpart_ranges_add(ret, plan->unused[i].start, plan->unused[i].size);
        return r;
}

static uint64_t default_vty_offset(const struct mpart_ranges *ram)
{
        uint64_t end = ram->n > 0 ? mpart_range_end(ram->items[ram->n - 1]) : 0;
        return end <= VTY_SMALL ? VTY_SMALL : ALIGN_UP(end, VTY_TOP_UNIT) - VTY_BELOW_TOP;
}

/* The memory a kernel uses. The primary has no terms that leave memory out, so that its memory must end
 * where that of the others begins; the first MiB counts as a whole: the kernel itself leaves the hole in it
 * alone. */
static int own_memory(
                const struct mpart_plan *plan, const struct mpart_plan_kernel *k, struct mpart_ranges *ret)
{
        int r = k->id == 0 ? mpart_ranges_add(ret, 0, MiB) : 0;
        for (size_t i = 0; r == 0 && i < k->n_memory; i++)
                r = mpart_ranges_add(ret, k->memory[i].start, k->memory[i].size);
        for (size_t i = 1; r == 0 && k->id == 0 && i < plan->n_kernels; i++)
                for (size_t j = 0; r == 0 && j < plan->kernels[i].n_memory; j++) {
                        uint64_t start = plan->kernels[i].memory[j].start;
                        r = mpart_ranges_remove(ret, start, UINT64_MAX - start);
                }
        return r;
}

/* What a secondary must leave alone: RAM from `cap` to the end of its memory that is not its own. */
static int left_alone(const struct mpart_ranges *ram, const struct mpart_ranges *own, uint64_t cap,
                uint64_t end, struct mpart_ranges *ret)
{
        int r = cap < end ? mpart_ranges_add(ret, cap, end - cap) : 0;
        if (r == 0)
                r = mpart_ranges_and(ret, ram);
        return r < 0 ? r : mpart_ranges_remove_all(ret, own);
}

static void put_term(FILE *f, const struct mpart_range *range, char sign)
{
        bool whole = range->start % MiB == 0 && range->size % MiB == 0;
        uint64_t unit = whole ? MiB : KiB;
        char suffix = whole ? 'M' : 'K';
        fprintf(f, " " MEMMAP_PREFIX "%" PRIu64 "%c%c%" PRIu64 "%c", range->size / unit, suffix, sign,
                        range->start / unit, suffix);
}

static int put_memory(FILE *f, const struct mpart_plan *plan, const struct mpart_plan_kernel *k,
                const struct mpart_ranges *ram, uint64_t cap)
{
        _cleanup_ranges_ struct mpart_ranges own = { 0 }, alone = { 0 };
        uint64_t end = 0;

        int r = own_memory(plan, k, &own);
        if (r < 0)
                return r;
        for (size_t i = 0; i < own.n; i++) {
                put_term(f, &own.items[i], '@');
                end = mpart_range_end(own.items[i]);
        }
        r = k->id != 0 ? left_alone(ram, &own, cap, end, &alone) : 0;
        if (r < 0)
                return r;
        for (size_t i = 0; i < alone.n; i++)
                put_term(f, &alone.items[i], '$');
        bool whole = end % MiB == 0;
        fprintf(f, " mem=%" PRIu64 "%c", end / (whole ? MiB : KiB), whole ? 'M' : 'K');
        return 0;
}

static bool owns(const struct mpart_plan_kernel *k, const struct mpart_pci_function *f)
{
        for (size_t i = 0; i < k->n_pci; i++)
                if (streq(k->pci[i], f->address))
                        return true;
        return false;
}

static bool same_ids(const struct mpart_pci_function *a, const struct mpart_pci_function *b)
{
        return a->vendor == b->vendor && a->device == b->device;
}

static bool masked(const struct mpart_plan_kernel *k, const struct mpart_pci_function *f)
{
        uint32_t class = f->class_code >> 8;
        return class != CLASS_HOST_BRIDGE && class != CLASS_PCI_BRIDGE && !owns(k, f);
}

/* Functions of a kernel's mask: for the primary only what the others own, since it has all the rest. */
static bool is_listed(const struct mpart_plan *plan, const struct mpart_plan_kernel *k,
                const struct mpart_pci_function *f)
{
        for (size_t i = 1; k->id == 0 && i < plan->n_kernels; i++)
                if (owns(&plan->kernels[i], f))
                        return true;
        return k->id != 0 && masked(k, f);
}

/* 1 where `f` can only be told by its slot from a function that the kernel may use; 0 where its ids do. */
static int needs_slot(const struct mpart_plan *plan, const struct mpart_plan_kernel *k,
                const struct mpart_machine *m, const struct mpart_pci_function *f, struct mpart_error *e)
{
        int slot_form = 0;
        for (size_t i = 0; i < m->n_pci; i++) {
                const struct mpart_pci_function *other = &m->pci[i];
                if (!same_ids(f, other) || is_listed(plan, k, other))
                        continue;
                if (f->slot == other->slot && f->function == other->function)
                        return mpart_error_set(e, -ENOTUNIQ,
                                        "pci_dev_flags= cannot tell %s from %s, which kernel %u %s: same "
                                        "ids, slot and function",
                                        f->address, other->address, k->id,
                                        owns(k, other) ? "owns" : "passes through");
                slot_form = 1;
        }
        return slot_form;
}

/* Whether an earlier function already gave the same entry. */
static bool listed_before(const struct mpart_plan *plan, const struct mpart_plan_kernel *k,
                const struct mpart_machine *m, size_t i, bool slot)
{
        for (size_t j = 0; j < i; j++) {
                const struct mpart_pci_function *a = &m->pci[j], *b = &m->pci[i];
                if (same_ids(a, b) && is_listed(plan, k, a) &&
                                (!slot || (a->slot == b->slot && a->function == b->function)))
                        return true;
        }
        return false;
}

/* pci_dev_flags=V:D:b,...: the functions the kernel must not touch, in order of address. */
static int put_pci(FILE *f, const struct mpart_plan *plan, const struct mpart_plan_kernel *k,
                const struct mpart_machine *m, struct mpart_error *e)
{
        bool any = false;
        for (size_t i = 0; m && i < m->n_pci; i++) {
                const struct mpart_pci_function *p = &m->pci[i];
                if (!is_listed(plan, k, p))
                        continue;
                int slot = needs_slot(plan, k, m, p, e);
                if (slot < 0)
                        return slot;
                if (listed_before(plan, k, m, i, slot))
                        continue;
                fprintf(f, "%s0x%04x:0x%04x", any ? "," : " pci_dev_flags=", p->vendor, p->device);
                if (slot)
                        fprintf(f, ":%x.%x", p->slot, p->function);
                fprintf(f, ":b");
                any = true;
        }
        return 0;
}

static int put_line(FILE *f, const struct mpart_plan *plan, const struct mpart_plan_kernel *k,
                const struct mpart_machine *m, const struct mpart_popcorn_options *options,
                struct mpart_error *e)
{
        _cleanup_ranges_ struct mpart_ranges ram = { 0 };
        _cleanup_free_ char *cpus = NULL;

        int r = all_ram(plan, &ram);
        if (r == 0)
                r = mpart_cpuset_format_list(&k->cpus, &cpus);
        if (r < 0)
                return mpart_error_set(e, r, "kernel %u: %s", k->id, strerror(-r));

        fprintf(f, "%s", options && options->prefix ? options->prefix : DEFAULT_PREFIX);
        r = put_pci(f, plan, k, m, e);
        if (r < 0)
                return r;
        fprintf(f, " mklinux debug vty_offset=0x%" PRIx64 " present_mask=%s",
                        options && options->vty_offset ? options->vty_offset : default_vty_offset(&ram),
                        cpus);
        r = put_memory(f, plan, k, &ram, options ? options->cap : DEFAULT_CAP);
        if (k->extra)
                fprintf(f, " %s", k->extra);
        return r < 0 ? mpart_error_set(e, r, "kernel %u: %s", k->id, strerror(-r)) : 0;
}

int mpart_cmdline_popcorn(const struct mpart_plan *plan, unsigned id, const struct mpart_machine *m,
                const struct mpart_popcorn_options *options, char **ret, struct mpart_error *e)
{
        _cleanup_free_ char *line = NULL;
        size_t size = 0;
        const struct mpart_plan_kernel *k = mpart_plan_kernel(plan, id);
        if (!k)
                return mpart_error_set(e, -EINVAL, "the plan has no kernel %u", id);

        FILE *f = open_memstream(&line, &size);
        if (!f)
                return mpart_error_set(e, -ENOMEM, "out of memory");
        int r = put_line(f, plan, k, m, options, e);
        if (fclose(f) != 0)
                return mpart_error_set(e, -ENOMEM, "out of memory");
        if (r == 0)
                r = check_line_length(size, k->name, e);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(line);
        return 0;
}
