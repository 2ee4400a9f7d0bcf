/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Errors that a person can act on: a negative errno for the program and one sentence for the reader that
 * says what was wrong, where (file, field, address), and what to do. */
#pragma once

#include <stdarg.h>

struct mpart_error {
        int code;       /* negative errno, 0 while unset */
        char text[768]; /* one sentence, no newline; cut with "..." where it does not fit */
};

#define MPART_ERROR_INIT                                                                                    \
        {                                                                                                   \
                .code = 0                                                                                   \
        }

/* Sets *e (NULL is allowed) and returns `code`, so that a caller writes `return mpart_error_set(e, -EINVAL,
 * ...)`. A later call replaces an earlier one. */
int mpart_error_set(struct mpart_error *e, int code, const char *format, ...)
                __attribute__((format(printf, 3, 4)));

#ifdef __clang_analyzer__ /* which sees one file at a time: what comes back is `code` */
#define mpart_error_set(e, code, ...) ((void)(mpart_error_set)((e), (code), __VA_ARGS__), (code))
#endif

/* Puts "<prefix>: " in front of the text already there. Returns e->code, or `code` where e is NULL. */
int mpart_error_prefix(struct mpart_error *e, int code, const char *format, ...)
                __attribute__((format(printf, 3, 4)));
