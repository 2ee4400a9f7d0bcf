/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon's side of a shared region, against an agent that the test plays, well-behaved or not. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "backoff.h"
#include "macros.h"
#include "region.h"
#include "ring.h"
#include "scratch.h"
#include "talk.h"

#define SIZE MPART_REGION_SIZE_MIN

struct stage {
        sd_event *event;
        struct poller *poller;
        struct region_loop *loop;
        struct talk *talk;
        uint8_t *region;
        struct mpart_shared_header *header;
        struct ring console_up, console_down, control_up, control_down;
        unsigned changes;
};

static void on_changed(void *userdata)
{
        struct stage *s = userdata;
        s->changes++;
}

static void attach(struct stage *s, struct ring *r, enum mpart_shared_ring which, enum ring_side side)
{
        struct mpart_shared_ring_place p = mpart_shared_ring_place(which);
        ring_attach(r, s->region + p.control, s->region + p.data, p.size, side);
}

static void agent_says(struct stage *s, enum mpart_agent_state state)
{
        atomic_store(&s->header->agent_state, state);
        atomic_fetch_add(&s->header->agent_heartbeat, 1);
}

static void agent_starts(struct stage *s)
{
        attach(s, &s->console_up, MPART_RING_CONSOLE_UP, RING_PRODUCER);
        attach(s, &s->console_down, MPART_RING_CONSOLE_DOWN, RING_CONSUMER);
        attach(s, &s->control_up, MPART_RING_CONTROL_UP, RING_PRODUCER);
        attach(s, &s->control_down, MPART_RING_CONTROL_DOWN, RING_CONSUMER);
        atomic_fetch_add(&s->header->agent_start, 7);
        atomic_store(&s->header->agent_generation, s->header->generation);
        agent_says(s, MPART_AGENT_READY);
}

static int setup(void **state)
{
        struct stage *s = calloc(1, sizeof(*s));
        s->region = aligned_alloc(4096, SIZE);
        s->header = (void *)s->region;
        memset(s->region, 0xff, SIZE); /* a predecessor's */
        region_fill(s->region, SIZE, 3, 42, NULL);
        if (poller_new("looks", REGION_REST_NS, false, &s->poller) < 0 ||
                        region_loop_new(s->poller, &s->loop) < 0)
                return -1;
        if (sd_event_new(&s->event) < 0 || talk_new(s->event, s->loop, 3, NULL, on_changed, s, &s->talk) < 0)
                return -1;
        *state = s;
        return talk_start(s->talk, s->region, 1000000, NULL);
}

static int teardown(void **state)
{
        struct stage *s = *state;
        talk_free(s->talk);
        region_loop_free(s->loop);
        poller_free(s->poller);
        sd_event_unref(s->event);
        free(s->region);
        free(s);
        return 0;
}

static void wait_state(struct stage *s, enum talk_state wanted)
{
        for (int i = 0; i < 5000 && talk_state(s->talk) != wanted; i++)
                usleep(2000);
        assert_string_equal(talk_state_to_string(talk_state(s->talk)), talk_state_to_string(wanted));
}

/* The next record for the agent; its bytes stand in `bytes`. */
static uint32_t agent_hears(
                struct stage *s, struct mpart_control *c, uint8_t *bytes, size_t room, size_t *ret_n)
{
        uint8_t record[0x10000];
        uint32_t type, size;
        for (int i = 0; i < 5000; i++) {
                if (ring_get(&s->control_down, record, sizeof(record), &type, &size) != 1) {
                        usleep(1000);
                        continue;
                }
                memcpy(c, record, sizeof(*c));
                *ret_n = size - sizeof(*c);
                memcpy(bytes, record + sizeof(*c), MIN(*ret_n, room));
                return type;
        }
        fail_msg("nothing came");
        return 0;
}

static void agent_sends(struct stage *s, uint32_t type, uint32_t job, uint32_t value, const char *text)
{
        struct mpart_control c = { job, value };
        const struct iovec parts[] = { { &c, sizeof(c) }, { (char *)text, strlen(text) } };
        while (ring_putv(&s->control_up, type, parts, 2) == -EAGAIN)
                usleep(1000);
}

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

static void read_text(int fd, const char *wanted)
{
        char text[100] = "";
        size_t n = 0, want = strlen(wanted);
        while (n < want) {
                ssize_t got = read(fd, text + n, want - n);
                assert_true(got > 0);
                n += (size_t)got;
        }
        assert_string_equal(text, wanted);
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
        read_text(one, "hello ");
        assert_int_equal(talk_console(s->talk, false, &two, &e), 0);
        assert_int_equal(talk_console(s->talk, true, &three, &e), -EBUSY);
        ring_write(&s->console_up, "world", 5);
        read_text(one, "world");
        read_text(two, "hello world");

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
        read_text(one, "hello world");
        assert_int_equal(read(one, typed, 1), 0);
}

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
        read_text(fds[1], "out");
        read_text(fds[2], "err");
        assert_int_equal(read(fds[1], bytes, 1), 0);
        read_text(fds[3], "exit 7");
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
                attach(s, &s->control_up, MPART_RING_CONTROL_UP, RING_PRODUCER);
                atomic_store(&s->header->agent_generation, 42);
                agent_says(s, MPART_AGENT_READY);
                if (run(s, fds, &e) == 0)
                        close_all(fds);
        }
        assert_non_null(talk_state_to_string(talk_state(s->talk)));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_layout),
                TEST(test_a_foreign_region_is_refused),
                TEST(test_states),
                TEST(test_clock),
                TEST(test_console),
                TEST(test_exec),
                TEST(test_exec_ends),
                TEST(test_exec_hears_the_reason),
                TEST(test_hostile_agent),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
