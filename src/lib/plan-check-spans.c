/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>

#include "macros.h"
#include "plan-check.h"

void spans_free(struct spans *s)
{
        free(s->items);
        *s = (struct spans){ 0 };
}

int spans_add(struct spans *s, uint64_t start, uint64_t size, const char *what, unsigned owner,
                struct mpart_error *e)
{
        if (size == 0)
                return mpart_error_set(
                                e, -EBADMSG, "%s %u: a range at 0x%" PRIx64 " is empty", what, owner, start);
        if (start >= CHECK_NUMBER_LIMIT || size > CHECK_NUMBER_LIMIT - start)
                return mpart_error_set(e, -EBADMSG, "%s %u: the range at 0x%" PRIx64 " passes 2^53", what,
                                owner, start);
        if (grow_array(&s->items, &s->capacity, s->n + 1, sizeof(*s->items)) < 0)
                return mpart_error_set(e, -ENOMEM, "out of memory");
        s->items[s->n++] = (struct span){ start, start + (size - 1), what, owner };
        return 0;
}

static int compare(const void *a, const void *b)
{
        const struct span *x = a, *y = b;
        return (x->first > y->first) - (x->first < y->first);
}

int spans_sort_disjoint(struct spans *s, struct mpart_error *e)
{
        if (s->n > 0)
                qsort(s->items, s->n, sizeof(*s->items), compare);
        for (size_t i = 1; i < s->n; i++) {
                const struct span *x = &s->items[i - 1], *y = &s->items[i];
                if (y->first <= x->last)
                        return mpart_error_set(e, -EBADMSG, "%s %u and %s %u overlap at 0x%" PRIx64, x->what,
                                        x->owner, y->what, y->owner, y->first);
        }
        return 0;
}

/* The next run of spans that touch, from item *i on; false: none is left. */
static bool next_run(const struct spans *s, size_t *i, uint64_t *first, uint64_t *last)
{
        if (*i >= s->n)
                return false;
        *first = s->items[*i].first;
        *last = s->items[*i].last;
        for ((*i)++; *i < s->n && s->items[*i].first == *last + 1; (*i)++)
                *last = s->items[*i].last;
        return true;
}

bool spans_differ(const struct spans *a, const struct spans *b, uint64_t *ret)
{
        size_t i = 0, j = 0;
        for (;;) {
                uint64_t first_a = UINT64_MAX, last_a = 0, first_b = UINT64_MAX, last_b = 0;
                bool more_a = next_run(a, &i, &first_a, &last_a),
                     more_b = next_run(b, &j, &first_b, &last_b);
                if (!more_a && !more_b)
                        return false;
                if (first_a == first_b && last_a == last_b)
                        continue;
                *ret = first_a != first_b ? MIN(first_a, first_b) : MIN(last_a, last_b) + 1;
                return true;
        }
}

bool spans_cover(const struct spans *s, uint64_t start, uint64_t size)
{
        uint64_t first, last;
        if (size == 0 || start + (size - 1) < start)
                return false;
        for (size_t i = 0; next_run(s, &i, &first, &last);)
                if (first <= start && start <= last)
                        return start + (size - 1) <= last;
        return false;
}
