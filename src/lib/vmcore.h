/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A dump of a kernel's memory as an ELF core, as /proc/vmcore has it: the VMCOREINFO note, one segment for
 * the kernel image at its own addresses, one for each piece of memory in the direct map. Read by
 * vmcore-dmesg, makedumpfile and crash. */
#pragma once

#include "kmem.h"

/* Called some times a second with bytes of memory done, and all of them; a negative value ends the writing
 * and is what mpart_vmcore_write returns. */
typedef int (*mpart_vmcore_progress_fn)(void *data, uint64_t done, uint64_t total);

/* Writes to `fd` from its position on. Pages of zeros become a hole where `fd` is an empty regular file,
 * which then has the dump's whole length. `progress` may be NULL. */
int mpart_vmcore_write(const struct mpart_kmem *k, int fd, mpart_vmcore_progress_fn progress, void *data,
                struct mpart_error *e);
