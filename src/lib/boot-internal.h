/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files behind boot.h share. Internal. */
#pragma once

#include <asm/bootparam.h>

#include "boot.h"

/* Where things lie in the boot area, from its start. */
#define BOOT_AREA_PARAMS 0x000000      /* boot_params, one page */
#define BOOT_AREA_CMDLINE 0x001000     /* command line and its NUL, one page */
#define BOOT_AREA_END 0x002000         /* how the kernel ends: the page shared with tboot (tboot.h) */
#define BOOT_AREA_RESET 0x002ff0       /* the reset register, a byte of the same page */
#define BOOT_AREA_ACPI 0x003000        /* ACPI tables */
#define BOOT_AREA_PAGE_TABLES 0x100000 /* page tables but the top one, which must lie below 4 GiB */
#define BOOT_AREA_ACPI_SIZE (BOOT_AREA_PAGE_TABLES - BOOT_AREA_ACPI)
#define BOOT_AREA_PAGE_TABLES_SIZE (MPART_BOOT_AREA_SIZE - BOOT_AREA_PAGE_TABLES)
#define BOOT_PAGE_SIZE 4096

/* bzImage (bzimage.c). Both expect an image that mpart_image_probe has accepted, but check sizes again. */
int bzimage_probe(const void *data, size_t size, const char *name, struct mpart_image *ret,
                struct mpart_error *e);
/* The setup header, and where the protected-mode part starts in the file. */
int bzimage_header(const struct mpart_image *image, struct setup_header *ret, size_t *ret_setup,
                struct mpart_error *e);

/* vmlinux (vmlinux.c). */
#define VMLINUX_LOADS_MAX 16
struct vmlinux {
        struct {
                uint64_t offset, file_size; /* in the file */
                uint64_t address, size;     /* in memory, from the load address on */
        } load[VMLINUX_LOADS_MAX];          /* ascending, disjoint */
        size_t n_loads;
        uint64_t entry; /* from the load address on */
        uint64_t span;  /* from the lowest to the highest byte in memory */
};
int vmlinux_read(
                const void *data, size_t size, const char *name, struct vmlinux *ret, struct mpart_error *e);

/* The setup header of boot_params and the e820 table (boot-params.c). */
int boot_params_fill(const struct mpart_boot_request *request, const struct mpart_layout *layout,
                struct boot_params *ret, struct mpart_error *e);

/* Identity page tables of 2 MiB pages for the first 4 GiB and what the start needs beyond (page-tables.c).
 * `top` is the PML4; the others lie in `tables` (`size` bytes, zero), which will be at physical `address`.
 * *ret_used: bytes of `tables` in use. */
int page_tables_build(uint64_t *top, uint8_t *tables, size_t size, uint64_t address,
                const struct mpart_layout *layout, size_t *ret_used, struct mpart_error *e);
/* The entry of the 2 MiB page at `address`, 0 where there is none. The CPU marks in it what was done there.
 * The tables have been another kernel's: whatever they hold, nothing outside them is read. */
#define PAGE_ACCESSED 0x20U
#define PAGE_DIRTY 0x40U
uint64_t page_tables_entry(const uint64_t *top, const uint8_t *tables, size_t size, uint64_t tables_address,
                uint64_t address);
