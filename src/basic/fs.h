/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files. Every reader of the machine takes a root: a directory descriptor, and paths relative to it without
 * a leading slash ("proc/iomem"). */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "error.h"

/* Opens a root directory ("/" or a snapshot). A descriptor or a negative errno. */
int open_root(const char *path);

/* The whole file, a NUL byte behind it; files of /proc and /sys, whose size is not known, included. At most
 * `limit` bytes (0: 64 MiB), else -EFBIG. The caller frees *ret; ret_size may be NULL. 0 or a negative
 * errno. */
int read_file_at(int root, const char *path, size_t limit, char **ret, size_t *ret_size);

/* As read_file_at, for a file that a user named: the error tells path, offset and reason. */
int read_input_at(int root, const char *path, size_t limit, char **ret, size_t *ret_size,
                struct mpart_error *e);

/* As read_file_at, made a string: cut at the first NUL byte, white space at the end removed (sysfs masks of
 * some machines end in "\n\0"). */
int read_line_at(int root, const char *path, char **ret);

/* One number in the C notation of `base` (0: as strtoll reads it). -EINVAL where the file holds anything
 * else. */
int read_number_at(int root, const char *path, int base, int64_t *ret);

/* Calls `visit` for each name in a directory, "." and ".." left out, in no order; for directories of
 * thousands. Stops where it returns a negative errno, and returns that. */
int visit_directory_at(
                int root, const char *path, int (*visit)(void *userdata, const char *name), void *userdata);

/* Names in a directory, "." and ".." left out, sorted by strverscmp. The caller frees with free_names. */
int list_directory_at(int root, const char *path, char ***ret, size_t *ret_n);
void free_names(char **names, size_t n);

/* All bytes, through short writes. 0 or a negative errno. */
int write_all(int fd, const void *data, size_t size);

/* Replaces `path` whole or not at all: temporary file beside it, fdatasync, rename, sync of the directory.
 */
int write_file_atomic(const char *path, const void *data, size_t size, mode_t mode);

/* Writes `text` to an existing file in one write(2), as sysfs attributes want it. */
int write_attribute_at(int root, const char *path, const char *text);
