/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ELF vmlinux, and the only user of libelf. Nothing in the file is trusted: libelf checks the tables, this
 * checks what the program headers say. */
#include <errno.h>
#include <gelf.h>

#include "boot-internal.h"
#include "library.h"
#include "macros.h"

/* clang-format off */
#define FUNCTIONS(X) \
        X(elf_end) \
        X(elf_errmsg) \
        X(elf_getphdrnum) \
        X(elf_kind) \
        X(elf_memory) \
        X(elf_version) \
        X(gelf_getehdr) \
        X(gelf_getphdr)
/* clang-format on */
LIBRARY(library, "libelf.so.1", "libelf1", "reading an ELF kernel", FUNCTIONS);

#define KERNEL_MAP 0xffffffff80000000ULL /* __START_KERNEL_map, Documentation/arch/x86/x86_64/mm.rst */
#define SPAN_MAX GiB                     /* KERNEL_IMAGE_SIZE: more cannot be mapped there */

static void elf_endp(Elf **elf)
{
        elf_end(*elf);
}

static int check_header(const GElf_Ehdr *h, const char *name, struct mpart_error *e)
{
        if (h->e_ident[EI_CLASS] != ELFCLASS64)
                return mpart_error_set(
                                e, -ENOEXEC, "%s is a 32-bit ELF file; an x86-64 kernel is needed", name);
        if (h->e_ident[EI_DATA] != ELFDATA2LSB || h->e_machine != EM_X86_64)
                return mpart_error_set(e, -ENOEXEC,
                                "%s is an ELF file for another processor (machine %u); an x86-64 kernel is "
                                "needed",
                                name, h->e_machine);
        if (h->e_type == ET_REL)
                return mpart_error_set(
                                e, -ENOEXEC, "%s is an object file or kernel module, not a kernel", name);
        if (h->e_type == ET_CORE)
                return mpart_error_set(e, -ENOEXEC, "%s is a core dump, not a kernel", name);
        if (h->e_type != ET_EXEC && h->e_type != ET_DYN)
                return mpart_error_set(
                                e, -ENOEXEC, "%s is an ELF file of type %u, not a kernel", name, h->e_type);
        return 0;
}

static int compare_loads(const void *a, const void *b)
{
        const GElf_Phdr *x = a, *y = b;
        return (x->p_paddr > y->p_paddr) - (x->p_paddr < y->p_paddr);
}

/* The PT_LOADs with something to load, ascending by physical address. */
static int read_loads(Elf *elf, size_t size, const char *name, GElf_Phdr load[VMLINUX_LOADS_MAX],
                size_t *ret_n, struct mpart_error *e)
{
        size_t n_headers, n = 0;
        if (elf_getphdrnum(elf, &n_headers) < 0)
                return mpart_error_set(e, -ENOEXEC, "%s: ELF program headers: %s", name, elf_errmsg(-1));

        for (size_t i = 0; i < MIN(n_headers, PN_XNUM); i++) {
                GElf_Phdr p;
                if (!gelf_getphdr(elf, (int)i, &p))
                        return mpart_error_set(e, -ENOEXEC, "%s: ELF program header %zu: %s", name, i,
                                        elf_errmsg(-1));
                if (p.p_type == PT_INTERP)
                        return mpart_error_set(e, -ENOEXEC, "%s is a program, not a kernel", name);
                if (p.p_type != PT_LOAD || p.p_memsz == 0)
                        continue;
                if (p.p_filesz > p.p_memsz || p.p_offset > size || p.p_filesz > size - p.p_offset ||
                                p.p_paddr > UINT64_MAX - p.p_memsz || p.p_vaddr > UINT64_MAX - p.p_memsz)
                        return mpart_error_set(e, -ENOEXEC,
                                        "%s is cut off or damaged: ELF program header %zu (offset %#llx, "
                                        "%#llx bytes) does not lie in its %zu bytes",
                                        name, i, (unsigned long long)p.p_offset,
                                        (unsigned long long)p.p_filesz, size);
                if (n == VMLINUX_LOADS_MAX)
                        return mpart_error_set(e, -ENOEXEC, "%s has more than %d PT_LOADs", name,
                                        VMLINUX_LOADS_MAX);
                load[n++] = p;
        }
        qsort(load, n, sizeof(*load), compare_loads);
        *ret_n = n;
        return 0;
}

static bool any_in_kernel_map(const GElf_Phdr *load, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (load[i].p_vaddr >= KERNEL_MAP)
                        return true;
        return false;
}

static int check_loads(const GElf_Phdr *load, size_t n, const char *name, struct mpart_error *e)
{
        if (!any_in_kernel_map(load, n))
                return mpart_error_set(e, -ENOEXEC,
                                "%s is a program, not a kernel: nothing in it is linked at %#llx or above",
                                name, KERNEL_MAP);
        if (load[0].p_paddr & (MPART_ALIGNMENT - 1))
                return mpart_error_set(e, -ENOEXEC,
                                "%s starts at physical address %#llx; a multiple of 2 MiB is needed to move "
                                "it",
                                name, (unsigned long long)load[0].p_paddr);
        for (size_t i = 1; i < n; i++)
                if (load[i].p_paddr < load[i - 1].p_paddr + load[i - 1].p_memsz)
                        return mpart_error_set(e, -ENOEXEC, "%s is damaged: its PT_LOADs overlap at %#llx",
                                        name, (unsigned long long)load[i].p_paddr);
        if (load[n - 1].p_paddr + load[n - 1].p_memsz - load[0].p_paddr > SPAN_MAX)
                return mpart_error_set(
                                e, -ENOEXEC, "%s is damaged: it would take more than 1 GiB of memory", name);
        return 0;
}

/* e_entry is physical in stock kernels (phys_startup_64); a virtual one goes through its PT_LOAD. */
static int find_entry(uint64_t entry, const GElf_Phdr *load, size_t n, const char *name, uint64_t *ret,
                struct mpart_error *e)
{
        for (size_t i = 0; i < n; i++) {
                uint64_t start = entry >= KERNEL_MAP ? load[i].p_vaddr : load[i].p_paddr;
                if (entry >= start && entry - start < load[i].p_filesz) {
                        *ret = load[i].p_paddr - load[0].p_paddr + (entry - start);
                        return 0;
                }
        }
        return mpart_error_set(e, -ENOEXEC, "%s is damaged: its entry %#llx lies in no PT_LOAD", name,
                        (unsigned long long)entry);
}

int vmlinux_read(const void *data, size_t size, const char *name, struct vmlinux *ret, struct mpart_error *e)
{
        GElf_Phdr load[VMLINUX_LOADS_MAX];
        GElf_Ehdr header;
        struct vmlinux v = { 0 };

        int r = library_load(&library, e);
        if (r < 0)
                return r;
        elf_version(EV_CURRENT);
        /* libelf takes a pointer it could write through, but only does for ELF_C_WRITE descriptors. */
        _cleanup_(elf_endp) Elf *elf = elf_memory((char *)data, size);
        if (!elf || elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &header))
                return mpart_error_set(e, -ENOEXEC, "%s is a damaged ELF file: %s", name, elf_errmsg(-1));

        r = check_header(&header, name, e);
        if (r < 0)
                return r;
        r = read_loads(elf, size, name, load, &v.n_loads, e);
        if (r < 0)
                return r;
        r = check_loads(load, v.n_loads, name, e);
        if (r < 0)
                return r;
        r = find_entry(header.e_entry, load, v.n_loads, name, &v.entry, e);
        if (r < 0)
                return r;

        for (size_t i = 0; i < v.n_loads; i++) {
                v.load[i].offset = load[i].p_offset;
                v.load[i].file_size = load[i].p_filesz;
                v.load[i].address = load[i].p_paddr - load[0].p_paddr;
                v.load[i].size = load[i].p_memsz;
                v.span = v.load[i].address + v.load[i].size;
        }
        *ret = v;
        return 0;
}
