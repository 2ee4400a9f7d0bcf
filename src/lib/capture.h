/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Captures: all that planning reads of a machine, and nothing that tells whose it is. */
#pragma once

#include "machine.h"

/* Captures the machine under `root` into `file`, a tar archive compressed with zstd. 0 or a negative errno.
 */
int mpart_capture_write(const char *root, const char *file, struct mpart_error *e);

/* mpart_machine_read of a capture or of another archive of a root; without privileges. Unpacks into a
 * private directory for temporary files and removes it again. */
int mpart_capture_read(const char *file, struct mpart_machine **ret, struct mpart_error *e);
int mpart_capture_look(const char *file, struct mpart_machine **ret,
                struct mpart_error *e); /* mpart_machine_look */
