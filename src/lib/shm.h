/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory that the programs of two kernels share: the free area of a partition's shared region
 * (shared-region.h), seen from the primary or from the secondary that owns it. For root. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "error.h"

#define MPART_SHM_OWN UINT32_MAX /* in a secondary: its own region */

struct mpart_shm {
        void *data; /* page aligned, write-back, readable and writable; zero when the kernel booted */
        size_t size;
        unsigned kernel;     /* whose partition it is in */
        uint64_t generation; /* of the boot at the time of mpart_shm_open */
        const void *header;  /* of the region, read-only; for mpart_shm_is_current */
};

/* In the primary, `kernel` is an id of the saved plan; in a secondary it is MPART_SHM_OWN or its own id.
 * -ENOENT: no such kernel, no saved plan, or no region here; -ENODATA: the kernel has not been booted;
 * -EPERM, -EACCES: not root, or not memory that is kept for this; -EINVAL: another kernel's. */
int mpart_shm_open(unsigned kernel, struct mpart_shm *ret, struct mpart_error *e);
void mpart_shm_close(struct mpart_shm *shm);

/* 0 once the kernel has been booted anew: what is in the area is the new boot's. */
int mpart_shm_is_current(const struct mpart_shm *shm);
