/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System V ABI, "Program Loading and Dynamic Linking"; 64-bit little endian alone. Every offset in the file
 * is checked against its size. */
#include <elf.h>
#include <errno.h>
#include <stdbool.h>

#include "elf-needs.h"
#include "macros.h"

struct file {
        const uint8_t *data;
        size_t size;
        Elf64_Ehdr header;
};

void elf_needs_free(struct elf_needs *n)
{
        for (size_t i = 0; i < n->n; i++)
                free(n->names[i]);
        free(n->names);
        memset(n, 0, sizeof(*n));
}

/* Copies `n` bytes at `offset`; false: outside of the file. */
static bool fetch(const struct file *f, uint64_t offset, void *to, size_t n)
{
        if (offset > f->size || n > f->size - offset)
                return false;
        memcpy(to, f->data + offset, n);
        return true;
}

static bool program_header(const struct file *f, unsigned i, Elf64_Phdr *ret)
{
        return fetch(f, f->header.e_phoff + (uint64_t)i * sizeof(*ret), ret, sizeof(*ret));
}

/* Adds the string at `offset`, which must end within the file. */
static int add_string(const struct file *f, uint64_t offset, struct elf_needs *needs)
{
        if (offset >= f->size || !memchr(f->data + offset, 0, f->size - offset))
                return -EBADMSG;
        int r = grow_array(&needs->names, &needs->capacity, needs->n + 1, sizeof(*needs->names));
        if (r < 0)
                return r;
        char *name = strdup((const char *)f->data + offset);
        if (!name)
                return -ENOMEM;
        needs->names[needs->n++] = name;
        return 0;
}

/* DT_STRTAB is an address in memory: PT_LOAD tells where that lies in the file. */
static bool address_to_offset(const struct file *f, uint64_t address, uint64_t *ret)
{
        Elf64_Phdr p;
        for (unsigned i = 0; i < f->header.e_phnum && program_header(f, i, &p); i++)
                if (p.p_type == PT_LOAD && address >= p.p_vaddr && address - p.p_vaddr < p.p_filesz) {
                        *ret = address - p.p_vaddr + p.p_offset;
                        return true;
                }
        return false;
}

/* Calls for each entry of the dynamic section until it returns non-zero. */
static int each_dynamic(const struct file *f, const Elf64_Phdr *section,
                int (*call)(void *userdata, const Elf64_Dyn *d), void *userdata)
{
        for (uint64_t at = 0; section->p_filesz - at >= sizeof(Elf64_Dyn); at += sizeof(Elf64_Dyn)) {
                Elf64_Dyn d;
                if (!fetch(f, section->p_offset + at, &d, sizeof(d)))
                        return -EBADMSG;
                if (d.d_tag == DT_NULL)
                        break;
                int r = call(userdata, &d);
                if (r < 0)
                        return r;
        }
        return 0;
}

struct dynamic_walk {
        const struct file *file;
        uint64_t strings; /* offset in the file */
        struct elf_needs *needs;
};

static int find_strings(void *userdata, const Elf64_Dyn *d)
{
        struct dynamic_walk *w = userdata;
        if (d->d_tag == DT_STRTAB && !address_to_offset(w->file, d->d_un.d_ptr, &w->strings))
                return -EBADMSG;
        return 0;
}

static int add_needed(void *userdata, const Elf64_Dyn *d)
{
        struct dynamic_walk *w = userdata;
        if (d->d_tag != DT_NEEDED)
                return 0;
        if (w->strings == 0 || d->d_un.d_val > w->file->size)
                return -EBADMSG;
        return add_string(w->file, w->strings + d->d_un.d_val, w->needs);
}

static int read_dynamic(const struct file *f, const Elf64_Phdr *section, struct elf_needs *needs)
{
        struct dynamic_walk walk = { .file = f, .needs = needs };
        int r = each_dynamic(f, section, find_strings, &walk);
        return r < 0 ? r : each_dynamic(f, section, add_needed, &walk);
}

static int read_headers(const struct file *f, uint32_t type, struct elf_needs *needs)
{
        Elf64_Phdr p;
        for (unsigned i = 0; i < f->header.e_phnum; i++) {
                if (!program_header(f, i, &p))
                        return -EBADMSG;
                int r = 0;
                if (p.p_type == type)
                        r = type == PT_INTERP ? add_string(f, p.p_offset, needs)
                                              : read_dynamic(f, &p, needs);
                if (r < 0)
                        return r;
        }
        return 0;
}

int elf_needs_read(const void *data, size_t size, struct elf_needs *ret)
{
        struct file f = { .data = data, .size = size };
        struct elf_needs needs = { 0 };
        int r = 0;
        if (fetch(&f, 0, &f.header, sizeof(f.header)) && memcmp(data, ELFMAG, SELFMAG) == 0 &&
                        f.header.e_ident[EI_CLASS] == ELFCLASS64) {
                r = read_headers(&f, PT_INTERP, &needs);
                if (r == 0)
                        r = read_headers(&f, PT_DYNAMIC, &needs);
        }
        if (r < 0) {
                elf_needs_free(&needs);
                return r;
        }
        *ret = needs;
        return 0;
}
