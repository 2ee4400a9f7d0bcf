/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The primary's clocks, from made-up files. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "clocks.h"
#include "scratch.h"

#define FADT "sys/firmware/acpi/tables/FACP"
#define SIZE 276

static void put(uint8_t *t, size_t offset, uint64_t value, size_t n)
{
        for (size_t i = 0; i < n; i++)
                t[offset + i] = (uint8_t)(value >> (8 * i));
}

static uint16_t port_of(struct scratch *s, const uint8_t *table, size_t size)
{
        scratch_write(s, FADT, "%s", "");
        int fd = openat(s->fd, FADT, O_WRONLY | O_CLOEXEC);
        assert_int_equal(write(fd, table, size), size);
        close(fd);
        return clocks_pm_timer(s->fd);
}

static void test_tsc(void **state)
{
        struct scratch *s = *state;
        const char *path = "sys/devices/system/clocksource/clocksource0/current_clocksource";
        assert_false(clocks_tsc_is_good(s->fd));
        scratch_write(s, path, "tsc\n");
        assert_true(clocks_tsc_is_good(s->fd));
        scratch_write(s, path, "tsc-early\n");
        assert_false(clocks_tsc_is_good(s->fd));
        scratch_write(s, path, "hpet\n");
        assert_false(clocks_tsc_is_good(s->fd));
}

static void test_pm_timer(void **state)
{
        struct scratch *s = *state;
        uint8_t t[SIZE] = "FACP";
        assert_int_equal(clocks_pm_timer(s->fd), 0);
        put(t, 4, SIZE, 4);
        assert_int_equal(port_of(s, t, SIZE), 0);
        put(t, 76, 0x408, 4);
        assert_int_equal(port_of(s, t, SIZE), 0x408);
        put(t, 208, 0x03002001, 4);
        put(t, 212, 0x608, 8);
        assert_int_equal(port_of(s, t, SIZE), 0x608);
        put(t, 212, 0x100000608, 8); /* no port */
        assert_int_equal(port_of(s, t, SIZE), 0);
        put(t, 212, 0x608, 8);
        t[208] = 0; /* in memory */
        assert_int_equal(port_of(s, t, SIZE), 0);
        t[208] = 1;
        put(t, 112, 1 << 20, 4); /* hardware-reduced */
        assert_int_equal(port_of(s, t, SIZE), 0);
}

static void test_damaged(void **state)
{
        struct scratch *s = *state;
        uint8_t t[SIZE] = "FACP";
        put(t, 4, UINT32_MAX, 4);
        put(t, 76, 0x408, 4);
        assert_int_equal(port_of(s, t, 80), 0x408);
        for (size_t size = 0; size < 80; size++)
                assert_int_equal(port_of(s, t, size), 0);
        put(t, 4, 79, 4);
        assert_int_equal(port_of(s, t, SIZE), 0);
        t[0] = 'f';
        put(t, 4, SIZE, 4);
        assert_int_equal(port_of(s, t, SIZE), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_tsc),
                TEST(test_pm_timer),
                TEST(test_damaged),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
