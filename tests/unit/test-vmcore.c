/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kernel's memory as an ELF core. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "kmem-fixture.h"
#include "macros.h"
#include "vmcore.h"

#define PAGE 4096

static int count_progress(void *data, uint64_t done, uint64_t total)
{
        assert_int_equal(total, FIXTURE_SIZE);
        *(uint64_t *)data = done;
        return 0;
}

static int cancel_half_way(void *data, uint64_t done, uint64_t total)
{
        (void)data;
        return done * 2 >= total ? -ECANCELED : 0;
}

static int scratch_file(void)
{
        char path[] = "/tmp/test-kmem.XXXXXX";
        int fd = mkstemp(path);
        assert_true(fd >= 0);
        unlink(path);
        return fd;
}

static void test_dump(void **state)
{
        struct fixture *f = *state;
        _cleanup_(mpart_kmem_freep) struct mpart_kmem *k = fixture_open(f);
        _cleanup_close_ int fd = scratch_file();
        uint64_t done = 0;
        assert_int_equal(mpart_vmcore_write(k, fd, count_progress, &done, NULL), 0);
        assert_int_equal(done, FIXTURE_SIZE);

        Elf64_Ehdr ehdr;
        Elf64_Phdr phdr[3];
        assert_int_equal(pread(fd, &ehdr, sizeof(ehdr), 0), sizeof(ehdr));
        assert_int_equal(ehdr.e_type, ET_CORE);
        assert_int_equal(ehdr.e_phnum, 3);
        assert_int_equal(pread(fd, phdr, sizeof(phdr), (off_t)ehdr.e_phoff), sizeof(phdr));
        assert_int_equal(phdr[0].p_type, PT_NOTE);
        _cleanup_free_ char *note = malloc(phdr[0].p_filesz);
        assert_int_equal(pread(fd, note, phdr[0].p_filesz, (off_t)phdr[0].p_offset), phdr[0].p_filesz);
        assert_memory_equal(note, f->memory + FIXTURE_NOTE, phdr[0].p_filesz);

        assert_true(phdr[1].p_vaddr == FIXTURE_STEXT &&
                        phdr[2].p_vaddr == FIXTURE_PAGE_OFFSET + FIXTURE_START);
        assert_int_equal(phdr[1].p_paddr, FIXTURE_START);
        assert_int_equal(phdr[1].p_offset, phdr[2].p_offset);
        assert_int_equal(phdr[2].p_filesz, FIXTURE_SIZE);
        _cleanup_free_ uint8_t *memory = malloc(FIXTURE_SIZE);
        assert_int_equal(pread(fd, memory, FIXTURE_SIZE, (off_t)phdr[2].p_offset), FIXTURE_SIZE);
        assert_memory_equal(memory, f->memory, FIXTURE_SIZE);
        struct stat st;
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(st.st_size, phdr[2].p_offset + FIXTURE_SIZE);
        assert_true(st.st_blocks * 512 < (blkcnt_t)(FIXTURE_SIZE / 4)); /* holes */
}

/* A file that is not empty is written whole: no hole lets old bytes through. */
static void test_dump_over_a_file(void **state)
{
        struct fixture *f = *state;
        _cleanup_(mpart_kmem_freep) struct mpart_kmem *k = fixture_open(f);
        _cleanup_close_ int fd = scratch_file();
        char page[PAGE];
        memset(page, 'x', sizeof(page));
        for (uint64_t i = 0; i < FIXTURE_SIZE / PAGE; i++)
                assert_int_equal(write(fd, page, PAGE), PAGE);
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        assert_int_equal(mpart_vmcore_write(k, fd, NULL, NULL, NULL), 0);
        assert_int_equal(pread(fd, page, PAGE, FIXTURE_SIZE - PAGE), PAGE);
        assert_int_equal(page[0], 0);

        assert_int_equal(mpart_vmcore_write(k, fd, cancel_half_way, NULL, NULL), -ECANCELED);
        struct mpart_error e = MPART_ERROR_INIT;
        assert_int_equal(mpart_vmcore_write(k, -1, NULL, NULL, &e), -EBADF);
        assert_string_not_equal(e.text, "");
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                FIXTURE_TEST(test_dump),
                FIXTURE_TEST(test_dump_over_a_file),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
