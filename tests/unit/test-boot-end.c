/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a kernel is told to end: the page it shares with tboot, and the reset register in it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot-fixture.h"
#include "macros.h"

#define WINDOW 0x10000
#define SHUTDOWN_TYPE 28

struct end {
        struct fixture fixture;
        struct mpart_boot *boot;
        const struct boot_params *params;
        uint8_t page[4096];
};

static const struct mpart_segment *segment_at(const struct mpart_boot *boot, uint64_t address)
{
        for (size_t i = 0; i < boot->n_segments; i++)
                if (boot->segments[i].address == address)
                        return &boot->segments[i];
        fail_msg("no segment at %#llx", (unsigned long long)address);
        return NULL;
}

static struct end *end_new(const char *cmdline)
{
        struct end *end = calloc(1, sizeof(*end));
        struct mpart_error e = MPART_ERROR_INIT;
        fixture_init(&end->fixture);
        end->fixture.request.cmdline = cmdline;
        if (mpart_boot_build(&end->fixture.request, &end->boot, &e) < 0)
                fail_msg("%s", e.text);
        end->params = segment_at(end->boot, end->boot->layout.boot_area.start)->data;
        const struct mpart_segment *s = segment_at(end->boot, ALIGN_DOWN(end->boot->reset_address, 4096));
        assert_int_equal(s->size, sizeof(end->page));
        memcpy(end->page, s->data, s->data_size);
        return end;
}

static void end_free(struct end *end)
{
        mpart_boot_free(end->boot);
        fixture_done(&end->fixture);
        free(end);
}

static uint32_t number(const struct end *end, size_t offset)
{
        uint32_t v;
        memcpy(&v, end->page + offset, sizeof(v));
        return v;
}

static bool asks(const struct end *end)
{
        return mpart_boot_asks_restart(end->page, end->boot->reset_address);
}

/* include/linux/tboot.h of Linux has the offsets. */
static void test_tboot(void **state)
{
        static const uint8_t uuid[] = { 0xff, 0x8d, 0x3c, 0x66, 0xb3, 0xe8, 0x82, 0x4b, 0xbf, 0xaa, 0x19,
                0xea, 0x4d, 0x05, 0x7a, 0x08 };
        static const uint8_t park[] = { 0xf3, 0x0f, 0x1e, 0xfa, 0xfa, 0xf4, 0xeb,
                0xfd }; /* endbr64; cli; hlt; jmp */
        struct end *end = end_new("quiet");
        (void)state;
        assert_int_equal(end->params->tboot_addr, ALIGN_DOWN(end->boot->reset_address, 4096));
        assert_memory_equal(end->page, uuid, sizeof(uuid));
        assert_int_equal(number(end, 16), 5);       /* version */
        assert_int_equal(number(end, 104), WINDOW); /* tboot_base */
        assert_int_equal(number(end, 108), 4096);   /* tboot_size */
        assert_int_equal(number(end, 564), 2);      /* num_in_wfs */
        uint32_t entry = number(end, 24);           /* shutdown_entry */
        assert_int_equal(entry, WINDOW + 0x30);     /* for good: kernels of other versions stand there */
        const uint8_t *code = segment_at(end->boot, WINDOW)->data;
        assert_memory_equal(code + entry - WINDOW, park, sizeof(park));
        end_free(end);
}

static void test_asks(void **state)
{
        struct end *end = end_new("quiet");
        (void)state;
        assert_false(asks(end));
        memset(end->page + SHUTDOWN_TYPE, 0, 4); /* TB_SHUTDOWN_REBOOT */
        assert_true(asks(end));
        end->page[SHUTDOWN_TYPE] = 5; /* TB_SHUTDOWN_WFS: it has switched a CPU off */
        assert_false(asks(end));
        end->page[end->boot->reset_address % 4096] = MPART_RESET_VALUE;
        assert_true(asks(end));

        memset(end->page, 0, sizeof(end->page)); /* the kernel's to write */
        assert_false(asks(end));
        end_free(end);
}

static void test_off(void **state)
{
        struct end *end = end_new("quiet mpart.tboot=off console=ttyS1");
        (void)state;
        assert_int_equal(end->params->tboot_addr, 0);
        for (size_t i = 0; i < sizeof(end->page); i++)
                assert_int_equal(end->page[i], 0);
        end_free(end);

        end = end_new("quiet mpart.tboot=offs \"mpart.tboot=off \"");
        assert_true(end->params->tboot_addr != 0);
        end_free(end);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_tboot),
                cmocka_unit_test(test_asks),
                cmocka_unit_test(test_off),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
