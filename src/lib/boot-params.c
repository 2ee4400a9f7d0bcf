/* SPDX-License-Identifier: GPL-2.0-or-later */
/* boot_params, "the zero page": Documentation/arch/x86/zero-page.rst and boot.rst. */
#include <errno.h>

#include "boot-internal.h"
#include "macros.h"

#define LOADER_UNDEFINED 0xff /* type_of_loader of a boot loader without a number of its own */
#define HEADER_START 0x202    /* the setup header's end is its jump's target: 0x202 + the byte at 0x201 */

/* e820 types, zero-page.rst and ACPI 6.5 section 15. */
enum {
        E820_RAM = 1,
        E820_RESERVED = 2,
};

/* The header of a bzImage as it is in the file, and not a byte behind its end. */
static int header_of_bzimage(
                const struct mpart_image *image, struct setup_header *ret, struct mpart_error *e)
{
        struct setup_header h;
        size_t setup;
        int r = bzimage_header(image, &h, &setup, e);
        if (r < 0)
                return r;

        size_t start = offsetof(struct boot_params, hdr);
        size_t known = (size_t)HEADER_START + (h.jump >> 8) - start;
        if (known < sizeof(h))
                memset((uint8_t *)&h + known, 0, sizeof(h) - known);
        *ret = h;
        return 0;
}

/* A vmlinux has none, and its kernel reads little of it: what a bzImage of today would say. */
static struct setup_header header_of_vmlinux(void)
{
        return (struct setup_header){
                .boot_flag = 0xaa55,
                .header = 0x53726448, /* "HdrS" */
                .version = 0x020f,
                .loadflags = LOADED_HIGH,
                .kernel_alignment = MPART_ALIGNMENT,
                .relocatable_kernel = 1,
                .xloadflags = XLF_KERNEL_64 | XLF_CAN_BE_LOADED_ABOVE_4G,
                .cmdline_size = MPART_COMMAND_LINE_MAX,
        };
}

static int check_header(const struct setup_header *h, const struct mpart_boot_request *request,
                const struct mpart_layout *layout, struct mpart_error *e)
{
        size_t length = strlen(request->cmdline);
        if (h->cmdline_size && length > h->cmdline_size)
                return mpart_error_set(e, -E2BIG,
                                "the command line of kernel %u has %zu characters; its image takes %u",
                                request->kernel, length, h->cmdline_size);
        if (h->pref_address > layout->load)
                return mpart_error_set(e, -EINVAL,
                                "the image of kernel %u runs at %#llx or above (CONFIG_PHYSICAL_START), but "
                                "its memory is at %#llx",
                                request->kernel, (unsigned long long)h->pref_address,
                                (unsigned long long)layout->load);
        if (mpart_range_end(layout->boot_area) > 4 * GiB && !(h->xloadflags & XLF_CAN_BE_LOADED_ABOVE_4G))
                return mpart_error_set(e, -EINVAL,
                                "the image of kernel %u cannot be loaded above 4 GiB, where its memory is "
                                "(no XLF_CAN_BE_LOADED_ABOVE_4G in xloadflags)",
                                request->kernel);
        return 0;
}

static void set_header(struct boot_params *p, const struct mpart_boot_request *request,
                const struct mpart_layout *layout)
{
        uint64_t cmdline = layout->boot_area.start + BOOT_AREA_CMDLINE;
        p->hdr.type_of_loader = LOADER_UNDEFINED;
        p->hdr.loadflags &= ~(KEEP_SEGMENTS | CAN_USE_HEAP); /* for the 16-bit entry, which is not used */
        p->hdr.cmd_line_ptr = (uint32_t)cmdline;
        p->ext_cmd_line_ptr = (uint32_t)(cmdline >> 32);
        if (request->ramdisk_size > 0) {
                p->hdr.ramdisk_image = (uint32_t)layout->ramdisk;
                p->ext_ramdisk_image = (uint32_t)(layout->ramdisk >> 32);
                p->hdr.ramdisk_size = (uint32_t)request->ramdisk_size;
                p->ext_ramdisk_size = (uint32_t)(request->ramdisk_size >> 32);
        }
}

static int add_e820(struct boot_params *p, uint64_t start, uint64_t end, uint32_t type)
{
        if (start >= end)
                return 0;
        if (p->e820_entries == E820_MAX_ENTRIES_ZEROPAGE)
                return -ENOSPC;
        p->e820_table[p->e820_entries++] =
                        (struct boot_e820_entry){ .addr = start, .size = end - start, .type = type };
        return 0;
}

/* One range of the kernel's memory: RAM but for the pieces of `reserved`, which ascend. */
static int add_e820_memory(struct boot_params *p, uint64_t start, uint64_t end,
                const struct mpart_range *reserved, size_t n_reserved)
{
        for (size_t i = 0; i < n_reserved; i++) {
                uint64_t from = MAX(start, reserved[i].start), to = MIN(end, mpart_range_end(reserved[i]));
                if (from >= to)
                        continue;
                if (add_e820(p, start, from, E820_RAM) < 0 || add_e820(p, from, to, E820_RESERVED) < 0)
                        return -ENOSPC;
                start = to;
        }
        return add_e820(p, start, end, E820_RAM);
}

/* Only what the kernel owns, plus, reserved, what it may map. The first half of the low window holds our
 * start code; the second is the RAM below 1 MiB that a kernel needs to wake its other CPUs. */
static int set_e820(struct boot_params *p, const struct mpart_boot_request *request,
                const struct mpart_layout *layout, struct mpart_error *e)
{
        const struct mpart_plan_kernel *k = mpart_plan_kernel(request->plan, request->kernel);
        const struct mpart_range reserved[] = { layout->boot_area, layout->shared };
        uint64_t low = k->low_memory.start;

        int r = add_e820(p, low, low + MPART_LOW_START_SIZE, E820_RESERVED);
        if (r == 0)
                r = add_e820(p, low + MPART_LOW_START_SIZE, mpart_range_end(k->low_memory), E820_RAM);
        for (size_t i = 0; r == 0 && i < k->n_memory; i++)
                r = add_e820_memory(p, k->memory[i].start, k->memory[i].start + k->memory[i].size, reserved,
                                ARRAY_SIZE(reserved));
        if (r < 0)
                return mpart_error_set(e, -EINVAL,
                                "kernel %u has %zu memory ranges; its e820 table holds %d entries",
                                request->kernel, k->n_memory, E820_MAX_ENTRIES_ZEROPAGE);
        return 0;
}

int boot_params_fill(const struct mpart_boot_request *request, const struct mpart_layout *layout,
                struct boot_params *ret, struct mpart_error *e)
{
        struct boot_params p = { 0 };
        int r = 0;
        if (request->image->kind == MPART_IMAGE_BZIMAGE)
                r = header_of_bzimage(request->image, &p.hdr, e);
        else
                p.hdr = header_of_vmlinux();
        if (r < 0)
                return r;
        r = check_header(&p.hdr, request, layout, e);
        if (r < 0)
                return r;

        set_header(&p, request, layout);
        p.acpi_rsdp_addr = layout->boot_area.start + BOOT_AREA_ACPI;
        r = set_e820(&p, request, layout, e);
        if (r < 0)
                return r;
        *ret = p;
        return 0;
}
