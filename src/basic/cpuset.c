/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "cpuset.h"
#include "macros.h"

void mpart_cpuset_free(struct mpart_cpuset *s)
{
        free(s->words);
        *s = (struct mpart_cpuset){ 0 };
}

static int reserve(struct mpart_cpuset *s, size_t n_words)
{
        if (n_words <= s->n_words)
                return 0;
        uint64_t *words = realloc(s->words, n_words * sizeof(*words));
        if (!words)
                return -ENOMEM;
        memset(words + s->n_words, 0, (n_words - s->n_words) * sizeof(*words));
        s->words = words;
        s->n_words = n_words;
        return 0;
}

int mpart_cpuset_add(struct mpart_cpuset *s, unsigned cpu)
{
        if (cpu >= MPART_CPU_LIMIT)
                return -ERANGE;
        int r = reserve(s, cpu / 64 + 1);
        if (r < 0)
                return r;
        assert(s->words);
        s->words[cpu / 64] |= UINT64_C(1) << (cpu % 64);
        return 0;
}

void mpart_cpuset_remove(struct mpart_cpuset *s, unsigned cpu)
{
        if (cpu / 64 < s->n_words)
                s->words[cpu / 64] &= ~(UINT64_C(1) << (cpu % 64));
}

bool mpart_cpuset_has(const struct mpart_cpuset *s, unsigned cpu)
{
        return cpu / 64 < s->n_words && (s->words[cpu / 64] >> (cpu % 64) & 1);
}

int mpart_cpuset_copy(struct mpart_cpuset *to, const struct mpart_cpuset *from)
{
        struct mpart_cpuset copy = { 0 };
        int r = mpart_cpuset_or(&copy, from);
        if (r < 0)
                return r;
        mpart_cpuset_free(to);
        *to = copy;
        return 0;
}

int mpart_cpuset_or(struct mpart_cpuset *to, const struct mpart_cpuset *from)
{
        int r = reserve(to, from->n_words);
        if (r < 0)
                return r;
        for (size_t i = 0; i < from->n_words; i++)
                to->words[i] |= from->words[i];
        return 0;
}

void mpart_cpuset_and(struct mpart_cpuset *to, const struct mpart_cpuset *from)
{
        for (size_t i = 0; i < to->n_words; i++)
                to->words[i] &= i < from->n_words ? from->words[i] : 0;
}

void mpart_cpuset_andnot(struct mpart_cpuset *to, const struct mpart_cpuset *from)
{
        for (size_t i = 0; i < MIN(to->n_words, from->n_words); i++)
                to->words[i] &= ~from->words[i];
}

static uint64_t word_at(const struct mpart_cpuset *s, size_t i)
{
        return i < s->n_words ? s->words[i] : 0;
}

bool mpart_cpuset_equal(const struct mpart_cpuset *a, const struct mpart_cpuset *b)
{
        for (size_t i = 0; i < MAX(a->n_words, b->n_words); i++)
                if (word_at(a, i) != word_at(b, i))
                        return false;
        return true;
}

bool mpart_cpuset_intersects(const struct mpart_cpuset *a, const struct mpart_cpuset *b)
{
        for (size_t i = 0; i < MIN(a->n_words, b->n_words); i++)
                if (a->words[i] & b->words[i])
                        return true;
        return false;
}

bool mpart_cpuset_is_empty(const struct mpart_cpuset *s)
{
        return mpart_cpuset_first(s) < 0;
}

size_t mpart_cpuset_count(const struct mpart_cpuset *s)
{
        size_t n = 0;
        for (size_t i = 0; i < s->n_words; i++)
                n += (size_t)__builtin_popcountll(s->words[i]);
        return n;
}

static int first_from(const struct mpart_cpuset *s, size_t cpu)
{
        for (size_t i = cpu / 64; i < s->n_words; i++) {
                uint64_t w = s->words[i];
                if (i == cpu / 64)
                        w &= ~UINT64_C(0) << (cpu % 64);
                if (w)
                        return (int)(i * 64 + (size_t)__builtin_ctzll(w));
        }
        return -1;
}

int mpart_cpuset_first(const struct mpart_cpuset *s)
{
        return first_from(s, 0);
}

int mpart_cpuset_next(const struct mpart_cpuset *s, unsigned cpu)
{
        return first_from(s, (size_t)cpu + 1);
}

static int parse_number(const char **p, unsigned *ret)
{
        if (!isdigit((unsigned char)**p))
                return -EINVAL;
        unsigned value = 0;
        for (; isdigit((unsigned char)**p); (*p)++) {
                value = value * 10 + (unsigned)(**p - '0');
                if (value >= MPART_CPU_LIMIT)
                        return -ERANGE;
        }
        *ret = value;
        return 0;
}

static const char *skip_space(const char *p)
{
        while (isspace((unsigned char)*p))
                p++;
        return p;
}

static int parse_list_item(const char **p, struct mpart_cpuset *s)
{
        unsigned first, last;
        int r = parse_number(p, &first);
        if (r < 0)
                return r;
        last = first;
        if (**p == '-') {
                (*p)++;
                r = parse_number(p, &last);
                if (r < 0)
                        return r;
        }
        if (last < first)
                return -EINVAL;
        for (unsigned cpu = first; cpu <= last; cpu++) {
                r = mpart_cpuset_add(s, cpu);
                if (r < 0)
                        return r;
        }
        return 0;
}

int mpart_cpuset_parse_list(const char *text, struct mpart_cpuset *ret)
{
        _cleanup_cpuset_ struct mpart_cpuset s = { 0 };
        const char *p = skip_space(text);

        while (*p) {
                int r = parse_list_item(&p, &s);
                if (r < 0)
                        return r;
                if (*p == ',') {
                        p++;
                        if (!isdigit((unsigned char)*p))
                                return -EINVAL;
                        continue;
                }
                p = skip_space(p);
                if (*p)
                        return -EINVAL;
        }
        *ret = s;
        s = (struct mpart_cpuset){ 0 };
        return 0;
}

static int hex_value(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        c = (char)tolower((unsigned char)c);
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Adds one group of hex digits, [p, end), whose lowest bit is CPU `base`. */
static int parse_mask_group(const char *p, const char *end, unsigned base, struct mpart_cpuset *s)
{
        if (p == end || end - p > 8)
                return -EINVAL;
        uint32_t word = 0;
        for (; p < end; p++) {
                int v = hex_value(*p);
                if (v < 0)
                        return -EINVAL;
                word = word << 4 | (uint32_t)v;
        }
        for (unsigned bit = 0; bit < 32; bit++)
                if (word >> bit & 1) {
                        int r = mpart_cpuset_add(s, base + bit);
                        if (r < 0)
                                return r;
                }
        return 0;
}

int mpart_cpuset_parse_mask(const char *text, struct mpart_cpuset *ret)
{
        _cleanup_cpuset_ struct mpart_cpuset s = { 0 };
        const char *start = skip_space(text), *end = start + strlen(start);

        while (end > start && isspace((unsigned char)end[-1]))
                end--;
        for (unsigned base = 0; end > start; base += 32) {
                const char *group = end;
                while (group > start && group[-1] != ',')
                        group--;
                int r = parse_mask_group(group, end, base, &s);
                if (r < 0)
                        return r;
                if (group == start)
                        break;
                end = group - 1;
                if (end == start)
                        return -EINVAL;
        }
        *ret = s;
        s = (struct mpart_cpuset){ 0 };
        return 0;
}

int mpart_cpuset_format_list(const struct mpart_cpuset *s, char **ret)
{
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;

        for (int first = mpart_cpuset_first(s), last; first >= 0;
                        first = mpart_cpuset_next(s, (unsigned)last)) {
                for (last = first; mpart_cpuset_has(s, (unsigned)last + 1);)
                        last++;
                fprintf(f, "%s%d", ftello(f) ? "," : "", first);
                if (last > first)
                        fprintf(f, "-%d", last);
        }
        if (fclose(f) != 0)
                return -ENOMEM;
        *ret = TAKE_PTR(text);
        return 0;
}
