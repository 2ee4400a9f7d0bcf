/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands in a kernel, from the daemon's side. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "macros.h"
#include "talk-stage.h"

static int run(struct stage *s, int fds[static 4], struct mpart_error *e)
{
        char *words[] = { (char[]){ "echo" }, (char[]){ "a b" }, NULL };
        const struct talk_exec x = { .words = words, .directory = "/tmp" };
        return talk_exec(s->talk, &x, fds, e);
}

static void close_all(int fds[static 4])
{
        for (int i = 0; i < 4; i++)
                close_fd(&fds[i]);
}
static void test_exec(void **state)
{
        struct stage *s = *state;
        struct mpart_error e = MPART_ERROR_INIT;
        struct mpart_control c;
        struct mpart_exec x;
        uint8_t bytes[1000];
        size_t n;
        int fds[4];
        assert_int_equal(run(s, fds, &e), -ENOTCONN);
        agent_starts(s);
        wait_state(s, TALK_READY);
        assert_int_equal(run(s, fds, &e), 0);
        assert_int_equal(agent_hears(s, &c, bytes, sizeof(bytes), &n), MPART_DOWN_EXEC);
        memcpy(&x, bytes, sizeof(x));
        assert_int_equal(x.n_words, 2);
        assert_int_equal(n, sizeof(x) + sizeof("echo\0a b\0/tmp"));
        assert_memory_equal(bytes + sizeof(x), "echo\0a b\0/tmp", sizeof("echo\0a b\0/tmp"));

        assert_int_equal(write(fds[0], "input", 5), 5);
        assert_int_equal(agent_hears(s, &c, bytes, sizeof(bytes), &n), MPART_DOWN_INPUT);
        assert_int_equal(n, 5);
        close_fd(&fds[0]);
        assert_int_equal(agent_hears(s, &c, bytes, sizeof(bytes), &n), MPART_DOWN_INPUT);
        assert_int_equal(n, 0);
        assert_int_equal(send(fds[3], "signal 15", 9, 0), 9);
        assert_int_equal(agent_hears(s, &c, bytes, sizeof(bytes), &n), MPART_DOWN_SIGNAL);
        assert_int_equal(c.value, 15);

        agent_sends(s, MPART_UP_OUTPUT, c.job, 0, "out");
        agent_sends(s, MPART_UP_OUTPUT, c.job, MPART_STREAM_ERROR, "err");
        agent_sends(s, MPART_UP_OUTPUT, c.job + 1, 0, "no such job");
        agent_sends(s, MPART_UP_EXIT, c.job, 7 << 8, "");
        stage_read_text(fds[1], "out");
        stage_read_text(fds[2], "err");
        assert_int_equal(read(fds[1], bytes, 1), 0);
        stage_read_text(fds[3], "exit 7");
        assert_int_equal(recv(fds[3], bytes, 1, 0), 0);
        close_all(fds);
}

static void test_exec_ends(void **state)
{
        struct stage *s = *state;
        struct mpart_error e = MPART_ERROR_INIT;
        struct mpart_control c;
        uint8_t bytes[1000];
        char text[300] = "";
        size_t n;
        int fds[4];
        agent_starts(s);
        wait_state(s, TALK_READY);

        /* The caller goes: the agent is told. */
        assert_int_equal(run(s, fds, &e), 0);
        agent_hears(s, &c, bytes, sizeof(bytes), &n);
        close_all(fds);
        while (agent_hears(s, &c, bytes, sizeof(bytes), &n) != MPART_DOWN_CLOSE)
                ;
        agent_sends(s, MPART_UP_EXIT, c.job, 9, "");

        /* The agent sends more than it may: the command is lost, the daemon is not. */
        assert_int_equal(run(s, fds, &e), 0);
        agent_hears(s, &c, bytes, sizeof(bytes), &n);
        char *much = calloc(1, 10001);
        memset(much, 'x', 10000);
        for (int i = 0; i < 30; i++)
                agent_sends(s, MPART_UP_OUTPUT, c.job, 0, much);
        free(much);
        assert_true(recv(fds[3], text, sizeof(text) - 1, 0) > 0);
        assert_string_equal(text, "error the agent sent more than it may");
        close_all(fds);

        /* The agent dies. */
        assert_int_equal(run(s, fds, &e), 0);
        atomic_fetch_add(&s->header->agent_start, 1);
        memset(text, 0, sizeof(text));
        assert_true(recv(fds[3], text, sizeof(text) - 1, 0) > 0);
        assert_string_equal(text, "error kernel 3: its agent started anew");
        close_all(fds);

        /* Words that do not fit are refused. */
        char *word = calloc(1, 100001);
        memset(word, 'w', 100000);
        char *words[] = { word, NULL };
        const struct talk_exec x = { .words = words };
        assert_int_equal(talk_exec(s->talk, &x, fds, &e), -E2BIG);
        free(word);
}

static void hear_why(const int fds[static 4], const char *wanted)
{
        char text[300] = "";
        assert_true(recv(fds[3], text, sizeof(text) - 1, 0) > 0);
        assert_string_equal(text, wanted);
}

/* Who waits for a command hears what ended its kernel. */
static void test_exec_hears_the_reason(void **state)
{
        static const struct {
                enum mpart_agent_state said;
                bool asked_for;
                const char *text;
        } ends[] = {
                { MPART_AGENT_REBOOT, false, "error kernel 3: its init asked for a restart" },
                { MPART_AGENT_POWEROFF, false, "error kernel 3: its init switched it off" },
                { MPART_AGENT_FAILED, false, "error kernel 3: its init has ended" },
                { MPART_AGENT_POWEROFF, true, "error kernel 3: it was stopped" },
        };
        struct stage *s = *state;
        struct mpart_error e = MPART_ERROR_INIT;
        int fds[4];
        agent_starts(s);
        for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
                agent_says(s, MPART_AGENT_READY);
                wait_state(s, TALK_READY);
                assert_int_equal(run(s, fds, &e), 0);
                if (ends[i].asked_for)
                        assert_true(talk_shutdown(s->talk));
                agent_says(s, ends[i].said);
                hear_why(fds, ends[i].text);
                close_all(fds);
        }

        /* Silence alone tells nothing: what the watch finds out meanwhile is what the caller hears. */
        agent_says(s, MPART_AGENT_READY);
        wait_state(s, TALK_READY);
        assert_int_equal(run(s, fds, &e), 0);
        wait_state(s, TALK_GONE);
        talk_stop(s->talk, "hangs: its clock has stood still");
        hear_why(fds, "error kernel 3: hangs: its clock has stood still");
        close_all(fds);
}

/* What the agent has sent before the end comes through, however much it is and whatever is seen first. */
static void test_last_words(void **state)
{
        enum { RECORDS = 200 };
        struct stage *s = *state;
        struct mpart_error e = MPART_ERROR_INIT;
        struct mpart_control c;
        uint8_t bytes[1000];
        char wanted[RECORDS * 4 + 1] = "";
        size_t n;
        int fds[4];
        agent_starts(s);
        wait_state(s, TALK_READY);
        assert_int_equal(run(s, fds, &e), 0);
        assert_int_equal(agent_hears(s, &c, bytes, sizeof(bytes), &n), MPART_DOWN_EXEC);
        region_loop_lock(s->loop); /* it sees all of it at once */
        for (int i = 0; i < RECORDS; i++) {
                snprintf(wanted + 4 * i, 5, "%03d\n", i);
                agent_sends(s, MPART_UP_OUTPUT, c.job, 0, wanted + 4 * i);
        }
        agent_sends(s, MPART_UP_EXIT, c.job, 5 << 8, "");
        agent_says(s, MPART_AGENT_POWEROFF);
        region_loop_unlock(s->loop);
        region_loop_wake(s->loop);
        stage_read_text(fds[1], wanted);
        hear_why(fds, "exit 5");
        close_all(fds);
}

/* The other side writes nonsense everywhere while all is in use: nothing breaks, nothing blocks. */
static void test_hostile_agent(void **state)
{
        struct stage *s = *state;
        struct mpart_error e = MPART_ERROR_INIT;
        uint32_t seed = 12345;
        _cleanup_close_ int console = -1;
        int fds[4] = { -1, -1, -1, -1 };
        agent_starts(s);
        wait_state(s, TALK_READY);
        assert_int_equal(talk_console(s->talk, true, &console, &e), 0);
        uint64_t end = monotonic_ns() + UINT64_C(2000000000);
        while (monotonic_ns() < end) {
                for (int i = 0; i < 2000; i++) {
                        seed = seed * 1664525 + 1013904223;
                        uint32_t where = seed >> 8;
                        /* Half of it where it hurts: header, indices and the starts of records. */
                        where = seed % 2 ? where % 0x2000 : 0x40000 + where % 0x40000;
                        seed = seed * 1664525 + 1013904223;
                        if (where < 0x180 || where > 0x190) /* the state stays READY now and then */
                                __atomic_store_n(&s->region[where], (uint8_t)(seed >> 24), __ATOMIC_RELAXED);
                }
                for (uint32_t job = 0; job < 4; job++)
                        agent_sends(s, MPART_UP_OUTPUT + seed % 6, job, seed, "noise");
                stage_attach(s, &s->control_up, MPART_RING_CONTROL_UP, RING_PRODUCER);
                atomic_store(&s->header->agent_generation, 42);
                agent_says(s, MPART_AGENT_READY);
                if (run(s, fds, &e) == 0)
                        close_all(fds);
        }
        assert_non_null(talk_state_to_string(talk_state(s->talk)));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, stage_setup, stage_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_exec),
                TEST(test_exec_ends),
                TEST(test_exec_hears_the_reason),
                TEST(test_last_words),
                TEST(test_hostile_agent),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
