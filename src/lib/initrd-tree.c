/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elf-needs.h"
#include "fs.h"
#include "initrd-tree.h"
#include "macros.h"

#define FILE_LIMIT GiB
#define LIBRARY_DEPTH_MAX 32

/* Where the dynamic linker of x86-64 distributions looks, Debian's first. */
static const char *const library_directories[] = {
        "lib/x86_64-linux-gnu",
        "usr/lib/x86_64-linux-gnu",
        "lib64",
        "usr/lib64",
        "lib",
        "usr/lib",
};

void initrd_tree_free(struct initrd_tree *t)
{
        for (size_t i = 0; i < t->n; i++)
                archive_file_clear(&t->files[i]);
        free(t->files);
        t->files = NULL;
        t->n = t->capacity = 0;
}

static int out_of_memory(struct mpart_error *e)
{
        return mpart_error_set(e, -ENOMEM, "out of memory");
}

int initrd_tree_add(struct initrd_tree *t, const char *path, mode_t mode, char *data, size_t size)
{
        int r = grow_array(&t->files, &t->capacity, t->n + 1, sizeof(*t->files));
        char *copy = r == 0 ? strdup(without_slash(path)) : NULL;
        if (!copy) {
                free(data);
                return -ENOMEM;
        }
        for (size_t n = strlen(copy); n > 0 && copy[n - 1] == '/';)
                copy[--n] = 0;
        size_t number = t->n + 1;
        t->files[t->n++] = (struct archive_file){
                .path = copy, .mode = mode, .data = data, .size = size, .number = number
        };
        return 0;
}

int initrd_tree_add_text(struct initrd_tree *t, const char *path, mode_t mode, const char *text)
{
        char *copy = strdup(text);
        return copy ? initrd_tree_add(t, path, mode, copy, strlen(text)) : -ENOMEM;
}

int initrd_tree_add_link(struct initrd_tree *t, const char *path, const char *target)
{
        return initrd_tree_add_text(t, path, S_IFLNK | 0777, target);
}

int initrd_tree_add_device(struct initrd_tree *t, const char *path, mode_t mode, dev_t device)
{
        int r = initrd_tree_add(t, path, S_IFCHR | mode, NULL, 0);
        if (r == 0)
                t->files[t->n - 1].device = device;
        return r;
}

static bool has_path(const struct initrd_tree *t, const char *path)
{
        for (size_t i = 0; i < t->n; i++)
                if (streq(t->files[i].path, path))
                        return true;
        return false;
}

static int read_error(const char *path, int code, const char *hint, struct mpart_error *e)
{
        if (code == -ENOENT)
                return mpart_error_set(
                                e, code, "/%s is missing%s%s", path, hint ? ": " : "", hint ? hint : "");
        return mpart_error_set(e, code, "/%s cannot be read: %s", path, strerror(-code));
}

static int add_needs(struct initrd_tree *t, const char *user, const char *data, size_t size, unsigned depth,
                struct mpart_error *e);

static int add_file(struct initrd_tree *t, const char *from, const char *to, const char *hint,
                unsigned depth, struct mpart_error *e)
{
        from = without_slash(from);
        _cleanup_free_ char *data = NULL;
        size_t size = 0;
        struct stat st;
        int r = fstatat(t->root, from, &st, 0) < 0 ? -errno : 0;
        if (r == 0)
                r = read_file_at(t->root, from, FILE_LIMIT, &data, &size);
        if (r < 0)
                return read_error(from, r, hint, e);
        char *bytes = data;
        r = initrd_tree_add(t, to, S_IFREG | (st.st_mode & 0777), TAKE_PTR(data), size);
        return r < 0 ? out_of_memory(e) : add_needs(t, from, bytes, size, depth, e);
}

static int add_library(struct initrd_tree *t, const char *user, const char *name, unsigned depth,
                struct mpart_error *e)
{
        if (*name == '/') /* the dynamic linker */
                return has_path(t, without_slash(name)) ? 0 : add_file(t, name, name, NULL, depth, e);
        for (size_t i = 0; i < ARRAY_SIZE(library_directories); i++) {
                _cleanup_free_ char *path = NULL;
                if (asprintf(&path, "%s/%s", library_directories[i], name) < 0) {
                        path = NULL;
                        return out_of_memory(e);
                }
                if (has_path(t, path))
                        return 0;
                if (faccessat(t->root, path, R_OK, 0) == 0)
                        return add_file(t, path, path, NULL, depth, e);
        }
        return mpart_error_set(e, -ENOENT, "the library %s, which /%s needs, is missing", name, user);
}

static int add_needs(struct initrd_tree *t, const char *user, const char *data, size_t size, unsigned depth,
                struct mpart_error *e)
{
        if (depth > LIBRARY_DEPTH_MAX)
                return mpart_error_set(e, -ELOOP, "/%s: its libraries need each other without end", user);
        struct elf_needs needs = { 0 };
        int r = elf_needs_read(data, size, &needs);
        if (r < 0)
                return mpart_error_set(e, r, "/%s is a damaged ELF file", user);
        for (size_t i = 0; r == 0 && i < needs.n; i++)
                r = add_library(t, user, needs.names[i], depth + 1, e);
        elf_needs_free(&needs);
        return r;
}

int initrd_tree_add_program(struct initrd_tree *t, const char *from, const char *to, const char *hint,
                struct mpart_error *e)
{
        return add_file(t, from, to, hint, 0, e);
}

static int add_any(struct initrd_tree *t, const char *from, const char *to, struct mpart_error *e);

static int add_directory(
                struct initrd_tree *t, const char *from, const char *to, mode_t mode, struct mpart_error *e)
{
        char **names = NULL;
        size_t n = 0;
        int r = initrd_tree_add(t, to, S_IFDIR | mode, NULL, 0);
        if (r == 0)
                r = list_directory_at(t->root, *from ? from : ".", &names, &n);
        if (r < 0)
                return read_error(from, r, NULL, e);
        for (size_t i = 0; r == 0 && i < n; i++) {
                _cleanup_free_ char *below_from = NULL, *below_to = NULL;
                if (asprintf(&below_from, "%s/%s", from, names[i]) < 0)
                        below_from = NULL;
                if (asprintf(&below_to, "%s/%s", to, names[i]) < 0)
                        below_to = NULL;
                r = below_from && below_to ? add_any(t, below_from, below_to, e) : out_of_memory(e);
        }
        free_names(names, n);
        return r;
}

static int add_symlink(struct initrd_tree *t, const char *from, const char *to, struct mpart_error *e)
{
        char target[4096];
        ssize_t n = readlinkat(t->root, from, target, sizeof(target) - 1);
        if (n < 0)
                return read_error(from, -errno, NULL, e);
        target[n] = 0;
        return initrd_tree_add_link(t, to, target) < 0 ? out_of_memory(e) : 0;
}

/* Below a directory: links stay links; sockets, pipes and devices are left out. */
static int add_any(struct initrd_tree *t, const char *from, const char *to, struct mpart_error *e)
{
        struct stat st;
        if (fstatat(t->root, from, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return read_error(from, -errno, NULL, e);
        if (S_ISDIR(st.st_mode))
                return add_directory(t, from, to, st.st_mode & 07777, e);
        if (S_ISLNK(st.st_mode))
                return add_symlink(t, from, to, e);
        return S_ISREG(st.st_mode) ? add_file(t, from, to, NULL, 0, e) : 0;
}

/* "a/../b" could mean another place to the kernel than to the reader. */
static bool is_plain(const char *path)
{
        for (const char *p = path; p; p = strchr(p, '/')) {
                p = without_slash(p);
                size_t n = strcspn(p, "/");
                if ((n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
                        return false;
        }
        return *without_slash(path) != 0;
}

int initrd_tree_add_path(struct initrd_tree *t, const char *word, struct mpart_error *e)
{
        const char *colon = strchr(word, ':');
        _cleanup_free_ char *from = strndup(word, colon ? (size_t)(colon - word) : strlen(word));
        if (!from)
                return out_of_memory(e);
        const char *to = colon ? colon + 1 : from;
        if (!is_plain(to))
                return mpart_error_set(e, -EINVAL,
                                "\"%s\": the place in the ramdisk must be a path without . and ..", word);
        struct stat st;
        if (fstatat(t->root, without_slash(from), &st, 0) < 0)
                return read_error(without_slash(from), -errno, "name a file or directory that is there", e);
        if (S_ISDIR(st.st_mode))
                return add_directory(t, without_slash(from), without_slash(to), st.st_mode & 07777, e);
        if (!S_ISREG(st.st_mode))
                return mpart_error_set(e, -EINVAL, "%s is neither a file nor a directory", from);
        return add_file(t, from, to, NULL, 0, e);
}

static bool is_link_below(const struct initrd_tree *t, const char *path)
{
        for (size_t i = 0; i < t->n_links; i++)
                if (streq(t->links[i], path))
                        return true;
        return false;
}

/* The kernel unpacks a file only into a directory that is there. Added with number 0, so that a directory
 * that was asked for with a mode of its own takes its place. */
static int add_parents(struct initrd_tree *t, const char *path, struct mpart_error *e)
{
        _cleanup_free_ char *parent = strdup(path);
        if (!parent)
                return out_of_memory(e);
        for (char *slash; (slash = strrchr(parent, '/'));) {
                *slash = 0;
                if (is_link_below(t, parent))
                        return mpart_error_set(e, -ENOTDIR,
                                        "/%s cannot be added: /%s is a symbolic link in the wrapped "
                                        "ramdisk; "
                                        "name the place that it leads to",
                                        path, parent);
                if (streq(t->files[t->n - 1].path, parent)) /* made for the file before this one */
                        return 0;
                if (initrd_tree_add(t, parent, S_IFDIR | 0755, NULL, 0) < 0)
                        return out_of_memory(e);
                t->files[t->n - 1].number = 0;
        }
        return 0;
}

static int compare_files(const void *a, const void *b)
{
        const struct archive_file *x = a, *y = b;
        int order = strcmp(x->path, y->path);
        return order != 0 ? order : (x->number > y->number) - (x->number < y->number);
}

/* Of equal paths the last one stays. */
static void drop_replaced(struct initrd_tree *t)
{
        size_t n = 0;
        for (size_t i = 0; i < t->n; i++) {
                if (i + 1 < t->n && streq(t->files[i].path, t->files[i + 1].path))
                        archive_file_clear(&t->files[i]);
                else
                        t->files[n++] = t->files[i];
        }
        t->n = n;
}

int initrd_tree_finish(struct initrd_tree *t, struct mpart_error *e)
{
        size_t n = t->n;
        for (size_t i = 0; i < n; i++) {
                int r = add_parents(t, t->files[i].path, e);
                if (r < 0)
                        return r;
        }
        /* A directory sorts before what is in it. */
        if (t->n > 0)
                qsort(t->files, t->n, sizeof(*t->files), compare_files);
        drop_replaced(t);
        return 0;
}
