/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Crash dumps that the daemon writes by itself: DIRECTORY/dumps/kernel-N-TIME.vmcore, the oldest out first.
 * Until it is whole a dump has ".partial" behind its name. */
#pragma once

#include <stdint.h>

#include "error.h"

#define DUMPS_KEPT 8       /* files at most, the new one among them */
#define DUMPS_DISK_SHARE 4 /* older ones take at most a quarter of the file system */

#define DUMPS_SPARSE 4 /* pages of zeros take no room: begun with free space for a quarter of the memory */

/* A new empty file for `size` bytes of memory; older dumps go for it. -ENOSPC: there is none even so.
 * *ret_path is its name once it is whole. The caller closes *ret_fd and frees *ret_path. */
int dumps_create(const char *directory, unsigned kernel, uint64_t size, int *ret_fd, char **ret_path,
                struct mpart_error *e);
int dumps_finish(const char *path); /* it is whole; 0 or a negative errno */
void dumps_discard(const char *path);

/* One turned out larger than what was free: removes the oldest that is whole. 1; 0: there is none; a
 * negative errno. */
int dumps_drop_oldest(const char *directory);
void dumps_tidy(const char *directory); /* removes what an earlier mpartd did not finish */
