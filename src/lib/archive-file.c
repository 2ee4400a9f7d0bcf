/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <sys/stat.h>

#include "archive-file.h"
#include "archive-library.h"
#include "macros.h"

#define BLOCK (64 * KiB)
#define MEMBER_LIMIT (256 * MiB) /* of one file that is read into memory */

void archive_file_clear(struct archive_file *f)
{
        free(f->path);
        free(f->data);
        memset(f, 0, sizeof(*f));
}

static int open_writer(struct archive *a, enum mpart_compression compression, struct archive_output *o)
{
        int r = archive_write_set_format_cpio_newc(a);
        if (r == ARCHIVE_OK && compression == MPART_COMPRESSION_GZIP) {
                r = archive_write_add_filter_gzip(a);
                if (r == ARCHIVE_OK) /* else the time of the making is in it */
                        r = archive_write_set_filter_option(a, "gzip", "timestamp", NULL);
        } else if (r == ARCHIVE_OK && compression == MPART_COMPRESSION_ZSTD) {
                r = archive_write_add_filter_zstd(a);
        }
        if (r == ARCHIVE_OK)
                r = archive_write_set_bytes_in_last_block(a, 1);
        return r == ARCHIVE_OK ? archive_output_open(o, a) : r;
}

static int write_file(struct archive *a, const struct archive_file *f, unsigned number)
{
        _cleanup_entry_ struct archive_entry *entry = archive_entry_new();
        if (!entry)
                return ARCHIVE_FATAL;
        archive_entry_set_pathname(entry, f->path);
        archive_entry_set_mode(entry, f->mode);
        archive_entry_set_uid(entry, 0);
        archive_entry_set_gid(entry, 0);
        archive_entry_set_mtime(entry, 0, 0);
        archive_entry_set_ino64(entry, number);
        archive_entry_set_nlink(entry, S_ISDIR(f->mode) ? 2 : 1);
        archive_entry_set_size(entry, S_ISREG(f->mode) ? (la_int64_t)f->size : 0);
        if (S_ISLNK(f->mode))
                archive_entry_set_symlink(entry, f->data);
        if (S_ISCHR(f->mode))
                archive_entry_set_rdev(entry, f->device);

        int r = archive_write_header(a, entry);
        if (r != ARCHIVE_OK || !S_ISREG(f->mode) || f->size == 0)
                return r;
        return archive_write_data(a, f->data, f->size) == (la_ssize_t)f->size ? ARCHIVE_OK : ARCHIVE_FATAL;
}

int archive_write(const struct archive_file *files, size_t n, enum mpart_compression compression, char **ret,
                size_t *ret_size, struct mpart_error *e)
{
        int r = archive_library_load(e);
        if (r < 0)
                return r;
        struct archive_output o = { 0 };
        _cleanup_writer_ struct archive *a = archive_write_new();
        if (!a)
                return mpart_error_set(e, -ENOMEM, "out of memory");

        r = open_writer(a, compression, &o);
        for (size_t i = 0; r == ARCHIVE_OK && i < n; i++)
                r = write_file(a, &files[i], (unsigned)i + 1);
        if (r == ARCHIVE_OK)
                r = archive_write_close(a);
        if (r != ARCHIVE_OK) {
                const char *text = archive_error_string(a);
                mpart_error_set(e, -EIO, "the ramdisk cannot be packed: %s", text ? text : "out of memory");
                archive_write_fail(a); /* freeing it must not write once more */
                free(o.data);
                return -EIO;
        }
        *ret = o.data;
        *ret_size = o.size;
        return 0;
}

static int read_error(struct archive *a, const char *name, struct mpart_error *e)
{
        const char *text = archive_error_string(a);
        return mpart_error_set(
                        e, -EBADMSG, "%s cannot be unpacked: %s", name, text ? text : "unknown format");
}

static int read_data(struct archive *a, const char *name, struct archive_output *o, struct mpart_error *e)
{
        _cleanup_free_ char *block = malloc(BLOCK);
        int r = block ? 0 : -ENOMEM;
        while (r == 0) {
                la_ssize_t n = archive_read_data(a, block, BLOCK);
                if (n < 0)
                        return read_error(a, name, e);
                if (n == 0)
                        break;
                if (o->size + (size_t)n > MEMBER_LIMIT)
                        return mpart_error_set(e, -EFBIG, "%s: a member is larger than %u MiB", name,
                                        (unsigned)(MEMBER_LIMIT / MiB));
                r = archive_output_append(o, block, (size_t)n);
        }
        if (r == 0)
                r = archive_output_append(o, "", 1); /* a string, for who wants one */
        if (r < 0)
                return mpart_error_set(e, r, "out of memory");
        o->size--;
        return 0;
}

/* "./usr/bin" and "/usr/bin" are "usr/bin". */
static const char *plain_path(const char *path)
{
        while (*path == '/' || (path[0] == '.' && path[1] == '/'))
                path++;
        return streq(path, ".") ? "" : path;
}

static int visit(struct archive *a, struct archive_entry *entry, const char *name,
                const struct archive_walk *walk, struct mpart_error *e)
{
        const char *path = archive_entry_pathname(entry), *link = archive_entry_symlink(entry);
        if (!path)
                return mpart_error_set(e, -EBADMSG, "%s: the name of a member cannot be read", name);
        struct archive_file member = {
                .path = (char *)plain_path(path),
                .mode = archive_entry_mode(entry),
                .device = archive_entry_rdev(entry),
        };
        _cleanup_free_ char *owned = NULL;
        if (link) {
                owned = strdup(link);
                member.data = owned;
                member.size = owned ? strlen(owned) : 0;
        } else if (archive_entry_filetype(entry) == AE_IFREG && walk->wanted(walk->userdata, &member)) {
                struct archive_output o = { 0 };
                int r = read_data(a, name, &o, e);
                owned = o.data;
                member.data = owned;
                member.size = o.size;
                if (r < 0)
                        return r;
        }
        return walk->member(walk->userdata, &member);
}

int archive_walk(const void *data, size_t size, const char *name, const struct archive_walk *walk,
                struct mpart_error *e)
{
        int r = archive_library_load(e);
        if (r < 0)
                return r;
        _cleanup_reader_ struct archive *a = archive_read_new();
        if (!a)
                return mpart_error_set(e, -ENOMEM, "out of memory");
        archive_read_support_filter_all(a);
        archive_read_support_format_cpio(a);
        archive_read_support_format_tar(a);
        if (archive_read_open_memory(a, data, size) != ARCHIVE_OK)
                return read_error(a, name, e);

        struct archive_entry *entry;
        while ((r = archive_read_next_header(a, &entry)) == ARCHIVE_OK || r == ARCHIVE_WARN) {
                int code = visit(a, entry, name, walk, e);
                if (code < 0)
                        return code;
        }
        return r == ARCHIVE_EOF ? 0 : read_error(a, name, e);
}

int archive_uncompress(const void *data, size_t size, const char *name, char **ret, size_t *ret_size,
                struct mpart_error *e)
{
        int r = archive_library_load(e);
        if (r < 0)
                return r;
        _cleanup_reader_ struct archive *a = archive_read_new();
        if (!a)
                return mpart_error_set(e, -ENOMEM, "out of memory");
        archive_read_support_filter_all(a);
        archive_read_support_format_raw(a);
        struct archive_entry *entry;
        if (archive_read_open_memory(a, data, size) != ARCHIVE_OK ||
                        archive_read_next_header(a, &entry) != ARCHIVE_OK)
                return read_error(a, name, e);

        struct archive_output o = { 0 };
        r = read_data(a, name, &o, e);
        if (r < 0) {
                free(o.data);
                return r;
        }
        *ret = o.data;
        *ret_size = o.size;
        return 0;
}
