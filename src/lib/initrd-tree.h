/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files of a ramdisk in the making. A later file takes the place of an earlier one of the same path. */
#pragma once

#include "archive-file.h"

struct initrd_tree {
        int root; /* directory that files are read from; borrowed */
        struct archive_file *files;
        size_t n, capacity;
        char *const *links; /* paths that are symbolic links in the archive below; borrowed */
        size_t n_links;
};
/* Paths below the root: descriptors and archives know no leading slash. */
static inline const char *without_slash(const char *path)
{
        while (*path == '/')
                path++;
        return path;
}

void initrd_tree_free(struct initrd_tree *t);

/* Takes `data` over, on success and on failure. `path` is without a leading slash. */
int initrd_tree_add(struct initrd_tree *t, const char *path, mode_t mode, char *data, size_t size);
int initrd_tree_add_text(struct initrd_tree *t, const char *path, mode_t mode, const char *text);
int initrd_tree_add_link(struct initrd_tree *t, const char *path, const char *target);
int initrd_tree_add_device(struct initrd_tree *t, const char *path, mode_t mode, dev_t device);

/* A file of the machine under `from` ("/bin/busybox") as `to`, and the libraries it needs at their places.
 * -ENOENT: the text ends in `hint`, which says what to do. */
int initrd_tree_add_program(struct initrd_tree *t, const char *from, const char *to, const char *hint,
                struct mpart_error *e);
/* "PATH" or "PATH:DEST": a file, a link, or a directory with all in it. */
int initrd_tree_add_path(struct initrd_tree *t, const char *word, struct mpart_error *e);

/* Directories above each file, order and uniqueness. -ENOTDIR: a path leads through a symbolic link of the
 * archive below, which a directory of the same name would replace. */
int initrd_tree_finish(struct initrd_tree *t, struct mpart_error *e);
