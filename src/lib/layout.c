/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>

#include "macros.h"
#include "plan.h"

#define PAGE_SIZE (4 * KiB)
#define SIZE_LIMIT (UINT64_C(1) << 60) /* sums of a few sizes below it do not wrap */

/* Of 64-bit kernels: kernel_alignment of the setup header, CONFIG_PHYSICAL_ALIGN (boot protocol 2.10). */
#define LOAD_ALIGNMENT (2 * MiB)

static const struct mpart_plan_memory *largest(const struct mpart_plan_memory *memory, size_t n)
{
        const struct mpart_plan_memory *best = memory;
        for (size_t i = 1; i < n; i++)
                if (memory[i].size > best->size ||
                                (memory[i].size == best->size && memory[i].start < best->start))
                        best = &memory[i];
        return best;
}

/* Rounded up to whole MiB, for texts. */
static uint64_t in_mib(uint64_t size)
{
        return size / MiB + (size % MiB != 0);
}

static int refuse(const struct mpart_plan_memory *range, uint64_t need, uint64_t image_size,
                uint64_t ramdisk_size, uint64_t shared_size, struct mpart_error *e)
{
        return mpart_error_set(e, -ENOSPC,
                        "its largest range of memory, %" PRIu64 " MiB at 0x%" PRIx64 ", is %" PRIu64
                        " MiB too small: an image of %" PRIu64 " MiB, a ramdisk of %" PRIu64 " MiB, %" PRIu64
                        " MiB for the boot and a shared region of %" PRIu64 " MiB need %" PRIu64 " MiB",
                        range->size / MiB, range->start, in_mib(need - range->size), in_mib(image_size),
                        in_mib(ramdisk_size), in_mib(MPART_BOOT_AREA_SIZE), in_mib(shared_size),
                        in_mib(need));
}

int mpart_layout_make(const struct mpart_plan_memory *memory, size_t n_memory, uint64_t image_size,
                uint64_t ramdisk_size, uint64_t shared_size, struct mpart_layout *ret, struct mpart_error *e)
{
        if (n_memory == 0)
                return mpart_error_set(e, -ENOSPC, "it has no memory");
        const struct mpart_plan_memory *range = largest(memory, n_memory);
        if (image_size > SIZE_LIMIT || ramdisk_size > SIZE_LIMIT || shared_size > SIZE_LIMIT ||
                        range->start > SIZE_LIMIT || range->size > SIZE_LIMIT)
                return mpart_error_set(e, -ENOSPC, "a size or address is beyond 2^60 bytes");

        uint64_t load = ALIGN_UP(range->start, LOAD_ALIGNMENT);
        uint64_t ramdisk_room = ALIGN_UP(ramdisk_size, PAGE_SIZE);
        uint64_t tail = range->start + range->size - ALIGN_DOWN(range->start + range->size, PAGE_SIZE);
        uint64_t need = load - range->start + ALIGN_UP(image_size, PAGE_SIZE) + ramdisk_room +
                        MPART_BOOT_AREA_SIZE + ALIGN_UP(shared_size, PAGE_SIZE) + tail;
        if (need > range->size)
                return refuse(range, need, image_size, ramdisk_size, shared_size, e);

        uint64_t shared =
                        ALIGN_DOWN(range->start + range->size, PAGE_SIZE) - ALIGN_UP(shared_size, PAGE_SIZE);
        *ret = (struct mpart_layout){
                .load = load,
                .image_size = image_size,
                .ramdisk = shared - MPART_BOOT_AREA_SIZE - ramdisk_room,
                .ramdisk_size = ramdisk_size,
                .boot_area = { shared - MPART_BOOT_AREA_SIZE, MPART_BOOT_AREA_SIZE },
                .shared = { shared, shared_size },
        };
        return 0;
}
