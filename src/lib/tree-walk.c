/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs.h"
#include "macros.h"
#include "tree-walk.h"

#define FILE_LIMIT (4 * GiB - 1) /* of newc's size field */

struct tree {
        int root;
        dev_t device;
        const char *name;
        const struct archive_walk *walk;
        ino_t *linked; /* files of several names that have come by */
        size_t n_linked, capacity;
};

static int failed(const struct tree *t, const char *path, int code, struct mpart_error *e)
{
        return mpart_error_set(e, code, "%s/%s cannot be read: %s%s", t->name, path, strerror(-code),
                        code == -EACCES || code == -EPERM ? "; root can" : "");
}

/* The number that the names of one file have in common. *ret_seen: its bytes have come by. */
static int number_of(struct tree *t, ino_t inode, uint32_t *ret, bool *ret_seen)
{
        size_t i = 0;
        while (i < t->n_linked && t->linked[i] != inode)
                i++;
        *ret_seen = i < t->n_linked;
        *ret = ARCHIVE_SHARED_INODE + (uint32_t)i;
        if (*ret_seen)
                return 0;
        int r = grow_array(&t->linked, &t->capacity, t->n_linked + 1, sizeof(*t->linked));
        if (r == 0)
                t->linked[t->n_linked++] = inode;
        return r;
}

static int read_link(const struct tree *t, const char *path, struct archive_file *member)
{
        char target[PATH_MAX];
        ssize_t n = readlinkat(t->root, path, target, sizeof(target) - 1);
        if (n < 0)
                return -errno;
        target[n] = 0;
        member->data = strdup(target);
        member->size = (size_t)n;
        return member->data ? 0 : -ENOMEM;
}

static int read_file(struct tree *t, const char *path, const struct stat *st, struct archive_file *member)
{
        bool seen = false;
        if (st->st_nlink > 1) {
                member->links = (unsigned)st->st_nlink;
                int r = number_of(t, st->st_ino, &member->inode, &seen);
                if (r < 0)
                        return r;
        }
        if (seen || !t->walk->wanted(t->walk->userdata, member))
                return 0;
        return read_file_at(t->root, path, FILE_LIMIT, &member->data, &member->size);
}

static int walk_directory(struct tree *t, const char *path, struct mpart_error *e);

static int walk_member(struct tree *t, const char *path, struct mpart_error *e)
{
        struct stat st;
        if (fstatat(t->root, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return failed(t, path, -errno, e);
        if (S_ISSOCK(st.st_mode))
                return 0;
        struct archive_file member = {
                .path = (char *)path,
                .mode = st.st_mode,
                .uid = st.st_uid,
                .gid = st.st_gid,
                .mtime = st.st_mtim.tv_sec,
                .device = st.st_rdev,
        };
        int r = S_ISLNK(st.st_mode)   ? read_link(t, path, &member)
                : S_ISREG(st.st_mode) ? read_file(t, path, &st, &member)
                                      : 0;
        if (r < 0)
                r = failed(t, path, r, e);
        else
                r = t->walk->member(t->walk->userdata, &member);
        free(member.data);
        return r < 0 || !S_ISDIR(st.st_mode) || st.st_dev != t->device ? r : walk_directory(t, path, e);
}

static int walk_directory(struct tree *t, const char *path, struct mpart_error *e)
{
        char **names = NULL;
        size_t n = 0;
        int r = list_directory_at(t->root, *path ? path : ".", &names, &n);
        if (r < 0)
                return failed(t, path, r, e);
        for (size_t i = 0; r == 0 && i < n; i++) {
                _cleanup_free_ char *below = NULL;
                if (asprintf(&below, "%s%s%s", path, *path ? "/" : "", names[i]) < 0) {
                        below = NULL;
                        r = mpart_error_set(e, -ENOMEM, "out of memory");
                } else {
                        r = walk_member(t, below, e);
                }
        }
        free_names(names, n);
        return r;
}

int tree_walk(int fd, const char *name, const struct archive_walk *walk, struct mpart_error *e)
{
        struct tree t = { .root = fd, .name = name, .walk = walk };
        struct stat st;
        if (fstat(fd, &st) < 0)
                return failed(&t, "", -errno, e);
        t.device = st.st_dev;
        int r = walk_directory(&t, "", e);
        free(t.linked);
        return r;
}
