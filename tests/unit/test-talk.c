/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon's side of a shared region: layout, state, clock, console. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "macros.h"
#include "region.h"
#include "talk-stage.h"

#define SIZE MPART_REGION_SIZE_MIN

static void test_layout(void **state)
{
        struct stage *s = *state;
        uint64_t end = 0;
        for (int i = 0; i < _MPART_RING_MAX; i++) {
                struct mpart_shared_ring_place p = mpart_shared_ring_place(i);
                assert_true(p.control >= MPART_RING_CONTROL_OFFSET && p.control + 256 <= 0x2000);
                assert_true(p.size >= 4096 && (p.size & (p.size - 1)) == 0);
                assert_true(p.data >= end && p.data >= 0x2000);
                end = p.data + p.size;
        }
        assert_true(end <= MPART_REGION_USER_OFFSET);
        assert_true(s->header->user_offset + s->header->user_size == SIZE);
        for (uint64_t i = 0; i < s->header->user_size; i++)
                if (s->region[s->header->user_offset + i])
                        fail_msg("the free area holds a predecessor's bytes");
}

static void test_a_foreign_region_is_refused(void **state)
{
        struct stage *s = *state;
        struct mpart_error e = MPART_ERROR_INIT;
        talk_stop(s->talk, TALK_STOPPED);
        region_fill(s->region, SIZE, 4, 42, NULL);
        assert_int_equal(talk_start(s->talk, s->region, 1000000, &e), -ENODATA);
        region_fill(s->region, SIZE, 3, 0, NULL);
        assert_int_equal(talk_start(s->talk, s->region, 1000000, &e), -ENODATA);
        memset(s->region, 0, 8);
        assert_int_equal(talk_start(s->talk, s->region, 1000000, &e), -ENODATA);
}

static void test_states(void **state)
{
        struct stage *s = *state;
        wait_state(s, TALK_NONE);
        assert_false(talk_shutdown(s->talk));
        agent_says(s, MPART_AGENT_READY); /* of another generation */
        usleep(30000);
        wait_state(s, TALK_NONE);
        agent_starts(s);
        wait_state(s, TALK_READY);
        while (s->changes == 0)
                sd_event_run(s->event, 1000);
        assert_true(talk_shutdown(s->talk));
        assert_int_equal(atomic_load(&s->header->request), MPART_REQUEST_SHUTDOWN);
        agent_says(s, MPART_AGENT_REBOOT);
        wait_state(s, TALK_REBOOTED);
        atomic_store(&s->header->agent_state, 12345);
        wait_state(s, TALK_FAILED);
        agent_says(s, MPART_AGENT_READY);
        wait_state(s, TALK_READY);
        wait_state(s, TALK_GONE); /* without a heartbeat */
        for (int i = 0; i < _TALK_STATE_MAX; i++)
                assert_int_equal(talk_state_from_string(talk_state_to_string(i)), i);
}

static void test_clock(void **state)
{
        struct stage *s = *state;
        uint32_t before = atomic_load(&s->header->clock.sequence);
        for (int i = 0; i < 3000 && atomic_load(&s->header->clock.sequence) == before; i++)
                usleep(1000);
        assert_true(atomic_load(&s->header->clock.sequence) != before);
        assert_int_equal(atomic_load(&s->header->clock.tsc_khz), 1000000);
        assert_true(atomic_load(&s->header->clock.realtime_ns) > UINT64_C(1500000000000000000));
}
static void test_console(void **state)
{
        struct stage *s = *state;
        struct mpart_error e = MPART_ERROR_INIT;
        _cleanup_close_ int one = -1, two = -1, three = -1;
        char typed[10] = "";
        agent_starts(s);
        ring_write(&s->console_up, "hello ", 6);
        assert_int_equal(talk_console(s->talk, true, &one, &e), 0);
        stage_read_text(one, "hello ");
        assert_int_equal(talk_console(s->talk, false, &two, &e), 0);
        assert_int_equal(talk_console(s->talk, true, &three, &e), -EBUSY);
        ring_write(&s->console_up, "world", 5);
        stage_read_text(one, "world");
        stage_read_text(two, "hello world");

        assert_int_equal(write(two, "no", 2), 2); /* a reader types in vain */
        usleep(30000);
        assert_int_equal(write(one, "yes", 3), 3);
        for (int i = 0; i < 1000 && ring_available(&s->console_down) < 3; i++)
                usleep(1000);
        assert_int_equal(ring_read(&s->console_down, typed, sizeof(typed)), 3);
        assert_string_equal(typed, "yes");

        close_fd(&one);
        for (int i = 0; i < 1000 && talk_console(s->talk, true, &three, &e) < 0; i++)
                usleep(1000);
        assert_true(three >= 0);
        talk_stop(s->talk, TALK_STOPPED);
        assert_int_equal(talk_console(s->talk, true, &one, &e), -ENOTCONN);
        assert_int_equal(talk_console(s->talk, false, &one, &e), 0); /* what was kept stays readable */
        stage_read_text(one, "hello world");
        assert_int_equal(read(one, typed, 1), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, stage_setup, stage_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_layout),
                TEST(test_a_foreign_region_is_refused),
                TEST(test_states),
                TEST(test_clock),
                TEST(test_console),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
