/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "macros.h"
#include "ranges.h"

void mpart_ranges_free(struct mpart_ranges *s)
{
        free(s->items);
        *s = (struct mpart_ranges){ 0 };
}

/* Index of the first item that ends at or behind `address`. */
static size_t lower_bound(const struct mpart_ranges *s, uint64_t address)
{
        size_t low = 0, high = s->n;
        while (low < high) {
                size_t middle = (low + high) / 2;
                if (mpart_range_end(s->items[middle]) < address)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

/* Puts `n_with` items in the place of the `n` items at `at`. */
static int replace(
                struct mpart_ranges *s, size_t at, size_t n, const struct mpart_range *with, size_t n_with)
{
        int r = grow_array(&s->items, &s->capacity, s->n - n + n_with, sizeof(*s->items));
        if (r < 0)
                return r;
        memmove(s->items + at + n_with, s->items + at + n, (s->n - at - n) * sizeof(*s->items));
        if (n_with)
                memcpy(s->items + at, with, n_with * sizeof(*with));
        s->n = s->n - n + n_with;
        return 0;
}

int mpart_ranges_add(struct mpart_ranges *s, uint64_t start, uint64_t size)
{
        uint64_t end = start + size;
        if (end < start)
                return -ERANGE;
        if (size == 0)
                return 0;

        size_t first = lower_bound(s, start), last = first;
        while (last < s->n && s->items[last].start <= end) {
                start = MIN(start, s->items[last].start);
                end = MAX(end, mpart_range_end(s->items[last]));
                last++;
        }
        return replace(s, first, last - first, &(struct mpart_range){ start, end - start }, 1);
}

int mpart_ranges_remove(struct mpart_ranges *s, uint64_t start, uint64_t size)
{
        uint64_t end = start + size;
        if (end < start)
                return -ERANGE;
        if (size == 0)
                return 0;

        size_t first = lower_bound(s, start), last = first, n_rest = 0;
        struct mpart_range rest[2];
        if (first < s->n && mpart_range_end(s->items[first]) == start)
                last = ++first;
        for (; last < s->n && s->items[last].start < end; last++) {
                struct mpart_range item = s->items[last];
                if (item.start < start)
                        rest[n_rest++] = (struct mpart_range){ item.start, start - item.start };
                if (mpart_range_end(item) > end)
                        rest[n_rest++] = (struct mpart_range){ end, mpart_range_end(item) - end };
        }
        return last == first ? 0 : replace(s, first, last - first, rest, n_rest);
}

int mpart_ranges_copy(struct mpart_ranges *to, const struct mpart_ranges *from)
{
        struct mpart_ranges copy = { 0 };
        int r = mpart_ranges_add_all(&copy, from);
        if (r < 0) {
                mpart_ranges_free(&copy);
                return r;
        }
        mpart_ranges_free(to);
        *to = copy;
        return 0;
}

int mpart_ranges_add_all(struct mpart_ranges *to, const struct mpart_ranges *from)
{
        for (size_t i = 0; i < from->n; i++) {
                int r = mpart_ranges_add(to, from->items[i].start, from->items[i].size);
                if (r < 0)
                        return r;
        }
        return 0;
}

int mpart_ranges_remove_all(struct mpart_ranges *to, const struct mpart_ranges *from)
{
        for (size_t i = 0; i < from->n; i++) {
                int r = mpart_ranges_remove(to, from->items[i].start, from->items[i].size);
                if (r < 0)
                        return r;
        }
        return 0;
}

int mpart_ranges_and(struct mpart_ranges *to, const struct mpart_ranges *from)
{
        _cleanup_ranges_ struct mpart_ranges both = { 0 };

        for (size_t i = 0, j = 0; i < to->n && j < from->n;) {
                uint64_t end_i = mpart_range_end(to->items[i]), end_j = mpart_range_end(from->items[j]);
                uint64_t start = MAX(to->items[i].start, from->items[j].start), end = MIN(end_i, end_j);
                if (start < end) {
                        int r = mpart_ranges_add(&both, start, end - start);
                        if (r < 0)
                                return r;
                }
                if (end_i <= end_j)
                        i++;
                else
                        j++;
        }
        struct mpart_ranges old = *to;
        *to = both;
        both = old;
        return 0;
}

void mpart_ranges_align_inward(struct mpart_ranges *s, uint64_t alignment)
{
        size_t n = 0;
        for (size_t i = 0; i < s->n; i++) {
                uint64_t start = ALIGN_UP(s->items[i].start, alignment);
                uint64_t end = ALIGN_DOWN(mpart_range_end(s->items[i]), alignment);
                if (start >= s->items[i].start && start < end)
                        s->items[n++] = (struct mpart_range){ start, end - start };
        }
        s->n = n;
}

bool mpart_ranges_contains(const struct mpart_ranges *s, uint64_t start, uint64_t size)
{
        uint64_t end = start + size;
        if (end < start)
                return false;
        size_t i = lower_bound(s, start + (size ? 1 : 0));
        return i < s->n && s->items[i].start <= start && end <= mpart_range_end(s->items[i]);
}

bool mpart_ranges_intersects(const struct mpart_ranges *s, uint64_t start, uint64_t size)
{
        uint64_t end = start + size;
        if (size == 0)
                return false;
        if (end < start)
                end = UINT64_MAX;
        size_t i = lower_bound(s, start + 1);
        return i < s->n && s->items[i].start < end;
}

bool mpart_ranges_equal(const struct mpart_ranges *a, const struct mpart_ranges *b)
{
        if (a->n != b->n)
                return false;
        for (size_t i = 0; i < a->n; i++)
                if (a->items[i].start != b->items[i].start || a->items[i].size != b->items[i].size)
                        return false;
        return true;
}

uint64_t mpart_ranges_total(const struct mpart_ranges *s)
{
        uint64_t total = 0;
        for (size_t i = 0; i < s->n; i++)
                total += s->items[i].size;
        return total;
}
