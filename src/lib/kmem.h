/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looking into the memory of another x86-64 Linux kernel (5.10 and later) without its help. All starts at
 * its VMCOREINFO note (Documentation/admin-guide/kdump/vmcoreinfo.rst), which tells addresses and structure
 * layouts. The kernel may run meanwhile, be dead, or be hostile: every read is bounds-checked, every loop
 * has an end, and what does not fit is an error or left out. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

/* Virtual addresses of kernel symbols and offsets of structure members, as the note says them. */
struct mpart_vmcoreinfo {
        char release[72];
        uint64_t phys_base;  /* what to add to an address of the kernel image behind the start of its mapping
                              */
        uint64_t image_size; /* of that mapping at most */
        uint64_t swapper_pg_dir, stext;
        uint64_t five_levels; /* page tables: 1 where CR4.LA57 is set */
        uint64_t sme_mask;    /* encryption bit in page table entries */

        bool has_log; /* lockless ring buffer: all of these are there */
        struct {
                uint64_t prb;
                uint64_t ring_size, desc_size, info_size;
                uint64_t desc_ring, text_ring;                 /* in struct printk_ringbuffer */
                uint64_t count_bits, descs, infos, head, tail; /* in struct prb_desc_ring */
                uint64_t size_bits, data;                      /* in struct prb_data_ring */
                uint64_t counter;                              /* in atomic_long_t */
                uint64_t state_var, text_block;                /* in struct prb_desc */
                uint64_t block_begin, block_next;              /* in struct prb_data_blk_lpos */
                uint64_t time, text_length, caller;            /* in struct printk_info */
        } log;

        bool has_symbols; /* 6.0 and later: the tables of all symbols */
        struct {
                uint64_t names, count, token_table, token_index, offsets, relative_base;
        } symbols;
};
/* -EBADMSG with the key that is missing or no number; -EOPNOTSUPP: another architecture's page size. */
int mpart_vmcoreinfo_parse(
                const void *note, size_t size, struct mpart_vmcoreinfo *ret, struct mpart_error *e);

/* A piece of the kernel's physical memory, mapped readable. */
struct mpart_kmem_range {
        uint64_t start, size; /* bytes */
        const void *data;
};

struct mpart_kmem {
        struct mpart_kmem_range *ranges; /* the mappings are borrowed */
        size_t n_ranges;
        struct mpart_vmcoreinfo info;
        uint64_t note_address; /* physical */
        void *note;            /* copied; as the memory has it, header and all */
        size_t note_size;
        uint64_t page_offset; /* virtual address at which physical address 0 is mapped; 0: not found */

        /* What mpart_kstate_read looks up once: virtual addresses, 0 where there are none. */
        bool looked_up;
        uint64_t system_state, panic_cpu, jiffies, cpus_online;
};

/* Finds the note and checks that the kernel's page tables agree with it. `note`: where it was seen before,
 * looked at first; 0: nowhere. -ENODATA: no kernel has come up in this memory. The mappings outlive *ret. */
int mpart_kmem_open(const struct mpart_kmem_range *ranges, size_t n, uint64_t note, struct mpart_kmem **ret,
                struct mpart_error *e);
void mpart_kmem_free(struct mpart_kmem *k); /* NULL is legal */
static inline void mpart_kmem_freep(struct mpart_kmem **k)
{
        mpart_kmem_free(*k);
}

/* The memory at a physical address and how many bytes follow in one piece; NULL: outside. */
const uint8_t *mpart_kmem_at(const struct mpart_kmem *k, uint64_t physical, uint64_t *ret_room);
/* 0, or -EFAULT: the kernel does not map it, or it lies outside. *ret_room: bytes up to the end of the page
 * or of the image. */
int mpart_kmem_translate(
                const struct mpart_kmem *k, uint64_t virtual, uint64_t *ret_physical, uint64_t *ret_room);
/* All of it or -EFAULT (then `to` is undefined). */
int mpart_kmem_read_physical(const struct mpart_kmem *k, uint64_t physical, void *to, size_t size);
int mpart_kmem_read(const struct mpart_kmem *k, uint64_t virtual, void *to, size_t size);

/* The kernel's log (kernel/printk/printk_ringbuffer.c). */
struct mpart_klog_record {
        uint64_t seq;            /* 0 is the first of the boot; a jump means that records were overwritten */
        uint64_t time_ns;        /* since boot, by the kernel's clock */
        uint32_t caller;         /* thread id, or bit 31 and a CPU; 0 where the kernel does not record it */
        uint8_t level, facility; /* as syslog(3) */
        const char *text;        /* not NUL-terminated; may have newlines and any byte */
        size_t length;
};
/* Not 0 ends the reading and is what mpart_klog_read returns. */
typedef int (*mpart_klog_fn)(void *data, const struct mpart_klog_record *record);

#define MPART_KLOG_FINAL 1U /* for following: stop before a record that may still change */

/* Calls `f` for each record from *seq on; then *seq is the next one. -EOPNOTSUPP: no lockless ring buffer;
 * -EBADMSG: the ring makes no sense. */
int mpart_klog_read(const struct mpart_kmem *k, uint64_t *seq, unsigned flags, mpart_klog_fn f, void *data,
                struct mpart_error *e);
/* The sequence number with which a reader of the last `lines` records begins, and that of the newest. */
int mpart_klog_span(const struct mpart_kmem *k, uint64_t lines, uint64_t *ret_first, uint64_t *ret_last,
                struct mpart_error *e);

/* "[    0.123456] text\n" as vmcore-dmesg of kexec-tools prints it, byte for byte. The caller frees; NULL:
 * out of memory. */
char *mpart_klog_format(const struct mpart_klog_record *record);
/* The same as a JSON object in one line: seq, time_us, level, facility, caller, text (bytes that are not
 * UTF-8 become U+FFFD). */
char *mpart_klog_format_json(const struct mpart_klog_record *record);

/* Addresses of symbols by name, all in one pass through the tables; 0 for one that there is not. How many
 * were found; -EOPNOTSUPP: the kernel (before 6.0) does not tell where its tables are; -EBADMSG: the tables
 * make no sense. */
int mpart_kallsyms_find(const struct mpart_kmem *k, const char *const *names, size_t n, uint64_t *ret,
                struct mpart_error *e);

/* enum system_states of include/linux/kernel.h, 5.16 and later. */
enum mpart_system_state {
        MPART_SYSTEM_BOOTING,
        MPART_SYSTEM_SCHEDULING,
        MPART_SYSTEM_FREEING_INITMEM,
        MPART_SYSTEM_RUNNING,
        MPART_SYSTEM_HALT,
        MPART_SYSTEM_POWER_OFF,
        MPART_SYSTEM_RESTART,
        MPART_SYSTEM_SUSPEND,
        _MPART_SYSTEM_MAX,
        _MPART_SYSTEM_INVALID = -22,
};
const char *mpart_system_state_to_string(int state); /* NULL: no such state */

struct mpart_kstate {
        bool found;           /* false: this kernel (before 6.0) does not tell; its log is all there is */
        int system_state;     /* enum mpart_system_state, or whatever the memory says */
        int panic_cpu;        /* -1 (PANIC_CPU_INVALID): no panic; else the kernel's number of the CPU that
                                 panicked */
        uint64_t jiffies;     /* jiffies_64: only its movement means something */
        unsigned cpus_online; /* 0: not known */
};
/* The first call looks the symbols up (milliseconds), later ones read 20 bytes. */
int mpart_kstate_read(struct mpart_kmem *k, struct mpart_kstate *ret, struct mpart_error *e);
/* Where the kernel's system_state is in the mapped memory, to look at it often; NULL before
 * mpart_kstate_read has found it. */
const volatile int *mpart_kstate_place(const struct mpart_kmem *k);
