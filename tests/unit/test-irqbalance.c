/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is asked of irqbalance, with a socket in its place. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "fs.h"
#include "irqbalance.h"
#include "macros.h"
#include "scratch.h"

struct fixture {
        struct scratch dir;
        sd_event *event;
        struct irqbalance *i;
        int listening;
};

static int listen_at(struct fixture *f, const char *name)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", f->dir.path, name);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(listen(fd, 1), 0);
        return fd;
}

static void start(struct fixture *f)
{
        irqbalance_free(f->i);
        assert_int_equal(irqbalance_new(f->event, f->dir.path, f->dir.path, &f->i), 0);
}

static int setup(void **state)
{
        struct fixture *f = calloc(1, sizeof(*f));
        scratch_make(&f->dir);
        assert_true(sd_event_new(&f->event) >= 0);
        f->listening = listen_at(f, "irqbalance77.sock");
        start(f);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *f = *state;
        irqbalance_free(f->i);
        sd_event_unref(f->event);
        close_fd(&f->listening);
        scratch_remove(&f->dir);
        free(f);
        return 0;
}

static void run(struct fixture *f)
{
        while (sd_event_run(f->event, 0) > 0)
                continue;
}

/* What irqbalance hears next; it answers and closes. */
static void expect(struct fixture *f, const char *text, const char *answer)
{
        char heard[600];
        _cleanup_close_ int fd = accept(f->listening, NULL, NULL);
        ssize_t n = recv(fd, heard, sizeof(heard) - 1, 0);
        heard[MAX(n, 0)] = 0;
        assert_string_equal(heard, text);
        assert_int_equal(send(fd, answer, strlen(answer), MSG_NOSIGNAL), strlen(answer));
        close_fd(&fd);
        run(f);
}

static void expect_nothing(struct fixture *f)
{
        run(f);
        struct sockaddr_un peer;
        socklen_t size = sizeof(peer);
        assert_int_equal(accept4(f->listening, (struct sockaddr *)&peer, &size, 0), -1);
}

static void leave_out(struct fixture *f, const char *list)
{
        _cleanup_cpuset_ struct mpart_cpuset s = { 0 };
        assert_int_equal(mpart_cpuset_parse_list(list, &s), 0);
        assert_int_equal(irqbalance_leave_out(f->i, &s), 0);
}

static void no_wait(const struct fixture *f)
{
        const struct timeval now = { .tv_usec = 1000 };
        setsockopt(f->listening, SOL_SOCKET, SO_RCVTIMEO, &now,
                        sizeof(now)); /* accept(2) does not wait either */
}

static void test_bans_are_extended_and_put_back(void **state)
{
        struct fixture *f = *state;
        no_wait(f);
        leave_out(f, "4-5");
        expect(f, "setup", "SLEEP 10 BANNED 00000000,00000022");
        expect(f, "settings cpus 1,4-5", "");
        leave_out(f, "4-7");
        expect(f, "settings cpus 1,4-7", "");
        leave_out(f, "6-7");
        expect(f, "settings cpus 1,5-7", "");
        leave_out(f, "");
        expect(f, "settings cpus 1,5", "");
        expect_nothing(f);
}

static void test_none_were_banned(void **state)
{
        struct fixture *f = *state;
        no_wait(f);
        leave_out(f, "4-5");
        expect(f, "setup", "SLEEP 10 IRQ 4 LOAD 1 DIFF 2 CLASS 3 BANNED 0");
        expect(f, "settings cpus 4-5", "");
        leave_out(f, "");
        expect(f, "settings cpus NULL", "");
        /* Before its next turn its answer would still hold bans of ours: it is not asked again. */
        leave_out(f, "4-5");
        expect(f, "settings cpus 4-5", "");
        expect_nothing(f);
}

static void test_changes_wait_for_the_answer(void **state)
{
        struct fixture *f = *state;
        no_wait(f);
        leave_out(f, "4-5");
        leave_out(f, "4-7");
        leave_out(f, "2-7");
        expect(f, "setup", "SLEEP 10 BANNED 0");
        leave_out(f, "2-3");
        expect(f, "settings cpus 2-7", "");
        expect(f, "settings cpus 2-3", "");
        expect_nothing(f);
}

static void test_the_next_daemon_puts_back(void **state)
{
        struct fixture *f = *state;
        no_wait(f);
        leave_out(f, "4-5");
        expect(f, "setup", "SLEEP 10 BANNED 2");
        expect(f, "settings cpus 1,4-5", "");
        start(f);
        leave_out(f, "4-5");
        expect(f, "settings cpus 1,4-5", "");
        start(f);
        leave_out(f, "");
        expect(f, "settings cpus 1", "");
}

static void test_another_irqbalance_is_asked_anew(void **state)
{
        struct fixture *f = *state;
        char path[128];
        no_wait(f);
        leave_out(f, "4-5");
        expect(f, "setup", "SLEEP 10 BANNED 2");
        expect(f, "settings cpus 1,4-5", "");
        snprintf(path, sizeof(path), "%s/irqbalance77.sock", f->dir.path);
        unlink(path);
        close_fd(&f->listening);
        leave_out(f, "4-7"); /* none is there */
        run(f);
        f->listening = listen_at(f, "irqbalance78.sock");
        no_wait(f);
        leave_out(f, "4-5");
        expect(f, "setup", "SLEEP 10 BANNED 0");
        expect(f, "settings cpus 4-5", "");
}

static void test_answers_that_mean_nothing(void **state)
{
        static const char *const answers[] = { "", "SLEEP", "SLEEP x BANNED 0", "SLEEP 99999999999 BANNED 0",
                "SLEEP 10 BANNED zz", "BANNED 0" };
        struct fixture *f = *state;
        no_wait(f);
        for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
                leave_out(f, i % 2 ? "4" : "5");
                expect(f, "setup", answers[i]);
                expect_nothing(f);
        }
        leave_out(f, "");
        expect_nothing(f);
}

static void test_notes_that_mean_nothing(void **state)
{
        struct fixture *f = *state;
        no_wait(f);
        scratch_write(&f->dir, "irqbalance.json", "{\"socket\":1}");
        start(f);
        leave_out(f, "");
        expect_nothing(f);
}

#define irqbalance_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                irqbalance_test(test_bans_are_extended_and_put_back),
                irqbalance_test(test_none_were_banned),
                irqbalance_test(test_changes_wait_for_the_answer),
                irqbalance_test(test_the_next_daemon_puts_back),
                irqbalance_test(test_another_irqbalance_is_asked_anew),
                irqbalance_test(test_answers_that_mean_nothing),
                irqbalance_test(test_notes_that_mean_nothing),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
