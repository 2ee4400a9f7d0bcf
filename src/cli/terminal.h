/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The terminal that mpartctl runs on, while it is another's. */
#pragma once

#include <stdbool.h>

/* Raw until terminal_restore, which every end of the program calls. False: `fd` is no terminal. */
bool terminal_raw(int fd);
void terminal_restore(void);
/* 0 where it is not known. */
void terminal_size(int fd, unsigned *ret_rows, unsigned *ret_columns);
/* Blocks the signals that a person or a terminal sends, and SIGWINCH; a descriptor to read them from. */
int terminal_signals(void);
/* The next of them, 0: none. */
int terminal_next_signal(int fd);
/* All bytes, whatever the descriptor. False: it takes no more. */
bool write_through(int fd, const void *data, unsigned long n);
