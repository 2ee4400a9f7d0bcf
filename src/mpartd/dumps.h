/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Crash dumps that the daemon writes by itself: DIRECTORY/dumps/kernel-N-TIME.vmcore, the oldest out first.
 */
#pragma once

#include <stdint.h>

#include "error.h"

#define DUMPS_KEPT 8       /* files at most, the new one among them */
#define DUMPS_DISK_SHARE 4 /* older ones take at most a quarter of the file system */

#define DUMPS_SPARSE 4 /* pages of zeros take no room: begun with free space for a quarter of the memory */

/* A new empty file for `size` bytes of memory; older dumps go for it. -ENOSPC: there is none
 * even so. It has its name, *ret_path, from dumps_keep on: what is there under such a name is whole. The
 * caller closes *ret_fd and frees *ret_path. */
int dumps_create(const char *directory, unsigned kernel, uint64_t size, int *ret_fd, char **ret_path,
                struct mpart_error *e);
int dumps_keep(const char *path); /* it is whole; 0 or a negative errno */
void dumps_discard(const char *path);

/* A dump turned out larger than what was free: removes the oldest one that is whole. 1; 0: there is none; a
 * negative errno. */
int dumps_drop_oldest(const char *directory);

/* Removes what a daemon that was killed has left half-written. */
void dumps_tidy(const char *directory);
