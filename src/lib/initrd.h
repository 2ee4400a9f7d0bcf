/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ramdisks: one of our own (busybox, agent, modules, ssh server), or the agent in front of an existing one.
 * Format: Documentation/driver-api/early-userspace/buffer-format.rst. The same inputs give the same bytes.
 */
#pragma once

#include <stddef.h>

#include "error.h"

enum mpart_compression {
        MPART_COMPRESSION_GZIP, /* what every kernel can read */
        MPART_COMPRESSION_ZSTD, /* kernels from 5.9 on, CONFIG_RD_ZSTD */
        MPART_COMPRESSION_NONE,
        _MPART_COMPRESSION_MAX,
        _MPART_COMPRESSION_INVALID = -22,
};
const char *mpart_compression_to_string(enum mpart_compression c); /* "gzip", "zstd", "none" */
enum mpart_compression mpart_compression_from_string(const char *s);
/* By the ending: .gz, .zst, .cpio; gzip where it tells nothing. */
enum mpart_compression mpart_compression_of_file(const char *path);

struct mpart_initrd_request {
        const char *root;           /* directory that stands for "/" of all paths below; NULL: "/" */
        const char *agent;          /* static program that becomes /init */
        const char *kernel;         /* release, as under /lib/modules; NULL: no modules */
        const char *const *modules; /* names; each is loaded at boot, after what it depends on */
        size_t n_modules;
        const char *const *adds; /* "PATH" or "PATH:DEST"; a directory with all in it, a program with its
                                  * libraries */
        size_t n_adds;
        const char *ssh_key; /* file of public keys that may log in as root; NULL: no ssh server */
        const char *wrap;    /* ramdisk, tar archive of a root tree, or directory with one, to put the agent
                              * before;    NULL: none */
        enum mpart_compression compression;
};

/* -ENOENT: a file is missing, the text says what to install; -EINVAL: an input cannot be used. The caller
 * frees *ret. */
int mpart_initrd_build(const struct mpart_initrd_request *request, char **ret, size_t *ret_size,
                struct mpart_error *e);
