/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A directory of a test's own, gone with all in it at the end. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

struct scratch {
        char path[64];
        int fd;
};

void scratch_make(struct scratch *s);
void scratch_remove(struct scratch *s);
/* For cmocka: each test has one, its state. */
int scratch_setup(void **state);
int scratch_teardown(void **state);
/* Writes a file, directories above it included. */
void scratch_write(struct scratch *s, const char *path, const char *format, ...)
                __attribute__((format(printf, 3, 4)));
