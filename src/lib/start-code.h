/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The page at which a woken CPU starts, shared by start-code.S and the C that fills it in. Internal. */
#pragma once

#define START_CODE_SIZE 4096 /* one page: what a SIPI vector can name */

/* Offsets of the fields in the page. */
#define START_REACHED 0x08     /* u32: MPART_REACHED once 64-bit code runs */
#define START_PML4 0x0c        /* u32: physical address of the page tables, for CR3 */
#define START_ENTRY 0x10       /* u64: physical address of the kernel's 64-bit entry */
#define START_BOOT_PARAMS 0x18 /* u64: physical address of boot_params, for RSI */
#define START_GDT_POINTER 0x20 /* u16 limit, u32 base for LGDT; assembled relative to the page */
#define START_FAR_POINTER 0x28 /* u32 offset, u16 selector of the jump; assembled relative to the page */
#define START_PARK                                                                                          \
        0x30 /* code: where a CPU stays for good (tboot.h). Kernels keep the address, and the               \
              * page is written anew for each boot: neither it nor the code may change */

/* The selectors that the 64-bit boot protocol asks for: __BOOT_CS, __BOOT_DS. */
#define START_CODE_SELECTOR 0x10
#define START_DATA_SELECTOR 0x18

#define START_MARK 0x6d706172 /* MPART_REACHED, which assembler cannot read from boot.h */

#ifndef __ASSEMBLER__
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

struct start_code {
        uint8_t jump[START_REACHED];
        uint32_t reached;
        uint32_t pml4;
        uint64_t entry;
        uint64_t boot_params;
        uint16_t gdt_limit;
        uint32_t gdt_base;
        uint16_t padding;
        uint32_t far_offset;
        uint16_t far_selector;
} __attribute__((packed));

static_assert(offsetof(struct start_code, reached) == START_REACHED, "start-code.S");
static_assert(offsetof(struct start_code, pml4) == START_PML4, "start-code.S");
static_assert(offsetof(struct start_code, entry) == START_ENTRY, "start-code.S");
static_assert(offsetof(struct start_code, boot_params) == START_BOOT_PARAMS, "start-code.S");
static_assert(offsetof(struct start_code, gdt_limit) == START_GDT_POINTER, "start-code.S");
static_assert(offsetof(struct start_code, far_offset) == START_FAR_POINTER, "start-code.S");

/* What start-code.S assembles to. */
extern const uint8_t start_code_blob[] __attribute__((visibility("hidden")));
extern const uint8_t start_code_blob_end[] __attribute__((visibility("hidden")));
#endif
