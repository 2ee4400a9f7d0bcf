/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "cmdline-words.h"
#include "macros.h"

void mpart_cmdline_free(struct mpart_cmdline *c)
{
        mpart_ranges_free(&c->reserved);
        mpart_ranges_free(&c->foreign);
        mpart_ranges_free(&c->usable);
        mpart_cpuset_free(&c->present);
        mpart_cpuset_free(&c->consoles);
        for (size_t i = 0; i < c->n_words; i++)
                free(c->words[i]);
        free(c->words);
        *c = (struct mpart_cmdline){ 0 };
}

struct reader {
        struct mpart_cmdline c;
        struct mpart_ranges others; /* memmap=A$B outside a marker's terms */
        size_t own;                 /* this many of the next words belong to a marker */
        size_t capacity;
};

static void reader_done(struct reader *s)
{
        mpart_cmdline_free(&s->c);
        mpart_ranges_free(&s->others);
}

static void limit_memory(struct mpart_cmdline *c, uint64_t size)
{
        c->mem = c->mem ? MIN(c->mem, size) : size;
}

/* One term of memmap=, arch/x86/kernel/e820.c parse_memmap_one(): size, sign, start. */
static int read_term(struct reader *s, const char *p, bool own)
{
        uint64_t size, start;

        if (startswith(p, "exactmap"))
                return 0;
        int r = parse_memory_size(&p, &size);
        if (r < 0)
                return r;
        char sign = *p;
        if (sign == 0) {
                limit_memory(&s->c, size);
                return 0;
        }
        p++;
        if (!strchr("@#$!%", sign) || parse_memory_size(&p, &start) < 0 || size > UINT64_MAX - start)
                return -EINVAL;
        if (*p && sign != '%') /* %: types of the map follow */
                return -EINVAL;
        if (sign == '@')
                return mpart_ranges_add(&s->c.usable, start, size);
        if (sign == '$' && own)
                return mpart_ranges_add(&s->c.reserved, start, size);
        if (sign == '$' && (r = mpart_ranges_add(&s->others, start, size)) < 0)
                return r;
        return sign == '$' || sign == '!' ? mpart_ranges_add(&s->c.foreign, start, size) : 0;
}

static int read_memmap(struct reader *s, const char *value, bool own)
{
        _cleanup_free_ char *copy = strdup(value);
        if (!copy)
                return -ENOMEM;
        char *rest = copy, *term;
        while ((term = strsep(&rest, ","))) {
                int r = read_term(s, term, own);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int read_mem(struct mpart_cmdline *c, const char *value)
{
        uint64_t size;
        if (streq(value, "nopentium"))
                return 0;
        if (parse_memory_size(&value, &size) < 0 || *value)
                return -EINVAL;
        limit_memory(c, size);
        return 0;
}

/* "ttyS1,115200n8"; other consoles are not counted. */
static int read_console(struct mpart_cmdline *c, const char *value)
{
        const char *digits = startswith(value, "ttyS");
        if (!digits || !isdigit((unsigned char)*digits))
                return 0;
        char *end;
        unsigned long n = strtoul(digits, &end, 10);
        if ((*end && *end != ',') || n >= MPART_CPU_LIMIT)
                return -EINVAL;
        return mpart_cpuset_add(&c->consoles, (unsigned)n);
}

static int read_present(struct mpart_cmdline *c, const char *value)
{
        _cleanup_cpuset_ struct mpart_cpuset s = { 0 };
        int r = mpart_cpuset_parse_list(value, &s);
        return r < 0 ? r : mpart_cpuset_copy(&c->present, &s);
}

static int read_word(struct reader *s, const char *word)
{
        bool own = s->own > 0;
        const char *value;

        if (own)
                s->own--;
        if ((value = startswith(word, MEMMAP_PREFIX)))
                return read_memmap(s, value, own);
        if ((value = startswith(word, "mem=")))
                return read_mem(&s->c, value);
        if ((value = startswith(word, "present_mask=")))
                return read_present(&s->c, value);
        if ((value = startswith(word, "console=")))
                return read_console(&s->c, value);
        if ((value = startswith(word, "iomem=")))
                s->c.iomem_relaxed = streq(value, "relaxed");
        return 0;
}

static void read_marker(struct reader *s, const struct word *w, const char *p)
{
        if (s->own > 0 || !word_starts(w, MARKER_PREFIX))
                return;
        s->own = marker_count_terms(w, p);
        if (s->own == 0)
                return;
        s->c.has_marker = true;
        memcpy(s->c.marker, w->text + strlen(MARKER_PREFIX), MARKER_DIGITS);
        s->c.marker[MARKER_DIGITS] = 0;
}

static int keep_word(struct reader *s, const struct word *w)
{
        if (grow_array(&s->c.words, &s->capacity, s->c.n_words + 1, sizeof(*s->c.words)) < 0)
                return -ENOMEM;
        char *copy = word_unquoted(w);
        if (!copy)
                return -ENOMEM;
        s->c.words[s->c.n_words++] = copy;
        return 0;
}

int mpart_cmdline_parse(const char *line, struct mpart_cmdline *ret, struct mpart_error *e)
{
        _cleanup_(reader_done) struct reader s = { 0 };
        bool for_init = false; /* what follows "--" is not for the kernel */
        struct word w;

        for (const char *p = line; word_next(&p, &w);) {
                int r = keep_word(&s, &w);
                if (r < 0)
                        return mpart_error_set(e, r, "out of memory");
                for_init |= word_is(&w, "--");
                if (for_init)
                        continue;
                const char *word = s.c.words[s.c.n_words - 1];
                r = read_word(&s, word);
                if (r == -ENOMEM)
                        return mpart_error_set(e, r, "out of memory");
                if (r < 0)
                        return mpart_error_set(e, -EINVAL, "command line: cannot read \"%.200s\"", word);
                read_marker(&s, &w, p);
        }
        if (!s.c.has_marker) {
                s.c.reserved = s.others;
                s.others = (struct mpart_ranges){ 0 };
        }
        mpart_cmdline_free(ret);
        *ret = s.c;
        s.c = (struct mpart_cmdline){ 0 };
        return 0;
}
