/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is left of a boot in the memory it was made in. ACPI 6.5 sections 5.2.5 (RSDP), 5.2.6
 * (headers), 5.2.8 (XSDT), 5.2.12 (MADT). */
#include <errno.h>
#include <inttypes.h>

#include "acpi-writer.h"
#include "boot-internal.h"
#include "macros.h"
#include "start-code.h"

#define RSDP_SIZE 36
#define RSDP_XSDT 24
#define SDT_LENGTH 4
#define MADT_HEADER 44
#define MADT_LOCAL_APIC 0
#define MADT_LOCAL_X2APIC 9

struct mpart_range mpart_boot_area(const struct mpart_plan_kernel *k)
{
        return (struct mpart_range){ k->shared.start - MPART_BOOT_AREA_SIZE, MPART_BOOT_AREA_SIZE };
}

/* The tables: a copy, so that what was checked does not change. */
struct tables {
        const uint8_t *bytes; /* BOOT_AREA_ACPI_SIZE of them */
        uint64_t address;
};

static bool sums_to_zero(const uint8_t *p, size_t n)
{
        uint8_t sum = 0;
        for (size_t i = 0; i < n; i++)
                sum = (uint8_t)(sum + p[i]);
        return sum == 0;
}

/* The table at a physical address with the signature, whole and with a good checksum; NULL: it is none. */
static const uint8_t *table_at(
                const struct tables *t, uint64_t address, const char *signature, uint32_t *ret_size)
{
        uint64_t offset = address - t->address;
        if (address < t->address || offset > BOOT_AREA_ACPI_SIZE - ACPI_HEADER_SIZE)
                return NULL;
        const uint8_t *p = t->bytes + offset;
        uint32_t size = (uint32_t)acpi_load(p + SDT_LENGTH, 4);
        if (memcmp(p, signature, 4) != 0 || size < ACPI_HEADER_SIZE || size > BOOT_AREA_ACPI_SIZE - offset ||
                        !sums_to_zero(p, size))
                return NULL;
        *ret_size = size;
        return p;
}

static const uint8_t *find_madt(const struct tables *t, uint32_t *ret_size)
{
        uint32_t size;
        if (memcmp(t->bytes, "RSD PTR ", 8) != 0 || !sums_to_zero(t->bytes, RSDP_SIZE))
                return NULL;
        const uint8_t *xsdt = table_at(t, acpi_load(t->bytes + RSDP_XSDT, 8), "XSDT", &size);
        for (uint32_t at = ACPI_HEADER_SIZE; xsdt && at + 8 <= size; at += 8) {
                const uint8_t *madt = table_at(t, acpi_load(xsdt + at, 8), "APIC", ret_size);
                if (madt && *ret_size >= MADT_HEADER)
                        return madt;
        }
        return NULL;
}

/* False: it is no structure of a CPU, or one of no single CPU. */
static bool read_id(const uint8_t *p, size_t size, uint32_t *ret)
{
        if (p[0] == MADT_LOCAL_APIC && size == 8)
                *ret = p[3];
        else if (p[0] == MADT_LOCAL_X2APIC && size == 16)
                *ret = (uint32_t)acpi_load(p + 4, 4);
        else
                return false;
        return *ret != (p[0] == MADT_LOCAL_APIC ? 0xff : UINT32_MAX);
}

static bool is_among(const uint32_t *ids, size_t n, uint32_t id)
{
        for (size_t i = 0; i < n; i++)
                if (ids[i] == id)
                        return true;
        return false;
}

static int read_ids(
                const struct tables *t, struct mpart_boot_trace *ret, size_t wanted, struct mpart_error *e)
{
        uint32_t size = 0, id;
        const uint8_t *madt = find_madt(t, &size);
        if (!madt)
                return mpart_error_set(e, -EBADMSG, "no ACPI tables of a boot at %#" PRIx64, t->address);
        ret->apic_ids = calloc(wanted + 1, sizeof(*ret->apic_ids));
        if (!ret->apic_ids)
                return mpart_error_set(e, -ENOMEM, "out of memory");
        for (uint32_t at = MADT_HEADER, step; at < size; at += step) {
                step = size - at < 2 ? 0 : madt[at + 1];
                if (step < 2 || step > size - at || !read_id(madt + at, step, &id) ||
                                ret->n_cpus == wanted || is_among(ret->apic_ids, ret->n_cpus, id))
                        return mpart_error_set(e, -EBADMSG,
                                        "the MADT of the boot at %#" PRIx64 " makes no sense", t->address);
                ret->apic_ids[ret->n_cpus++] = id;
        }
        if (ret->n_cpus != wanted)
                return mpart_error_set(e, -EBADMSG,
                                "the MADT of the boot at %#" PRIx64 " has %zu CPUs; %zu are planned",
                                t->address, ret->n_cpus, wanted);
        return 0;
}

static int read_cmdline(const char *line, struct mpart_boot_trace *ret, struct mpart_error *e)
{
        size_t n = strnlen(line, MPART_COMMAND_LINE_MAX + 1);
        for (size_t i = 0; i < n; i++)
                if (line[i] < ' ' || line[i] > '~')
                        n = 0;
        if (n == 0 || n > MPART_COMMAND_LINE_MAX)
                return mpart_error_set(e, -EBADMSG, "no command line of a boot in its boot area");
        ret->cmdline = strndup(line, n);
        return ret->cmdline ? 0 : mpart_error_set(e, -ENOMEM, "out of memory");
}

int mpart_boot_trace_read(const struct mpart_plan_kernel *k, const void *area, struct mpart_boot_trace *ret,
                struct mpart_error *e)
{
        struct mpart_range place = mpart_boot_area(k);
        _cleanup_free_ uint8_t *copy = malloc(BOOT_AREA_PAGE_TABLES);
        if (!copy)
                return mpart_error_set(e, -ENOMEM, "out of memory");
        memcpy(copy, area, BOOT_AREA_PAGE_TABLES);

        struct mpart_boot_trace t = { .reset_address = place.start + BOOT_AREA_RESET };
        const struct tables tables = { copy + BOOT_AREA_ACPI, place.start + BOOT_AREA_ACPI };
        int r = read_ids(&tables, &t, mpart_cpuset_count(&k->cpus), e);
        if (r == 0)
                r = read_cmdline((const char *)copy + BOOT_AREA_CMDLINE, &t, e);
        if (r < 0)
                mpart_boot_trace_free(&t);
        else
                *ret = t;
        return r;
}

void mpart_boot_trace_free(struct mpart_boot_trace *t)
{
        free(t->cmdline);
        free(t->apic_ids);
        *t = (struct mpart_boot_trace){ 0 };
}

static bool is_clear(const uint8_t *p, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (p[i])
                        return false;
        return true;
}

bool mpart_boot_wakes_cpus(const void *window, size_t size)
{
        return size > MPART_LOW_START_SIZE &&
               !is_clear((const uint8_t *)window + MPART_LOW_START_SIZE, size - MPART_LOW_START_SIZE);
}

enum mpart_boot_progress mpart_boot_progress(
                const struct mpart_boot *boot, const void *window, size_t window_size, const void *area)
{
        const struct mpart_layout *l = &boot->layout;
        const uint8_t *low = window, *tables = (const uint8_t *)area + BOOT_AREA_PAGE_TABLES;
        if (mpart_boot_wakes_cpus(window, window_size))
                return MPART_PROGRESS_KERNEL;

        uint64_t top[BOOT_PAGE_SIZE / sizeof(uint64_t)], done = 0;
        memcpy(top, low + START_CODE_SIZE, sizeof(top));
        for (uint64_t a = ALIGN_DOWN(l->load, MPART_ALIGNMENT); a < l->load + l->image_size;
                        a += MPART_ALIGNMENT)
                done |= page_tables_entry(top, tables, BOOT_AREA_PAGE_TABLES_SIZE,
                                l->boot_area.start + BOOT_AREA_PAGE_TABLES, a);
        return done & PAGE_DIRTY      ? MPART_PROGRESS_WRITING
               : done & PAGE_ACCESSED ? MPART_PROGRESS_ENTERED
                                      : MPART_PROGRESS_START_CODE;
}
