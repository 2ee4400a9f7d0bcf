/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive-library.h"
#include "fs.h"
#include "macros.h"
#include "tarball.h"

#define FILE_LIMIT (64 * MiB)
#define TOTAL_LIMIT (512 * MiB)
#define ENTRIES_LIMIT 1000000
#define DEPTH_LIMIT 64
#define READ_SIZE (64 * KiB)

static int write_item(struct archive *a, struct archive_entry *entry, const struct tarball_item *item)
{
        static const struct {
                mode_t type, mode;
        } kinds[] = {
                [TARBALL_FILE] = { AE_IFREG, 0644 },
                [TARBALL_DIRECTORY] = { AE_IFDIR, 0755 },
                [TARBALL_LINK] = { AE_IFLNK, 0777 },
        };
        archive_entry_clear(entry);
        archive_entry_set_pathname(entry, item->path);
        archive_entry_set_filetype(entry, kinds[item->kind].type);
        archive_entry_set_perm(entry, kinds[item->kind].mode);
        archive_entry_set_mtime(entry, 0, 0);
        archive_entry_set_size(entry, item->kind == TARBALL_FILE ? (int64_t)item->size : 0);
        if (item->kind == TARBALL_LINK)
                archive_entry_set_symlink(entry, item->data);
        if (archive_write_header(a, entry) != ARCHIVE_OK)
                return -EIO;
        if (item->kind == TARBALL_FILE && item->size > 0 &&
                        archive_write_data(a, item->data, item->size) != (ssize_t)item->size)
                return -EIO;
        return 0;
}

int tarball_write(const char *file, const struct tarball_item *items, size_t n, struct mpart_error *e)
{
        int r = archive_library_load(e);
        if (r < 0)
                return r;
        _cleanup_(archive_output_free) struct archive_output o = { 0 };
        _cleanup_writer_ struct archive *a = archive_write_new();
        _cleanup_entry_ struct archive_entry *entry = archive_entry_new();
        if (!a || !entry)
                return mpart_error_set(e, -ENOMEM, "out of memory");
        if (archive_write_set_format_pax_restricted(a) != ARCHIVE_OK ||
                        archive_write_add_filter_zstd(a) != ARCHIVE_OK ||
                        archive_write_set_bytes_in_last_block(a, 1) != ARCHIVE_OK ||
                        archive_output_open(&o, a) != ARCHIVE_OK)
                r = -EIO;
        for (size_t i = 0; i < n && r == 0; i++)
                r = write_item(a, entry, &items[i]);
        if (r == 0 && archive_write_close(a) != ARCHIVE_OK)
                r = -EIO;
        if (r < 0)
                return mpart_error_set(e, r, "the archive cannot be made: %s",
                                archive_error_string(a) ? archive_error_string(a) : strerror(-r));
        r = write_file_atomic(file, o.data, o.size, 0644);
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
        struct archive *reader;
        const char *file;
        uint64_t total;
        struct mpart_error *e;
};

static int unpack_data(struct unpacking *u, int fd, const char *path)
{
        char data[READ_SIZE];
        uint64_t size = 0;
        for (;;) {
                ssize_t n = archive_read_data(u->reader, data, sizeof(data));
                if (n < 0)
                        return mpart_error_set(
                                        u->e, -EBADMSG, "%s: %s", u->file, archive_error_string(u->reader));
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
        const char *path = archive_entry_pathname(entry), *target = archive_entry_symlink(entry);
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
        mode_t type = archive_entry_filetype(entry);
        if (type == AE_IFREG && !archive_entry_hardlink(entry))
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
        struct archive_entry *entry;
        int r = archive_library_load(e);
        if (r < 0)
                return r;
        _cleanup_reader_ struct archive *a = archive_read_new();
        struct unpacking u = { .reader = a, .file = file, .e = e };
        if (!a)
                return mpart_error_set(e, -ENOMEM, "out of memory");
        if (archive_read_support_filter_all(a) < ARCHIVE_WARN ||
                        archive_read_support_format_tar(a) < ARCHIVE_WARN ||
                        archive_read_open_filename(a, file, READ_SIZE) != ARCHIVE_OK)
                return mpart_error_set(e, -EBADMSG, "%s is not an archive of a machine: %s", file,
                                archive_error_string(a));
        for (size_t n = 0;; n++) {
                r = archive_read_next_header(a, &entry);
                if (r == ARCHIVE_EOF)
                        return 0;
                if (r < ARCHIVE_WARN)
                        return mpart_error_set(e, -EBADMSG, "%s is not an archive of a machine: %s", file,
                                        archive_error_string(a));
                if (n == ENTRIES_LIMIT)
                        return mpart_error_set(
                                        e, -EFBIG, "%s has more than %d entries", file, ENTRIES_LIMIT);
                r = unpack_entry(&u, directory, entry);
                if (r < 0)
                        return r;
        }
}
