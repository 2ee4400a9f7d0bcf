/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <libsmartcols.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "library.h"
#include "macros.h"
#include "output.h"

/* clang-format off */
#define FUNCTIONS(X) \
        X(scols_cell_set_color) \
        X(scols_column_set_safechars) \
        X(scols_column_set_wrapfunc) \
        X(scols_line_get_cell) \
        X(scols_line_refer_data) \
        X(scols_new_table) \
        X(scols_print_table) \
        X(scols_table_enable_colors) \
        X(scols_table_new_column) \
        X(scols_table_new_line) \
        X(scols_unref_table) \
        X(scols_wrapnl_chunksize) \
        X(scols_wrapnl_nextchunk)
/* clang-format on */
LIBRARY(library, "libsmartcols.so.1", "libsmartcols1", "printing a table", FUNCTIONS);

struct table {
        struct libscols_table *scols;
        struct libscols_line *line; /* the last one, borrowed */
        int error;
};

bool color_wanted(void)
{
        const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
        if (no_color && *no_color)
                return false;
        return isatty(STDOUT_FILENO) && term && !streq(term, "dumb");
}

static int add_column(struct table *t, const struct column *c)
{
        int flags = SCOLS_FL_WRAP | (c->right ? SCOLS_FL_RIGHT : 0);
        struct libscols_column *column = scols_table_new_column(t->scols, c->name, 0, flags);
        if (!column)
                return -ENOMEM;
        scols_column_set_safechars(column, "\n");
        return scols_column_set_wrapfunc(column, scols_wrapnl_chunksize, scols_wrapnl_nextchunk, NULL);
}

struct table *table_new(const struct column *columns, size_t n, struct mpart_error *e)
{
        if (library_load(&library, e) < 0)
                return NULL;
        struct table *t = calloc(1, sizeof(*t));
        if (t)
                t->scols = scols_new_table();
        if (!t || !t->scols) {
                free(t);
                mpart_error_set(e, -ENOMEM, "out of memory");
                return NULL;
        }
        scols_table_enable_colors(t->scols, color_wanted());
        for (size_t i = 0; i < n && t->error == 0; i++)
                t->error = add_column(t, &columns[i]);
        return t;
}

void table_free(struct table *t)
{
        if (!t)
                return;
        scols_unref_table(t->scols);
        free(t);
}

void table_row(struct table *t)
{
        t->line = scols_table_new_line(t->scols, NULL);
        if (!t->line)
                t->error = -ENOMEM;
}

void table_cell(struct table *t, size_t column, const char *format, ...)
{
        if (t->error != 0)
                return;
        char *text;
        va_list args;
        va_start(args, format);
        int n = vasprintf(&text, format, args);
        va_end(args);
        if (n < 0) {
                t->error = -ENOMEM;
                return;
        }
        t->error = scols_line_refer_data(t->line, column, text); /* takes the text over */
        if (t->error != 0)
                free(text);
}

void table_color(struct table *t, size_t column, const char *color)
{
        struct libscols_cell *cell = t->line ? scols_line_get_cell(t->line, column) : NULL;
        if (cell && color && t->error == 0)
                t->error = scols_cell_set_color(cell, color);
}

int table_print(struct table *t, struct mpart_error *e)
{
        int r = t->error;
        if (r == 0)
                r = scols_print_table(t->scols);
        return r < 0 ? mpart_error_set(e, r, "a table cannot be printed: %s", strerror(-r)) : 0;
}

void text_add(char **text, const char *format, ...)
{
        _cleanup_free_ char *more = NULL;
        va_list args;
        va_start(args, format);
        int n = vasprintf(&more, format, args);
        va_end(args);
        if (n < 0) {
                more = NULL;
                return;
        }
        size_t length = *text ? strlen(*text) : 0;
        char *longer = realloc(*text, length + (size_t)n + 1);
        if (!longer)
                return;
        memcpy(longer + length, more, (size_t)n + 1);
        *text = longer;
}

void text_add_range(char **text, uint64_t start, uint64_t size)
{
        text_add(text, "0x%" PRIx64 "-0x%" PRIx64, start, start + size - 1);
}

struct size_text size_text(uint64_t bytes)
{
        static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
        size_t unit = 0;
        while (unit + 1 < ARRAY_SIZE(units) && bytes >> (10 * (unit + 1)) > 0)
                unit++;

        struct size_text s;
        double value = (double)bytes / (double)(UINT64_C(1) << (10 * unit));
        bool whole = (bytes & ((UINT64_C(1) << (10 * unit)) - 1)) == 0;
        snprintf(s.text, sizeof(s.text), whole ? "%.0f %s" : "%.2f %s", value, units[unit]);
        return s;
}

struct time_text time_text(uint64_t usec)
{
        struct time_text t = { "-" };
        time_t seconds = (time_t)(usec / 1000000);
        struct tm tm;
        if (usec != 0 && localtime_r(&seconds, &tm))
                strftime(t.text, sizeof(t.text), "%Y-%m-%d %H:%M:%S", &tm);
        return t;
}

void print_notes(char *const *notes, size_t n)
{
        for (size_t i = 0; i < n; i++)
                tell("note: %s", notes[i]);
}

void print_document(const char *text)
{
        size_t n = strlen(text);
        fputs(text, stdout);
        if (n == 0 || text[n - 1] != '\n')
                putchar('\n');
}

void tell(const char *format, ...)
{
        va_list args;
        va_start(args, format);
        fflush(stdout); /* where both go to one terminal, keep the order */
        vfprintf(stderr, format, args);
        fputc('\n', stderr);
        va_end(args);
}
