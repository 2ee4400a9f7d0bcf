/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is read out of the memory that a boot was made in. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "boot-fixture.h"
#include "boot-internal.h"
#include "macros.h"
#include "start-code.h"

#define LOAD (8 * GiB)
#define DAMAGES 3000

/* Memory as a boot makes it: the low window and the boot area. */
struct memory {
        struct fixture f;
        struct mpart_boot *boot;
        uint8_t *window, *area;
};

static void put(uint8_t *to, uint64_t start, uint64_t size, const struct mpart_segment *s)
{
        if (s->address >= start && s->address - start < size && s->data)
                memcpy(to + (s->address - start), s->data, s->data_size);
}

static int setup(void **state)
{
        struct memory *m = calloc(1, sizeof(*m));
        struct mpart_error e = MPART_ERROR_INIT;
        fixture_init(&m->f);
        assert_int_equal(mpart_cpuset_parse_list("4-6", &m->f.kernels[1].cpus), 0);
        if (mpart_boot_build(&m->f.request, &m->boot, &e) < 0)
                fail_msg("%s", e.text);
        const struct mpart_range low = m->f.kernels[1].low_memory, area = mpart_boot_area(&m->f.kernels[1]);
        m->window = calloc(1, low.size);
        m->area = calloc(1, area.size);
        for (size_t i = 0; i < m->boot->n_segments; i++) {
                put(m->window, low.start, low.size, &m->boot->segments[i]);
                put(m->area, area.start, area.size, &m->boot->segments[i]);
        }
        *state = m;
        return 0;
}

static int teardown(void **state)
{
        struct memory *m = *state;
        free(m->window);
        free(m->area);
        mpart_boot_free(m->boot);
        mpart_cpuset_free(&m->f.kernels[1].cpus);
        fixture_done(&m->f);
        free(m);
        return 0;
}

static void test_a_boot_is_read_back(void **state)
{
        const struct memory *m = *state;
        struct mpart_error e = MPART_ERROR_INIT;
        struct mpart_boot_trace t;
        const struct mpart_range area = mpart_boot_area(&m->f.kernels[1]);
        assert_true(area.start == m->boot->layout.boot_area.start);
        assert_true(area.size == m->boot->layout.boot_area.size);
        if (mpart_boot_trace_read(&m->f.kernels[1], m->area, &t, &e) < 0)
                fail_msg("%s", e.text);
        assert_string_equal(t.cmdline, m->f.request.cmdline);
        assert_true(t.reset_address == m->boot->reset_address);
        assert_int_equal(t.n_cpus, 3);
        for (size_t i = 0; i < 3; i++)
                assert_int_equal(t.apic_ids[i], m->f.cpus[i].apic_id);
        mpart_boot_trace_free(&t);
}

static void refuse(const struct memory *m, const char *says)
{
        struct mpart_error e = MPART_ERROR_INIT;
        struct mpart_boot_trace t = { .n_cpus = 99 };
        assert_int_equal(mpart_boot_trace_read(&m->f.kernels[1], m->area, &t, &e), -EBADMSG);
        assert_int_equal(t.n_cpus, 99);
        assert_non_null(strstr(e.text, says));
}

static uint8_t *find_madt(const struct memory *m)
{
        return memmem(m->area + BOOT_AREA_ACPI, 0x2000, "APIC", 4);
}

/* So that what is wrong is not the sum. */
static void mend_checksum(uint8_t *table)
{
        uint8_t sum = 0;
        table[9] = 0;
        for (size_t i = 0; i < table[4]; i++)
                sum = (uint8_t)(sum + table[i]);
        table[9] = (uint8_t)-sum;
}

static void test_what_is_no_boot_is_refused(void **state)
{
        struct memory *m = *state;
        uint8_t *madt = find_madt(m);
        madt[44 + 3] ^= 1;
        refuse(m, "no ACPI tables");
        mend_checksum(madt);
        madt[44 + 3] = madt[52 + 3]; /* the same CPU twice */
        mend_checksum(madt);
        refuse(m, "makes no sense");
        madt[44 + 3] = 0xff; /* all CPUs */
        mend_checksum(madt);
        refuse(m, "makes no sense");
        madt[44 + 3] = 6;
        madt[44 + 1] = 0; /* never ends */
        mend_checksum(madt);
        refuse(m, "makes no sense");
        madt[44 + 1] = 8;
        mend_checksum(madt);
        mpart_cpuset_add(&m->f.kernels[1].cpus, 7);
        refuse(m, "4 are planned");
        mpart_cpuset_remove(&m->f.kernels[1].cpus, 7);
        m->area[BOOT_AREA_CMDLINE + 3] = 0x80;
        refuse(m, "command line");
        memset(m->area + BOOT_AREA_CMDLINE, 'x', 4096);
        refuse(m, "command line");
        memset(m->area, 0, MPART_BOOT_AREA_SIZE);
        refuse(m, "no ACPI tables");
}

static enum mpart_boot_progress progress(const struct memory *m)
{
        return mpart_boot_progress(m->boot, m->window, m->f.kernels[1].low_memory.size, m->area);
}

/* The entry of the 2 MiB page at `address`, below PML4 entry 0. */
static uint64_t *entry_of(const struct memory *m, uint64_t address)
{
        const uint64_t mask = 0x000ffffffffff000, start = m->boot->layout.boot_area.start;
        uint64_t *top = (uint64_t *)(m->window + START_CODE_SIZE);
        uint64_t *pdpt = (uint64_t *)(m->area + ((top[0] & mask) - start));
        uint64_t *directory = (uint64_t *)(m->area + ((pdpt[address >> 30] & mask) - start));
        return &directory[address >> 21 & 511];
}

static void test_progress(void **state)
{
        struct memory *m = *state;
        *entry_of(m, 0) |= PAGE_ACCESSED | PAGE_DIRTY; /* our start code runs there */
        assert_int_equal(progress(m), MPART_PROGRESS_START_CODE);
        *entry_of(m, LOAD) |= PAGE_ACCESSED;
        assert_int_equal(progress(m), MPART_PROGRESS_ENTERED);
        *entry_of(m, LOAD + FIXTURE_INIT_SIZE - 1) |= PAGE_ACCESSED | PAGE_DIRTY;
        assert_int_equal(progress(m), MPART_PROGRESS_WRITING);
        m->window[MPART_LOW_WINDOW_SIZE - 1] = 1;
        assert_int_equal(progress(m), MPART_PROGRESS_KERNEL);
}

/* A kernel may have written anything: the readers stay inside. */
static void test_damage(void **state)
{
        struct memory *m = *state;
        uint32_t random = 1;
        for (int i = 0; i < DAMAGES; i++) {
                random = random * 1664525 + 1013904223;
                if (i % 2)
                        m->area[BOOT_AREA_ACPI + random % 0x400] = (uint8_t)(random >> 24);
                else
                        m->area[BOOT_AREA_PAGE_TABLES + random % 0x4000] = (uint8_t)(random >> 24);
                mend_checksum(m->area + BOOT_AREA_ACPI + (random >> 8) % 0x200);
                struct mpart_boot_trace t;
                if (mpart_boot_trace_read(&m->f.kernels[1], m->area, &t, NULL) == 0)
                        mpart_boot_trace_free(&t);
                assert_true(progress(m) < _MPART_PROGRESS_MAX);
        }
}

#define trace_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                trace_test(test_a_boot_is_read_back),
                trace_test(test_what_is_no_boot_is_refused),
                trace_test(test_progress),
                trace_test(test_damage),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
