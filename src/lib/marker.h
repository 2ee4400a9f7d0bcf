/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The marker by which a kernel command line tells what an earlier plan of ours withholds:
 *     mpart.plan=<16 hex digits> memmap=<size>$<start>...
 * The digits begin the SHA-256 of the exact text of the memmap= words behind it, joined by one space. */
#pragma once

#include "ranges.h"

#define MPART_MARKER_SIZE 17 /* 16 digits and a NUL byte */

struct marker {
        bool present; /* a word mpart.plan= is there */
        bool valid;   /* and the words behind it are what it was made of */
        char digits[MPART_MARKER_SIZE];
        struct mpart_ranges ours;    /* memmap=A$B behind valid markers */
        struct mpart_ranges foreign; /* every other memmap=A$B, and memmap=A!B */
};

void marker_free(struct marker *s);

/* The digits for a text of terms. */
void marker_digits(const char *terms, size_t size, char ret[static MPART_MARKER_SIZE]);

/* Looks through a command line up to a word "--". Words that are no terms, or terms that cannot be read, are
 * passed over. 0 or -ENOMEM. */
int marker_parse(const char *line, struct marker *ret);
