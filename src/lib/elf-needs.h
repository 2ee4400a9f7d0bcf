/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an ELF program must be given to run: its dynamic linker and its libraries, by name. */
#pragma once

#include <stddef.h>

struct elf_needs {
        char **names; /* PT_INTERP's absolute path first, then DT_NEEDED; none: it is static */
        size_t n, capacity;
};
void elf_needs_free(struct elf_needs *n);

/* 0, also for what is no ELF file: scripts and data need nothing; -EBADMSG: damaged; -ENOMEM. */
int elf_needs_read(const void *data, size_t size, struct elf_needs *ret);
