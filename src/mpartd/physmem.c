/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fs.h"
#include "iomem.h"
#include "macros.h"
#include "physmem.h"

#define PAGE 4096

static int check_reserved(const struct iomem *io, uint64_t address, uint64_t size, struct mpart_error *e)
{
        if (mpart_ranges_contains(&io->reserved, address, size))
                return 0;
        if (mpart_ranges_intersects(&io->ram, address, size))
                return mpart_error_set(e, -EPERM,
                                "/proc/iomem shows %#" PRIx64 "-%#" PRIx64
                                " as System RAM: the primary uses it; start it with memmap=%#" PRIx64
                                "$%#" PRIx64
                                " (mpartctl apply, or mpartctl export grub --install and a reboot)",
                                address, address + size - 1, size, address);
        return mpart_error_set(e, -EPERM,
                        "/proc/iomem does not show all of %#" PRIx64 "-%#" PRIx64
                        " as Reserved; start the primary with the plan's parameters (mpartctl apply)",
                        address, address + size - 1);
}

/* What /proc/iomem says now. */
static int read_iomem(const struct physmem *mem, struct iomem *ret, struct mpart_error *e)
{
        _cleanup_free_ char *text = NULL;
        int r = read_file_at(mem->root, "proc/iomem", 0, &text, NULL);
        return r < 0 ? mpart_error_set(e, r, "/proc/iomem: %s", strerror(-r)) : iomem_parse(text, ret, e);
}

static int check_now(const struct physmem *mem, const struct claim *c, uint64_t address, uint64_t size,
                struct mpart_error *e)
{
        if (size == 0 || address + size < address || !claim_covers(c, address, size))
                return mpart_error_set(e, -EACCES,
                                "%#" PRIx64 "+%#" PRIx64 " is not in the memory of kernel %u", address, size,
                                c->kernel);

        struct iomem io;
        int r = read_iomem(mem, &io, e);
        if (r < 0)
                return r;
        r = check_reserved(&io, address, size, e);
        iomem_free(&io);
        return r;
}

int physmem_check(const struct physmem *mem, const struct claim *c, struct mpart_error *e)
{
        struct iomem io;
        int r = read_iomem(mem, &io, e);
        if (r < 0)
                return r;
        for (size_t i = 0; r == 0 && i < c->memory.n; i++)
                r = check_reserved(&io, c->memory.items[i].start, c->memory.items[i].size, e);
        if (r == 0)
                r = check_reserved(&io, c->low.start, c->low.size, e);
        iomem_free(&io);
        return r;
}

static int map_pages(const struct physmem *mem, int flags, uint64_t address, uint64_t size, bool writable,
                struct physmem_map *ret, struct mpart_error *e)
{
        _cleanup_close_ int fd =
                        openat(mem->root, "dev/mem", (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | flags);
        if (fd < 0)
                return mpart_error_set(e, -errno, "/dev/mem: %s", strerror(errno));

        uint64_t start = ALIGN_DOWN(address, PAGE);
        size_t length = ALIGN_UP(address + size, PAGE) - start;
        void *base = mmap(
                        NULL, length, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd, (off_t)start);
        if (base == MAP_FAILED)
                return mpart_error_set(e, -errno, "/dev/mem refuses %#" PRIx64 "-%#" PRIx64 ": %s", address,
                                address + size - 1, strerror(errno));

        *ret = (struct physmem_map){
                .data = (char *)base + (address - start),
                .size = size,
                .base = base,
                .length = length,
        };
        return 0;
}

int physmem_map(const struct physmem *mem, const struct claim *c, uint64_t address, uint64_t size,
                bool writable, struct physmem_map *ret, struct mpart_error *e)
{
        int r = check_now(mem, c, address, size, e);
        /* Without O_SYNC: write-back, as the kernel that will run there uses it. */
        return r < 0 ? r : map_pages(mem, 0, address, size, writable, ret, e);
}

void physmem_unmap(struct physmem_map *m)
{
        if (m->base)
                munmap(m->base, m->length);
        *m = (struct physmem_map){ 0 };
}

static int read_exactly(int fd, char *data, uint64_t size, struct mpart_error *e)
{
        for (uint64_t done = 0; done < size;) {
                ssize_t n = read(fd, data + done, size - done);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return mpart_error_set(e, -errno,
                                        "cannot be read at byte %" PRIu64 " of %" PRIu64 ": %s", done, size,
                                        strerror(errno));
                if (n == 0)
                        return mpart_error_set(e, -EIO,
                                        "ends at byte %" PRIu64 ", had %" PRIu64 " before it was loaded",
                                        done, size);
                done += (uint64_t)n;
        }
        return 0;
}

int physmem_put(void *to, uint64_t size, const void *data, uint64_t data_size, int fd, struct mpart_error *e)
{
        int r = 0;
        if (data)
                memcpy(to, data, data_size);
        else if (data_size > 0) /* not mapped: where the file is cut short meanwhile, that would be SIGBUS */
                r = read_exactly(fd, to, data_size, e);
        memset((char *)to + data_size, 0, size - data_size);
        return r;
}

int physmem_write(const struct physmem *mem, const struct claim *c, uint64_t address, uint64_t size,
                const void *data, uint64_t data_size, struct mpart_error *e)
{
        struct physmem_map map = { 0 };
        int r = physmem_map(mem, c, address, size, true, &map, e);
        if (r < 0)
                return r;
        assert(map.data);
        r = physmem_put(map.data, size, data, data_size, -1, e);
        physmem_unmap(&map);
        return r;
}

int physmem_map_apic(
                const struct physmem *mem, uint64_t address, struct physmem_map *ret, struct mpart_error *e)
{
        int r = map_pages(mem, O_SYNC, address, PAGE, true, ret, e);
        if (r == -EPERM || r == -EACCES)
                return mpart_error_set(e, r,
                                "the local APIC at %#" PRIx64 " cannot be mapped: start the primary with "
                                "iomem=relaxed (mpartctl apply adds it)",
                                address);
        return r;
}
