/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The boot of one secondary kernel as a pure list of segments: physical addresses and bytes. Nothing here
 * touches the machine. Sources: Documentation/arch/x86/boot.rst (boot protocol 2.15), zero-page.rst;
 * ACPI 6.5 sections 5.2.5 (RSDP), 5.2.8 (XSDT), 5.2.9 (FADT), 5.2.12 (MADT), 5.2.16 (SRAT), 5.2.17 (SLIT).
 */
#pragma once

#include "plan.h"

enum mpart_image_kind {
        MPART_IMAGE_BZIMAGE,
        MPART_IMAGE_VMLINUX, /* ELF64 x86-64 */
};

/* A kernel image looked at; points into the caller's bytes. */
struct mpart_image {
        enum mpart_image_kind kind;
        const uint8_t *data;
        size_t size;
        uint64_t init_size; /* bytes needed from the load address on (vmlinux: its span in memory) */
        uint64_t alignment; /* of the load address */
        char release[72];   /* bzImage: kernel_version string, cut at the first space; "" unknown */
};
/* -ENOEXEC with what it is instead: truncated, empty, 32-bit, no kernel, too old a protocol. `name` is for
 * the text. */
int mpart_image_probe(const void *data, size_t size, const char *name, struct mpart_image *ret,
                struct mpart_error *e);

struct mpart_segment {
        uint64_t address;
        uint64_t size;    /* bytes in memory */
        const void *data; /* `data_size` bytes, the rest is zero; borrowed or owned by the boot. NULL with a
                           * data_size: the ramdisk, which the caller reads from its file */
        uint64_t data_size;
        const char *what; /* static: "image", "ramdisk", "boot_params", "ACPI", "start code" ... */
        bool low;         /* in the low window: written only while the window is held */
};

struct mpart_boot_cpu {
        uint32_t apic_id;
        unsigned node; /* node id in the primary; used as proximity domain */
};

struct mpart_boot_request {
        const struct mpart_plan *plan;
        unsigned kernel;                   /* id, not 0 */
        const struct mpart_boot_cpu *cpus; /* boot CPU first */
        size_t n_cpus;
        const struct mpart_image *image; /* its bytes outlive the boot */
        const void *ramdisk;             /* outlives the boot; NULL: none, or the caller fills its segment */
        uint64_t ramdisk_size;           /* 0: none */
        const char *cmdline;             /* the whole line, at most MPART_COMMAND_LINE_MAX */
        uint16_t pm_timer;               /* I/O port of the primary's ACPI PM timer; 0: it has none */
};

struct mpart_boot {
        struct mpart_segment *segments; /* disjoint; ascending by address; all inside the kernel's memory or
                                           window */
        size_t n_segments;
        struct mpart_layout layout;
        uint64_t start_address;   /* page in the low window at which the boot CPU starts, real mode: SIPI
                                     vector << 12 */
        uint64_t reached_address; /* 32-bit word: MPART_REACHED once our code runs in 64-bit mode; 0 before
                                   */
        uint64_t reset_address;   /* byte that a reboot inside writes (FADT RESET_REG), else 0; see
                                   * mpart_boot_asks_restart */
        void *arena;              /* owns what `data` of the segments points to */
};
#define MPART_REACHED 0x6d706172U /* "mpar" */
#define MPART_RESET_VALUE 0x5a    /* FADT RESET_VALUE */

/* A kernel that restarts must not come to the ways that reset the whole machine. Each has two of its own
 * before those, which meet in one page: it calls tboot, if it is built to (CONFIG_INTEL_TXT, as
 * distributions' kernels are) and has come to its late_initcalls, and is parked for good; else it writes the
 * reset register, and is to be stopped within 15 ms. `page`: the whole page around the reset register,
 * mapped; the kernel's to write. */
bool mpart_boot_asks_restart(const volatile void *page, uint64_t reset_address);

/* With "off" on the command line it keeps tboot away, behind which Linux takes a machine for one in SMX
 * operation: KVM on an Intel CPU then needs a bit that firmware seldom sets
 * (arch/x86/kernel/cpu/feat_ctl.c). */
#define MPART_TBOOT_PARAMETER "mpart.tboot="

/* 0; -ENOSPC: image or ramdisk too large for the partition; -E2BIG: command line; -EOPNOTSUPP: the kernel
 * owns PCI functions; -EINVAL: the request. The caller frees with mpart_boot_free. */
int mpart_boot_build(
                const struct mpart_boot_request *request, struct mpart_boot **ret, struct mpart_error *e);
void mpart_boot_free(struct mpart_boot *boot);
static inline void mpart_boot_freep(struct mpart_boot **boot)
{
        mpart_boot_free(*boot);
}

/* The boot area of a kernel by its plan. The secondary leaves it alone: its e820 table calls it reserved. */
struct mpart_range mpart_boot_area(const struct mpart_plan_kernel *k);

/* What a boot area tells of the boot that made it. */
struct mpart_boot_trace {
        char *cmdline;
        uint32_t *apic_ids; /* of the planned CPUs: the boot CPU's first, then ascending by CPU number */
        size_t n_cpus;
        uint64_t reset_address;
};
/* `area`: the bytes of mpart_boot_area(k). They have been another kernel's to write, so all is checked.
 * -EBADMSG with what is no boot's. The caller frees with mpart_boot_trace_free. */
int mpart_boot_trace_read(const struct mpart_plan_kernel *k, const void *area, struct mpart_boot_trace *ret,
                struct mpart_error *e);
void mpart_boot_trace_free(struct mpart_boot_trace *t);

/* How far a boot has come whose start code was reached, as far as the memory it began with tells. */
enum mpart_boot_progress {
        MPART_PROGRESS_START_CODE, /* nothing of the image has run */
        MPART_PROGRESS_ENTERED,    /* the image has run, but written nothing */
        MPART_PROGRESS_WRITING,    /* it has written to its memory: it unpacks, or the kernel has begun */
        MPART_PROGRESS_KERNEL,     /* the kernel has laid out the code by which it wakes its other CPUs */
        _MPART_PROGRESS_MAX,
};
/* `window`: the bytes of the low window, of which the half behind MPART_LOW_START_SIZE was clear at the
 * start; `area`: those of the boot area. */
enum mpart_boot_progress mpart_boot_progress(
                const struct mpart_boot *boot, const void *window, size_t window_size, const void *area);

/* Whether the kernel has come to MPART_PROGRESS_KERNEL, which the window alone tells. */
bool mpart_boot_wakes_cpus(const void *window, size_t size);

/* ACPI tables alone, for iasl: the tables of `request` as they would lie at `address`. Fills `out` (at most
 * out_size bytes) and the offsets of each table in order RSDP, XSDT, FADT, DSDT, MADT, [SRAT, SLIT]. */
struct mpart_acpi_tables {
        struct {
                char signature[8]; /* "RSDP", "XSDT", "FACP", ... */
                uint32_t offset, size;
        } table[8];
        size_t n;
        uint32_t total;
};
int mpart_acpi_build(const struct mpart_boot_request *request, uint64_t address, uint64_t reset_address,
                uint8_t *out, uint32_t out_size, struct mpart_acpi_tables *ret, struct mpart_error *e);

/* The other way round: the I/O port of the PM timer that a machine's FADT (5.2.9) tells of; 0: none, or no
 * I/O port. */
uint16_t mpart_acpi_pm_timer(const void *fadt, size_t size);

/* Looks for the VMCOREINFO note of a running kernel in a mapped piece of its memory: page-aligned ELF note,
 * name "VMCOREINFO", text that starts "OSRELEASE=". Returns the offset of the note in `memory`, or -1. */
int64_t mpart_vmcoreinfo_find(const void *memory, size_t size);
/* The value of one KEY=value line of the note at `note` (at most `size` bytes), copied; NULL: absent or no
 * note. */
char *mpart_vmcoreinfo_get(const void *note, size_t size, const char *key);
