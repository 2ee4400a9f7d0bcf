/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What outlives the daemon of a kernel's state, and ledgers made anew. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "apic.h"
#include "fs.h"
#include "macros.h"
#include "rebuild.h"
#include "record.h"
#include "scratch.h"

static const char digest[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static void test_names_round_trip(void **state)
{
        (void)state;
        for (int i = 0; i < _KERNEL_STATE_MAX; i++)
                assert_int_equal(kernel_state_from_string(kernel_state_to_string((enum kernel_state)i)), i);
        for (int i = 0; i < _KERNEL_CAUSE_MAX; i++)
                assert_int_equal(kernel_cause_from_string(kernel_cause_to_string((enum kernel_cause)i)), i);
        assert_int_equal(kernel_state_from_string("no"), _KERNEL_STATE_INVALID);
        assert_int_equal(kernel_cause_from_string("boredom"), _KERNEL_CAUSE_INVALID);
        assert_null(kernel_cause_to_string(_KERNEL_CAUSE_MAX));
}

static struct kernel_record example(void)
{
        struct kernel_record r = {
                .kernel = 3,
                .state = KERNEL_FAILED,
                .cause = CAUSE_CRASH,
                .reason = (char *)"crashed: \"quoted\" \\ and more",
                .timestamp = 1700000000000001,
                .boot_timestamp = 1600000000000002,
                .holds = true,
                .ending = true,
                .old_note = 0x17fc02000,
                .restarts = 2,
                .restarts_since = 123456789012345,
        };
        snprintf(r.digest, sizeof(r.digest), "%s", digest);
        return r;
}

static void test_what_is_written_is_read_back(void **state)
{
        struct scratch *s = *state;
        struct mpart_error e = MPART_ERROR_INIT;
        struct kernel_record a = example();
        _cleanup_record_ struct kernel_record b = { 0 };

        assert_int_equal(record_load(s->path, 3, &b, &e), -ENOENT);
        assert_int_equal(record_save(s->path, &a), 0);
        assert_int_equal(record_load(s->path, 3, &b, &e), 0);
        assert_int_equal(b.kernel, 3);
        assert_string_equal(b.digest, digest);
        assert_int_equal(b.state, KERNEL_FAILED);
        assert_int_equal(b.cause, CAUSE_CRASH);
        assert_string_equal(b.reason, a.reason);
        assert_true(b.timestamp == a.timestamp && b.boot_timestamp == a.boot_timestamp);
        assert_true(b.holds && b.ending);
        assert_true(b.old_note == a.old_note);
        assert_int_equal(b.restarts, 2);
        assert_true(b.restarts_since == a.restarts_since);

        assert_int_equal(record_remove(s->path, 3), 0);
        assert_int_equal(record_remove(s->path, 3), 0);
        record_free(&b);
        assert_int_equal(record_load(s->path, 3, &b, &e), -ENOENT);
}

/* The text with its first `from` replaced. */
static char *replaced(const char *text, const char *from, const char *to)
{
        const char *at = strstr(text, from);
        char *result = NULL;
        assert_non_null(at);
        assert_true(asprintf(&result, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) > 0);
        return result;
}

static void assert_bad(struct scratch *s, const char *text, const char *says)
{
        struct mpart_error e = MPART_ERROR_INIT;
        struct kernel_record r = { .kernel = 77 };
        scratch_write(s, "state-3.json", "%s", text);
        assert_int_equal(record_load(s->path, 3, &r, &e), -EBADMSG);
        assert_int_equal(r.kernel, 77);
        assert_non_null(strstr(e.text, "state-3.json"));
        assert_non_null(strstr(e.text, says));
}

static void test_torn_and_foreign_files_are_named(void **state)
{
        struct scratch *s = *state;
        struct kernel_record a = example();
        _cleanup_free_ char *text = NULL;
        assert_int_equal(record_save(s->path, &a), 0);
        assert_int_equal(read_file_at(s->fd, "state-3.json", 0, &text, NULL), 0);

        for (size_t n = 0; n < strlen(text) - 1; n += 7) {
                _cleanup_free_ char *torn = strndup(text, n);
                assert_bad(s, torn, "");
        }
        static const char *const changes[][3] = {
                { "\"version\":\t1", "\"version\":\t2", "version 2" },
                { "mpart-kernel-state", "mpart-ledger", "mpart-ledger" },
                { "\"kernel\":\t3", "\"kernel\":\t4", "kernel 4" },
                { "\"failed\"", "\"tired\"", "state" },
                { "\"crash\"", "\"boredom\"", "cause" },
                { "\"timestamp\"", "\"thyme\"", "thyme" },
                { "\"restarts\":\t2", "\"restarts\":\t-2", "restarts" },
                { "\"holds\":\ttrue", "\"holds\":\t1", "holds" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
                _cleanup_free_ char *bad = replaced(text, changes[i][0], changes[i][1]);
                assert_bad(s, bad, changes[i][2]);
        }
}

static void test_setting_aside(void **state)
{
        struct scratch *s = *state;
        char aside[RUNTIME_PATH_MAX];
        scratch_write(s, "kernel-2.json", "%s", "torn");
        runtime_set_aside(s->path, "kernel", 2, aside);
        assert_int_equal(access(aside, F_OK), 0);
        assert_int_equal(faccessat(s->fd, "kernel-2.json", F_OK, 0), -1);
        assert_non_null(strstr(aside, "kernel-2.json.bad"));
}

/* CPUs 2 to 4, of which 3 boots; APIC ids 6, 4, 300 in the order of the trace. */
static uint32_t ids[] = { 6, 4, 300 };
static const struct mpart_boot_trace trace = {
        .cmdline = (char *)"console=ttyS1", .apic_ids = ids, .n_cpus = 3, .reset_address = 0x17fc02000
};

static void test_a_ledger_is_made_anew(void **state)
{
        struct scratch *s = *state;
        struct mpart_error e = MPART_ERROR_INIT;
        struct mpart_plan_kernel k = { .id = 1, .boot_cpu = 3 };
        _cleanup_cpuset_ struct mpart_cpuset offline = { 0 };
        _cleanup_(ledger_freep) struct ledger *l = NULL, *read = NULL;
        assert_int_equal(mpart_cpuset_parse_list("2-4", &k.cpus), 0);
        assert_int_equal(mpart_cpuset_parse_list("3-4,9", &offline), 0);

        assert_int_equal(ledger_new(s->path, 1, digest, &l), 0);
        assert_int_equal(rebuild_ledger(l, &k, &offline, &trace), 0);
        assert_int_equal(ledger_set_stage(l, LEDGER_UNSURE, &e), 0);
        assert_int_equal(ledger_load(s->path, 1, &read, &e), 0);
        assert_int_equal(read->stage, LEDGER_UNSURE);
        assert_int_equal(read->n_taken, 3);
        assert_int_equal(read->taken[0].cpu, 3);
        assert_int_equal(read->taken[0].apic_id, 6);
        assert_int_equal(read->taken[1].cpu, 4);
        assert_int_equal(read->taken[1].apic_id, 300);
        assert_int_equal(ledger_last(read)->kind, TAKEN_WOKEN); /* stopped before they are given back */
        assert_true(read->reset_address == trace.reset_address);
        assert_string_equal(read->cmdline, "console=ttyS1");
        for (int i = 0; i < _KERNEL_END_MAX; i++)
                assert_int_equal(read->options.on[i], ACTION_STOP);
        mpart_cpuset_free(&k.cpus);
}

static void test_without_a_trace_no_message_is_sent(void **state)
{
        struct scratch *s = *state;
        struct mpart_plan_kernel k = { .id = 1, .boot_cpu = 2 };
        _cleanup_(ledger_freep) struct ledger *l = NULL;
        assert_int_equal(mpart_cpuset_parse_list("2-3", &k.cpus), 0);
        assert_int_equal(ledger_new(s->path, 1, digest, &l), 0);
        assert_int_equal(rebuild_ledger(l, &k, &k.cpus, NULL), 0);
        assert_int_equal(l->n_taken, 2);
        for (size_t i = 0; i < l->n_taken; i++) {
                assert_int_equal(l->taken[i].kind, TAKEN_CPU);
                assert_true(l->taken[i].apic_id == MPART_APIC_ID_UNKNOWN);
        }
        mpart_cpuset_free(&k.cpus);
}

static void test_ids_of_others_are_refused(void **state)
{
        (void)state;
        struct mpart_error e = MPART_ERROR_INIT;
        struct mpart_cpu cpus[] = { { .id = 0, .apic_id = 0, .online = true },
                { .id = 3, .apic_id = 6, .online = false }, { .id = 5, .apic_id = 8, .online = true } };
        struct mpart_machine m = { .cpus = cpus, .n_cpus = ARRAY_SIZE(cpus) };
        struct taken taken[] = { { TAKEN_CPU, 6, 5 }, { .kind = TAKEN_WOKEN, .apic_id = 4 } };
        struct ledger other = { .taken = taken, .n_taken = ARRAY_SIZE(taken) };
        struct ledger *others[] = { NULL, &other };

        assert_int_equal(rebuild_check_ids(&trace, &m, others, 2, &e), 0);
        cpus[2].apic_id = 4; /* online in the primary */
        assert_int_equal(rebuild_check_ids(&trace, &m, others, 2, &e), -EBADMSG);
        assert_non_null(strstr(e.text, "APIC id 4"));
        cpus[2].apic_id = 8;
        taken[0].apic_id = 300; /* taken by another kernel */
        assert_int_equal(rebuild_check_ids(&trace, &m, others, 2, &e), -EBADMSG);
        ids[2] = MPART_APIC_ID_UNKNOWN;
        assert_int_equal(rebuild_check_ids(&trace, &m, NULL, 0, &e), -EBADMSG);
        ids[2] = 300;
}

/* The id that means all CPUs would stop the primary too. */
static void test_no_message_to_all_cpus(void **state)
{
        (void)state;
        uint32_t page[1024] = { 0 };
        struct apic a = { .msr = -1, .page = { .data = page } };
        assert_int_equal(apic_send_init(&a, 0xff), -EINVAL);
        assert_int_equal(apic_send_init(&a, 0x100), -ERANGE);
        for (size_t i = 0; i < ARRAY_SIZE(page); i++)
                assert_int_equal(page[i], 0);
        assert_int_equal(apic_send_init(&a, 0xfe), 0);
        assert_int_equal(page[0x310 / 4], 0xfe000000);
        struct apic x = { .msr = -1, .x2apic = true };
        assert_int_equal(apic_send_init(&x, UINT32_MAX), -EINVAL);
}

#define record_test(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names_round_trip),
                record_test(test_what_is_written_is_read_back),
                record_test(test_torn_and_foreign_files_are_named),
                record_test(test_setting_aside),
                record_test(test_a_ledger_is_made_anew),
                record_test(test_without_a_trace_no_message_is_sent),
                cmocka_unit_test(test_ids_of_others_are_refused),
                cmocka_unit_test(test_no_message_to_all_cpus),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
