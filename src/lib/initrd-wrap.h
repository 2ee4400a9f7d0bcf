/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A ramdisk that the agent is put in front of: one archive behind the other, each with a compression of its
 * own (Documentation/driver-api/early-userspace/buffer-format.rst), or a tar archive of a root tree. */
#pragma once

#include "archive-file.h"

struct initrd_wrapped {
        char *data; /* as the kernel is to get it: a tar archive or a directory has become a newc archive */
        size_t size;
        struct archive_file init; /* what runs as its PID 1 today: a file or a link to it */
        char **links;             /* paths that are symbolic links */
        size_t n_links, capacity;
};
void initrd_wrapped_free(struct initrd_wrapped *w);

/* `name` is for the text. -EINVAL: nothing that could be init is in it; -EBADMSG: no ramdisk, or damaged. */
int initrd_wrapped_read(const void *data, size_t size, const char *name, enum mpart_compression compression,
                struct initrd_wrapped *ret, struct mpart_error *e);
/* The root tree in a directory, as it is. */
int initrd_wrapped_read_directory(int fd, const char *name, enum mpart_compression compression,
                struct initrd_wrapped *ret, struct mpart_error *e);
