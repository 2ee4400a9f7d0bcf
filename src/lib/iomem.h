/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /proc/iomem: the physical address space as the running kernel uses it. */
#pragma once

#include "error.h"
#include "ranges.h"

#define MPART_PAGE_SIZE (UINT64_C(4) << 10)

struct iomem {
        struct mpart_ranges ram;          /* "System RAM*": whole pages, without page 0 */
        struct mpart_ranges kernel;       /* "Kernel code", rodata, data and bss: whole pages around them */
        struct mpart_ranges crash_kernel; /* "Crash kernel" */
        struct mpart_ranges reserved;     /* top-level "Reserved" without the RAM in it, to the byte */
};

void iomem_free(struct iomem *s);

/* 0; -EPERM: every address is zero, as an ordinary user sees them; -ENODATA: no RAM in it; -EBADMSG: a line
 * that cannot be read; -ENOMEM. */
int iomem_parse(const char *text, struct iomem *ret, struct mpart_error *e);

/* Whole 4 KiB pages within the set, page 0 left out: the kernel never uses it (trim_bios_range in
 * arch/x86/kernel/setup.c). 0 or -ENOMEM. */
int ram_trim(struct mpart_ranges *ram);
