/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>

#include "reader.h"

#define DESCRIBED_RANGES 4 /* more would make a note unreadable */

int machine_note(struct mpart_machine *m, const char *format, ...)
{
        char *text;
        va_list args;
        va_start(args, format);
        int n = vasprintf(&text, format, args);
        va_end(args);
        if (n < 0)
                return -ENOMEM;

        char **notes = reallocarray(m->notes, m->n_notes + 1, sizeof(*notes));
        if (!notes) {
                free(text);
                return -ENOMEM;
        }
        m->notes = notes;
        notes[m->n_notes++] = text;
        return 0;
}

int new_array(void *ret, size_t n, size_t size)
{
        void *array = calloc(MAX(n, (size_t)1), size);
        if (!array)
                return -ENOMEM;
        *(void **)ret = array;
        return 0;
}

bool name_number(const char *name, const char *prefix, uint64_t limit, uint64_t *ret)
{
        const char *digits = startswith(name, prefix);
        if (!digits || !*digits)
                return false;
        uint64_t value = 0;
        for (; *digits; digits++) {
                if (!isdigit((unsigned char)*digits))
                        return false;
                if (value > (UINT64_MAX - 9) / 10)
                        return false;
                value = value * 10 + (uint64_t)(*digits - '0');
        }
        if (value >= limit)
                return false;
        *ret = value;
        return true;
}

const char *field_value(const char *line, const char *name)
{
        const char *p = startswith(line, name);
        if (!p)
                return NULL;
        p += strspn(p, " \t");
        if (*p != ':')
                return NULL;
        p++;
        return p + strspn(p, " \t");
}

char *ranges_describe(const struct mpart_ranges *s)
{
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&text, &size);
        if (!f)
                return NULL;
        for (size_t i = 0; i < MIN(s->n, (size_t)DESCRIBED_RANGES); i++)
                fprintf(f, "%s0x%" PRIx64 "-0x%" PRIx64, i ? ", " : "", s->items[i].start,
                                mpart_range_end(s->items[i]) - 1);
        if (s->n > DESCRIBED_RANGES)
                fprintf(f, ", ... (%zu ranges)", s->n);
        return fclose(f) == 0 ? TAKE_PTR(text) : NULL;
}
