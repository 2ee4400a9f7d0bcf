/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Archives and compression; archive-file.c is the only user of libarchive. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "error.h"
#include "initrd.h"

struct archive_file {
        char *path;  /* without a leading slash */
        mode_t mode; /* type and permissions */
        char *data;  /* of a file; the target of a symbolic link */
        size_t size;
        dev_t device;  /* of a character or block device */
        size_t number; /* the maker's: tells equal paths apart */
        uid_t uid;
        gid_t gid;
        int64_t mtime;  /* seconds */
        uint32_t inode; /* from ARCHIVE_SHARED_INODE on: of `links` names, the first of which has the data.
                           Else 0 */
        unsigned links;
        const char *hard_link; /* archive_walk: an earlier name of the same file, which usually has the data.
                                  NULL: none */
};
#define ARCHIVE_SHARED_INODE UINT32_C(0x80000000)

void archive_file_clear(struct archive_file *f);

/* A newc archive in the making. */
struct archive_writer;
int archive_writer_new(
                enum mpart_compression compression, struct archive_writer **ret, struct mpart_error *e);
void archive_writer_free(struct archive_writer *w); /* NULL is legal */
static inline void archive_writer_freep(struct archive_writer **w)
{
        archive_writer_free(*w);
}
int archive_writer_add(struct archive_writer *w, const struct archive_file *f, struct mpart_error *e);
/* The whole; nothing can be added any more. The caller frees *ret. */
int archive_writer_end(struct archive_writer *w, char **ret, size_t *ret_size, struct mpart_error *e);

/* One of `files` as they stand. The caller frees *ret. */
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

/* Whether it is a tar archive, compressed or not. */
bool archive_is_tar(const void *data, size_t size);

/* What a compressed file holds; a file that is not compressed is copied. The caller frees *ret. */
int archive_uncompress(const void *data, size_t size, const char *name, char **ret, size_t *ret_size,
                struct mpart_error *e);
