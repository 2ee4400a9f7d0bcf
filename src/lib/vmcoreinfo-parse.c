/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VMCOREINFO as numbers. SYMBOL() and KERNELOFFSET are hexadecimal, all else decimal; phys_base may be
 * negative. */
#include <errno.h>
#include <stdio.h>

#include "boot.h"
#include "kmem.h"
#include "macros.h"

#define PAGE 4096
#define IMAGE_SIZE GiB /* KERNEL_IMAGE_SIZE with KASLR */

struct key {
        const char *name;
        size_t at; /* in struct mpart_vmcoreinfo */
        int base;
};
#define KEY(key_name, member)                                                                               \
        {                                                                                                   \
                .name = key_name, .at = offsetof(struct mpart_vmcoreinfo, member), .base = 10               \
        }
#define ADDRESS(symbol, member)                                                                             \
        {                                                                                                   \
                .name = "SYMBOL(" symbol ")", .at = offsetof(struct mpart_vmcoreinfo, member), .base = 16   \
        }

static const struct key needed[] = {
        KEY("NUMBER(phys_base)", phys_base),
        ADDRESS("swapper_pg_dir", swapper_pg_dir),
        ADDRESS("_stext", stext),
};
static const struct key optional[] = {
        KEY("NUMBER(KERNEL_IMAGE_SIZE)", image_size),
        KEY("NUMBER(pgtable_l5_enabled)", five_levels),
        KEY("NUMBER(sme_mask)", sme_mask),
};
static const struct key log_keys[] = {
        ADDRESS("prb", log.prb),
        KEY("SIZE(printk_ringbuffer)", log.ring_size),
        KEY("SIZE(prb_desc)", log.desc_size),
        KEY("SIZE(printk_info)", log.info_size),
        KEY("OFFSET(printk_ringbuffer.desc_ring)", log.desc_ring),
        KEY("OFFSET(printk_ringbuffer.text_data_ring)", log.text_ring),
        KEY("OFFSET(prb_desc_ring.count_bits)", log.count_bits),
        KEY("OFFSET(prb_desc_ring.descs)", log.descs),
        KEY("OFFSET(prb_desc_ring.infos)", log.infos),
        KEY("OFFSET(prb_desc_ring.head_id)", log.head),
        KEY("OFFSET(prb_desc_ring.tail_id)", log.tail),
        KEY("OFFSET(prb_data_ring.size_bits)", log.size_bits),
        KEY("OFFSET(prb_data_ring.data)", log.data),
        KEY("OFFSET(atomic_long_t.counter)", log.counter),
        KEY("OFFSET(prb_desc.state_var)", log.state_var),
        KEY("OFFSET(prb_desc.text_blk_lpos)", log.text_block),
        KEY("OFFSET(prb_data_blk_lpos.begin)", log.block_begin),
        KEY("OFFSET(prb_data_blk_lpos.next)", log.block_next),
        KEY("OFFSET(printk_info.ts_nsec)", log.time),
        KEY("OFFSET(printk_info.text_len)", log.text_length),
        KEY("OFFSET(printk_info.caller_id)", log.caller),
};
static const struct key symbol_keys[] = {
        ADDRESS("kallsyms_names", symbols.names),
        ADDRESS("kallsyms_num_syms", symbols.count),
        ADDRESS("kallsyms_token_table", symbols.token_table),
        ADDRESS("kallsyms_token_index", symbols.token_index),
        ADDRESS("kallsyms_offsets", symbols.offsets),
        ADDRESS("kallsyms_relative_base", symbols.relative_base),
};

static int parse_number(const char *text, int base, uint64_t *ret)
{
        char *end;
        errno = 0;
        uint64_t value = strtoull(text, &end, base);
        if (errno || end == text || *end)
                return -EBADMSG;
        *ret = value;
        return 0;
}

/* 0, -ENOENT where a key is missing, -EBADMSG where one is no number; *ret_name names it. */
static int read_keys(const void *note, size_t size, const struct key *keys, size_t n,
                struct mpart_vmcoreinfo *info, const char **ret_name)
{
        int result = 0;
        for (size_t i = 0; i < n; i++) {
                _cleanup_free_ char *value = mpart_vmcoreinfo_get(note, size, keys[i].name);
                int r = value ? parse_number(value, keys[i].base, (uint64_t *)((char *)info + keys[i].at))
                              : -ENOENT;
                if (r < 0 && result != -EBADMSG) {
                        result = r;
                        *ret_name = keys[i].name;
                }
        }
        return result;
}

int mpart_vmcoreinfo_parse(
                const void *note, size_t size, struct mpart_vmcoreinfo *ret, struct mpart_error *e)
{
        struct mpart_vmcoreinfo info = { .image_size = IMAGE_SIZE };
        _cleanup_free_ char *release = mpart_vmcoreinfo_get(note, size, "OSRELEASE");
        _cleanup_free_ char *page = mpart_vmcoreinfo_get(note, size, "PAGESIZE");
        if (!release || !page || !streq(page, "4096"))
                return mpart_error_set(e, page ? -EOPNOTSUPP : -EBADMSG,
                                "VMCOREINFO: OSRELEASE or PAGESIZE=4096 is missing: no x86-64 kernel");
        snprintf(info.release, sizeof(info.release), "%s", release);

        const char *name = "";
        int r = read_keys(note, size, needed, ARRAY_SIZE(needed), &info, &name);
        if (r == 0 && read_keys(note, size, optional, ARRAY_SIZE(optional), &info, &name) == -EBADMSG)
                r = -EBADMSG;
        if (r < 0)
                return mpart_error_set(e, -EBADMSG, "VMCOREINFO of %s: %s is %s", info.release, name,
                                r == -ENOENT ? "missing" : "not a number");
        info.image_size = MIN(info.image_size, IMAGE_SIZE);
        info.has_log = read_keys(note, size, log_keys, ARRAY_SIZE(log_keys), &info, &name) == 0;
        info.has_symbols = read_keys(note, size, symbol_keys, ARRAY_SIZE(symbol_keys), &info, &name) == 0;
        *ret = info;
        return 0;
}
