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

static struct archive_entry *entry_of(const struct archive_file *f, unsigned number)
{
        struct archive_entry *entry = archive_entry_new();
        if (!entry)
                return NULL;
        archive_entry_set_pathname(entry, f->path);
        archive_entry_set_mode(entry, f->mode);
        archive_entry_set_uid(entry, f->uid);
        archive_entry_set_gid(entry, f->gid);
        archive_entry_set_mtime(entry, f->mtime, 0);
        archive_entry_set_ino64(entry, f->inode ? f->inode : number);
        archive_entry_set_nlink(entry, f->inode ? f->links : S_ISDIR(f->mode) ? 2 : 1);
        archive_entry_set_size(entry, S_ISREG(f->mode) ? (la_int64_t)f->size : 0);
        if (S_ISLNK(f->mode))
                archive_entry_set_symlink(entry, f->data);
        if (S_ISCHR(f->mode) || S_ISBLK(f->mode))
                archive_entry_set_rdev(entry, f->device);
        return entry;
}

struct archive_writer {
        struct archive *archive;
        struct archive_output output;
        unsigned n;
};

static int write_error(struct archive_writer *w, struct mpart_error *e)
{
        const char *text = archive_error_string(w->archive);
        mpart_error_set(e, -EIO, "the ramdisk cannot be packed: %s", text ? text : "out of memory");
        archive_write_fail(w->archive); /* freeing it must not write once more */
        return -EIO;
}

int archive_writer_new(
                enum mpart_compression compression, struct archive_writer **ret, struct mpart_error *e)
{
        int r = archive_library_load(e);
        if (r < 0)
                return r;
        _cleanup_(archive_writer_freep) struct archive_writer *w = calloc(1, sizeof(*w));
        if (w)
                w->archive = archive_write_new();
        if (!w || !w->archive)
                return mpart_error_set(e, -ENOMEM, "out of memory");
        if (open_writer(w->archive, compression, &w->output) != ARCHIVE_OK)
                return write_error(w, e);
        *ret = TAKE_PTR(w);
        return 0;
}

void archive_writer_free(struct archive_writer *w)
{
        if (!w)
                return;
        archive_write_free(w->archive);
        archive_output_free(&w->output);
        free(w);
}

int archive_writer_add(struct archive_writer *w, const struct archive_file *f, struct mpart_error *e)
{
        _cleanup_entry_ struct archive_entry *entry = entry_of(f, ++w->n);
        if (!entry)
                return mpart_error_set(e, -ENOMEM, "out of memory");
        if (archive_write_header(w->archive, entry) != ARCHIVE_OK)
                return write_error(w, e);
        if (S_ISREG(f->mode) && f->size > 0 &&
                        archive_write_data(w->archive, f->data, f->size) != (la_ssize_t)f->size)
                return write_error(w, e);
        return 0;
}

int archive_writer_end(struct archive_writer *w, char **ret, size_t *ret_size, struct mpart_error *e)
{
        if (archive_write_close(w->archive) != ARCHIVE_OK)
                return write_error(w, e);
        *ret_size = w->output.size;
        *ret = TAKE_PTR(w->output.data);
        return 0;
}

int archive_write(const struct archive_file *files, size_t n, enum mpart_compression compression, char **ret,
                size_t *ret_size, struct mpart_error *e)
{
        _cleanup_(archive_writer_freep) struct archive_writer *w = NULL;
        int r = archive_writer_new(compression, &w, e);
        for (size_t i = 0; r == 0 && i < n; i++)
                r = archive_writer_add(w, &files[i], e);
        return r < 0 ? r : archive_writer_end(w, ret, ret_size, e);
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

/* "./usr/bin/" and "/usr/bin" are "usr/bin", "." is "". */
static char *plain_path(const char *path)
{
        while (*path == '/' || (path[0] == '.' && path[1] == '/'))
                path++;
        size_t n = streq(path, ".") ? 0 : strlen(path);
        while (n > 0 && path[n - 1] == '/')
                n--;
        return strndup(path, n);
}

static int visit(struct archive *a, struct archive_entry *entry, const char *name,
                const struct archive_walk *walk, struct mpart_error *e)
{
        const char *path = archive_entry_pathname(entry), *link = archive_entry_symlink(entry),
                   *other = archive_entry_hardlink(entry);
        if (!path)
                return mpart_error_set(e, -EBADMSG, "%s: the name of a member cannot be read", name);
        _cleanup_free_ char *plain = plain_path(path), *plain_other = other ? plain_path(other) : NULL;
        if (!plain || (other && !plain_other))
                return mpart_error_set(e, -ENOMEM, "out of memory");
        struct archive_file member = {
                .path = plain,
                .mode = archive_entry_mode(entry),
                .device = archive_entry_rdev(entry),
                .uid = (uid_t)archive_entry_uid(entry),
                .gid = (gid_t)archive_entry_gid(entry),
                .mtime = archive_entry_mtime(entry),
                .hard_link = plain_other,
        };
        _cleanup_free_ char *owned = NULL;
        if (other) /* tar tells no type of it */
                member.mode = S_IFREG | (member.mode & 07777);
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

static int support_archives(struct archive *a)
{
        archive_read_support_format_cpio(a);
        return archive_read_support_format_tar(a);
}

/* A reader of bytes in memory, of any compression and the formats that `support` adds. */
static int open_reader(const void *data, size_t size, const char *name, int (*support)(struct archive *a),
                struct archive **ret, struct mpart_error *e)
{
        int r = archive_library_load(e);
        if (r < 0)
                return r;
        _cleanup_reader_ struct archive *a = archive_read_new();
        if (!a)
                return mpart_error_set(e, -ENOMEM, "out of memory");
        archive_read_support_filter_all(a);
        support(a);
        if (archive_read_open_memory(a, data, size) != ARCHIVE_OK)
                return read_error(a, name, e);
        *ret = TAKE_PTR(a);
        return 0;
}

int archive_walk(const void *data, size_t size, const char *name, const struct archive_walk *walk,
                struct mpart_error *e)
{
        _cleanup_reader_ struct archive *a = NULL;
        int r = open_reader(data, size, name, support_archives, &a, e);
        if (r < 0)
                return r;
        struct archive_entry *entry;
        while ((r = archive_read_next_header(a, &entry)) == ARCHIVE_OK || r == ARCHIVE_WARN) {
                int code = visit(a, entry, name, walk, e);
                if (code < 0)
                        return code;
        }
        return r == ARCHIVE_EOF ? 0 : read_error(a, name, e);
}

bool archive_is_tar(const void *data, size_t size)
{
        _cleanup_reader_ struct archive *a = NULL;
        if (open_reader(data, size, "", support_archives, &a, NULL) < 0)
                return false;
        struct archive_entry *entry;
        return archive_read_next_header(a, &entry) == ARCHIVE_OK &&
               (archive_format(a) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_TAR;
}

int archive_uncompress(const void *data, size_t size, const char *name, char **ret, size_t *ret_size,
                struct mpart_error *e)
{
        _cleanup_reader_ struct archive *a = NULL;
        int r = open_reader(data, size, name, archive_read_support_format_raw, &a, e);
        if (r < 0)
                return r;
        struct archive_entry *entry;
        if (archive_read_next_header(a, &entry) != ARCHIVE_OK)
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
