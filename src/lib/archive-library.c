/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "archive-library.h"
#include "library.h"

/* clang-format off */
#define FUNCTIONS(X) \
        X(archive_entry_clear) \
        X(archive_entry_filetype) \
        X(archive_entry_free) \
        X(archive_entry_hardlink) \
        X(archive_entry_mode) \
        X(archive_entry_new) \
        X(archive_entry_pathname) \
        X(archive_entry_rdev) \
        X(archive_entry_set_filetype) \
        X(archive_entry_set_gid) \
        X(archive_entry_set_ino64) \
        X(archive_entry_set_mode) \
        X(archive_entry_set_mtime) \
        X(archive_entry_set_nlink) \
        X(archive_entry_set_pathname) \
        X(archive_entry_set_perm) \
        X(archive_entry_set_rdev) \
        X(archive_entry_set_size) \
        X(archive_entry_set_symlink) \
        X(archive_entry_set_uid) \
        X(archive_entry_symlink) \
        X(archive_error_string) \
        X(archive_read_data) \
        X(archive_read_free) \
        X(archive_read_new) \
        X(archive_read_next_header) \
        X(archive_read_open_filename) \
        X(archive_read_open_memory) \
        X(archive_read_support_filter_all) \
        X(archive_read_support_format_cpio) \
        X(archive_read_support_format_raw) \
        X(archive_read_support_format_tar) \
        X(archive_set_error) \
        X(archive_write_add_filter_gzip) \
        X(archive_write_add_filter_zstd) \
        X(archive_write_close) \
        X(archive_write_data) \
        X(archive_write_fail) \
        X(archive_write_free) \
        X(archive_write_header) \
        X(archive_write_new) \
        X(archive_write_open) \
        X(archive_write_set_bytes_in_last_block) \
        X(archive_write_set_filter_option) \
        X(archive_write_set_format_cpio_newc) \
        X(archive_write_set_format_pax_restricted)
/* clang-format on */
LIBRARY(library, "libarchive.so.13", "libarchive13", "packing and unpacking of archives", FUNCTIONS);

int archive_library_load(struct mpart_error *e)
{
        return library_load(&library, e);
}

void archive_output_free(struct archive_output *o)
{
        free(o->data);
}

int archive_output_append(struct archive_output *o, const void *data, size_t n)
{
        int r = grow_array(&o->data, &o->capacity, o->size + n, 1);
        if (r < 0)
                return r;
        memcpy(o->data + o->size, data, n);
        o->size += n;
        return 0;
}

static la_ssize_t on_output(struct archive *a, void *userdata, const void *data, size_t n)
{
        int r = archive_output_append(userdata, data, n);
        if (r < 0) {
                archive_set_error(a, -r, "out of memory");
                return -1;
        }
        return (la_ssize_t)n;
}

int archive_output_open(struct archive_output *o, struct archive *writer)
{
        return archive_write_open(writer, o, NULL, on_output, NULL);
}
