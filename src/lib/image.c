/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tells kernel images apart, and says what a file is that is none. */
#include <ctype.h>
#include <elf.h>
#include <errno.h>

#include "boot-internal.h"
#include "macros.h"

#define TEXT_LOOK 256 /* so many bytes decide whether a file is text */
#define SETUP_MAGIC_OFFSET 0x202

/* Files that people give by mistake. The first match counts. */
static const struct {
        size_t offset;
        const char *bytes;
        size_t n;
        const char *what;
} other_files[] = {
        { 0, "\x1f\x8b", 2, "is compressed with gzip (a compressed vmlinux?); decompress it first" },
        { 0, "\3757zXZ", 5, "is compressed with xz; decompress it first" },
        { 0, "\x28\xb5\x2f\xfd", 4, "is compressed with zstd; decompress it first" },
        { 0, "BZh", 3, "is compressed with bzip2; decompress it first" },
        { 0, "\x02\x21\x4c\x18", 4, "is compressed with lz4; decompress it first" },
        { 0, "\x04\x22\x4d\x18", 4, "is compressed with lz4; decompress it first" },
        { 0, "070701", 6, "is a ramdisk (cpio archive), not a kernel" },
        { 56, "ARM\x64", 4, "is a kernel for arm64; an x86-64 kernel is needed" },
        { 0, "MZ", 2,
                        "is an EFI program without a Linux setup header; where it is a unified kernel "
                        "image, give the kernel in its .linux section" },
};

static bool has_bytes(const uint8_t *data, size_t size, size_t offset, const char *bytes, size_t n)
{
        return size >= n && offset <= size - n && memcmp(data + offset, bytes, n) == 0;
}

static bool is_text(const uint8_t *data, size_t size)
{
        for (size_t i = 0; i < MIN(size, (size_t)TEXT_LOOK); i++)
                if (!isprint(data[i]) && !isspace(data[i]))
                        return false;
        return true;
}

static int refuse(const uint8_t *data, size_t size, const char *name, struct mpart_error *e)
{
        if (size == 0)
                return mpart_error_set(e, -ENOEXEC, "%s is empty", name);
        for (size_t i = 0; i < ARRAY_SIZE(other_files); i++)
                if (has_bytes(data, size, other_files[i].offset, other_files[i].bytes, other_files[i].n))
                        return mpart_error_set(e, -ENOEXEC, "%s %s", name, other_files[i].what);
        if (is_text(data, size))
                return mpart_error_set(e, -ENOEXEC, "%s is text, not a kernel", name);
        if (size < SETUP_MAGIC_OFFSET + 4)
                return mpart_error_set(e, -ENOEXEC, "%s is too short for a kernel: %zu bytes", name, size);
        return mpart_error_set(e, -ENOEXEC, "%s is no kernel: neither a bzImage nor an ELF vmlinux", name);
}

static int probe_vmlinux(const void *data, size_t size, const char *name, struct mpart_image *ret,
                struct mpart_error *e)
{
        struct vmlinux v;
        int r = vmlinux_read(data, size, name, &v, e);
        if (r < 0)
                return r;
        *ret = (struct mpart_image){
                .kind = MPART_IMAGE_VMLINUX,
                .data = data,
                .size = size,
                .init_size = v.span,
                .alignment = MPART_ALIGNMENT,
        };
        return 0;
}

int mpart_image_probe(const void *data, size_t size, const char *name, struct mpart_image *ret,
                struct mpart_error *e)
{
        if (has_bytes(data, size, 0, ELFMAG, SELFMAG))
                return probe_vmlinux(data, size, name, ret, e);
        if (has_bytes(data, size, SETUP_MAGIC_OFFSET, "HdrS", 4))
                return bzimage_probe(data, size, name, ret, e);
        return refuse(data, size, name, e);
}
