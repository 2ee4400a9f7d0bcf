/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>
#include <x86intrin.h>

#include "macros.h"
#include "region.h"

#define FEATURES (MPART_FEATURE_CONSOLE | MPART_FEATURE_EXEC | MPART_FEATURE_NETWORK | MPART_FEATURE_CLOCK)

static bool is_usable(const struct mpart_plan_kernel *k)
{
        return k->shared.size >= MPART_REGION_SIZE_MIN && k->shared.start % 4096 == 0 &&
               k->shared.size % 4096 == 0;
}

void region_word(const struct mpart_plan_kernel *kernel, char ret[static REGION_WORD_MAX])
{
        *ret = 0;
        if (is_usable(kernel))
                snprintf(ret, REGION_WORD_MAX, " " MPART_REGION_PARAMETER "0x%" PRIx64 ",0x%" PRIx64,
                                kernel->shared.start, kernel->shared.size);
}

void region_fill(void *region, uint64_t size, unsigned kernel, uint64_t generation,
                const struct mpart_shared_network *network)
{
        struct mpart_shared_header *h = region;
        /* The magic goes first and comes last: nobody takes a half-made region for a whole one. */
        atomic_store_explicit(&h->magic, 0, memory_order_release);
        memset((char *)region + sizeof(h->magic), 0, size - sizeof(h->magic));
        h->version = MPART_REGION_VERSION;
        h->kernel = kernel;
        h->size = size;
        h->generation = generation;
        h->features = FEATURES;
        h->user_offset = MPART_REGION_USER_OFFSET;
        h->user_size = size - MPART_REGION_USER_OFFSET;
        if (network)
                h->network = *network;
        atomic_store_explicit(&h->magic, MPART_REGION_MAGIC, memory_order_release);
}

void region_tell_time(struct mpart_shared_header *h, unsigned tsc_khz)
{
        struct mpart_shared_clock *c = &h->clock;
        struct timespec t;
        uint32_t sequence = atomic_load_explicit(&c->sequence, memory_order_relaxed) | 1;
        atomic_store_explicit(&c->sequence, sequence, memory_order_relaxed);
        atomic_thread_fence(memory_order_release);
        clock_gettime(CLOCK_REALTIME, &t);
        atomic_store_explicit(&c->tsc, __rdtsc(), memory_order_relaxed);
        atomic_store_explicit(&c->realtime_ns, (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec,
                        memory_order_relaxed);
        atomic_store_explicit(&c->tsc_khz, tsc_khz, memory_order_relaxed);
        atomic_store_explicit(&c->sequence, sequence + 1, memory_order_release);
}

static int new_generation(uint64_t *ret)
{
        uint64_t g = 0;
        while (g == 0)
                if (getrandom(&g, sizeof(g), 0) != sizeof(g) && errno != EINTR)
                        return -errno;
        *ret = g;
        return 0;
}

int region_prepare(const struct physmem *mem, const struct claim *c, const struct mpart_plan_kernel *kernel,
                unsigned tsc_khz, const struct mpart_shared_network *network, struct mpart_error *e)
{
        struct physmem_map map = { 0 };
        uint64_t generation = 0;
        if (!is_usable(kernel))
                return 0;
        int r = new_generation(&generation);
        if (r < 0)
                return mpart_error_set(e, r, "no random number for the shared region: %s", strerror(-r));
        r = physmem_map(mem, c, kernel->shared.start, kernel->shared.size, true, &map, e);
        if (r < 0)
                return mpart_error_prefix(e, r, "shared region");
        region_fill(map.data, map.size, kernel->id, generation, network);
        region_tell_time(map.data, tsc_khz);
        physmem_unmap(&map);
        return 0;
}
