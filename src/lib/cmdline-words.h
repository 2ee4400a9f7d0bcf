/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text of kernel command lines: words, sizes, and the marker in front of our memmap= terms. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmdline.h"

#define MARKER_PREFIX "mpart.plan="
#define MEMMAP_PREFIX "memmap="
#define MARKER_DIGITS 16

struct word {
        const char *text; /* quotes included; not terminated */
        size_t size;
};

/* The next word at *p, which moves behind it; white space within double quotes belongs to a word, as
 * next_arg() in lib/cmdline.c of the kernel has it. False: no word is left. */
bool word_next(const char **p, struct word *ret);
bool word_is(const struct word *w, const char *s);
bool word_starts(const struct word *w, const char *prefix);
/* The word without its quotes, or NULL: out of memory. The caller frees it. */
char *word_unquoted(const struct word *w);

/* A number as memparse() of the kernel reads it: decimal, octal or hex, then K to E. Moves *p behind it. 0
 * or -EINVAL. */
int parse_memory_size(const char **p, uint64_t *ret);
/* The shortest exact form with K, M or G: "128K", "3G". */
#define MEMORY_SIZE_MAX 24
void format_memory_size(uint64_t size, char ret[static MEMORY_SIZE_MAX]);

/* The marker of a text of memmap= words joined by one space. */
void mpart_marker_make(const char *terms, size_t length, char ret[static MARKER_DIGITS + 1]);
/* How many of the words at `p`, which follow the word `marker`, the marker was made of; 0: of none. Another
 * user's terms may stand directly behind ours, so each length of the run of memmap= words is tried. */
size_t marker_count_terms(const struct word *marker, const char *p);

/* -E2BIG where `length` characters are too long for the kernel; `what` is for the text. */
int check_line_length(size_t length, const char *what, struct mpart_error *e);
/* All memory that the plan takes from the primary, low windows included, merged. 0, -ENOMEM or -ERANGE. */
int plan_withheld(const struct mpart_plan *plan, struct mpart_ranges *ret);
