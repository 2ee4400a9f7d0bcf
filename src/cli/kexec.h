/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starting the primary again without the firmware: which files, and how they are loaded. */
#pragma once

#include "error.h"

struct kexec_request {
        const char *image;   /* path */
        const char *ramdisk; /* path, or NULL: none */
        const char *cmdline; /* the whole line */
};

/* Loads by kexec_file_load(2); where the kernel has no such call, or refuses the image, by kexec_load(2)
 * through kexec-tools. */
int kexec_load_primary(const struct kexec_request *request, struct mpart_error *e);

/* Hands over to systemd, which stops the services and starts what is loaded. */
int kexec_start(struct mpart_error *e);

/* The image that the running line names by BOOT_IMAGE=, where it is there; else vmlinuz-<release> of /boot.
 * `root` is a directory descriptor; *ret is a path below it without a leading slash, the caller frees it.
 * -ENOENT with what was looked for. */
int kexec_find_image(
                int root, const char *running_line, const char *release, char **ret, struct mpart_error *e);
/* The ramdisk of the release, by the names of Debian, Fedora and openSUSE. *ret is NULL where there is none:
 * a kernel can do without. 0 or -ENOMEM. */
int kexec_find_ramdisk(int root, const char *release, char **ret);
