/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The free area of a region, seen through made-up roots: a primary's and a secondary's. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "macros.h"
#include "scratch.h"
#include "shared-region.h"
#include "shm-internal.h"

#define START 0x10000000
#define SIZE 0x200000

static int setup(void **state)
{
        scratch_setup(state);
        struct scratch *s = *state;
        scratch_write(s, "proc/cmdline", "quiet " MPART_REGION_PARAMETER "0x%x,0x%x console=ttyS1\n", START,
                        SIZE);
        scratch_write(s, "proc/iomem", "00100000-0fffffff : System RAM\n%08x-%08x : Reserved\n", START,
                        START + SIZE - 1);
        scratch_write(s, "dev/mem", "%s", "");
        return 0;
}

static void write_header(struct scratch *s, uint64_t generation)
{
        struct mpart_shared_header *h = calloc(1, sizeof(*h));
        int fd = openat(s->fd, "dev/mem", O_RDWR);
        assert_non_null(h);
        atomic_store(&h->magic, MPART_REGION_MAGIC);
        h->version = MPART_REGION_VERSION;
        h->kernel = 3;
        h->size = SIZE;
        h->generation = generation;
        assert_int_equal(ftruncate(fd, START + SIZE), 0);
        assert_int_equal(pwrite(fd, h, sizeof(*h), START), sizeof(*h));
        close(fd);
        free(h);
}

static void test_secondary(void **state)
{
        struct scratch *s = *state;
        struct mpart_error e = MPART_ERROR_INIT;
        struct mpart_shm a, b;
        write_header(s, 7);
        assert_int_equal(shm_open_below(s->fd, MPART_SHM_OWN, &a, &e), 0);
        assert_int_equal(shm_open_below(s->fd, 3, &b, &e), 0);
        assert_int_equal(a.size, SIZE - MPART_REGION_USER_OFFSET);
        assert_int_equal(a.kernel, 3);
        assert_true(a.generation == 7);
        ((char *)a.data)[a.size - 1] = 'x';
        assert_int_equal(((char *)b.data)[b.size - 1], 'x');
        assert_true(mpart_shm_is_current(&a));
        write_header(s, 8);
        assert_false(mpart_shm_is_current(&a));
        mpart_shm_close(&a);
        mpart_shm_close(&a);
        mpart_shm_close(&b);
        assert_int_equal(shm_open_below(s->fd, 2, &a, &e), -EINVAL);
}

static void test_refusals(void **state)
{
        struct scratch *s = *state;
        struct mpart_error e = MPART_ERROR_INIT;
        struct mpart_shm shm;
        write_header(s, 7);
        scratch_write(s, "proc/iomem", "00100000-2fffffff : System RAM\n");
        assert_int_equal(shm_open_below(s->fd, MPART_SHM_OWN, &shm, &e), -EPERM);
        assert_non_null(strstr(e.text, "System RAM"));
        /* Kernels without PCI do not list what is reserved. */
        scratch_write(s, "proc/iomem", "00100000-0fffffff : System RAM\n");
        assert_int_equal(shm_open_below(s->fd, MPART_SHM_OWN, &shm, &e), 0);
        mpart_shm_close(&shm);
        static const char *const bad[] = { "0x10000000", "0x10000000,", "0x10000001,0x200000",
                "0x10000000,0x1000", "0xffffffffffff0000,0x200000", "x,y" };
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                scratch_write(s, "proc/cmdline", MPART_REGION_PARAMETER "%s\n", bad[i]);
                assert_int_equal(shm_open_below(s->fd, MPART_SHM_OWN, &shm, &e), -EBADMSG);
        }
}

static void test_nothing_booted(void **state)
{
        struct scratch *s = *state;
        struct mpart_error e = MPART_ERROR_INIT;
        struct mpart_shm shm;
        write_header(s, 7);
        int fd = openat(s->fd, "dev/mem", O_RDWR);
        assert_int_equal(pwrite(fd, "\0\0\0\0", 4, START), 4);
        close(fd);
        assert_int_equal(shm_open_below(s->fd, MPART_SHM_OWN, &shm, &e), -ENODATA);
}

static void test_primary_without_a_plan(void **state)
{
        struct scratch *s = *state;
        struct mpart_error e = MPART_ERROR_INIT;
        struct mpart_shm shm;
        scratch_write(s, "proc/cmdline", "quiet\n");
        assert_int_equal(shm_open_below(s->fd, MPART_SHM_OWN, &shm, &e), -EINVAL);
        assert_int_equal(shm_open_below(s->fd, 3, &shm, &e), -ENOENT);
        assert_non_null(strstr(e.text, "mpartctl plan"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, scratch_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_secondary),
                TEST(test_refusals),
                TEST(test_nothing_booted),
                TEST(test_primary_without_a_plan),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
