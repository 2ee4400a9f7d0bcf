/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ELF-64 object file format 1.5; program headers as fs/proc/vmcore.c and kernel/kexec_file.c make them. No
 * NT_PRSTATUS: the registers of stopped CPUs are not in memory. */
#include <elf.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs.h"
#include "macros.h"
#include "vmcore.h"

#define PAGE 4096
#define CHUNK (1U << 20)
#define IMAGE_ALIGNMENT (2 * MiB)

struct writer {
        const struct mpart_kmem *k;
        int fd;
        bool sparse;
        uint8_t *chunk; /* CHUNK bytes; what is written is what was looked at */
        uint64_t done, total;
        mpart_vmcore_progress_fn progress;
        void *data;
};

struct headers {
        Elf64_Ehdr ehdr;
        Elf64_Phdr *phdr;
        size_t n, bytes; /* program headers; bytes up to the first segment's data */
};

static Elf64_Phdr load(uint64_t offset, uint64_t physical, uint64_t virtual, uint64_t size)
{
        return (Elf64_Phdr){
                .p_type = PT_LOAD,
                .p_flags = PF_R | PF_W | PF_X,
                .p_offset = offset,
                .p_vaddr = virtual,
                .p_paddr = physical,
                .p_filesz = size,
                .p_memsz = size,
        };
}

/* From the image's first 2 MiB page on (_stext lies in it) to its end or that of the memory it lies in, out
 * of the same bytes of the file. */
static Elf64_Phdr image_load(const struct mpart_kmem *k, const Elf64_Phdr *memory)
{
        uint64_t start = ALIGN_DOWN(k->info.stext, IMAGE_ALIGNMENT), physical, room;
        if (mpart_kmem_translate(k, start, &physical, &room) < 0)
                return (Elf64_Phdr){ .p_type = PT_NULL };
        for (size_t i = 0; i < k->n_ranges; i++)
                if (physical >= memory[i].p_paddr && physical - memory[i].p_paddr < memory[i].p_memsz) {
                        uint64_t in = physical - memory[i].p_paddr;
                        return load(memory[i].p_offset + in, physical, start,
                                        MIN(room, memory[i].p_memsz - in));
                }
        return (Elf64_Phdr){ .p_type = PT_NULL };
}

static int make_headers(const struct mpart_kmem *k, struct headers *ret)
{
        size_t n = k->n_ranges + 2;
        if (n >= PN_XNUM)
                return -E2BIG;
        Elf64_Phdr *p = calloc(n, sizeof(*p));
        if (!p)
                return -ENOMEM;
        uint64_t notes = sizeof(Elf64_Ehdr) + n * sizeof(*p), offset = ALIGN_UP(notes + k->note_size, PAGE);
        *ret = (struct headers){
                .ehdr = {
                        .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
                        .e_type = ET_CORE,
                        .e_machine = EM_X86_64,
                        .e_version = EV_CURRENT,
                        .e_phoff = sizeof(Elf64_Ehdr),
                        .e_ehsize = sizeof(Elf64_Ehdr),
                        .e_phentsize = sizeof(Elf64_Phdr),
                        .e_phnum = (Elf64_Half)n,
                },
                .phdr = p,
                .n = n,
                .bytes = offset,
        };
        p[0] = (Elf64_Phdr){
                .p_type = PT_NOTE, .p_offset = notes, .p_filesz = k->note_size, .p_memsz = k->note_size
        };
        for (size_t i = 0; i < k->n_ranges; i++) {
                uint64_t start = k->ranges[i].start, size = k->ranges[i].size;
                p[i + 2] = load(offset, start, k->page_offset ? k->page_offset + start : 0, size);
                offset += ALIGN_UP(size, PAGE);
        }
        p[1] = image_load(k, p + 2);
        return 0;
}

static int write_headers(const struct writer *w, const struct headers *h)
{
        uint8_t *block = calloc(1, h->bytes);
        if (!block)
                return -ENOMEM;
        memcpy(block, &h->ehdr, sizeof(h->ehdr));
        memcpy(block + h->ehdr.e_phoff, h->phdr, h->n * sizeof(*h->phdr));
        memcpy(block + h->phdr[0].p_offset, w->k->note, w->k->note_size);
        int r = write_all(w->fd, block, h->bytes);
        free(block);
        return r;
}

static bool is_zero(const uint8_t *page, size_t size)
{
        return page[0] == 0 && memcmp(page, page + 1, size - 1) == 0;
}

static size_t page_size_at(size_t at, size_t size)
{
        return MIN((size_t)PAGE, size - at);
}

/* Runs of pages that are all zero or all not. */
static int write_chunk(const struct writer *w, size_t size)
{
        if (!w->sparse)
                return write_all(w->fd, w->chunk, size);
        int r = 0;
        for (size_t at = 0, end; at < size && r == 0; at = end) {
                bool zero = is_zero(w->chunk + at, page_size_at(at, size));
                end = at;
                do
                        end += page_size_at(end, size);
                while (end < size && is_zero(w->chunk + end, page_size_at(end, size)) == zero);
                if (!zero)
                        r = write_all(w->fd, w->chunk + at, end - at);
                else if (lseek(w->fd, (off_t)(end - at), SEEK_CUR) < 0)
                        r = -errno;
        }
        return r;
}

static int write_range(struct writer *w, const struct mpart_kmem_range *range)
{
        for (uint64_t at = 0; at < range->size;) {
                uint64_t n = MIN(range->size - at, (uint64_t)CHUNK);
                memcpy(w->chunk, (const uint8_t *)range->data + at, n);
                size_t padded = ALIGN_UP(n, PAGE);
                memset(w->chunk + n, 0, padded - n);
                int r = write_chunk(w, padded);
                at += n;
                w->done += n;
                if (r == 0 && w->progress)
                        r = w->progress(w->data, w->done, w->total);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int write_all_parts(struct writer *w, const struct headers *h)
{
        struct stat st;
        w->sparse = fstat(w->fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0;
        int r = write_headers(w, h);
        for (size_t i = 0; i < w->k->n_ranges && r == 0; i++)
                r = write_range(w, &w->k->ranges[i]);
        off_t end = w->sparse && r == 0 ? lseek(w->fd, 0, SEEK_CUR) : 0;
        if (end < 0 || (end > 0 && ftruncate(w->fd, end) < 0)) /* where it ends in a hole */
                r = -errno;
        return r;
}

int mpart_vmcore_write(const struct mpart_kmem *k, int fd, mpart_vmcore_progress_fn progress, void *data,
                struct mpart_error *e)
{
        struct writer w = { .k = k, .fd = fd, .progress = progress, .data = data };
        struct headers h;
        int r = make_headers(k, &h);
        if (r < 0)
                return mpart_error_set(
                                e, r, "no headers for a dump of %zu pieces: %s", k->n_ranges, strerror(-r));
        for (size_t i = 0; i < k->n_ranges; i++)
                w.total += k->ranges[i].size;
        w.chunk = malloc(CHUNK);
        r = w.chunk ? write_all_parts(&w, &h) : -ENOMEM;
        free(w.chunk);
        free(h.phdr);
        return r < 0 ? mpart_error_set(e, r, "the dump could not be written to its end: %s", strerror(-r))
                     : 0;
}
