/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <sha2.h>
#include <stdio.h>
#include <sys/types.h>

#include "macros.h"
#include "marker.h"

#define MARKER "mpart.plan="
#define TERM "memmap="

struct word {
        const char *text;
        size_t size;
};

void marker_free(struct marker *s)
{
        mpart_ranges_free(&s->ours);
        mpart_ranges_free(&s->foreign);
}

/* The next word; white space within double quotes is part of it (next_arg in lib/cmdline.c). */
static bool next_word(const char **p, struct word *ret)
{
        const char *s = *p;
        while (isspace((unsigned char)*s))
                s++;
        ret->text = s;
        for (bool quoted = false; *s && (quoted || !isspace((unsigned char)*s)); s++)
                if (*s == '"')
                        quoted = !quoted;
        ret->size = (size_t)(s - ret->text);
        *p = s;
        return ret->size > 0;
}

static bool word_is(const struct word *w, const char *prefix)
{
        return w->size >= strlen(prefix) && startswith(w->text, prefix);
}

/* A number as memparse() in lib/cmdline.c reads it: any C base, then K to E. */
static bool parse_size(const char **p, uint64_t *ret)
{
        static const char suffixes[] = "KMGTPE";
        if (!isdigit((unsigned char)**p))
                return false;
        char *end;
        errno = 0;
        uint64_t value = strtoull(*p, &end, 0);
        if (errno)
                return false;
        const char *suffix = *end ? strchr(suffixes, toupper((unsigned char)*end)) : NULL;
        if (suffix) {
                unsigned shift = 10 * (unsigned)(suffix - suffixes + 1);
                if (value > UINT64_MAX >> shift)
                        return false;
                value <<= shift;
                end++;
        }
        *p = end;
        *ret = value;
        return true;
}

/* Adds the terms of one word "memmap=A$B,C!D" whose sign is among `signs`. */
static int add_terms(const struct word *w, const char *signs, struct mpart_ranges *to)
{
        const char *p = w->text + strlen(TERM), *end = w->text + w->size;
        while (p < end) {
                uint64_t size, start;
                const char *term = p;
                if (parse_size(&p, &size) && *p && strchr(signs, *p)) {
                        p++;
                        if (parse_size(&p, &start) && p <= end && size <= UINT64_MAX - start) {
                                int r = mpart_ranges_add(to, start, size);
                                if (r < 0)
                                        return r;
                        }
                }
                p = memchr(term, ',', (size_t)(end - term));
                if (!p)
                        break;
                p++;
        }
        return 0;
}

static void digits_of(SHA2_CTX *context, char ret[static MPART_MARKER_SIZE])
{
        uint8_t hash[SHA256_DIGEST_LENGTH];
        SHA256Final(hash, context);
        for (size_t i = 0; i < (MPART_MARKER_SIZE - 1) / 2; i++)
                snprintf(ret + 2 * i, 3, "%02x", hash[i]);
}

void marker_digits(const char *terms, size_t size, char ret[static MPART_MARKER_SIZE])
{
        SHA2_CTX context;
        SHA256Init(&context);
        SHA256Update(&context, (const uint8_t *)terms, size);
        digits_of(&context, ret);
}

/* How many memmap= words behind `p` the marker `w` was made of; 0: it agrees with none. Somebody else's
 * terms may follow ours directly, so every length of the run is tried and the longest that agrees counts. */
static size_t count_own_terms(const struct word *w, const char *p)
{
        size_t digits = w->size - strlen(MARKER), agreed = 0;
        if (digits != MPART_MARKER_SIZE - 1)
                return 0;

        SHA2_CTX context;
        SHA256Init(&context);
        struct word term;
        for (size_t n = 1; next_word(&p, &term) && word_is(&term, TERM); n++) {
                if (n > 1)
                        SHA256Update(&context, (const uint8_t *)" ", 1);
                SHA256Update(&context, (const uint8_t *)term.text, term.size);
                SHA2_CTX copy = context;
                char found[MPART_MARKER_SIZE];
                digits_of(&copy, found);
                if (memcmp(found, w->text + strlen(MARKER), digits) == 0)
                        agreed = n;
        }
        return agreed;
}

int marker_parse(const char *line, struct marker *ret)
{
        _cleanup_(marker_free) struct marker s = { 0 };
        size_t own = 0; /* this many of the next words are ours */
        struct word w;

        for (const char *p = line; next_word(&p, &w) && !(w.size == 2 && word_is(&w, "--"));) {
                int r = 0;
                if (own > 0) {
                        own--;
                        r = add_terms(&w, "$", &s.ours);
                } else if (word_is(&w, MARKER)) {
                        s.present = true;
                        own = count_own_terms(&w, p);
                        if (own > 0) {
                                s.valid = true;
                                memcpy(s.digits, w.text + strlen(MARKER), sizeof(s.digits) - 1);
                        }
                } else if (word_is(&w, TERM)) {
                        r = add_terms(&w, "$!", &s.foreign);
                }
                if (r < 0)
                        return r;
        }
        int r = mpart_ranges_remove_all(&s.ours, &s.foreign);
        if (r < 0)
                return r;
        *ret = s;
        s.ours = s.foreign = (struct mpart_ranges){ 0 };
        return 0;
}
