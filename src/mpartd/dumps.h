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
 * even so. The caller closes *ret_fd and frees *ret_path. */
int dumps_create(const char *directory, unsigned kernel, uint64_t size, int *ret_fd, char **ret_path,
                struct mpart_error *e);
void dumps_discard(const char *path);
