/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "boot-fixture.h"
#include "macros.h"

#define LOAD (8 * GiB)
#define BOOT_AREA (9 * GiB - MPART_SHARED_SIZE - MPART_BOOT_AREA_SIZE)

static struct mpart_boot *build(const struct fixture *f)
{
        struct mpart_boot *boot = NULL;
        struct mpart_error e = MPART_ERROR_INIT;
        if (mpart_boot_build(&f->request, &boot, &e) < 0)
                fail_msg("%s", e.text);
        return boot;
}

static const struct mpart_segment *find(const struct mpart_boot *boot, const char *what)
{
        for (size_t i = 0; i < boot->n_segments; i++)
                if (streq(boot->segments[i].what, what))
                        return &boot->segments[i];
        fail_msg("no segment %s", what);
        return NULL;
}

/* `n` bytes of memory as the segments make it; bytes of no segment are 0xee. */
static void peek(const struct mpart_boot *boot, uint64_t address, void *ret, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                uint8_t byte = 0xee;
                for (size_t j = 0; j < boot->n_segments; j++) {
                        const struct mpart_segment *s = &boot->segments[j];
                        uint64_t at = address + i - s->address;
                        if (address + i >= s->address && at < s->size)
                                byte = at < s->data_size ? ((const uint8_t *)s->data)[at] : 0;
                }
                ((uint8_t *)ret)[i] = byte;
        }
}

static uint64_t peek_number(const struct mpart_boot *boot, uint64_t address, size_t n)
{
        uint64_t v = 0;
        peek(boot, address, &v, n);
        return v;
}

static void test_segments(void **state)
{
        (void)state;
        struct fixture f;
        fixture_init(&f);
        _cleanup_(mpart_boot_freep) struct mpart_boot *boot = build(&f);
        uint64_t end = 0;
        for (size_t i = 0; i < boot->n_segments; i++) {
                const struct mpart_segment *s = &boot->segments[i];
                assert_true(s->address >= end);
                end = s->address + s->size;
                assert_true(s->data_size <= s->size);
                if (s->low) {
                        assert_true(s->address >= 0x10000 && end <= 0x20000);
                } else {
                        assert_true(s->address >= LOAD && end <= 9 * GiB - MPART_SHARED_SIZE);
                }
        }

        const struct mpart_segment *image = find(boot, "image"), *ramdisk = find(boot, "ramdisk");
        assert_int_equal(image->address, LOAD);
        assert_int_equal(image->size, FIXTURE_CODE);
        assert_ptr_equal(image->data, f.bytes + FIXTURE_SETUP);
        assert_int_equal(image->data_size, FIXTURE_CODE);
        assert_int_equal(ramdisk->address, BOOT_AREA - 8192);
        assert_int_equal(ramdisk->size, 8192);
        assert_int_equal(ramdisk->data_size, 5000);
        assert_int_equal(boot->layout.load, LOAD);
        assert_int_equal(boot->layout.boot_area.start, BOOT_AREA);
        assert_int_equal(peek_number(boot, boot->reset_address, 8), 0);
        assert_true(boot->reset_address >= BOOT_AREA &&
                        boot->reset_address < BOOT_AREA + MPART_BOOT_AREA_SIZE);
        fixture_done(&f);
}

static void test_same_twice(void **state)
{
        (void)state;
        struct fixture f;
        fixture_init(&f);
        _cleanup_(mpart_boot_freep) struct mpart_boot *a = build(&f), *b = build(&f);
        assert_int_equal(a->n_segments, b->n_segments);
        for (size_t i = 0; i < a->n_segments; i++) {
                assert_int_equal(a->segments[i].address, b->segments[i].address);
                assert_int_equal(a->segments[i].data_size, b->segments[i].data_size);
                if (a->segments[i].data_size > 0)
                        assert_memory_equal(
                                        a->segments[i].data, b->segments[i].data, a->segments[i].data_size);
        }
        fixture_done(&f);
}

static void test_boot_params(void **state)
{
        (void)state;
        struct fixture f;
        fixture_init(&f);
        _cleanup_(mpart_boot_freep) struct mpart_boot *boot = build(&f);
        struct boot_params p;
        peek(boot, find(boot, "boot_params")->address, &p, sizeof(p));
        assert_int_equal(p.sentinel, 0);
        assert_int_equal(p.hdr.boot_flag, 0xaa55);
        assert_int_equal(p.hdr.header, 0x53726448);
        assert_int_equal(p.hdr.version, 0x020f);
        assert_int_equal(p.hdr.type_of_loader, 0xff);
        assert_int_equal(p.hdr.init_size, FIXTURE_INIT_SIZE);
        assert_int_equal(p.screen_info.orig_x, 0);

        uint64_t cmdline = p.hdr.cmd_line_ptr | (uint64_t)p.ext_cmd_line_ptr << 32;
        char text[64];
        assert_true(cmdline > 4 * GiB);
        peek(boot, cmdline, text, sizeof(text));
        assert_string_equal(text, f.request.cmdline);
        uint64_t ramdisk = p.hdr.ramdisk_image | (uint64_t)p.ext_ramdisk_image << 32;
        assert_int_equal(ramdisk, find(boot, "ramdisk")->address);
        assert_int_equal(p.hdr.ramdisk_size, 5000);
        assert_int_equal(p.ext_ramdisk_size, 0);
        assert_int_equal(peek_number(boot, p.acpi_rsdp_addr, 8), 0x2052545020445352); /* "RSD PTR " */
        fixture_done(&f);
}

static void test_e820(void **state)
{
        (void)state;
        static const struct boot_e820_entry want[] = {
                { 0x10000, 0x10000, 2 },
                { 0x20000, 0x10000, 1 },
                { 4 * GiB, 256 * MiB, 1 },
                { 8 * GiB, BOOT_AREA - 8 * GiB, 1 },
                { BOOT_AREA, MPART_BOOT_AREA_SIZE, 2 },
                { BOOT_AREA + MPART_BOOT_AREA_SIZE, MPART_SHARED_SIZE, 2 },
        };
        struct fixture f;
        fixture_init(&f);
        _cleanup_(mpart_boot_freep) struct mpart_boot *boot = build(&f);
        struct boot_params p;
        peek(boot, find(boot, "boot_params")->address, &p, sizeof(p));
        assert_int_equal(p.e820_entries, ARRAY_SIZE(want));
        assert_memory_equal(p.e820_table, want, sizeof(want));
        fixture_done(&f);
}

/* The page tables walked as a CPU does. */
static uint64_t translate(const struct mpart_boot *boot, uint64_t address)
{
        uint64_t table = peek_number(boot, boot->start_address + 0x0c, 4);
        for (int shift = 39; shift > 21; shift -= 9) {
                uint64_t entry = peek_number(boot, table + (address >> shift & 511) * 8, 8);
                if ((entry & 0x83) != 3)
                        return UINT64_MAX;
                table = entry & 0x000ffffffffff000;
        }
        uint64_t entry = peek_number(boot, table + (address >> 21 & 511) * 8, 8);
        if ((entry & 0x83) != 0x83)
                return UINT64_MAX;
        return (entry & 0x000fffffffe00000) | (address & 0x1fffff);
}

static void test_start(void **state)
{
        (void)state;
        struct fixture f;
        fixture_init(&f);
        _cleanup_(mpart_boot_freep) struct mpart_boot *boot = build(&f);
        assert_int_equal(boot->start_address, 0x10000);
        assert_true(find(boot, "start code")->low);
        assert_int_equal(peek_number(boot, boot->reached_address, 4), 0);
        assert_int_equal(peek_number(boot, 0x10010, 8), LOAD + 0x200);
        assert_int_equal(peek_number(boot, 0x10018, 8), find(boot, "boot_params")->address);

        /* The pointers of LGDT and of the jump lead into the page; selector 0x10 is 64-bit code. */
        uint64_t gdt = peek_number(boot, 0x10022, 4), jump = peek_number(boot, 0x10028, 4);
        assert_true(gdt > 0x10000 && gdt < 0x11000);
        assert_true(jump > 0x10000 && jump < 0x11000);
        assert_int_equal(peek_number(boot, 0x1002c, 2), 0x10);
        assert_int_equal(peek_number(boot, gdt + 0x10, 8), 0x00af9b000000ffff);
        assert_int_equal(peek_number(boot, gdt + 0x18, 8), 0x00cf93000000ffff);

        const uint64_t mapped[] = { 0, 0x10000, 4 * GiB - 1, LOAD, LOAD + FIXTURE_INIT_SIZE - 1, BOOT_AREA,
                boot->layout.ramdisk, boot->layout.ramdisk + 4999 };
        for (size_t i = 0; i < ARRAY_SIZE(mapped); i++)
                assert_int_equal(translate(boot, mapped[i]), mapped[i]);
        assert_int_equal(translate(boot, 20 * GiB), UINT64_MAX);
        fixture_done(&f);
}

static void test_vmlinux(void **state)
{
        (void)state;
        struct fixture f;
        size_t size;
        fixture_init(&f);
        _cleanup_free_ uint8_t *p = fixture_vmlinux(&size);
        assert_int_equal(mpart_image_probe(p, size, "vmlinux", &f.image, NULL), 0);
        f.request.ramdisk = NULL;
        f.request.ramdisk_size = 0;
        _cleanup_(mpart_boot_freep) struct mpart_boot *boot = build(&f);
        assert_int_equal(peek_number(boot, 0x10010, 8), LOAD + 0x40);
        assert_int_equal(peek_number(boot, LOAD + 4088, 8), 0x9090909090909090);
        assert_int_equal(peek_number(boot, LOAD + 0x200000 + 8, 8), 0x9090909090909090);
        assert_int_equal(peek_number(boot, LOAD + 0x200000 + 16, 8), 0);
        assert_int_equal(peek_number(boot, LOAD + 0x202000 - 8, 8), 0);

        struct boot_params params;
        peek(boot, find(boot, "boot_params")->address, &params, sizeof(params));
        assert_int_equal(params.hdr.header, 0x53726448);
        assert_int_equal(params.hdr.type_of_loader, 0xff);
        assert_int_equal(params.hdr.ramdisk_size, 0);
        assert_int_equal(params.hdr.ramdisk_image, 0);
        fixture_done(&f);
}

static void test_large_alignment(void **state)
{
        (void)state;
        struct fixture f;
        fixture_init(&f);
        f.image.alignment = 16 * MiB;
        f.memory[1] = (struct mpart_plan_memory){ 8 * GiB + 2 * MiB, GiB - 2 * MiB, 3 };
        _cleanup_(mpart_boot_freep) struct mpart_boot *boot = build(&f);
        assert_int_equal(find(boot, "image")->address, 8 * GiB + 16 * MiB);
        assert_int_equal(boot->layout.load, 8 * GiB + 16 * MiB);
        fixture_done(&f);
}

/* A ramdisk that the caller reads itself has its place and its fields all the same. */
static void test_ramdisk_of_the_caller(void **state)
{
        (void)state;
        struct fixture f;
        struct boot_params params;
        fixture_init(&f);
        f.request.ramdisk = NULL;
        _cleanup_(mpart_boot_freep) struct mpart_boot *boot = build(&f);
        const struct mpart_segment *ramdisk = find(boot, "ramdisk");
        assert_null(ramdisk->data);
        assert_int_equal(ramdisk->data_size, 5000);
        assert_int_equal(ramdisk->size, 8192);
        peek(boot, find(boot, "boot_params")->address, &params, sizeof(params));
        assert_int_equal(params.hdr.ramdisk_image, (uint32_t)ramdisk->address);
        assert_int_equal(params.ext_ramdisk_image, ramdisk->address >> 32);
        assert_int_equal(params.hdr.ramdisk_size, 5000);
        fixture_done(&f);
}

static void check_refused(const struct fixture *f, int code, const char *text)
{
        struct mpart_boot *boot = NULL;
        struct mpart_error e = MPART_ERROR_INIT;
        assert_int_equal(mpart_boot_build(&f->request, &boot, &e), code);
        assert_null(boot);
        if (!strstr(e.text, text))
                fail_msg("\"%s\" does not say \"%s\"", e.text, text);
}

static void refuse_too_large(struct fixture *f)
{
        f->request.ramdisk_size = 2 * GiB;
        check_refused(f, -ENOSPC, "kernel 1");
        f->request.ramdisk_size = 5000;
        f->image.init_size = GiB;
        check_refused(f, -ENOSPC, "kernel 1");
}

static void refuse_long_line(struct fixture *f)
{
        char line[MPART_COMMAND_LINE_MAX + 2];
        memset(line, 'x', sizeof(line));
        line[sizeof(line) - 1] = '\0';
        f->request.cmdline = line;
        check_refused(f, -E2BIG, "2048 characters");
        line[MPART_COMMAND_LINE_MAX] = '\0';
        struct mpart_boot *boot = build(f);
        mpart_boot_free(boot);
        ((struct setup_header *)(f->bytes + FIXTURE_HEADER))->cmdline_size = 255;
        check_refused(f, -E2BIG, "255");
}

static void refuse_devices(struct fixture *f)
{
        char *pci[] = { (char[]){ "0000:01:00.0" } };
        f->kernels[1].pci = pci;
        f->kernels[1].n_pci = 1;
        check_refused(f, -EOPNOTSUPP, "0000:01:00.0");
}

static void refuse_kernel(struct fixture *f)
{
        f->request.kernel = 2;
        check_refused(f, -EINVAL, "no secondary kernel 2");
        f->request.kernel = 0;
        check_refused(f, -EINVAL, "no secondary kernel 0");
}

static void refuse_cpus(struct fixture *f)
{
        f->cpus[2].apic_id = 6;
        check_refused(f, -EINVAL, "APIC id 6");
        f->cpus[2].apic_id = MPART_APIC_ID_UNKNOWN;
        check_refused(f, -EINVAL, "not known");
        f->request.n_cpus = 0;
        check_refused(f, -EINVAL, "no CPU");
}

static void refuse_window(struct fixture *f)
{
        static const struct mpart_range bad[] = { { 0x10000, 0x10000 }, { 0, 0 }, { 0, 0x20000 },
                { 0x90000, 0x20000 }, { 0x10800, 0x20000 }, { 0x100000, 0x20000 }, { UINT64_MAX, 0x20000 } };
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                f->kernels[1].low_memory = bad[i];
                check_refused(f, -EINVAL, "low window");
        }
}

static void refuse_shared(struct fixture *f)
{
        f->kernels[1].shared.start -= 2 * MiB;
        check_refused(f, -EINVAL, "shared region");
}

static void refuse_address(struct fixture *f)
{
        struct setup_header *h = (struct setup_header *)(f->bytes + FIXTURE_HEADER);
        h->pref_address = 16 * GiB;
        check_refused(f, -EINVAL, "CONFIG_PHYSICAL_START");
        h->pref_address = 0x1000000;
        h->xloadflags = XLF_KERNEL_64;
        check_refused(f, -EINVAL, "above 4 GiB");
        h->xloadflags |= XLF_CAN_BE_LOADED_ABOVE_4G;
        f->memory[1] = (struct mpart_plan_memory){ 8 * MiB, GiB, 3 };
        f->kernels[1].shared.start = 8 * MiB + GiB - MPART_SHARED_SIZE;
        check_refused(f, -EINVAL, "16 MiB");
}

static void refuse_many_ranges(struct fixture *f)
{
        static struct mpart_plan_memory many[200];
        for (size_t i = 0; i < ARRAY_SIZE(many); i++)
                many[i] = (struct mpart_plan_memory){ (i + 1) * GiB, 4 * MiB, 1 };
        many[199].size = GiB;
        f->kernels[1].memory = many;
        f->kernels[1].n_memory = ARRAY_SIZE(many);
        f->kernels[1].shared.start = 201 * GiB - MPART_SHARED_SIZE;
        check_refused(f, -EINVAL, "e820");
}

static void test_refused(void **state)
{
        (void)state;
        void (*const refuse[])(struct fixture *) = { refuse_too_large, refuse_long_line, refuse_devices,
                refuse_kernel, refuse_cpus, refuse_window, refuse_shared, refuse_address,
                refuse_many_ranges };
        for (size_t i = 0; i < ARRAY_SIZE(refuse); i++) {
                struct fixture f;
                fixture_init(&f);
                refuse[i](&f);
                fixture_done(&f);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_segments),
                cmocka_unit_test(test_same_twice),
                cmocka_unit_test(test_boot_params),
                cmocka_unit_test(test_e820),
                cmocka_unit_test(test_start),
                cmocka_unit_test(test_vmlinux),
                cmocka_unit_test(test_ramdisk_of_the_caller),
                cmocka_unit_test(test_large_alignment),
                cmocka_unit_test(test_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
