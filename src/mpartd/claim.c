/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "claim.h"

int claim_make(const struct mpart_plan_kernel *kernel, struct claim *ret)
{
        struct claim c = { .kernel = kernel->id, .low = kernel->low_memory };
        int r = mpart_cpuset_copy(&c.cpus, &kernel->cpus);
        for (size_t i = 0; r == 0 && i < kernel->n_memory; i++)
                r = mpart_ranges_add(&c.memory, kernel->memory[i].start, kernel->memory[i].size);
        if (r < 0) {
                claim_free(&c);
                return r;
        }
        *ret = c;
        return 0;
}

void claim_free(struct claim *c)
{
        mpart_cpuset_free(&c->cpus);
        mpart_ranges_free(&c->memory);
        *c = (struct claim){ 0 };
}

bool claim_covers(const struct claim *c, uint64_t address, uint64_t size)
{
        if (c->holds_low && address >= c->low.start && size <= c->low.size &&
                        address - c->low.start <= c->low.size - size)
                return true;
        return mpart_ranges_contains(&c->memory, address, size);
}
