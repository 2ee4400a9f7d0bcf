/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Archives and compression; archive-file.c is the only user of libarchive. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "error.h"
#include "initrd.h"

struct archive_file {
        char *path;  /* without a leading slash */
        mode_t mode; /* type and permissions */
        char *data;  /* of a file; the target of a symbolic link */
        size_t size;
        dev_t device;  /* of a character device */
        size_t number; /* the maker's: tells equal paths apart */
};
void archive_file_clear(struct archive_file *f);

/* A newc archive of `files` as they stand: owner root, time 0, numbered in order. The caller frees *ret. */
int archive_write(const struct archive_file *files, size_t n, enum mpart_compression compression, char **ret,
                size_t *ret_size, struct mpart_error *e);

/* Calls `f` for each member of an archive of any format and compression; path and data belong to the walk.
 * `data` is given for members that `wanted` says yes to, else NULL. Stops where either returns an error. */
struct archive_walk {
        int (*wanted)(void *userdata, const struct archive_file *member);
        int (*member)(void *userdata, const struct archive_file *member);
        void *userdata;
};
/* `name` is for the text. -EBADMSG: no archive, or damaged. */
int archive_walk(const void *data, size_t size, const char *name, const struct archive_walk *walk,
                struct mpart_error *e);

/* What a compressed file holds; a file that is not compressed is copied. The caller frees *ret. */
int archive_uncompress(const void *data, size_t size, const char *name, char **ret, size_t *ret_size,
                struct mpart_error *e);
