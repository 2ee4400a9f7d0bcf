/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmdline-words.h"
#include "fs.h"
#include "iomem.h"
#include "macros.h"
#include "plan.h"
#include "shared-region.h"
#include "shm-internal.h"

#define PLAN_LIMIT (64 * MiB)

static int parse_place(const char *text, struct mpart_range *ret, struct mpart_error *e)
{
        char *end;
        errno = 0;
        uint64_t start = strtoull(text, &end, 0), size = *end == ',' ? strtoull(end + 1, &end, 0) : 0;
        if (errno || *end || start % 4096 || size % 4096 || size < MPART_REGION_SIZE_MIN ||
                        start + size < start)
                return mpart_error_set(e, -EBADMSG, "/proc/cmdline: %s%s cannot be a region",
                                MPART_REGION_PARAMETER, text);
        *ret = (struct mpart_range){ start, size };
        return 0;
}

/* 1: this is a secondary, *ret is its region; 0: it is not. */
static int find_own(int root, struct mpart_range *ret, struct mpart_error *e)
{
        _cleanup_free_ char *line = NULL;
        struct word w;
        int r = read_line_at(root, "proc/cmdline", &line);
        if (r < 0)
                return mpart_error_set(e, r, "/proc/cmdline: %s", strerror(-r));
        for (const char *p = line; word_next(&p, &w);) {
                if (!word_starts(&w, MPART_REGION_PARAMETER))
                        continue;
                _cleanup_free_ char *text = word_unquoted(&w);
                if (!text)
                        return mpart_error_set(e, -ENOMEM, "out of memory");
                r = parse_place(text + strlen(MPART_REGION_PARAMETER), ret, e);
                return r < 0 ? r : 1;
        }
        return 0;
}

static int find_planned(int root, unsigned kernel, struct mpart_range *ret, struct mpart_error *e)
{
        _cleanup_free_ char *text = NULL;
        _cleanup_(mpart_plan_freep) struct mpart_plan *plan = NULL;
        if (kernel == MPART_SHM_OWN || kernel == 0)
                return mpart_error_set(e, -EINVAL,
                                "the primary has no shared region of its own: name the kernel to share with");
        int r = read_file_at(root, &MPART_PLAN_FILE[1], PLAN_LIMIT, &text, NULL);
        if (r < 0)
                return mpart_error_set(e, r, MPART_PLAN_FILE ": %s; make a plan: mpartctl plan --save",
                                strerror(-r));
        r = mpart_plan_from_json(text, &plan, e);
        if (r < 0)
                return mpart_error_prefix(e, r, MPART_PLAN_FILE);
        const struct mpart_plan_kernel *k = mpart_plan_kernel(plan, kernel);
        if (!k || k->shared.size < MPART_REGION_SIZE_MIN)
                return mpart_error_set(
                                e, -ENOENT, "the saved plan has no kernel %u with a shared region", kernel);
        *ret = k->shared;
        return 0;
}

/* In a secondary without PCI the kernel never enters reserved ranges above 1 MiB into the resource tree
 * (e820__reserve_resources_late comes with PCI): there it counts that the region is no RAM. */
static int check_unused(int root, struct mpart_range place, bool own, struct mpart_error *e)
{
        _cleanup_free_ char *text = NULL;
        struct iomem io;
        int r = read_file_at(root, "proc/iomem", 0, &text, NULL);
        if (r < 0)
                return mpart_error_set(e, r, "/proc/iomem: %s", strerror(-r));
        r = iomem_parse(text, &io, e);
        if (r < 0)
                return r;
        bool unused = own ? !mpart_ranges_intersects(&io.ram, place.start, place.size)
                          : mpart_ranges_contains(&io.reserved, place.start, place.size);
        if (!unused && own)
                r = mpart_error_set(e, -EPERM, "/proc/iomem shows the region at %#" PRIx64 " as System RAM",
                                place.start);
        else if (!unused)
                r = mpart_error_set(e, -EPERM,
                                "/proc/iomem does not show %#" PRIx64 "-%#" PRIx64
                                " as Reserved: the plan is not in effect (mpartctl apply)",
                                place.start, place.start + place.size - 1);
        iomem_free(&io);
        return r;
}

static bool is_whole(const struct mpart_shared_header *h, uint64_t size)
{
        return atomic_load_explicit(&h->magic, memory_order_acquire) == MPART_REGION_MAGIC &&
               h->version == MPART_REGION_VERSION && h->size == size;
}

static int map(int root, struct mpart_range place, unsigned kernel, struct mpart_shm *ret,
                struct mpart_error *e)
{
        _cleanup_close_ int fd = openat(root, "dev/mem", O_RDWR | O_CLOEXEC); /* no O_SYNC: write-back */
        if (fd < 0)
                return mpart_error_set(e, -errno, "/dev/mem: %s", strerror(errno));
        size_t size = place.size - MPART_REGION_USER_OFFSET;
        struct mpart_shared_header *h =
                        mmap(NULL, sizeof(*h), PROT_READ, MAP_SHARED, fd, (off_t)place.start);
        if (h == MAP_FAILED)
                return mpart_error_set(e, -errno, "/dev/mem refuses %#" PRIx64 ": %s", place.start,
                                strerror(errno));
        int r = 0;
        void *data = MAP_FAILED;
        if (!is_whole(h, place.size))
                r = mpart_error_set(e, -ENODATA,
                                "there is no shared region at %#" PRIx64
                                " yet: its kernel has not been booted",
                                place.start);
        else if (kernel != MPART_SHM_OWN && kernel != h->kernel)
                r = mpart_error_set(e, -EINVAL, "this region is of kernel %u, not %u", h->kernel, kernel);
        else if ((data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                                  (off_t)(place.start + MPART_REGION_USER_OFFSET))) == MAP_FAILED)
                r = mpart_error_set(e, -errno, "/dev/mem refuses the free area: %s", strerror(errno));
        if (r < 0) {
                munmap(h, sizeof(*h));
                return r;
        }
        *ret = (struct mpart_shm){
                .data = data, .size = size, .kernel = h->kernel, .generation = h->generation, .header = h
        };
        return 0;
}

int shm_open_below(int root, unsigned kernel, struct mpart_shm *ret, struct mpart_error *e)
{
        struct mpart_range place = { 0 };
        int own = find_own(root, &place, e);
        int r = own == 0 ? find_planned(root, kernel, &place, e) : own;
        if (r >= 0)
                r = check_unused(root, place, own > 0, e);
        return r < 0 ? r : map(root, place, kernel, ret, e);
}

int mpart_shm_open(unsigned kernel, struct mpart_shm *ret, struct mpart_error *e)
{
        _cleanup_close_ int root = open_root("/");
        if (root < 0)
                return mpart_error_set(e, root, "/: %s", strerror(-root));
        return shm_open_below(root, kernel, ret, e);
}

void mpart_shm_close(struct mpart_shm *shm)
{
        if (!shm->data)
                return;
        munmap(shm->data, shm->size);
        munmap((void *)shm->header, sizeof(struct mpart_shared_header));
        *shm = (struct mpart_shm){ 0 };
}

int mpart_shm_is_current(const struct mpart_shm *shm)
{
        const struct mpart_shared_header *h = shm->header;
        return is_whole(h, shm->size + MPART_REGION_USER_OFFSET) && h->generation == shm->generation;
}
