/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Archives of captured machines. */
#pragma once

#include <stddef.h>

#include "error.h"

enum tarball_kind {
        TARBALL_FILE,
        TARBALL_DIRECTORY,
        TARBALL_LINK,
};

/* One thing in an archive; `data` is the content of a file or the target of a link. */
struct tarball_item {
        enum tarball_kind kind;
        char *path;
        char *data;
        size_t size;
};

/* Writes a tar archive compressed with zstd, replaced whole or not at all. Owners and times are left out:
 * the same items give the same bytes. 0 or a negative errno. */
int tarball_write(const char *file, const struct tarball_item *items, size_t n, struct mpart_error *e);

/* Unpacks an archive of any compression into an empty directory that nobody else can write to. Nothing is
 * written outside it, and no link that is made leads out of it: such links, and devices, are left out. 0;
 * -EBADMSG: not an archive, or a path that leads out; -EFBIG: more than a machine can be. */
int tarball_unpack(const char *file, int directory, struct mpart_error *e);
