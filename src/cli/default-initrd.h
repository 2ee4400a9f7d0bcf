/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ramdisks as mpartctl makes them. */
#pragma once

#include "error.h"
#include "initrd.h"

/* Program that becomes /init: the one installed beside mpartd, or the file that MPART_AGENT names. */
const char *agent_path(void);

/* Builds and writes whole or not at all, for root's eyes alone: it may hold keys. */
int initrd_write(const struct mpart_initrd_request *request, const char *path, struct mpart_error *e);

/* The ramdisk of a kernel that was booted without one: in mpartd's state directory, made where it is absent
 * or older than something in it. `image` NULL: the running kernel's. The caller frees *ret. -EPERM: only
 * root. */
int default_initrd(const char *image, char **ret, struct mpart_error *e);
