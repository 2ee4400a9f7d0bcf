/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "acpi-writer.h"

#include "macros.h"

#define TABLE_ALIGNMENT 64
#define HEADER_LENGTH 4
#define OEM_TABLE_ID "MPARTD  "
#define CREATOR_ID "MPRT"

void acpi_store(uint8_t *at, uint64_t value, size_t n)
{
        for (size_t i = 0; i < n; i++)
                at[i] = (uint8_t)(value >> (8 * i));
}

uint64_t acpi_load(const uint8_t *at, size_t n)
{
        uint64_t value = 0;
        while (n-- > 0)
                value = value << 8 | at[n];
        return value;
}

void acpi_set_checksum(uint8_t *p, size_t n, size_t at)
{
        uint8_t sum = 0;
        p[at] = 0;
        for (size_t i = 0; i < n; i++)
                sum = (uint8_t)(sum + p[i]);
        p[at] = (uint8_t)-sum;
}

uint8_t *acpi_reserve(struct acpi_writer *w, size_t n)
{
        if (w->full || n > w->size - w->used) {
                w->full = true;
                return NULL;
        }
        uint8_t *at = w->out + w->used;
        memset(at, 0, n);
        w->used += (uint32_t)n;
        return at;
}

void acpi_put(struct acpi_writer *w, uint64_t value, size_t n)
{
        uint8_t *at = acpi_reserve(w, n);
        if (at)
                acpi_store(at, value, n);
}

void acpi_put_text(struct acpi_writer *w, const char *text)
{
        for (; *text; text++)
                acpi_put(w, (uint8_t)*text, 1);
}

void acpi_open(struct acpi_writer *w, const char *signature)
{
        acpi_reserve(w, ALIGN_UP(w->used, TABLE_ALIGNMENT) - w->used);
        size_t i = w->tables->n++;
        memcpy(w->tables->table[i].signature, signature, strlen(signature));
        w->tables->table[i].offset = w->used;
}

void acpi_open_sdt(struct acpi_writer *w, const char *signature, uint8_t revision)
{
        acpi_open(w, signature);
        acpi_put_text(w, signature);
        acpi_put(w, 0, 4); /* length */
        acpi_put(w, revision, 1);
        acpi_put(w, 0, 1); /* checksum */
        acpi_put_text(w, ACPI_OEM_ID);
        acpi_put_text(w, OEM_TABLE_ID);
        acpi_put(w, 1, 4); /* OEM revision */
        acpi_put_text(w, CREATOR_ID);
        acpi_put(w, 1, 4); /* creator revision */
}

void acpi_close(struct acpi_writer *w)
{
        size_t i = w->tables->n - 1;
        w->tables->table[i].size = w->used - w->tables->table[i].offset;
}

void acpi_close_sdt(struct acpi_writer *w)
{
        acpi_close(w);
        size_t i = w->tables->n - 1;
        if (!w->full)
                acpi_store(w->out + w->tables->table[i].offset + HEADER_LENGTH, w->tables->table[i].size, 4);
}
