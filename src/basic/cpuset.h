/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A set of logical CPU numbers (or of any small numbers, node ids for one). All zero is the empty set. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MPART_CPU_LIMIT 65536U /* CPU numbers are below this; the kernel's own limit is 8192 */

struct mpart_cpuset {
        uint64_t *words; /* bit n of word w is CPU 64 * w + n; owned */
        size_t n_words;
};

void mpart_cpuset_free(struct mpart_cpuset *s); /* leaves the empty set */
#define _cleanup_cpuset_ __attribute__((cleanup(mpart_cpuset_free)))

int mpart_cpuset_add(struct mpart_cpuset *s, unsigned cpu); /* 0, -ERANGE or -ENOMEM */
void mpart_cpuset_remove(struct mpart_cpuset *s, unsigned cpu);
bool mpart_cpuset_has(const struct mpart_cpuset *s, unsigned cpu);

int mpart_cpuset_copy(struct mpart_cpuset *to, const struct mpart_cpuset *from); /* frees what `to` held */
int mpart_cpuset_or(struct mpart_cpuset *to, const struct mpart_cpuset *from);   /* 0 or -ENOMEM */
void mpart_cpuset_and(struct mpart_cpuset *to, const struct mpart_cpuset *from);
void mpart_cpuset_andnot(struct mpart_cpuset *to, const struct mpart_cpuset *from);

bool mpart_cpuset_equal(const struct mpart_cpuset *a, const struct mpart_cpuset *b);
bool mpart_cpuset_intersects(const struct mpart_cpuset *a, const struct mpart_cpuset *b);
bool mpart_cpuset_is_empty(const struct mpart_cpuset *s);
size_t mpart_cpuset_count(const struct mpart_cpuset *s);

int mpart_cpuset_first(const struct mpart_cpuset *s);              /* lowest member, -1 where empty */
int mpart_cpuset_next(const struct mpart_cpuset *s, unsigned cpu); /* lowest member above `cpu`, or -1 */
#define MPART_CPUSET_FOREACH(cpu, s)                                                                        \
        for (int cpu = mpart_cpuset_first(s); (cpu) >= 0; (cpu) = mpart_cpuset_next(s, (unsigned)(cpu)))

/* Kernel list format "0-3,8,10-11" (Documentation/admin-guide/cputopology.rst); white space at the end and
 * the empty list are allowed. *ret is set only on success. 0, -EINVAL, -ERANGE or -ENOMEM. */
int mpart_cpuset_parse_list(const char *text, struct mpart_cpuset *ret);
/* Kernel mask format: comma-separated groups of hex digits, the last one CPUs 0-31, each but the first 8
 * digits. */
int mpart_cpuset_parse_mask(const char *text, struct mpart_cpuset *ret);
/* List format, "" for the empty set. The caller frees *ret. 0 or -ENOMEM. */
int mpart_cpuset_format_list(const struct mpart_cpuset *s, char **ret);
