/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Physical and virtual reads. Page tables: Intel SDM volume 3, 4.5; layout of the kernel's half:
 * Documentation/arch/x86/x86_64/mm.rst. */
#include <elf.h>
#include <errno.h>
#include <inttypes.h>

#include "boot.h"
#include "kmem.h"
#include "macros.h"

#define PAGE 4096
#define NOTE_MAX 4224                          /* header, name and VMCOREINFO_BYTES */
#define IMAGE_MAP UINT64_C(0xffffffff80000000) /* __START_KERNEL_map */
#define ENTRY_PRESENT 1U
#define ENTRY_LARGE (1U << 7)
#define ENTRY_ADDRESS UINT64_C(0x000ffffffffff000)
#define TABLE_ENTRIES 512U
#define SHIFT_4_LEVELS 39U
#define SHIFT_5_LEVELS 48U
#define SHIFT_1G 30U
#define SHIFT_4K 12U
#define LEAF_BUDGET 65536U /* entries looked at for the direct map, at most */

const uint8_t *mpart_kmem_at(const struct mpart_kmem *k, uint64_t physical, uint64_t *ret_room)
{
        for (size_t i = 0; i < k->n_ranges; i++) {
                const struct mpart_kmem_range *r = &k->ranges[i];
                if (physical < r->start || physical - r->start >= r->size)
                        continue;
                *ret_room = r->size - (physical - r->start);
                return (const uint8_t *)r->data + (physical - r->start);
        }
        return NULL;
}

int mpart_kmem_read_physical(const struct mpart_kmem *k, uint64_t physical, void *to, size_t size)
{
        while (size > 0) {
                uint64_t room;
                const uint8_t *from = mpart_kmem_at(k, physical, &room);
                if (!from)
                        return -EFAULT;
                size_t n = MIN(room, (uint64_t)size);
                memcpy(to, from, n);
                to = (char *)to + n;
                physical += n;
                size -= n;
        }
        return 0;
}

static bool in_image(const struct mpart_kmem *k, uint64_t virtual)
{
        return virtual >= IMAGE_MAP && virtual - IMAGE_MAP < k->info.image_size;
}

static uint64_t image_physical(const struct mpart_kmem *k, uint64_t virtual)
{
        return virtual - IMAGE_MAP + k->info.phys_base;
}

static int read_entry(const struct mpart_kmem *k, uint64_t table, uint64_t index, uint64_t *ret)
{
        return mpart_kmem_read_physical(k, table + index * sizeof(*ret), ret, sizeof(*ret));
}

static bool is_leaf(uint64_t entry, unsigned shift)
{
        return shift == SHIFT_4K || (shift <= SHIFT_1G && entry & ENTRY_LARGE);
}

static uint64_t entry_address(const struct mpart_kmem *k, uint64_t entry)
{
        return entry & ENTRY_ADDRESS & ~k->info.sme_mask;
}

static unsigned top_shift(const struct mpart_kmem *k)
{
        return k->info.five_levels == 1 ? SHIFT_5_LEVELS : SHIFT_4_LEVELS;
}

static int walk(const struct mpart_kmem *k, uint64_t virtual, uint64_t *ret_physical, uint64_t *ret_room)
{
        uint64_t table = image_physical(k, k->info.swapper_pg_dir);
        for (unsigned shift = top_shift(k);; shift -= 9) {
                uint64_t entry, mask = (UINT64_C(1) << shift) - 1;
                int r = read_entry(k, table, virtual >> shift & (TABLE_ENTRIES - 1), &entry);
                if (r < 0 || !(entry & ENTRY_PRESENT))
                        return -EFAULT;
                table = entry_address(k, entry);
                if (!is_leaf(entry, shift))
                        continue;
                *ret_physical = (table & ~mask) | (virtual & mask);
                *ret_room = mask + 1 - (virtual & mask);
                return 0;
        }
}

int mpart_kmem_translate(
                const struct mpart_kmem *k, uint64_t virtual, uint64_t *ret_physical, uint64_t *ret_room)
{
        if (!in_image(k, virtual))
                return walk(k, virtual, ret_physical, ret_room);
        *ret_physical = image_physical(k, virtual);
        *ret_room = k->info.image_size - (virtual - IMAGE_MAP);
        return 0;
}

int mpart_kmem_read(const struct mpart_kmem *k, uint64_t virtual, void *to, size_t size)
{
        while (size > 0) {
                uint64_t physical, room;
                int r = mpart_kmem_translate(k, virtual, &physical, &room);
                size_t n = r < 0 ? 0 : MIN(room, (uint64_t)size);
                if (r == 0)
                        r = mpart_kmem_read_physical(k, physical, to, n);
                if (r < 0)
                        return r;
                to = (char *)to + n;
                virtual += n;
                size -= n;
        }
        return 0;
}

/* The page of the note is in the direct map for certain. */
static bool maps_note(const struct mpart_kmem *k, uint64_t page_offset)
{
        uint64_t physical, room;
        return page_offset % GiB == 0 && walk(k, page_offset + k->note_address, &physical, &room) == 0 &&
               physical == k->note_address;
}

/* The direct map is the lowest mapping in the kernel's half but for odd pages; KASLR moves it by multiples
 * of 1 GiB (arch/x86/mm/kaslr.c). `base`: virtual address of the table's first entry. */
static uint64_t find_page_offset(const struct mpart_kmem *k, uint64_t table, unsigned shift, uint64_t base,
                uint64_t first, unsigned *budget)
{
        for (uint64_t i = first; i<TABLE_ENTRIES && * budget> 0; i++) {
                (*budget)--;
                uint64_t entry, virtual = base + (i << shift), found;
                if (read_entry(k, table, i, &entry) < 0 || !(entry & ENTRY_PRESENT))
                        continue;
                uint64_t physical = entry_address(k, entry);
                if (!is_leaf(entry, shift))
                        found = find_page_offset(k, physical, shift - 9, virtual, 0, budget);
                else {
                        found = virtual - ALIGN_DOWN(physical, UINT64_C(1) << shift);
                        if (!maps_note(k, found))
                                found = 0;
                }
                if (found)
                        return found;
        }
        return 0;
}

/* Bytes of the note with its header and name, at most NOTE_MAX. */
static size_t note_size(const uint8_t *note, uint64_t room)
{
        Elf64_Nhdr h;
        memcpy(&h, note, sizeof(h)); /* mpart_vmcoreinfo_find has seen that it is there */
        uint64_t size = sizeof(h) + ALIGN_UP(h.n_namesz, 4) + ALIGN_UP(h.n_descsz, 4);
        return MIN(MIN(size, room), (uint64_t)NOTE_MAX);
}

/* Takes the note at `address` as this kernel's, if its page tables map the image where it says. */
static int try_note(struct mpart_kmem *k, uint64_t address, struct mpart_error *e)
{
        uint64_t room = 0, physical;
        const uint8_t *note = mpart_kmem_at(k, address, &room);
        k->note_address = address;
        k->note_size = note_size(note, room);
        memcpy(k->note, note, k->note_size);

        int r = mpart_vmcoreinfo_parse(k->note, k->note_size, &k->info, e);
        if (r < 0)
                return r;
        r = walk(k, k->info.stext, &physical, &room);
        if (r < 0 || physical != image_physical(k, k->info.stext))
                return mpart_error_set(e, -ENODATA,
                                "the VMCOREINFO note at %#" PRIx64 " does not agree with page tables: it is "
                                "not that of a kernel in this memory",
                                address);
        unsigned budget = LEAF_BUDGET;
        unsigned shift = top_shift(k);
        uint64_t upper = -(UINT64_C(1) << (shift + 8)) - ((uint64_t)(TABLE_ENTRIES / 2) << shift);
        k->page_offset = find_page_offset(k, image_physical(k, k->info.swapper_pg_dir), shift, upper,
                        TABLE_ENTRIES / 2, &budget);
        return 0;
}

static int find_note(struct mpart_kmem *k, struct mpart_error *e)
{
        int result = mpart_error_set(
                        e, -ENODATA, "no VMCOREINFO note in this memory: no kernel has come up in it yet");
        for (size_t i = 0; i < k->n_ranges; i++) {
                const struct mpart_kmem_range *r = &k->ranges[i];
                for (uint64_t at = 0; at < r->size;) {
                        int64_t found = mpart_vmcoreinfo_find((const char *)r->data + at, r->size - at);
                        if (found < 0)
                                break;
                        result = try_note(k, r->start + at + (uint64_t)found, e);
                        if (result == 0)
                                return 0;
                        at += (uint64_t)found + PAGE;
                }
        }
        return result;
}

/* Whether the note is where it was; the memory may have become another kernel's. */
static bool is_at(struct mpart_kmem *k, uint64_t note)
{
        uint64_t room;
        const uint8_t *p = note ? mpart_kmem_at(k, note, &room) : NULL;
        return p && mpart_vmcoreinfo_find(p, MIN(room, (uint64_t)PAGE)) == 0 && try_note(k, note, NULL) == 0;
}

int mpart_kmem_open(const struct mpart_kmem_range *ranges, size_t n, uint64_t note, struct mpart_kmem **ret,
                struct mpart_error *e)
{
        _cleanup_(mpart_kmem_freep) struct mpart_kmem *k = calloc(1, sizeof(*k));
        if (!k)
                return -ENOMEM;
        k->ranges = malloc(MAX(n, (size_t)1) * sizeof(*ranges));
        k->note = malloc(NOTE_MAX);
        if (!k->ranges || !k->note)
                return -ENOMEM;
        if (n)
                memcpy(k->ranges, ranges, n * sizeof(*ranges));
        k->n_ranges = n;
        int r = is_at(k, note) ? 0 : find_note(k, e);
        if (r == 0)
                *ret = TAKE_PTR(k);
        return r;
}

void mpart_kmem_free(struct mpart_kmem *k)
{
        if (!k)
                return;
        free(k->ranges);
        free(k->note);
        free(k);
}
