/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "ledger.h"
#include "macros.h"
#include "scratch.h"

static const char digest[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static void test_names_round_trip(void **state)
{
        (void)state;
        for (int i = 0; i < _LEDGER_STAGE_MAX; i++)
                assert_int_equal(ledger_stage_from_string(ledger_stage_to_string((enum ledger_stage)i)), i);
        for (int i = 0; i < _TAKEN_MAX; i++)
                assert_int_equal(taken_kind_from_string(taken_kind_to_string((enum taken_kind)i)), i);
        for (int i = 0; i < _KERNEL_END_MAX; i++)
                assert_int_equal(kernel_end_from_string(kernel_end_to_string((enum kernel_end)i)), i);
        for (int i = 0; i < _END_ACTION_MAX; i++)
                assert_int_equal(end_action_from_string(end_action_to_string((enum end_action)i)), i);
        assert_null(ledger_stage_to_string(_LEDGER_STAGE_MAX));
}

static void test_what_was_taken_is_read_back(void **state)
{
        struct scratch *s = *state;
        struct mpart_error e = MPART_ERROR_INIT;
        _cleanup_(ledger_freep) struct ledger *a = NULL, *b = NULL;

        assert_int_equal(ledger_load(s->path, 3, &b, &e), -ENOENT);
        assert_int_equal(ledger_new(s->path, 3, digest, &a), 0);
        a->cmdline = strdup("console=ttyS1 \"quoted\"");
        a->boot_timestamp = 1700000000000001;
        a->reset_address = 0x17fc02000;
        assert_int_equal(boot_options_set(&a->options, "image", "/boot/vmlinuz", &e), 0);
        assert_int_equal(boot_options_set(&a->options, "on-crash", "restart", &e), 0);
        a->options.limit_burst = 7;
        assert_int_equal(boot_options_set_stop_timeout(&a->options, 240, &e), 0);
        assert_int_equal(ledger_take(a, (struct taken){ TAKEN_CPU, 6, 14 }, &e), 0);
        assert_int_equal(ledger_take(a, (struct taken){ .kind = TAKEN_LOW }, &e), 0);
        assert_int_equal(ledger_take(a, (struct taken){ .kind = TAKEN_WOKEN }, &e), 0);
        assert_int_equal(ledger_set_stage(a, LEDGER_BOOTING, &e), 0);
        assert_int_equal(ledger_drop(a, TAKEN_LOW, &e), 0);

        assert_int_equal(ledger_load(s->path, 3, &b, &e), 0);
        assert_int_equal(b->n_taken, 2);
        assert_int_equal(b->taken[0].kind, TAKEN_CPU);
        assert_int_equal(b->taken[0].cpu, 6);
        assert_int_equal(b->taken[0].apic_id, 14);
        assert_int_equal(ledger_last(b)->kind, TAKEN_WOKEN);
        assert_int_equal(b->stage, LEDGER_BOOTING);
        assert_string_equal(b->cmdline, a->cmdline);
        assert_string_equal(b->digest, digest);
        assert_true(b->boot_timestamp == a->boot_timestamp);
        assert_true(b->reset_address == a->reset_address);
        assert_string_equal(b->options.image, "/boot/vmlinuz");
        assert_null(b->options.initrd);
        assert_int_equal(b->options.on[END_CRASH], ACTION_RESTART);
        assert_int_equal(b->options.on[END_REBOOT], ACTION_DEFAULT);
        assert_int_equal(b->options.limit_burst, 7);
        assert_int_equal(b->options.stop_timeout, 240);

        assert_int_equal(ledger_remove_file(b), 0);
        assert_int_equal(ledger_remove_file(b), 0);
}

static void test_options(void **state)
{
        (void)state;
        struct boot_options o;
        struct mpart_error e = MPART_ERROR_INIT;
        boot_options_init(&o);
        assert_int_equal(boot_options_set(&o, "colour", "red", &e), -ENOENT);
        assert_int_equal(boot_options_set(&o, "on-tuesday", "stop", &e), -ENOENT);
        assert_int_equal(boot_options_set(&o, "image", "vmlinuz", &e), -EINVAL);
        assert_int_equal(boot_options_set(&o, "on-hang", "dance", &e), -EINVAL);
        assert_non_null(strstr(e.text, "dance"));
        assert_int_equal(boot_options_set(&o, "cmdline", "quiet", &e), 0);
        assert_int_equal(boot_options_set(&o, "cmdline", "debug", &e), 0);
        assert_string_equal(o.cmdline, "debug");
        boot_options_free(&o);
        assert_null(o.cmdline);

        assert_int_equal(boot_options_set_stop_timeout(&o, 0, &e), -EINVAL);
        assert_int_equal(boot_options_set_stop_timeout(&o, 3601, &e), -EINVAL);
        assert_non_null(strstr(e.text, "1 to 3600"));

        struct mpart_plan_kernel planned = { .restart = MPART_RESTART_NEVER };
        boot_options_decide(&o, &planned);
        assert_int_equal(o.stop_timeout, STOP_TIMEOUT_DEFAULT);
        assert_int_equal(o.on[END_REBOOT], ACTION_RESTART);
        assert_int_equal(o.on[END_CRASH], ACTION_STOP);
        boot_options_init(&o);
        o.on[END_HANG] = ACTION_PRESERVE;
        planned.restart = MPART_RESTART_ON_FAILURE;
        planned.stop_timeout = 90;
        boot_options_decide(&o, &planned);
        assert_int_equal(o.stop_timeout, 90);
        assert_int_equal(o.on[END_CRASH], ACTION_RESTART);
        assert_int_equal(o.on[END_HANG], ACTION_PRESERVE);
        assert_int_equal(o.on[END_POWER_OFF], ACTION_STOP);
        boot_options_init(&o);
        assert_int_equal(boot_options_set_stop_timeout(&o, 5, &e), 0);
        boot_options_decide(&o, &planned);
        assert_int_equal(o.stop_timeout, 5);
}

static void test_nothing_counts_as_taken_that_is_not_on_disk(void **state)
{
        struct scratch *s = *state;
        struct mpart_error e = MPART_ERROR_INIT;
        _cleanup_(ledger_freep) struct ledger *l = NULL;
        char directory[128];
        snprintf(directory, sizeof(directory), "%s/absent", s->path);
        assert_int_equal(ledger_new(directory, 1, digest, &l), 0);
        assert_int_equal(ledger_take(l, (struct taken){ TAKEN_CPU, 1, 1 }, &e), -ENOENT);
        assert_null(ledger_last(l));
        assert_non_null(strstr(e.text, "kernel-1.json"));
        assert_int_equal(ledger_set_stage(l, LEDGER_RUNNING, &e), -ENOENT);
        assert_int_equal(l->stage, LEDGER_LOADING);
}

static void test_damaged_files_are_named(void **state)
{
        struct scratch *s = *state;
        static const char *const bad[] = {
                "",
                "{",
                "{}",
                "{\"format\":\"mpart-ledger\",\"version\":2,\"kernel\":1,\"digest\":\"\",\"stage\":"
                "\"running\","
                "\"boot_timestamp\":0,\"vmcoreinfo\":0,\"reset_address\":0,\"options\":{\"dump\":true,\"limit-burst\":3,\"limit-interval\":60},\"cmdline\":\"\",\"taken\":[]}",
                "{\"format\":\"mpart-ledger\",\"version\":1,\"kernel\":2,\"digest\":\"\",\"stage\":"
                "\"running\","
                "\"boot_timestamp\":0,\"vmcoreinfo\":0,\"reset_address\":0,\"options\":{\"dump\":true,\"limit-burst\":3,\"limit-interval\":60},\"cmdline\":\"\",\"taken\":[]}",
                "{\"format\":\"mpart-ledger\",\"version\":1,\"kernel\":1,\"digest\":\"\",\"stage\":"
                "\"flying\","
                "\"boot_timestamp\":0,\"vmcoreinfo\":0,\"reset_address\":0,\"options\":{\"dump\":true,\"limit-burst\":3,\"limit-interval\":60},\"cmdline\":\"\",\"taken\":[]}",
                "{\"format\":\"mpart-ledger\",\"version\":1,\"kernel\":1,\"digest\":\"\",\"stage\":"
                "\"running\","
                "\"boot_timestamp\":0,\"vmcoreinfo\":0,\"reset_address\":0,\"options\":{\"dump\":true,\"limit-burst\":3,\"limit-interval\":60},\"cmdline\":\"\",\"taken\":[{\"what\":\"house\"}]}",
        };
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                struct mpart_error e = MPART_ERROR_INIT;
                struct ledger *l = NULL;
                scratch_write(s, "kernel-1.json", "%s", bad[i]);
                assert_int_equal(ledger_load(s->path, 1, &l, &e), -EBADMSG);
                assert_null(l);
                assert_non_null(strstr(e.text, "kernel-1.json"));
        }
}

#define ledger_test(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names_round_trip),
                cmocka_unit_test(test_options),
                ledger_test(test_what_was_taken_is_read_back),
                ledger_test(test_nothing_counts_as_taken_that_is_not_on_disk),
                ledger_test(test_damaged_files_are_named),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
