/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bzImage: Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header". */
#include <ctype.h>
#include <errno.h>

#include "boot-internal.h"
#include "macros.h"

#define HEADER_OFFSET offsetof(struct boot_params, hdr) /* 0x1f1 */
#define HEADER_MAGIC 0x53726448U                        /* "HdrS" */
#define BOOT_FLAG 0xaa55
#define PROTOCOL_MIN 0x020c /* 2.12: xloadflags, that is, a 64-bit entry that says so (Linux 3.8) */
#define SECTOR 512
#define VERSION_BASE 0x200 /* kernel_version counts from here */

static int read_header(const void *data, size_t size, const char *name, struct setup_header *ret,
                size_t *ret_setup, struct mpart_error *e)
{
        struct setup_header h;
        if (size < HEADER_OFFSET + sizeof(h))
                return mpart_error_set(e, -ENOEXEC,
                                "%s is cut off within the setup header: %zu bytes; fetch the kernel again",
                                name, size);
        memcpy(&h, (const uint8_t *)data + HEADER_OFFSET, sizeof(h));
        if (h.boot_flag != BOOT_FLAG || h.header != HEADER_MAGIC)
                return mpart_error_set(e, -ENOEXEC, "%s has no Linux setup header", name);

        size_t setup = ((h.setup_sects ? h.setup_sects : 4) + (size_t)1) * SECTOR;
        uint64_t needed = setup + (uint64_t)h.syssize * 16;
        if (size < needed || size == setup)
                return mpart_error_set(e, -ENOEXEC,
                                "%s is cut off: %zu bytes, but its header tells of %llu; fetch the kernel "
                                "again",
                                name, size, (unsigned long long)needed);
        *ret = h;
        *ret_setup = setup;
        return 0;
}

/* Protocol 2.12 and a 64-bit entry, loadable where a partition has its memory. */
static int check_capabilities(const struct setup_header *h, const char *name, struct mpart_error *e)
{
        if (h->version < PROTOCOL_MIN)
                return mpart_error_set(e, -ENOEXEC,
                                "%s speaks boot protocol %u.%02u; 2.12 (Linux 3.8) or later is needed", name,
                                h->version >> 8, h->version & 0xff);
        if (!(h->loadflags & LOADED_HIGH))
                return mpart_error_set(
                                e, -ENOEXEC, "%s is a zImage (loaded low); a bzImage is needed", name);
        if (!(h->xloadflags & XLF_KERNEL_64))
                return mpart_error_set(e, -ENOEXEC,
                                "%s is a 32-bit kernel (no XLF_KERNEL_64 in xloadflags); an x86-64 kernel "
                                "is needed",
                                name);
        if (!h->relocatable_kernel)
                return mpart_error_set(e, -ENOEXEC,
                                "%s is not relocatable (CONFIG_RELOCATABLE is off), so it runs at one "
                                "address only",
                                name);
        if (h->kernel_alignment & (h->kernel_alignment - 1))
                return mpart_error_set(e, -ENOEXEC,
                                "%s is damaged: kernel_alignment %#x in its header is not a power of two",
                                name, h->kernel_alignment);
        return 0;
}

/* "6.1.0-13-cloud-amd64 (debian-kernel@...) #1 SMP ...", cut at the space; "" where anything is odd. */
static void read_release(
                const uint8_t *data, size_t setup, const struct setup_header *h, char *ret, size_t ret_size)
{
        size_t at = (size_t)VERSION_BASE + h->kernel_version, n = 0;
        if (!h->kernel_version)
                return;
        while (at + n < setup && n < ret_size - 1 && isgraph(data[at + n]))
                n++;
        if (at + n >= setup || (data[at + n] != ' ' && data[at + n] != '\0'))
                return;
        memcpy(ret, data + at, n);
        ret[n] = '\0';
}

int bzimage_probe(const void *data, size_t size, const char *name, struct mpart_image *ret,
                struct mpart_error *e)
{
        struct setup_header h = { 0 };
        size_t setup = 0;
        int r = read_header(data, size, name, &h, &setup, e);
        if (r < 0)
                return r;
        r = check_capabilities(&h, name, e);
        if (r < 0)
                return r;
        if (size - setup > h.init_size)
                return mpart_error_set(e, -ENOEXEC,
                                "%s is damaged: %zu bytes of kernel do not fit into init_size %u of its "
                                "header",
                                name, size - setup, h.init_size);

        struct mpart_image image = {
                .kind = MPART_IMAGE_BZIMAGE,
                .data = data,
                .size = size,
                .init_size = h.init_size,
                .alignment = MAX(h.kernel_alignment, MPART_ALIGNMENT),
        };
        read_release(data, setup, &h, image.release, sizeof(image.release));
        *ret = image;
        return 0;
}

int bzimage_header(const struct mpart_image *image, struct setup_header *ret, size_t *ret_setup,
                struct mpart_error *e)
{
        return read_header(image->data, image->size, "kernel image", ret, ret_setup, e);
}
