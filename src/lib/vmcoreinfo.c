/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The VMCOREINFO note of a running kernel, found in its memory. The kernel allocates whole pages for it
 * (kernel/crash_core.c): one ELF note of name "VMCOREINFO" and type 0, whose text is lines KEY=value and
 * starts with OSRELEASE= (Documentation/admin-guide/kdump/vmcoreinfo.rst). */
#include <elf.h>

#include "boot.h"
#include "macros.h"

#define PAGE 4096
#define NOTE_NAME "VMCOREINFO"
#define NOTE_START "OSRELEASE="
#define NAME_ROOM ALIGN_UP(sizeof(NOTE_NAME), 4)
#define TEXT_OFFSET (sizeof(Elf64_Nhdr) + NAME_ROOM)
#define TEXT_MAX PAGE /* VMCOREINFO_BYTES */

/* The text of the note at `note`, not NUL-terminated, and its length; NULL: none. */
static const char *note_text(const uint8_t *note, size_t size, size_t *ret_length)
{
        Elf64_Nhdr h;
        if (size < TEXT_OFFSET)
                return NULL;
        memcpy(&h, note, sizeof(h));
        if (h.n_namesz != sizeof(NOTE_NAME) || h.n_type != 0 || h.n_descsz > TEXT_MAX ||
                        h.n_descsz > size - TEXT_OFFSET || h.n_descsz < strlen(NOTE_START))
                return NULL;

        const char *text = (const char *)note + TEXT_OFFSET;
        if (memcmp(note + sizeof(h), NOTE_NAME, sizeof(NOTE_NAME)) != 0 ||
                        memcmp(text, NOTE_START, strlen(NOTE_START)) != 0)
                return NULL;
        *ret_length = strnlen(text, h.n_descsz);
        return text;
}

int64_t mpart_vmcoreinfo_find(const void *memory, size_t size)
{
        size_t length;
        for (size_t at = 0; at < size; at += PAGE)
                if (note_text((const uint8_t *)memory + at, size - at, &length))
                        return (int64_t)at;
        return -1;
}

char *mpart_vmcoreinfo_get(const void *note, size_t size, const char *key)
{
        size_t left, n = strlen(key);
        const char *line = note_text(note, size, &left);
        while (line && left > 0) {
                const char *newline = memchr(line, '\n', left);
                size_t length = newline ? (size_t)(newline - line) : left;
                if (length > n && line[n] == '=' && memcmp(line, key, n) == 0)
                        return strndup(line + n + 1, length - n - 1);
                if (!newline)
                        break;
                left -= length + 1;
                line = newline + 1;
        }
        return NULL;
}
