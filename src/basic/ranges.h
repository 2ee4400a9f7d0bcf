/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A set of physical addresses as sorted, disjoint, merged ranges. Addresses and sizes are bytes. All zero is
 * the empty set. No range reaches 2^64: start + size never wraps. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mpart_range {
        uint64_t start;
        uint64_t size;
};

static inline uint64_t mpart_range_end(struct mpart_range r) /* first byte behind the range */
{
        return r.start + r.size;
}

struct mpart_ranges {
        struct mpart_range *items; /* ascending; no two touch; owned */
        size_t n, capacity;
};

void mpart_ranges_free(struct mpart_ranges *s); /* leaves the empty set */
#define _cleanup_ranges_ __attribute__((cleanup(mpart_ranges_free)))

/* Each returns 0, -ENOMEM, or -ERANGE where start + size wraps; on failure the set is as it was. */
int mpart_ranges_add(struct mpart_ranges *s, uint64_t start, uint64_t size);
int mpart_ranges_remove(struct mpart_ranges *s, uint64_t start, uint64_t size);
int mpart_ranges_copy(struct mpart_ranges *to, const struct mpart_ranges *from); /* frees what `to` held */
int mpart_ranges_add_all(struct mpart_ranges *to, const struct mpart_ranges *from);
int mpart_ranges_remove_all(struct mpart_ranges *to, const struct mpart_ranges *from);
int mpart_ranges_and(struct mpart_ranges *to, const struct mpart_ranges *from);
/* Each range shrinks to the multiples of `alignment` (a power of two) inside it; empty ones go. */
void mpart_ranges_align_inward(struct mpart_ranges *s, uint64_t alignment);

bool mpart_ranges_contains(const struct mpart_ranges *s, uint64_t start, uint64_t size);   /* all of it */
bool mpart_ranges_intersects(const struct mpart_ranges *s, uint64_t start, uint64_t size); /* any of it */
bool mpart_ranges_equal(const struct mpart_ranges *a, const struct mpart_ranges *b);
uint64_t mpart_ranges_total(const struct mpart_ranges *s);
