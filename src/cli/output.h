/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What people read: tables, sizes, notes. Results go to standard output; notes, progress and questions to
 * standard error, so that a pipe carries results alone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "ranges.h"

struct column {
        const char *name;
        bool right; /* numbers */
};

/* A table in the making. Running out of memory is remembered and told by table_print. */
struct table;
/* NULL: e->code and e->text tell why. */
struct table *table_new(const struct column *columns, size_t n, struct mpart_error *e);
void table_free(struct table *t); /* NULL is legal */
static inline void table_freep(struct table **t)
{
        table_free(*t);
}
void table_row(struct table *t);
/* Sets one cell of the last row; a newline in it starts a further line in the cell. */
void table_cell(struct table *t, size_t column, const char *format, ...)
                __attribute__((format(printf, 3, 4)));
/* "green", "red", "yellow": shown on a terminal only. */
void table_color(struct table *t, size_t column, const char *color);
/* 0 or -ENOMEM. */
int table_print(struct table *t, struct mpart_error *e);

/* Colour is for terminals, and not where NO_COLOR is set (no-color.org). */
bool color_wanted(void);

/* Appends to a string of the heap; *text may be NULL. Out of memory leaves it as it is. */
void text_add(char **text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The range as /proc/iomem writes it, last byte included: "0x100000-0x1fffff". */
void text_add_range(char **text, uint64_t start, uint64_t size);

struct size_text {
        char text[32];
};
/* "1.5 GiB"; exact sizes without a fraction. For people: machines read JSON. */
struct size_text size_text(uint64_t bytes);

struct time_text {
        char text[32];
};
/* Local time of CLOCK_REALTIME microseconds, "-" for 0. */
struct time_text time_text(uint64_t usec);

#define NO_PLAN_TEXT "there is no saved plan: make one with \"mpartctl plan --save\""

/* "note: <sentence>" to standard error, each. */
void print_notes(char *const *notes, size_t n);
/* A document and the newline it may lack. */
void print_document(const char *text);
/* Progress for people, a line to standard error. */
void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
