/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared libraries that are loaded where they are first needed. Each brings others with it (libarchive alone
 * libxml2, ICU and OpenSSL), and binding them all takes several times as long as planning a machine.
 *
 * The one file that knows a library names it and the functions it calls:
 *
 *         #define FUNCTIONS(X) X(kmod_new) X(kmod_unref)
 *         LIBRARY(library, "libkmod.so.2", "libkmod2", "module dependencies", FUNCTIONS);
 *
 * and calls library_load() before the first of them. The calls are written as ever, against the library's
 * own header: each name is defined here as a jump through a pointer that library_load() sets. A function
 * that is missing in the list does not link. */
#pragma once

#include <elf.h>
#include <stddef.h>

#include "error.h"
#include "macros.h"

struct library_function {
        const char *name;
        void **address;
};

struct library {
        const char *file, *package, *purpose;
        const struct library_function *functions;
        size_t n_functions;
};

/* 0, or -EOPNOTSUPP where the library or a function of it is missing. May be called from any thread, and
 * again: the library stays until the process ends. */
int library_load(const struct library *l, struct mpart_error *e);

/* The address of a variable in a library that is loaded, or NULL. */
void *library_variable(const struct library *l, const char *name);

/* What a procedure linkage table holds. Hidden: nobody but the linked object sees the name. */
#define LIBRARY_JUMP(name)                                                                                  \
        void *library_address_##name __attribute__((visibility("hidden")));                                 \
        __asm__(".pushsection .text\n"                                                                      \
                ".globl " #name "\n"                                                                        \
                ".hidden " #name "\n"                                                                       \
                ".type " #name ", @function\n" #name ":\n"                                                  \
                "       .cfi_startproc\n"                                                                   \
                "       endbr64\n"                                                                          \
                "       jmp *library_address_" #name "(%rip)\n"                                             \
                "       .cfi_endproc\n"                                                                     \
                ".size " #name ", .-" #name "\n"                                                            \
                ".popsection\n");

#define LIBRARY_FUNCTION(name) { #name, &library_address_##name },

/* For who makes packages: the ELF note of the UAPI group's "dlopen metadata for ELF files". */
#define LIBRARY_NOTE_TEXT(file, purpose)                                                                    \
        "[{\"feature\":\"" purpose "\",\"priority\":\"recommended\",\"soname\":[\"" file "\"]}]"

#define LIBRARY_NOTE(variable, file, purpose)                                                               \
        static const struct {                                                                               \
                Elf64_Nhdr header;                                                                          \
                char owner[4];                                                                              \
                _Alignas(4) char text[sizeof(LIBRARY_NOTE_TEXT(file, purpose))];                            \
        } variable##_note __attribute__((used, aligned(4), section(".note.dlopen"))) = {                    \
                { 4, sizeof(LIBRARY_NOTE_TEXT(file, purpose)), 0x407c0c0a },                                \
                "FDO",                                                                                      \
                LIBRARY_NOTE_TEXT(file, purpose),                                                           \
        }

#define LIBRARY(variable, file, package, purpose, FUNCTIONS)                                                \
        FUNCTIONS(LIBRARY_JUMP)                                                                             \
        static const struct library_function variable##_functions[] = { FUNCTIONS(LIBRARY_FUNCTION) };      \
        LIBRARY_NOTE(variable, file, purpose);                                                              \
        static const struct library variable = { file, package, purpose, variable##_functions,              \
                ARRAY_SIZE(variable##_functions) }
