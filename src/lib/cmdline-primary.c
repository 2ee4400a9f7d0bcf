/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The primary's command line and the plan: what to start it with, and whether it runs so. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "cmdline-words.h"
#include "macros.h"

struct rewrite {
        FILE *out;
        const char *ours; /* the new plan's words; NULL once written */
        size_t drop;      /* this many of the next words go */
        bool after_ours;  /* the word before was the last of an earlier plan's terms */
        bool any;
};

static void put(struct rewrite *s, const char *text, size_t size)
{
        if (size == 0)
                return;
        fprintf(s->out, "%s%.*s", s->any ? " " : "", (int)size, text);
        s->any = true;
}

static void put_ours(struct rewrite *s)
{
        if (s->ours)
                put(s, s->ours, strlen(s->ours));
        s->ours = NULL;
}

/* Whether a word goes: an earlier plan's marker, terms and the iomem=relaxed behind them, and what the boot
 * loader adds anew on each boot. A marker whose terms were changed by hand goes alone: the terms are
 * somebody's now. */
static bool goes(struct rewrite *s, const struct word *w, const char *rest)
{
        if (s->drop > 0) {
                s->after_ours = --s->drop == 0;
                return true;
        }
        bool after_ours = s->after_ours;
        s->after_ours = false;
        if (after_ours && word_is(w, "iomem=relaxed"))
                return true;
        if (!word_starts(w, MARKER_PREFIX))
                return word_starts(w, "BOOT_IMAGE=") || word_starts(w, "initrd=");
        s->drop = marker_count_terms(w, rest);
        put_ours(s);
        return true;
}

static void rewrite_line(struct rewrite *s, const char *running)
{
        bool for_init = false;
        struct word w;

        for (const char *p = running; word_next(&p, &w);) {
                if (!for_init && word_is(&w, "--")) {
                        put_ours(s);
                        for_init = true;
                }
                if (for_init || !goes(s, &w, p))
                        put(s, w.text, w.size);
        }
        put_ours(s);
}

int mpart_cmdline_for_primary(
                const char *running, const struct mpart_plan *plan, char **ret, struct mpart_error *e)
{
        _cleanup_free_ char *line = NULL;
        size_t size = 0;

        if (plan->n_kernels == 0 || !plan->kernels[0].cmdline_linux)
                return mpart_error_set(e, -EINVAL, "the plan has no command line for the primary");
        struct rewrite s = { .out = open_memstream(&line, &size), .ours = plan->kernels[0].cmdline_linux };
        if (!s.out)
                return mpart_error_set(e, -ENOMEM, "out of memory");
        rewrite_line(&s, running);
        if (fclose(s.out) != 0)
                return mpart_error_set(e, -ENOMEM, "out of memory");
        int r = check_line_length(size, "the primary", e);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(line);
        return 0;
}

/* Whose range of the plan starts the piece at `address`. */
static const char *owner_of(const struct mpart_plan *plan, uint64_t address)
{
        for (size_t i = 1; i < plan->n_kernels; i++)
                for (size_t j = 0; j < plan->kernels[i].n_memory; j++) {
                        const struct mpart_plan_memory *r = &plan->kernels[i].memory[j];
                        if (address >= r->start && address - r->start < r->size)
                                return plan->kernels[i].name;
                }
        return "low memory";
}

static void describe(FILE *f, const struct mpart_ranges *ranges, const struct mpart_plan *owners)
{
        for (size_t i = 0; i < ranges->n; i++) {
                const struct mpart_range *r = &ranges->items[i];
                char amount[MEMORY_SIZE_MAX];
                format_memory_size(r->size, amount);
                fprintf(f, "0x%" PRIx64 "-0x%" PRIx64 " (%s)", r->start, mpart_range_end(*r) - 1, amount);
                if (owners)
                        fprintf(f, " is for %s in the plan, but the running primary does not leave it out\n",
                                        owner_of(owners, r->start));
                else
                        fprintf(f, " is left out by the running primary, but is the primary's in the "
                                   "plan\n");
        }
}

struct differences {
        struct mpart_ranges missing; /* for others in the plan, but not left out by the running primary */
        struct mpart_ranges surplus; /* the other way round */
};

static void differences_free(struct differences *d)
{
        mpart_ranges_free(&d->missing);
        mpart_ranges_free(&d->surplus);
}

static int find_differences(
                const struct mpart_plan *plan, const struct mpart_machine *m, struct differences *ret)
{
        int r = plan_withheld(plan, &ret->missing);
        if (r == 0)
                r = mpart_ranges_copy(&ret->surplus, &m->withheld_ours);
        if (r == 0)
                r = mpart_ranges_remove_all(&ret->surplus, &ret->missing);
        return r < 0 ? r : mpart_ranges_remove_all(&ret->missing, &m->withheld_ours);
}

static void list_changes(FILE *f, const struct mpart_ranges *ranges, const struct mpart_plan *owners)
{
        for (size_t i = 0; i < ranges->n; i++) {
                const struct mpart_range *r = &ranges->items[i];
                char amount[MEMORY_SIZE_MAX];
                format_memory_size(r->size, amount);
                fprintf(f, "%c 0x%" PRIx64 "-0x%" PRIx64 " (%s) %s %s\n", owners ? '+' : '-', r->start,
                                mpart_range_end(*r) - 1, amount, owners ? "for" : "back to",
                                owners ? owner_of(owners, r->start) : "the primary");
        }
}

typedef void (*list_fn)(FILE *f, const struct mpart_ranges *ranges, const struct mpart_plan *owners);

static int list_differences(
                const struct mpart_plan *plan, const struct mpart_machine *m, list_fn list, char **ret)
{
        _cleanup_(differences_free) struct differences d = { 0 };
        _cleanup_free_ char *text = NULL;
        size_t size = 0;

        int r = find_differences(plan, m, &d);
        if (r < 0)
                return r;
        FILE *f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        list(f, &d.missing, plan);
        list(f, &d.surplus, NULL);
        if (fclose(f) != 0)
                return -ENOMEM;
        *ret = TAKE_PTR(text);
        return (int)(d.missing.n + d.surplus.n);
}

int mpart_plan_restart_changes(const struct mpart_plan *plan, const struct mpart_machine *m, char **ret)
{
        return list_differences(plan, m, list_changes, ret);
}

int mpart_plan_compare_running(const struct mpart_plan *plan, const struct mpart_machine *m, char **ret)
{
        return list_differences(plan, m, describe, ret);
}
