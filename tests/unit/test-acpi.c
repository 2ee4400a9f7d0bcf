/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ACPI tables, read back by offsets of the specification, and by iasl. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "boot-fixture.h"
#include "fs.h"
#include "macros.h"
#include "scratch.h"

#define ADDRESS 0x12345000ULL
#define RESET 0x12344000ULL
#define ROOM 65536

struct tables {
        struct mpart_acpi_tables list;
        uint8_t bytes[ROOM];
};

static void build(const struct fixture *f, struct tables *t)
{
        memset(t, 0, sizeof(*t));
        assert_int_equal(mpart_acpi_build(&f->request, ADDRESS, RESET, t->bytes, ROOM, &t->list, NULL), 0);
}

static uint64_t get(const uint8_t *p, size_t offset, size_t n)
{
        uint64_t v = 0;
        memcpy(&v, p + offset, n);
        return v;
}

static unsigned sum(const uint8_t *p, size_t n)
{
        unsigned s = 0;
        while (n > 0)
                s += p[--n];
        return s & 0xff;
}

static const uint8_t *find(const struct tables *t, const char *signature, size_t *ret_size)
{
        for (size_t i = 0; i < t->list.n; i++)
                if (streq(t->list.table[i].signature, signature)) {
                        if (ret_size)
                                *ret_size = t->list.table[i].size;
                        return t->bytes + t->list.table[i].offset;
                }
        return NULL;
}

static void check_frame(const struct tables *t)
{
        const uint8_t *rsdp = t->bytes;
        assert_string_equal(t->list.table[0].signature, "RSDP");
        assert_memory_equal(rsdp, "RSD PTR ", 8);
        assert_int_equal(sum(rsdp, 20), 0);
        assert_int_equal(sum(rsdp, 36), 0);
        assert_int_equal(get(rsdp, 15, 1), 2);
        assert_int_equal(get(rsdp, 20, 4), 36);

        const uint8_t *xsdt = find(t, "XSDT", NULL);
        assert_int_equal(get(rsdp, 24, 8), ADDRESS + (uint64_t)(xsdt - t->bytes));
        for (size_t i = 1; i < t->list.n; i++) {
                const uint8_t *p = t->bytes + t->list.table[i].offset;
                assert_memory_equal(p, t->list.table[i].signature, 4);
                assert_int_equal(t->list.table[i].offset % 64, 0);
                assert_int_equal(get(p, 4, 4), t->list.table[i].size);
                assert_int_equal(sum(p, t->list.table[i].size), 0);
                assert_memory_equal(p + 10, "MPART ", 6);
                assert_true(t->list.table[i].offset + t->list.table[i].size <= t->list.total);
        }
}

/* Each table is found the way a kernel finds it. */
static void check_xsdt(const struct tables *t)
{
        size_t size, entries = 0;
        const uint8_t *xsdt = find(t, "XSDT", &size);
        for (size_t i = 0; i < t->list.n; i++) {
                const char *s = t->list.table[i].signature;
                if (streq(s, "RSDP") || streq(s, "XSDT") || streq(s, "DSDT"))
                        continue;
                assert_int_equal(get(xsdt, 36 + 8 * entries++, 8), ADDRESS + t->list.table[i].offset);
        }
        assert_int_equal(size, 36 + 8 * entries);
        assert_int_equal(get(find(t, "FACP", NULL), 140, 8),
                        ADDRESS + (uint64_t)(find(t, "DSDT", NULL) - t->bytes));
}

static void test_frame(void **state)
{
        (void)state;
        struct fixture f;
        struct tables t;
        fixture_init(&f);
        build(&f, &t);
        assert_int_equal(t.list.n, 7);
        check_frame(&t);
        check_xsdt(&t);

        struct mpart_acpi_tables list = { .n = 77 };
        uint8_t small[512];
        struct mpart_error e = MPART_ERROR_INIT;
        assert_int_equal(mpart_acpi_build(&f.request, ADDRESS, RESET, small, sizeof(small), &list, &e),
                        -ENOSPC);
        assert_int_equal(list.n, 77);
        assert_non_null(strstr(e.text, "kernel 1"));
        fixture_done(&f);
}

static void test_fadt(void **state)
{
        (void)state;
        struct fixture f;
        struct tables t;
        size_t size;
        fixture_init(&f);
        build(&f, &t);
        const uint8_t *p = find(&t, "FACP", &size);
        assert_int_equal(size, 276);
        assert_int_equal(p[8], 6);
        assert_int_equal(get(p, 109, 2), 0x24);       /* no VGA, no CMOS RTC, nothing else */
        assert_int_equal(get(p, 112, 4), 0x180401);   /* HW_REDUCED, APIC_PHYSICAL, RESET_REG_SUP, WBINVD */
        assert_int_equal(get(p, 116, 4), 0x01000800); /* system memory, 8 bits, offset 0, byte access */
        assert_int_equal(get(p, 120, 8), RESET);
        assert_int_equal(p[128], MPART_RESET_VALUE);
        assert_int_equal(get(p, 76, 4) | p[91] | get(p, 208, 8), 0); /* no PM timer */

        f.request.pm_timer = 0x608;
        build(&f, &t);
        p = find(&t, "FACP", &size);
        assert_int_equal(get(p, 76, 4), 0x608);
        assert_int_equal(p[91], 4);
        assert_int_equal(get(p, 208, 4), 0x03002001); /* system I/O, 32 bits, offset 0, dword access */
        assert_int_equal(get(p, 212, 8), 0x608);
        fixture_done(&f);
}

static void test_madt(void **state)
{
        (void)state;
        static const uint8_t cpus[] = {
                0, 8, 6, 6, 1, 0, 0, 0,                            /* the boot CPU first */
                0, 8, 2, 2, 1, 0, 0, 0,                            /* */
                9, 16, 0, 0, 44, 1, 0, 0, 1, 0, 0, 0, 44, 1, 0, 0, /* 300: x2APIC */
        };
        struct fixture f;
        struct tables t;
        size_t size;
        fixture_init(&f);
        build(&f, &t);
        const uint8_t *p = find(&t, "APIC", &size);
        assert_int_equal(get(p, 36, 4), 0xfee00000);
        assert_int_equal(get(p, 40, 4), 0);
        assert_int_equal(size, 44 + sizeof(cpus));
        assert_memory_equal(p + 44, cpus, sizeof(cpus));

        f.cpus[1].apic_id = 254;
        f.cpus[2].apic_id = 255;
        build(&f, &t);
        p = find(&t, "APIC", NULL);
        assert_int_equal(p[44 + 8], 0);
        assert_int_equal(p[44 + 16], 9);
        fixture_done(&f);
}

static void test_nodes(void **state)
{
        (void)state;
        static const uint8_t affinity[] = { 0, 16, 1, 6, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
        /* Nodes 0, 1 and 3 are the plan's; it knows of no node 2. */
        static const uint8_t slit[] = { 10, 11, 20, 21, 11, 10, 20, 31, 20, 20, 10, 20, 21, 31, 20, 10 };
        struct fixture f;
        struct tables t;
        size_t size;
        fixture_init(&f);
        build(&f, &t);
        const uint8_t *p = find(&t, "SRAT", &size);
        assert_int_equal(size, 48 + 16 + 16 + 24 + 3 * 40);
        assert_int_equal(get(p, 36, 4), 1);
        assert_memory_equal(p + 48, affinity, sizeof(affinity));
        assert_int_equal(get(p, 80, 2), 0x1802); /* x2APIC, 24 bytes */
        assert_int_equal(get(p, 84, 4), 3);
        assert_int_equal(get(p, 88, 4), 300);
        const uint8_t *memory = p + 104;
        assert_int_equal(get(memory, 2, 4), 1); /* low window: node of the boot CPU */
        assert_int_equal(get(memory, 8, 8), 0x10000);
        assert_int_equal(get(memory + 80, 2, 4), 3);
        assert_int_equal(get(memory + 80, 8, 8), 8 * GiB);
        assert_int_equal(get(memory + 80, 16, 8), GiB);
        assert_int_equal(get(memory + 80, 28, 4), 1);

        p = find(&t, "SLIT", &size);
        assert_int_equal(get(p, 36, 8), 4);
        assert_int_equal(size, 44 + sizeof(slit));
        assert_memory_equal(p + 44, slit, sizeof(slit));
        fixture_done(&f);
}

static void test_one_node(void **state)
{
        (void)state;
        struct fixture f;
        struct tables t;
        fixture_init(&f);
        for (size_t i = 0; i < 3; i++)
                f.cpus[i].node = 3;
        f.memory[0].node = 3;
        build(&f, &t);
        assert_int_equal(t.list.n, 5);
        check_frame(&t);
        check_xsdt(&t);
        f.memory[0].node = 0;
        build(&f, &t);
        assert_int_equal(t.list.n, 7);
        fixture_done(&f);
}

/* What iasl makes of table `i`; it must not complain. */
static char *disassemble(const struct tables *t, size_t i, const struct scratch *scratch)
{
        _cleanup_free_ char *log = NULL;
        char path[128], command[512], *source = NULL;
        snprintf(path, sizeof(path), "%s/table", scratch->path);
        assert_int_equal(write_file_atomic(path, t->bytes + t->list.table[i].offset, t->list.table[i].size,
                                         0600),
                        0);
        snprintf(command, sizeof(command), "iasl -d %s >%s.log 2>&1", path, path);
        assert_int_equal(system(command), 0);
        assert_int_equal(read_file_at(scratch->fd, "table.log", 0, &log, NULL), 0);
        assert_int_equal(read_file_at(scratch->fd, "table.dsl", 0, &source, NULL), 0);

        static const char *const complaints[] = { "rror", "arning", "nvalid", "nknown", "Could not" };
        for (size_t c = 0; c < ARRAY_SIZE(complaints); c++)
                if (strstr(log, complaints[c]) || strstr(source, complaints[c]))
                        fail_msg("%s: %s%s", t->list.table[i].signature, log, source);
        assert_non_null(strstr(source, t->list.table[i].signature));
        return source;
}

static void test_iasl(void **state)
{
        (void)state;
        if (system("iasl -v >/dev/null 2>&1") != 0)
                skip();
        struct scratch scratch;
        struct fixture f;
        struct tables t;
        fixture_init(&f);
        f.request.cmdline = "console=tty0 console=ttyS3 console=ttyS1,115200 console=ttyS7";
        build(&f, &t);
        scratch_make(&scratch);
        for (size_t i = 1; i < t.list.n; i++) {
                _cleanup_free_ char *source = disassemble(&t, i, &scratch);
                if (!streq(t.list.table[i].signature, "DSDT"))
                        continue;
                assert_non_null(strstr(source, "Device (COM1)"));
                assert_non_null(strstr(source, "Device (COM3)"));
                assert_null(strstr(source, "Device (COM0)"));
                assert_non_null(strstr(source, "PNP0501"));
                assert_non_null(strstr(source, "0x02F8,             // Range Minimum"));
                assert_non_null(strstr(source, "0x02E8,             // Range Minimum"));
                assert_null(strstr(source, "IRQ"));
        }
        scratch_remove(&scratch);
        fixture_done(&f);
}

static void test_no_uart(void **state)
{
        (void)state;
        struct fixture f;
        struct tables t;
        size_t size;
        fixture_init(&f);
        f.request.cmdline = "console=tty0 quiet";
        build(&f, &t);
        find(&t, "DSDT", &size);
        assert_int_equal(size, 36);
        check_frame(&t);
        fixture_done(&f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_frame),
                cmocka_unit_test(test_fadt),
                cmocka_unit_test(test_madt),
                cmocka_unit_test(test_nodes),
                cmocka_unit_test(test_one_node),
                cmocka_unit_test(test_iasl),
                cmocka_unit_test(test_no_uart),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
