/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernel command lines. Sources: Documentation/admin-guide/kernel-parameters.txt; for `popcorn` the Popcorn
 * Linux 3.2.14 user guide and utilities. */
#pragma once

#include "plan.h"

/* Dialect `linux`. For kernel 0: the parameters to add to the primary's line:
 *     mpart.plan=<16 hex digits> memmap=<size>$<start>... [iomem=relaxed]
 * The marker is the start of the SHA-256 of the memmap terms' text; it lets a later reading tell our terms
 * from another user's. A name with a dot that no module claims is ignored by the kernel. For a secondary:
 * the whole line except what only the boot itself can measure (tsc_early_khz=, tsc=). The caller frees *ret.
 * -E2BIG where the line is longer than MPART_COMMAND_LINE_MAX: never cut. */
int mpart_cmdline_linux(const struct mpart_plan *plan, unsigned id, const struct mpart_machine *m,
                char **ret, struct mpart_error *e);

struct mpart_popcorn_options {
        uint64_t cap;        /* first bytes of the machine left alone: 16 MiB (2012) or 1 MiB */
        uint64_t vty_offset; /* start of the communication area */
        const char *prefix;  /* NULL: the default prefix of the dialect */
};
int mpart_cmdline_popcorn(const struct mpart_plan *plan, unsigned id, const struct mpart_machine *m,
                const struct mpart_popcorn_options *options, char **ret, struct mpart_error *e);

/* What a rendered line says, read back. */
struct mpart_cmdline {
        bool has_marker; /* mpart.plan= is there and agrees with the terms behind it */
        char marker[17];
        struct mpart_ranges reserved; /* memmap=A$B terms (after a valid marker: ours only) */
        struct mpart_ranges foreign;  /* memmap=A$B and memmap=A!B terms that are not ours */
        struct mpart_ranges usable;   /* memmap=A@B */
        uint64_t mem;                 /* mem=, 0 absent */
        struct mpart_cpuset present;  /* present_mask= */
        struct mpart_cpuset consoles; /* N of console=ttySN */
        bool iomem_relaxed;
        char **words; /* every word, quotes removed, in order */
        size_t n_words;
};
void mpart_cmdline_free(struct mpart_cmdline *c);
/* 0, -EINVAL (a size or list cannot be read, the word is named), -ENOMEM. *ret zero or freed before. */
int mpart_cmdline_parse(const char *line, struct mpart_cmdline *ret, struct mpart_error *e);

/* The primary's terms as a shell fragment for /etc/default/grub.d: survives the shell, grub-mkconfig and
 * GRUB's own script language with every `$` intact. */
int mpart_grub_dropin(const struct mpart_plan *plan, char **ret, struct mpart_error *e);

/* The running line with an earlier plan's terms of ours replaced by the plan's (BOOT_IMAGE= and initrd= left
 * out): what the primary is to be started with. -E2BIG as above. */
int mpart_cmdline_for_primary(
                const char *running, const struct mpart_plan *plan, char **ret, struct mpart_error *e);

/* What /proc/iomem of the running primary withholds beside what the plan wants. 0: the plan is in effect.
 * Positive: number of differences; *ret is then one line of text each. The caller frees. */
int mpart_plan_compare_running(const struct mpart_plan *plan, const struct mpart_machine *m, char **ret);

/* What a restart with the plan would change of the memory that the running primary withholds for an earlier
 * plan of ours: a line each, "+ RANGE (SIZE) for KERNEL" and "- RANGE (SIZE) back to the primary". Returns
 * how many, 0 where the plan is in effect. The caller frees *ret. */
int mpart_plan_restart_changes(const struct mpart_plan *plan, const struct mpart_machine *m, char **ret);
