/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Identity page tables for the start: four levels, 2 MiB pages. 1 GiB pages would be fewer, but not every
 * CPU has them. Intel SDM vol. 3, "4-Level Paging". */
#include <errno.h>

#include "boot-internal.h"
#include "macros.h"

#define ENTRIES 512
#define PRESENT_WRITABLE 0x3ULL
#define LARGE_PAGE 0x80ULL
#define ADDRESS_MASK 0x000ffffffffff000ULL
#define ADDRESS_LIMIT (UINT64_C(1) << 47) /* upper half of the 48 bits is not an identity map */

/* The tables under construction, and where they will lie. */
struct tables {
        uint64_t *top;
        uint8_t *room;
        size_t size, used;
        uint64_t address;
};

static uint64_t *table_of(const struct tables *t, uint64_t entry)
{
        return (uint64_t *)(t->room + ((entry & ADDRESS_MASK) - t->address));
}

/* The table below entry `i` of `table`, taken from the room where there is none yet. NULL: no room left. */
static uint64_t *next_table(struct tables *t, uint64_t *table, size_t i)
{
        if (!(table[i] & PRESENT_WRITABLE)) {
                if (t->size - t->used < BOOT_PAGE_SIZE)
                        return NULL;
                table[i] = (t->address + t->used) | PRESENT_WRITABLE;
                t->used += BOOT_PAGE_SIZE;
        }
        return table_of(t, table[i]);
}

static int map_page(struct tables *t, uint64_t address)
{
        uint64_t *pdpt = next_table(t, t->top, address >> 39 & (ENTRIES - 1));
        if (!pdpt)
                return -ENOSPC;
        uint64_t *directory = next_table(t, pdpt, address >> 30 & (ENTRIES - 1));
        if (!directory)
                return -ENOSPC;
        directory[address >> 21 & (ENTRIES - 1)] = address | LARGE_PAGE | PRESENT_WRITABLE;
        return 0;
}

static int map_range(struct tables *t, uint64_t start, uint64_t size)
{
        if (start > ADDRESS_LIMIT || size > ADDRESS_LIMIT - start)
                return -ERANGE;
        for (uint64_t a = ALIGN_DOWN(start, MPART_ALIGNMENT); a < start + size; a += MPART_ALIGNMENT) {
                int r = map_page(t, a);
                if (r < 0)
                        return r;
        }
        return 0;
}

int page_tables_build(uint64_t *top, uint8_t *tables, size_t size, uint64_t address,
                const struct mpart_layout *layout, size_t *ret_used, struct mpart_error *e)
{
        struct tables t = { .top = top, .room = tables, .size = size, .address = address };
        const struct mpart_range needed[] = {
                { 0, 4 * GiB },
                { layout->load, layout->image_size },
                layout->boot_area,
        };
        for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
                int r = map_range(&t, needed[i].start, needed[i].size);
                if (r < 0)
                        return mpart_error_set(e, r,
                                        "no page tables for the start: addresses %#llx..%#llx %s",
                                        (unsigned long long)needed[i].start,
                                        (unsigned long long)mpart_range_end(needed[i]),
                                        r == -ERANGE ? "do not fit into 47 bits"
                                                     : "take more tables than fit");
        }
        /* A kernel maps its ramdisk itself, so a huge one may stay unmapped in part. */
        (void)map_range(&t, layout->ramdisk, layout->ramdisk_size);
        *ret_used = t.used;
        return 0;
}

static uint64_t read_entry(
                const uint8_t *tables, size_t size, uint64_t tables_address, uint64_t parent, uint64_t index)
{
        uint64_t entry, offset = (parent & ADDRESS_MASK) - tables_address;
        if (!(parent & PRESENT_WRITABLE) || size < BOOT_PAGE_SIZE || offset > size - BOOT_PAGE_SIZE)
                return 0;
        memcpy(&entry, tables + offset + (index & (ENTRIES - 1)) * sizeof(entry), sizeof(entry));
        return entry;
}

uint64_t page_tables_entry(const uint64_t *top, const uint8_t *tables, size_t size, uint64_t tables_address,
                uint64_t address)
{
        uint64_t entry = top[address >> 39 & (ENTRIES - 1)];
        entry = read_entry(tables, size, tables_address, entry, address >> 30);
        entry = read_entry(tables, size, tables_address, entry, address >> 21);
        return entry & LARGE_PAGE ? entry : 0;
}
