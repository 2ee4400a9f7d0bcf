/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The memory in which a boot began, after its kernel had it. The input is a list of stores into the boot
 * area and the top of the page tables; a bit of each says whether the checksum of the MADT is mended
 * afterwards. */
#include <stddef.h>

#include "../unit/boot-fixture.h"
#include "boot-internal.h"
#include "fuzz.h"
#include "macros.h"
#include "start-code.h"

#define ACPI_BYTES 0x400U
#define TABLE_BYTES 0x4000U

struct store {
        uint16_t at; /* modulo what the readers look at */
        uint8_t width, value[8];
} __attribute__((packed));

struct memory {
        struct fixture f;
        struct mpart_boot *boot;
        uint8_t *window, *area;
        size_t madt; /* offset in the area */
};

static void put(uint8_t *to, struct mpart_range range, const struct mpart_segment *s)
{
        if (s->address >= range.start && s->address < mpart_range_end(range) && s->data)
                memcpy(to + (s->address - range.start), s->data, s->data_size);
}

static void make(struct memory *m)
{
        fixture_init(&m->f);
        struct mpart_plan_kernel *k = &m->f.kernels[1];
        MUST(mpart_cpuset_parse_list("4-6", &k->cpus) == 0 &&
                        mpart_boot_build(&m->f.request, &m->boot, NULL) == 0);
        m->window = calloc(1, k->low_memory.size);
        m->area = calloc(1, MPART_BOOT_AREA_SIZE);
        MUST(m->window && m->area);
        for (size_t i = 0; i < m->boot->n_segments; i++) {
                put(m->window, k->low_memory, &m->boot->segments[i]);
                put(m->area, mpart_boot_area(k), &m->boot->segments[i]);
        }
        const uint8_t *madt = memmem(m->area + BOOT_AREA_ACPI, ACPI_BYTES, "APIC", 4);
        MUST(madt);
        m->madt = (size_t)(madt - m->area);
}

/* Where in the memory a store goes. */
static uint8_t *place(const struct memory *m, unsigned at)
{
        at %= ACPI_BYTES + BOOT_PAGE_SIZE + TABLE_BYTES + BOOT_PAGE_SIZE - 8;
        if (at < ACPI_BYTES)
                return m->area + BOOT_AREA_ACPI + at;
        at -= ACPI_BYTES;
        if (at < BOOT_PAGE_SIZE)
                return m->area + BOOT_AREA_CMDLINE + at;
        at -= BOOT_PAGE_SIZE;
        if (at < TABLE_BYTES)
                return m->area + BOOT_AREA_PAGE_TABLES + at;
        return m->window + START_CODE_SIZE + at - TABLE_BYTES;
}

static void mend(uint8_t *table)
{
        uint8_t sum = 0;
        table[9] = 0;
        for (size_t i = 0; i < table[4]; i++)
                sum = (uint8_t)(sum + table[i]);
        table[9] = (uint8_t)-sum;
}

static void check(const struct memory *m)
{
        struct mpart_error e = MPART_ERROR_INIT;
        struct mpart_boot_trace t;
        MUST(mpart_boot_progress(m->boot, m->window, m->f.kernels[1].low_memory.size, m->area) <
                        _MPART_PROGRESS_MAX);
        if (mpart_boot_trace_read(&m->f.kernels[1], m->area, &t, &e) < 0) {
                MUST(*e.text);
                return;
        }
        MUST(t.n_cpus == 3 && strlen(t.cmdline) <= MPART_COMMAND_LINE_MAX);
        for (size_t i = 0; i < t.n_cpus; i++)
                for (size_t j = 0; j < i; j++)
                        MUST(t.apic_ids[i] != t.apic_ids[j]);
        mpart_boot_trace_free(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct memory m;
        static uint8_t *area, *window;
        const size_t area_used = BOOT_AREA_PAGE_TABLES + TABLE_BYTES,
                     window_used = START_CODE_SIZE + BOOT_PAGE_SIZE;
        if (!area) {
                make(&m);
                area = (uint8_t *)input_text(m.area, area_used);
                window = (uint8_t *)input_text(m.window, window_used);
        }
        memcpy(m.area, area, area_used);
        memcpy(m.window, window, window_used);
        bool mends = false;
        for (struct store s; size >= sizeof(s); data += sizeof(s), size -= sizeof(s)) {
                memcpy(&s, data, sizeof(s));
                memcpy(place(&m, s.at), s.value, s.width % (sizeof(s.value) + 1));
                mends = mends || s.width & 0x80;
        }
        if (mends)
                mend(m.area + m.madt);
        check(&m);
        return 0;
}
