/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The gates of the daemon against a directory with proc/iomem, dev/mem (a sparse file) and sysfs CPU
 * switches. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "cpugate.h"
#include "fs.h"
#include "macros.h"
#include "physmem.h"
#include "scratch.h"

/* The partition: 32 to 64 MiB, low window at 448 KiB, CPUs 2-3. */
static const char iomem[] = "00001000-0006ffff : System RAM\n"
                            "00070000-0008ffff : Reserved\n"
                            "00090000-0009efff : System RAM\n"
                            "00100000-01ffffff : System RAM\n"
                            "  01000000-017fffff : Kernel code\n"
                            "02000000-03ffffff : Reserved\n"
                            "04000000-07ffffff : System RAM\n";

struct fixture {
        struct scratch dir;
        struct physmem mem;
        struct cpugate gate;
        struct claim claim;
        struct mpart_error error;
};

static int setup(void **state)
{
        static struct mpart_plan_memory memory = { 32 * MiB, 32 * MiB, 1 };
        struct mpart_plan_kernel k = { .id = 1, .boot_cpu = 2, .memory = &memory, .n_memory = 1 };
        k.low_memory = (struct mpart_range){ 448 * KiB, 128 * KiB };
        mpart_cpuset_parse_list("2-3", &k.cpus);

        struct fixture *f = calloc(1, sizeof(*f));
        scratch_make(&f->dir);
        scratch_write(&f->dir, "proc/iomem", "%s", iomem);
        scratch_write(&f->dir, "dev/mem", "%s", "");
        for (unsigned cpu = 1; cpu < 5; cpu++) {
                char path[64];
                snprintf(path, sizeof(path), "sys/devices/system/cpu/cpu%u/online", cpu);
                scratch_write(&f->dir, path, "1\n");
        }
        _cleanup_close_ int fd = openat(f->dir.fd, "dev/mem", O_RDWR | O_CLOEXEC);
        assert_int_equal(ftruncate(fd, 128 * MiB), 0);
        f->mem.root = f->gate.root = f->dir.fd;
        f->gate.mem = &f->mem;
        assert_int_equal(claim_make(&k, &f->claim), 0);
        mpart_cpuset_free(&k.cpus);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *f = *state;
        claim_free(&f->claim);
        scratch_remove(&f->dir);
        free(f);
        return 0;
}

static int try_map(struct fixture *f, uint64_t address, uint64_t size)
{
        struct physmem_map map;
        int r = physmem_map(&f->mem, &f->claim, address, size, true, &map, &f->error);
        if (r == 0)
                physmem_unmap(&map);
        return r;
}

static void test_memory_of_the_partition_is_written(void **state)
{
        struct fixture *f = *state;
        char *text = NULL;
        assert_int_equal(physmem_write(&f->mem, &f->claim, 33 * MiB + 5, 5000, "hello", 5, &f->error), 0);
        assert_int_equal(read_file_at(f->dir.fd, "dev/mem", 0, &text, NULL), -EFBIG);
        char bytes[8] = { 0 };
        _cleanup_close_ int fd = openat(f->dir.fd, "dev/mem", O_RDONLY | O_CLOEXEC);
        assert_int_equal(pread(fd, bytes, 7, 33 * MiB + 4), 7);
        assert_memory_equal(bytes, "\0hello\0", 7);
}

static void test_a_file_that_ends_early_is_told(void **state)
{
        struct fixture *f = *state;
        char to[8192];
        scratch_write(&f->dir, "ramdisk", "0123456789");
        _cleanup_close_ int fd = openat(f->dir.fd, "ramdisk", O_RDONLY | O_CLOEXEC);
        assert_int_equal(physmem_put(to, sizeof(to), NULL, 4096, fd, &f->error), -EIO);
        assert_string_equal(f->error.text, "ends at byte 10, had 4096 before it was loaded");
        _cleanup_close_ int directory = openat(f->dir.fd, ".", O_RDONLY | O_CLOEXEC);
        assert_int_equal(physmem_put(to, sizeof(to), NULL, 4096, directory, &f->error), -EISDIR);
        assert_string_equal(f->error.text, "cannot be read at byte 0 of 4096: Is a directory");
}

static void test_memory_of_others_is_refused(void **state)
{
        struct fixture *f = *state;
        assert_int_equal(try_map(f, 32 * MiB, 32 * MiB), 0);
        assert_int_equal(try_map(f, 32 * MiB - 1, 2), -EACCES);
        assert_int_equal(try_map(f, 64 * MiB - 1, 2), -EACCES);
        assert_int_equal(try_map(f, 0x1000, 1), -EACCES);
        assert_int_equal(try_map(f, UINT64_MAX - 4, 8), -EACCES);
        assert_int_equal(try_map(f, 33 * MiB, 0), -EACCES);
}

static void test_low_window_only_while_held(void **state)
{
        struct fixture *f = *state;
        assert_int_equal(try_map(f, 448 * KiB, 4096), -EACCES);
        f->claim.holds_low = true;
        assert_int_equal(try_map(f, 448 * KiB, 128 * KiB), 0);
        assert_int_equal(try_map(f, 448 * KiB, 128 * KiB + 1), -EACCES);
        assert_int_equal(try_map(f, 448 * KiB - 1, 4), -EACCES);
}

/* The map of the moment counts, not that of an earlier check. */
static void test_system_ram_is_refused_by_name(void **state)
{
        struct fixture *f = *state;
        assert_int_equal(physmem_check(&f->mem, &f->claim, &f->error), 0);
        scratch_write(&f->dir, "proc/iomem",
                        "00070000-0008ffff : Reserved\n00100000-07ffffff : System RAM\n");
        assert_int_equal(try_map(f, 33 * MiB, 4096), -EPERM);
        assert_int_equal(physmem_check(&f->mem, &f->claim, &f->error), -EPERM);
        assert_non_null(strstr(f->error.text, "memmap=0x2000000$0x2000000"));

        scratch_write(&f->dir, "proc/iomem",
                        "00100000-01ffffff : System RAM\n02000000-03ffefff : Reserved\n");
        assert_int_equal(try_map(f, 32 * MiB, 32 * MiB), -EPERM);
        assert_int_equal(try_map(f, 32 * MiB, 31 * MiB), 0);
        scratch_write(&f->dir, "proc/iomem", "garbage\n");
        assert_true(try_map(f, 32 * MiB, 4096) < 0);
}

/* A device's range inside a Reserved one is still top-level Reserved, but RAM inside it is not ours. */
static void test_only_top_level_reserved_counts(void **state)
{
        struct fixture *f = *state;
        scratch_write(&f->dir, "proc/iomem",
                        "00100000-01ffffff : System RAM\n02000000-03ffffff : PCI Bus 0000:00\n"
                        "  02000000-03ffffff : Reserved\n");
        assert_int_equal(try_map(f, 32 * MiB, 4096), -EPERM);
}

static void test_cpus_are_taken_and_given_back(void **state)
{
        struct fixture *f = *state;
        assert_int_equal(cpugate_is_online(&f->gate, 0), 1);
        assert_int_equal(cpugate_is_online(&f->gate, 9), -ENOENT);
        assert_int_equal(cpugate_take(&f->gate, &f->claim, 0, &f->error), -EACCES);
        assert_int_equal(cpugate_take(&f->gate, &f->claim, 4, &f->error), -EACCES);
        assert_int_equal(cpugate_is_online(&f->gate, 4), 1);
        assert_int_equal(cpugate_take(&f->gate, &f->claim, 2, &f->error), 0);
        assert_int_equal(cpugate_is_online(&f->gate, 2), 0);
        assert_int_equal(cpugate_give_back(&f->gate, &f->claim, 2, &f->error), 0);
        assert_int_equal(cpugate_is_online(&f->gate, 2), 1);
}

static void test_no_message_to_a_cpu_in_use(void **state)
{
        struct fixture *f = *state;
        f->claim.holds_low = true;
        assert_int_equal(cpugate_stop(&f->gate, &f->claim, 2, 2, &f->error), -EBUSY);
        assert_int_equal(cpugate_wake(&f->gate, &f->claim, 3, 3, 448 * KiB, &f->error), -EBUSY);
        assert_int_equal(cpugate_wake(&f->gate, &f->claim, 0, 0, 448 * KiB, &f->error), -EACCES);
        assert_int_equal(cpugate_stop(&f->gate, &f->claim, 4, 4, &f->error), -EACCES);
        const struct cpugate_target targets[] = { { 2, 2 }, { 4, 4 } };
        assert_int_equal(cpugate_stop_all(&f->gate, &f->claim, targets, 2, &f->error), -EBUSY);
}

static void test_start_address_must_be_in_the_held_window(void **state)
{
        struct fixture *f = *state;
        cpugate_take(&f->gate, &f->claim, 2, &f->error);
        assert_int_equal(cpugate_wake(&f->gate, &f->claim, 2, 2, 448 * KiB, &f->error), -EACCES);
        f->claim.holds_low = true;
        assert_int_equal(cpugate_wake(&f->gate, &f->claim, 2, 2, 4096, &f->error), -EACCES);
}

#define gate_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                gate_test(test_memory_of_the_partition_is_written),
                gate_test(test_a_file_that_ends_early_is_told),
                gate_test(test_memory_of_others_is_refused),
                gate_test(test_low_window_only_while_held),
                gate_test(test_system_ram_is_refused_by_name),
                gate_test(test_only_top_level_reserved_counts),
                gate_test(test_cpus_are_taken_and_given_back),
                gate_test(test_no_message_to_a_cpu_in_use),
                gate_test(test_start_address_must_be_in_the_held_window),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
