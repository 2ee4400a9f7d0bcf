/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one gate to physical memory. Nothing else in the daemon opens /dev/mem.
 *
 * A range is mapped only if, at that moment, every byte of it is top-level "Reserved" in /proc/iomem (so the
 * primary does not use it) and belongs to the claim (so no other kernel does). */
#pragma once

#include "claim.h"

struct physmem {
        int root; /* directory with proc/iomem and dev/mem; borrowed */
};

struct physmem_map {
        void *data; /* first byte of the range asked for */
        uint64_t size;
        void *base; /* of the mapping, page aligned */
        size_t length;
};

/* -EPERM: not Reserved, or /dev/mem refuses (the text names the parameter to add); -EACCES: not of this
 * claim. */
int physmem_map(const struct physmem *mem, const struct claim *c, uint64_t address, uint64_t size,
                bool writable, struct physmem_map *ret, struct mpart_error *e);
void physmem_unmap(struct physmem_map *m);

/* The check alone, for all of a claim and its low window: what a boot must know before it takes anything. */
int physmem_check(const struct physmem *mem, const struct claim *c, struct mpart_error *e);

/* Copies `data_size` bytes and clears the rest of `size`. */
int physmem_write(const struct physmem *mem, const struct claim *c, uint64_t address, uint64_t size,
                const void *data, uint64_t data_size, struct mpart_error *e);

/* The same into a mapping that is there already; where `data` is NULL the bytes are read from `fd`, -EIO
 * where it ends early. */
int physmem_put(void *to, uint64_t size, const void *data, uint64_t data_size, int fd,
                struct mpart_error *e);

/* The local APIC's page, uncached. Which CPU's APIC answers depends on the CPU that reads: pin the thread.
 */
int physmem_map_apic(
                const struct physmem *mem, uint64_t address, struct physmem_map *ret, struct mpart_error *e);
