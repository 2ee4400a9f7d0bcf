/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text files about memory: /proc/iomem, /proc/zoneinfo, /sys/firmware/memmap, the marker on the command
 * line. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "cmdline-words.h"
#include "firmware-map.h"
#include "iomem.h"
#include "macros.h"
#include "scratch.h"
#include "zoneinfo.h"

static void assert_ranges(const struct mpart_ranges *s, const struct mpart_range *wanted, size_t n)
{
        assert_int_equal(s->n, n);
        for (size_t i = 0; i < n; i++) {
                assert_int_equal(s->items[i].start, wanted[i].start);
                assert_int_equal(s->items[i].size, wanted[i].size);
        }
}

static void test_iomem(void **state)
{
        (void)state;
        _cleanup_(iomem_free) struct iomem s = { 0 };
        struct mpart_error e = MPART_ERROR_INIT;
        static const char text[] = "00000000-00000fff : Reserved\n"
                                   "00000000-0009fbff : System RAM\n"
                                   "00100000-3b0fb017 : System RAM\n"
                                   "  01000000-01e00eb0 : Kernel code\n"
                                   "  02000000-02000fff : Kernel data\n"
                                   "    21000000-290fffff : Crash kernel\n"
                                   "3b0fb018-3b11c457 : System RAM\n"
                                   "3b11c458-3fffffff : System RAM\n"
                                   "40000000-7fffffff : CXL Window 0\n"
                                   "  40000000-4fffffff : dax0.0\n"
                                   "    40000000-4fffffff : System RAM (kmem)\n"
                                   "fffffffffff00000-ffffffffffffffff : Reserved\n";
        assert_int_equal(iomem_parse(text, &s, &e), 0);
        static const struct mpart_range ram[] = { { 0x1000, 0x9e000 }, { 0x100000, 0x4ff00000 } };
        static const struct mpart_range kernel[] = { { 0x1000000, 0xe01000 }, { 0x2000000, 0x1000 } };
        static const struct mpart_range crash[] = { { 0x21000000, 0x8100000 } };
        assert_ranges(&s.ram, ram, 2);
        assert_ranges(&s.kernel, kernel, 2);
        assert_ranges(&s.crash_kernel, crash, 1);
}

static void test_iomem_refused(void **state)
{
        (void)state;
        static const struct {
                const char *text, *says;
                int code;
        } cases[] = {
                { "00000000-00000000 : System RAM\n00000000-00000000 : Reserved\n", "root", -EPERM },
                { "", "System RAM", -ENODATA },
                { "00001000-0009ffff : Reserved\n", "System RAM", -ENODATA },
                { "00000000-00000fff : System RAM\n", "System RAM", -ENODATA }, /* page 0 alone */
                { "00001000-0009ffff : System RAM\nrubbish\n", "line 2", -EBADMSG },
                { "00002000-00001fff-1 : System RAM\n", "line 1", -EBADMSG },
                { "00002000-00001000 : System RAM\n", "line 1", -EBADMSG },
                { "1ffffffffffffffff-1ffffffffffffffff : System RAM\n", "line 1", -EBADMSG },
                { "00001000-\n", "line 1", -EBADMSG },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct iomem s = { 0 };
                struct mpart_error e = MPART_ERROR_INIT;
                assert_int_equal(iomem_parse(cases[i].text, &s, &e), cases[i].code);
                assert_non_null(strstr(e.text, "proc/iomem"));
                assert_non_null(strstr(e.text, cases[i].says));
                assert_null(s.ram.items);
        }
}

static void test_zoneinfo(void **state)
{
        (void)state;
        _cleanup_(zoneinfo_free) struct zoneinfo z = { 0 };
        static const char text[] = "Node 0, zone      DMA\n  per-node stats\n      nr_inactive_anon 9\n"
                                   "  pages free     3840\n        spanned  4095\n        present  3998\n"
                                   "        managed  3840\n    cpu: 0\n              count: 1\n"
                                   "  start_pfn:           1\nNode 0, zone    DMA32\n"
                                   "        spanned  9\n        present  2\n  start_pfn:           4096\n"
                                   "Node 8, zone   Normal\n        present  5\n  start_pfn:           700\n"
                                   "Node 8, zone  Movable\n        present  0\n";
        assert_int_equal(zoneinfo_parse(text, &z), 0);
        assert_int_equal(zoneinfo_present(&z, 0), 4000 * MPART_PAGE_SIZE);
        assert_int_equal(zoneinfo_present(&z, 8), 5 * MPART_PAGE_SIZE);
        assert_int_equal(zoneinfo_present(&z, 1), 0);
        assert_int_equal(zoneinfo_start(&z, 0), MPART_PAGE_SIZE);
        assert_int_equal(zoneinfo_start(&z, 8), 700 * MPART_PAGE_SIZE);
        assert_true(zoneinfo_start(&z, 1) == UINT64_MAX);

        struct zoneinfo none = { 0 };
        assert_int_equal(zoneinfo_parse("", &none), -EBADMSG);
        assert_int_equal(zoneinfo_parse("Node 0, zone DMA\n present x\n", &none), -EBADMSG);
        assert_int_equal(zoneinfo_parse("Node 0, zone DMA\n present 99999999999999999999\n", &none),
                        -EBADMSG);
        assert_null(none.zones);
}

static void write_entry(struct scratch *s, unsigned i, const char *start, const char *end, const char *type)
{
        char path[64];
        snprintf(path, sizeof(path), "sys/firmware/memmap/%u/start", i);
        scratch_write(s, path, "%s\n", start);
        snprintf(path, sizeof(path), "sys/firmware/memmap/%u/end", i);
        scratch_write(s, path, "%s\n", end);
        snprintf(path, sizeof(path), "sys/firmware/memmap/%u/type", i);
        scratch_write(s, path, "%s\n", type);
}

static void test_firmware_map(void **state)
{
        (void)state;
        struct scratch s;
        scratch_make(&s);
        _cleanup_ranges_ struct mpart_ranges ram = { 0 };
        assert_int_equal(firmware_map_read(s.fd, &ram), -ENODATA);

        write_entry(&s, 10, "0x100000000", "0x11fffffff", "System RAM");
        write_entry(&s, 2, "0x100000", "0x7fffffff", "System RAM");
        write_entry(&s, 1, "0x1000000", "0x10fffff", "ACPI Tables");
        write_entry(&s, 3, "0xfffffffffff00000", "0xffffffffffffffff", "Reserved");
        assert_int_equal(firmware_map_read(s.fd, &ram), 0);
        static const struct mpart_range wanted[] = { { 0x100000, 0xf00000 }, { 0x1100000, 0x7ef00000 },
                { 0x100000000, 0x20000000 } };
        assert_ranges(&ram, wanted, 3);

        write_entry(&s, 4, "0x2000", "0x1000", "System RAM");
        assert_int_equal(firmware_map_read(s.fd, &ram), -EINVAL);
        scratch_remove(&s);
}

/* What a restart leaves of our terms: the marker says whose they are. */
static void test_marker(void **state)
{
        (void)state;
        static const char ours[] = "memmap=512M$4G memmap=0x20000$0x80000";
        char digits[MARKER_DIGITS + 1], line[512];
        mpart_marker_make(ours, strlen(ours), digits);
        snprintf(line, sizeof(line),
                        "BOOT_IMAGE=/x \"a=b memmap=1M$1M\" memmap=1G$8G,64K!9G mpart.plan=%s %s "
                        "memmap=1M$16G quiet -- memmap=4K$32G",
                        digits, ours);
        _cleanup_(mpart_cmdline_free) struct mpart_cmdline c = { 0 };
        assert_int_equal(mpart_cmdline_parse(line, &c, NULL), 0);
        assert_true(c.has_marker);
        static const struct mpart_range own[] = { { 0x80000, 0x20000 }, { 4 * GiB, 512 * MiB } };
        static const struct mpart_range foreign[] = { { 8 * GiB, GiB + 64 * KiB }, { 16 * GiB, MiB } };
        assert_ranges(&c.reserved, own, 2);
        assert_ranges(&c.foreign, foreign, 2);
}

static void test_marker_that_lies(void **state)
{
        (void)state;
        static const char ours[] = "memmap=512M$4G memmap=0x20000$0x80000";
        static const char *const changed[] = { "memmap=512M$4G", "memmap=512M$5G memmap=0x20000$0x80000",
                "memmap=0x20000$0x80000 memmap=512M$4G", "quiet memmap=512M$4G memmap=0x20000$0x80000", "" };
        char digits[MARKER_DIGITS + 1], line[512];
        mpart_marker_make(ours, strlen(ours), digits);
        for (size_t i = 0; i < ARRAY_SIZE(changed); i++) {
                _cleanup_(mpart_cmdline_free) struct mpart_cmdline c = { 0 };
                snprintf(line, sizeof(line), MARKER_PREFIX "%s %s", digits, changed[i]);
                assert_int_equal(mpart_cmdline_parse(line, &c, NULL), 0);
                assert_false(c.has_marker);
                assert_int_equal(c.foreign.n > 0, strstr(changed[i], "memmap=") != NULL);
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_iomem),
                cmocka_unit_test(test_iomem_refused),
                cmocka_unit_test(test_zoneinfo),
                cmocka_unit_test(test_firmware_map),
                cmocka_unit_test(test_marker),
                cmocka_unit_test(test_marker_that_lies),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
