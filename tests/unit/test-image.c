/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "boot-fixture.h"
#include "macros.h"

/* Refused, with `text` in the message, and *ret as it was. */
static void check_refused(const void *data, size_t size, const char *text)
{
        struct mpart_image image = { .size = 12345 };
        struct mpart_error e = MPART_ERROR_INIT;
        /* A copy of just this size, so that the sanitizer sees a byte too many. */
        _cleanup_free_ void *copy = malloc(size ? size : 1);
        memcpy(copy, data, size);
        assert_int_equal(mpart_image_probe(copy, size, "some-file", &image, &e), -ENOEXEC);
        assert_int_equal(e.code, -ENOEXEC);
        assert_int_equal(image.size, 12345);
        assert_non_null(strstr(e.text, "some-file"));
        if (!strstr(e.text, text))
                fail_msg("\"%s\" does not say \"%s\"", e.text, text);
}

static void test_bzimage(void **state)
{
        (void)state;
        size_t size;
        _cleanup_free_ uint8_t *p = fixture_bzimage(&size);
        struct mpart_image image;
        assert_int_equal(mpart_image_probe(p, size, "vmlinuz", &image, NULL), 0);
        assert_int_equal(image.kind, MPART_IMAGE_BZIMAGE);
        assert_ptr_equal(image.data, p);
        assert_int_equal(image.size, size);
        assert_int_equal(image.init_size, FIXTURE_INIT_SIZE);
        assert_int_equal(image.alignment, 2 * MiB);
        assert_string_equal(image.release, FIXTURE_RELEASE);

        p[FIXTURE_HEADER] = 0; /* setup_sects 0 means 4 */
        assert_int_equal(mpart_image_probe(p, size, "vmlinuz", &image, NULL), 0);
        struct setup_header *h = (struct setup_header *)(p + FIXTURE_HEADER);
        h->kernel_alignment = 0x1000000;
        assert_int_equal(mpart_image_probe(p, size, "vmlinuz", &image, NULL), 0);
        assert_int_equal(image.alignment, 16 * MiB);
        h->kernel_version = FIXTURE_SETUP - 0x201; /* its last byte is not the string's end */
        p[FIXTURE_SETUP - 1] = 'x';
        assert_int_equal(mpart_image_probe(p, size, "vmlinuz", &image, NULL), 0);
        assert_string_equal(image.release, "");
}

static void test_damaged_bzimage(void **state)
{
        (void)state;
        static const struct {
                size_t offset, n;
                uint64_t value;
                const char *text;
        } damage[] = {
                { 0x206, 2, 0x0209, "boot protocol 2.09" },
                { 0x211, 1, 0, "zImage" },
                { 0x236, 2, 0, "32-bit kernel" },
                { 0x234, 1, 0, "not relocatable" },
                { 0x230, 4, 0x300000, "kernel_alignment" },
                { 0x260, 4, 4096, "init_size" },
                { 0x1f4, 4, FIXTURE_CODE / 16 + 1, "cut off" },
                { 0x1f1, 1, 60, "cut off" },
                { 0x1fe, 2, 0, "no Linux setup header" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(damage); i++) {
                size_t size;
                _cleanup_free_ uint8_t *p = fixture_bzimage(&size);
                memcpy(p + damage[i].offset, &damage[i].value, damage[i].n);
                check_refused(p, size, damage[i].text);
        }
}

static void test_vmlinux(void **state)
{
        (void)state;
        size_t size;
        _cleanup_free_ uint8_t *p = fixture_vmlinux(&size);
        struct mpart_image image;
        assert_int_equal(mpart_image_probe(p, size, "vmlinux", &image, NULL), 0);
        assert_int_equal(image.kind, MPART_IMAGE_VMLINUX);
        assert_int_equal(image.init_size, 0x202000);
        assert_int_equal(image.alignment, 2 * MiB);
        assert_string_equal(image.release, "");
        ((Elf64_Ehdr *)p)->e_entry = 0xffffffff81000040;
        assert_int_equal(mpart_image_probe(p, size, "vmlinux", &image, NULL), 0);
}

static void test_damaged_vmlinux(void **state)
{
        (void)state;
        const size_t first = sizeof(Elf64_Ehdr), second = first + sizeof(Elf64_Phdr);
        const struct {
                size_t offset, n;
                uint64_t value;
                const char *text;
        } damage[] = {
                { offsetof(Elf64_Ehdr, e_ident) + EI_CLASS, 1, ELFCLASS32, "32-bit" },
                { offsetof(Elf64_Ehdr, e_ident) + EI_DATA, 1, ELFDATA2MSB, "another processor" },
                { offsetof(Elf64_Ehdr, e_machine), 2, EM_AARCH64, "another processor" },
                { offsetof(Elf64_Ehdr, e_type), 2, ET_REL, "kernel module" },
                { offsetof(Elf64_Ehdr, e_type), 2, ET_CORE, "core dump" },
                { offsetof(Elf64_Ehdr, e_entry), 8, 0x5000, "entry" },
                { offsetof(Elf64_Ehdr, e_entry), 8, 0x1200010, "entry" }, /* in zeroed memory */
                { first + offsetof(Elf64_Phdr, p_type), 4, PT_INTERP, "is a program" },
                { first + offsetof(Elf64_Phdr, p_paddr), 8, 0x1001000, "2 MiB" },
                { second + offsetof(Elf64_Phdr, p_paddr), 8, 0x1000800, "overlap" },
                { second + offsetof(Elf64_Phdr, p_paddr), 8, 0x100000000, "1 GiB" },
                { second + offsetof(Elf64_Phdr, p_paddr), 8, UINT64_MAX - 1, "damaged" },
                { second + offsetof(Elf64_Phdr, p_memsz), 8, UINT64_MAX, "damaged" },
                { second + offsetof(Elf64_Phdr, p_filesz), 8, 17, "cut off" },
                { second + offsetof(Elf64_Phdr, p_offset), 8, UINT64_MAX, "cut off" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(damage); i++) {
                size_t size;
                _cleanup_free_ uint8_t *p = fixture_vmlinux(&size);
                memcpy(p + damage[i].offset, &damage[i].value, damage[i].n);
                check_refused(p, size, damage[i].text);
        }

        size_t size;
        _cleanup_free_ uint8_t *program = fixture_vmlinux(&size);
        for (size_t i = 0; i < 2; i++)
                ((Elf64_Phdr *)(program + first))[i].p_vaddr = 0x400000 * (i + 1);
        check_refused(program, size, "is a program");
}

static void test_other_files(void **state)
{
        (void)state;
        static const struct {
                const char *bytes;
                size_t n;
                const char *text;
        } files[] = {
                { "", 0, "is empty" },
                { "#!/bin/sh\nexit 0\n", 17, "is text" },
                { "\x1f\x8b\x08\x00\x00", 5, "gzip" },
                { "\xfd"
                  "7zXZ\0",
                                6, "xz" },
                { "\x28\xb5\x2f\xfd\x00", 5, "zstd" },
                { "\x02\x21\x4c\x18\x00", 5, "lz4" },
                { "070701000000", 12, "ramdisk" },
                { "MZ\x90\x00", 4, "EFI program" },
                { "\x01\x02\x03", 3, "too short" },
                { "\x7f"
                  "ELF",
                                4, "damaged ELF" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(files); i++)
                check_refused(files[i].bytes, files[i].n, files[i].text);

        uint8_t noise[4096];
        memset(noise, 0xee, sizeof(noise));
        check_refused(noise, sizeof(noise), "neither a bzImage nor");
        memcpy(noise + 56, "ARM\x64", 4);
        check_refused(noise, sizeof(noise), "arm64");
}

/* An image that lost its end is refused at whatever length. */
static void test_every_length(void **state)
{
        (void)state;
        uint8_t *(*const make[])(size_t *) = { fixture_bzimage, fixture_vmlinux };
        for (size_t i = 0; i < ARRAY_SIZE(make); i++) {
                size_t size;
                _cleanup_free_ uint8_t *p = make[i](&size);
                for (size_t n = 0; n < size; n++)
                        check_refused(p, n, "");
        }
}

/* Each header byte in turn is wrong: the image is refused, or builds, or the boot is refused. */
static void test_every_byte(void **state)
{
        (void)state;
        static const uint8_t values[] = { 0x00, 0x7f, 0x80, 0xff };
        uint8_t *(*const make[])(size_t *) = { fixture_bzimage, fixture_vmlinux };
        const size_t start[] = { FIXTURE_HEADER, 0 },
                     end[] = { 0x270, sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr) };
        struct fixture f;
        fixture_init(&f);
        unsigned built = 0, refused = 0;
        for (size_t i = 0; i < ARRAY_SIZE(make); i++) {
                size_t size;
                _cleanup_free_ uint8_t *p = make[i](&size);
                for (size_t at = start[i]; at < end[i]; at++)
                        for (size_t v = 0; v < ARRAY_SIZE(values); v++) {
                                _cleanup_(mpart_boot_freep) struct mpart_boot *boot = NULL;
                                uint8_t was = p[at];
                                p[at] = values[v];
                                bool ok = mpart_image_probe(p, size, "x", &f.image, NULL) == 0 &&
                                          mpart_boot_build(&f.request, &boot, NULL) == 0;
                                built += ok;
                                refused += !ok;
                                p[at] = was;
                        }
        }
        assert_true(built > 0);
        assert_true(refused > 0);
        fixture_done(&f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_bzimage),
                cmocka_unit_test(test_damaged_bzimage),
                cmocka_unit_test(test_vmlinux),
                cmocka_unit_test(test_damaged_vmlinux),
                cmocka_unit_test(test_other_files),
                cmocka_unit_test(test_every_length),
                cmocka_unit_test(test_every_byte),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
