/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The shared region of a kernel before it boots: cleared, filled, and named on its command line. */
#pragma once

#include "physmem.h"
#include "shared-region.h"

/* " mpart.region=0xADDRESS,0xSIZE", or "" for a plan whose region is too small to be one. */
#define REGION_WORD_MAX 64
void region_word(const struct mpart_plan_kernel *kernel, char ret[static REGION_WORD_MAX]);

/* Clears `size` bytes and writes the header, the magic last. `network`: NULL for none. */
void region_fill(void *region, uint64_t size, unsigned kernel, uint64_t generation,
                const struct mpart_shared_network *network);

/* The daemon's clocks, into the header: for the secondary to set its own by. */
void region_tell_time(struct mpart_shared_header *h, unsigned tsc_khz);

/* All of the above for a kernel about to be woken, with a new generation. */
int region_prepare(const struct physmem *mem, const struct claim *c, const struct mpart_plan_kernel *kernel,
                unsigned tsc_khz, const struct mpart_shared_network *network, struct mpart_error *e);
