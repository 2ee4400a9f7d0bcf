/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "cmdline-words.h"
#include "macros.h"
#include "sha256.h"

bool word_next(const char **p, struct word *ret)
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

bool word_is(const struct word *w, const char *s)
{
        return w->size == strlen(s) && memcmp(w->text, s, w->size) == 0;
}

bool word_starts(const struct word *w, const char *prefix)
{
        return w->size >= strlen(prefix) && memcmp(w->text, prefix, strlen(prefix)) == 0;
}

char *word_unquoted(const struct word *w)
{
        char *copy = malloc(w->size + 1), *to = copy;
        if (!copy)
                return NULL;
        for (size_t i = 0; i < w->size; i++)
                if (w->text[i] != '"')
                        *to++ = w->text[i];
        *to = 0;
        return copy;
}

int parse_memory_size(const char **p, uint64_t *ret)
{
        static const char suffixes[] = "KMGTPE";
        if (!isdigit((unsigned char)**p))
                return -EINVAL;
        char *end;
        errno = 0;
        uint64_t value = strtoull(*p, &end, 0);
        if (errno)
                return -EINVAL;
        const char *suffix = *end ? strchr(suffixes, toupper((unsigned char)*end)) : NULL;
        if (suffix) {
                unsigned shift = 10 * (unsigned)(suffix - suffixes + 1);
                if (value > UINT64_MAX >> shift)
                        return -EINVAL;
                value <<= shift;
                end++;
        }
        *p = end;
        *ret = value;
        return 0;
}

void format_memory_size(uint64_t size, char ret[static MEMORY_SIZE_MAX])
{
        static const struct {
                uint64_t unit;
                const char *suffix;
        } units[] = { { GiB, "G" }, { MiB, "M" }, { KiB, "K" } };

        for (size_t i = 0; size > 0 && i < ARRAY_SIZE(units); i++)
                if (size % units[i].unit == 0) {
                        snprintf(ret, MEMORY_SIZE_MAX, "%" PRIu64 "%s", size / units[i].unit,
                                        units[i].suffix);
                        return;
                }
        snprintf(ret, MEMORY_SIZE_MAX, "%" PRIu64, size);
}

void mpart_marker_make(const char *terms, size_t length, char ret[static MARKER_DIGITS + 1])
{
        char digits[SHA256_DIGITS + 1];
        sha256_digits(&(struct iovec){ (void *)terms, length }, 1, digits);
        memcpy(ret, digits, MARKER_DIGITS);
        ret[MARKER_DIGITS] = 0;
}

size_t marker_count_terms(const struct word *marker, const char *p)
{
        size_t prefix = strlen(MARKER_PREFIX), agreed = 0, length = 0;
        if (!word_starts(marker, MARKER_PREFIX) || marker->size != prefix + MARKER_DIGITS)
                return 0;

        char terms[MPART_COMMAND_LINE_MAX]; /* no marker is made of more */
        struct word term;
        for (size_t n = 1; word_next(&p, &term) && word_starts(&term, MEMMAP_PREFIX); n++) {
                if (length + 1 + term.size > sizeof(terms))
                        break;
                if (n > 1)
                        terms[length++] = ' ';
                memcpy(terms + length, term.text, term.size);
                length += term.size;
                char digits[MARKER_DIGITS + 1];
                mpart_marker_make(terms, length, digits);
                if (memcmp(digits, marker->text + prefix, MARKER_DIGITS) == 0)
                        agreed = n;
        }
        return agreed;
}

int check_line_length(size_t length, const char *what, struct mpart_error *e)
{
        if (length <= MPART_COMMAND_LINE_MAX)
                return 0;
        return mpart_error_set(e, -E2BIG,
                        "the command line of %s has %zu characters, %zu more than the kernel takes: use a "
                        "policy with fewer kernels or a larger alignment, or shorten the line",
                        what, length, length - MPART_COMMAND_LINE_MAX);
}

int plan_withheld(const struct mpart_plan *plan, struct mpart_ranges *ret)
{
        _cleanup_ranges_ struct mpart_ranges all = { 0 };

        for (size_t i = 1; i < plan->n_kernels; i++) {
                const struct mpart_plan_kernel *k = &plan->kernels[i];
                int r = mpart_ranges_add(&all, k->low_memory.start, k->low_memory.size);
                for (size_t j = 0; r == 0 && j < k->n_memory; j++)
                        r = mpart_ranges_add(&all, k->memory[j].start, k->memory[j].size);
                if (r < 0)
                        return r;
        }
        *ret = all;
        all = (struct mpart_ranges){ 0 };
        return 0;
}
