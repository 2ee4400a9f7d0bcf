/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libarchive for those who pack and unpack: archive-file.c (ramdisks, compressed files) and tarball.c
 * (captures). */
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include "error.h"
#include "macros.h"

/* Before the first call of libarchive. */
int archive_library_load(struct mpart_error *e);

static inline void archive_readerp(struct archive **a)
{
        if (*a) /* else libarchive may not be there */
                archive_read_free(*a);
}
#define _cleanup_reader_ _cleanup_(archive_readerp)

static inline void archive_writerp(struct archive **a)
{
        archive_write_free(*a);
}
#define _cleanup_writer_ _cleanup_(archive_writerp)

static inline void archive_entryp(struct archive_entry **entry)
{
        archive_entry_free(*entry);
}
#define _cleanup_entry_ _cleanup_(archive_entryp)

/* What a writer has put out so far. */
struct archive_output {
        char *data;
        size_t size, capacity;
};
void archive_output_free(struct archive_output *o);
int archive_output_append(struct archive_output *o, const void *data, size_t n); /* 0 or -ENOMEM */
int archive_output_open(struct archive_output *o, struct archive *writer);       /* as archive_write_open */
