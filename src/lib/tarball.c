/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The only file that knows libarchive. */
#include <archive.h>
#include <archive_entry.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs.h"
#include "macros.h"
#include "tarball.h"

#define FILE_LIMIT (64 * MiB)
#define TOTAL_LIMIT (512 * MiB)
#define ENTRIES_LIMIT 1000000
#define DEPTH_LIMIT 64
#define READ_SIZE (64 * KiB)

#define LIBRARY "libarchive.so.13"
/* clang-format off */
#define FUNCTIONS(X) \
        X(archive_entry_clear) \
        X(archive_entry_filetype) \
        X(archive_entry_free) \
        X(archive_entry_hardlink) \
        X(archive_entry_new) \
        X(archive_entry_pathname) \
        X(archive_entry_set_filetype) \
        X(archive_entry_set_mtime) \
        X(archive_entry_set_pathname) \
        X(archive_entry_set_perm) \
        X(archive_entry_set_size) \
        X(archive_entry_set_symlink) \
        X(archive_entry_symlink) \
        X(archive_error_string) \
        X(archive_read_data) \
        X(archive_read_free) \
        X(archive_read_new) \
        X(archive_read_next_header) \
        X(archive_read_open_filename) \
        X(archive_read_support_filter_all) \
        X(archive_read_support_format_tar) \
        X(archive_write_add_filter_zstd) \
        X(archive_write_close) \
        X(archive_write_data) \
        X(archive_write_free) \
        X(archive_write_header) \
        X(archive_write_new) \
        X(archive_write_open) \
        X(archive_write_set_bytes_in_last_block) \
        X(archive_write_set_format_pax_restricted)
/* clang-format on */

/* Loaded where it is needed: it brings a dozen libraries with it, which would double the time in which every
 * other verb starts. */
struct library {
        void *handle;
        struct archive *writer, *reader;
        struct archive_entry *entry;
#define X(name) __typeof__(name) *name;
        FUNCTIONS(X)
#undef X
};

static void library_close(struct library *l)
{
        if (l->writer)
                l->archive_write_free(l->writer);
        if (l->reader)
                l->archive_read_free(l->reader);
        if (l->entry)
                l->archive_entry_free(l->entry);
        if (l->handle)
                dlclose(l->handle);
}

static int library_open(struct library *l, struct mpart_error *e)
{
        l->handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
        if (!l->handle)
                return mpart_error_set(e, -EOPNOTSUPP,
                                "captures need " LIBRARY " (Debian: libarchive13): %s", dlerror());
#define X(name)                                                                                             \
        *(void **)&l->name = dlsym(l->handle, #name);                                                       \
        if (!l->name)                                                                                       \
                return mpart_error_set(e, -EOPNOTSUPP, LIBRARY " has no function " #name);
        FUNCTIONS(X)
#undef X
        return 0;
}

static int write_item(const struct library *l, const struct tarball_item *item)
{
        static const struct {
                mode_t type, mode;
        } kinds[] = {
                [TARBALL_FILE] = { AE_IFREG, 0644 },
                [TARBALL_DIRECTORY] = { AE_IFDIR, 0755 },
                [TARBALL_LINK] = { AE_IFLNK, 0777 },
        };
        struct archive_entry *entry = l->archive_entry_clear(l->entry);
        l->archive_entry_set_pathname(entry, item->path);
        l->archive_entry_set_filetype(entry, kinds[item->kind].type);
        l->archive_entry_set_perm(entry, kinds[item->kind].mode);
        l->archive_entry_set_mtime(entry, 0, 0);
        l->archive_entry_set_size(entry, item->kind == TARBALL_FILE ? (int64_t)item->size : 0);
        if (item->kind == TARBALL_LINK)
                l->archive_entry_set_symlink(entry, item->data);
        if (l->archive_write_header(l->writer, entry) != ARCHIVE_OK)
                return -EIO;
        if (item->kind == TARBALL_FILE && item->size > 0 &&
                        l->archive_write_data(l->writer, item->data, item->size) != (ssize_t)item->size)
                return -EIO;
        return 0;
}

struct memory {
        char *data;
        size_t size, capacity;
};

static void free_memory(struct memory *m)
{
        free(m->data);
}

static ssize_t write_to_memory(struct archive *a, void *context, const void *data, size_t size)
{
        struct memory *m = context;
        (void)a;
        if (grow_array(&m->data, &m->capacity, m->size + size, 1) < 0)
                return -1;
        memcpy(m->data + m->size, data, size);
        m->size += size;
        return (ssize_t)size;
}

int tarball_write(const char *file, const struct tarball_item *items, size_t n, struct mpart_error *e)
{
        _cleanup_(free_memory) struct memory m = { 0 };
        _cleanup_(library_close) struct library library = { 0 };
        struct library *l = &library;
        int r = library_open(l, e);
        if (r < 0)
                return r;
        struct archive *a = l->writer = l->archive_write_new();
        l->entry = l->archive_entry_new();
        if (!a || !l->entry)
                return mpart_error_set(e, -ENOMEM, "out of memory");
        if (l->archive_write_set_format_pax_restricted(a) != ARCHIVE_OK ||
                        l->archive_write_add_filter_zstd(a) != ARCHIVE_OK ||
                        l->archive_write_set_bytes_in_last_block(a, 1) != ARCHIVE_OK ||
                        l->archive_write_open(a, &m, NULL, write_to_memory, NULL) != ARCHIVE_OK)
                r = -EIO;
        for (size_t i = 0; i < n && r == 0; i++)
                r = write_item(l, &items[i]);
        if (r == 0 && l->archive_write_close(a) != ARCHIVE_OK)
                r = -EIO;
        if (r < 0)
                return mpart_error_set(e, r, "the archive cannot be made: %s",
                                l->archive_error_string(a) ? l->archive_error_string(a) : strerror(-r));
        r = write_file_atomic(file, m.data, m.size, 0644);
        return r < 0 ? mpart_error_set(e, r, "%s cannot be written: %s", file, strerror(-r)) : 0;
}

/* A path in components without "." and "//". */
struct components {
        char *text;
        char *parts[DEPTH_LIMIT];
        size_t n;
};

static void components_free(struct components *c)
{
        free(c->text);
}

/* False: absolute, empty in the end, too deep, or with "..". */
static bool split(const char *path, struct components *ret)
{
        *ret = (struct components){ .text = *path == '/' ? NULL : strdup(path) };
        char *rest = ret->text;
        for (char *part; (part = strsep(&rest, "/"));) {
                if (!*part || streq(part, "."))
                        continue;
                if (streq(part, "..") || ret->n == DEPTH_LIMIT || strlen(part) > NAME_MAX)
                        return false;
                ret->parts[ret->n++] = part;
        }
        return ret->text;
}

/* The directory of the last component, made where it is missing. Links are never followed on the way. */
static int open_parent(int directory, const struct components *c)
{
        int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        for (size_t i = 0; i + 1 < c->n && fd >= 0; i++) {
                if (mkdirat(fd, c->parts[i], 0700) < 0 && errno != EEXIST) {
                        int r = -errno;
                        close(fd);
                        return r;
                }
                int next = openat(fd, c->parts[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                int r = next < 0 ? -errno : next;
                close(fd);
                fd = r;
        }
        return fd;
}

/* Links as sysfs has them: "../" as often as the link is deep at most, then down. With ".." nowhere else, a
 * link that leads through another one stays within the tree too. */
static bool stays_inside(const char *target, size_t depth)
{
        size_t up = 0;
        for (; startswith(target, "../"); target += 3)
                up++;
        struct components down;
        bool ok = split(target, &down) && up <= depth;
        components_free(&down);
        return ok;
}

struct unpacking {
        const struct library *l;
        const char *file;
        uint64_t total;
        struct mpart_error *e;
};

static int unpack_data(struct unpacking *u, int fd, const char *path)
{
        char data[READ_SIZE];
        uint64_t size = 0;
        for (;;) {
                ssize_t n = u->l->archive_read_data(u->l->reader, data, sizeof(data));
                if (n < 0)
                        return mpart_error_set(u->e, -EBADMSG, "%s: %s", u->file,
                                        u->l->archive_error_string(u->l->reader));
                if (n == 0)
                        return 0;
                size += (uint64_t)n;
                u->total += (uint64_t)n;
                if (size > FILE_LIMIT || u->total > TOTAL_LIMIT)
                        return mpart_error_set(u->e, -EFBIG, "%s: %s is larger than any file of a machine",
                                        u->file, path);
                int r = write_all(fd, data, (size_t)n);
                if (r < 0)
                        return mpart_error_set(u->e, r, "%s cannot be unpacked: %s", u->file, strerror(-r));
        }
}

static int unpack_file(struct unpacking *u, int parent, const char *name, const char *path)
{
        _cleanup_close_ int fd =
                        openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return mpart_error_set(u->e, errno == EEXIST ? -EBADMSG : -errno, "%s: %s: %s", u->file,
                                path, errno == EEXIST ? "is in the archive twice" : strerror(errno));
        return unpack_data(u, fd, path);
}

static int unpack_entry(struct unpacking *u, int directory, struct archive_entry *entry)
{
        const struct library *l = u->l;
        const char *path = l->archive_entry_pathname(entry), *target = l->archive_entry_symlink(entry);
        _cleanup_(components_free) struct components c = { 0 };
        if (!path || !split(path, &c))
                return mpart_error_set(u->e, -EBADMSG, "%s: the path \"%.100s\" leads out of the archive",
                                u->file, path ? path : "");
        if (c.n == 0)
                return 0;
        _cleanup_close_ int parent = open_parent(directory, &c);
        if (parent < 0)
                return mpart_error_set(u->e, -EBADMSG, "%s: %.100s cannot be unpacked: %s", u->file, path,
                                strerror(-parent));
        const char *name = c.parts[c.n - 1];
        mode_t type = l->archive_entry_filetype(entry);
        if (type == AE_IFREG && !l->archive_entry_hardlink(entry))
                return unpack_file(u, parent, name, path);
        int r = 0;
        if (type == AE_IFDIR)
                r = mkdirat(parent, name, 0700);
        else if (type == AE_IFLNK && target && stays_inside(target, c.n - 1))
                r = symlinkat(target, parent, name);
        return r < 0 && errno != EEXIST
                               ? mpart_error_set(u->e, -errno, "%s: %s: %s", u->file, path, strerror(errno))
                               : 0;
}

int tarball_unpack(const char *file, int directory, struct mpart_error *e)
{
        _cleanup_(library_close) struct library library = { 0 };
        struct library *l = &library;
        struct archive_entry *entry;
        struct unpacking u = { .l = l, .file = file, .e = e };
        int r = library_open(l, e);
        if (r < 0)
                return r;
        struct archive *a = l->reader = l->archive_read_new();
        if (!a)
                return mpart_error_set(e, -ENOMEM, "out of memory");
        if (l->archive_read_support_filter_all(a) < ARCHIVE_WARN ||
                        l->archive_read_support_format_tar(a) < ARCHIVE_WARN ||
                        l->archive_read_open_filename(a, file, READ_SIZE) != ARCHIVE_OK)
                return mpart_error_set(e, -EBADMSG, "%s is not an archive of a machine: %s", file,
                                l->archive_error_string(a));
        for (size_t n = 0;; n++) {
                r = l->archive_read_next_header(a, &entry);
                if (r == ARCHIVE_EOF)
                        return 0;
                if (r < ARCHIVE_WARN)
                        return mpart_error_set(e, -EBADMSG, "%s is not an archive of a machine: %s", file,
                                        l->archive_error_string(a));
                if (n == ENTRIES_LIMIT)
                        return mpart_error_set(
                                        e, -EFBIG, "%s has more than %d entries", file, ENTRIES_LIMIT);
                r = unpack_entry(&u, directory, entry);
                if (r < 0)
                        return r;
        }
}
