/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What one kernel may touch. Both gates (physmem.h for memory, cpugate.h for CPUs) ask a claim before they
 * act. */
#pragma once

#include "plan.h"

struct claim {
        unsigned kernel;            /* id, never 0 */
        struct mpart_cpuset cpus;   /* logical CPUs of the partition */
        struct mpart_ranges memory; /* its memory, the low window left out */
        struct mpart_range low;     /* its low window */
        bool holds_low;             /* the window is this kernel's now, so that it may be written */
};

int claim_make(const struct mpart_plan_kernel *kernel, struct claim *ret); /* 0 or -ENOMEM */
void claim_free(struct claim *c);
/* All of [address, address + size) is this kernel's now. */
bool claim_covers(const struct claim *c, uint64_t address, uint64_t size);
