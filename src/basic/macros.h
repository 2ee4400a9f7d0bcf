/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small helpers of the C language; nothing here knows about machines. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#define KiB (UINT64_C(1) << 10)
#define MiB (UINT64_C(1) << 20)
#define GiB (UINT64_C(1) << 30)

/* Alignments are powers of two. ALIGN_UP wraps past 2^64: callers check. */
#define ALIGN_DOWN(x, a) ((uint64_t)(x) & ~((uint64_t)(a)-1))
#define ALIGN_UP(x, a) ALIGN_DOWN((uint64_t)(x) + (uint64_t)(a)-1, a)

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _printf_(fmt, args) __attribute__((format(printf, fmt, args)))

/* Hands a pointer's ownership on: the variable becomes NULL. */
#define TAKE_PTR(p)                                                                                         \
        ({                                                                                                  \
                __typeof__(p) *_pp = &(p), _taken = *_pp;                                                   \
                *_pp = NULL;                                                                                \
                _taken;                                                                                     \
        })
/* The same for file descriptors: the variable becomes -1. */
#define TAKE_FD(fd)                                                                                         \
        ({                                                                                                  \
                int *_pfd = &(fd), _taken_fd = *_pfd;                                                       \
                *_pfd = -1;                                                                                 \
                _taken_fd;                                                                                  \
        })

/* The same for structures whose zero value owns nothing. */
#define TAKE_STRUCT(s)                                                                                      \
        ({                                                                                                  \
                __typeof__(s) *_ps = &(s), _taken_struct = *_ps;                                            \
                memset(_ps, 0, sizeof(*_ps));                                                               \
                _taken_struct;                                                                              \
        })

static inline void free_ptr(void *p)
{
        free(*(void **)p);
}
#define _cleanup_free_ _cleanup_(free_ptr)

void close_fd(int *fd); /* leaves -1 */
#define _cleanup_close_ _cleanup_(close_fd)

static inline int streq(const char *a, const char *b)
{
        return strcmp(a, b) == 0;
}

/* The part of `s` behind `prefix`, or NULL where `s` does not start with it. */
static inline const char *startswith(const char *s, const char *prefix)
{
        size_t n = strlen(prefix);
        return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

/* Makes room for at least `need` elements of `size` bytes in *array; new room is not cleared.
 * 0 or -ENOMEM. */
int grow_array(void *array, size_t *capacity, size_t need, size_t size);
