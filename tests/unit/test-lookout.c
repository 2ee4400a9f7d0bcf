/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The loops that look at regions: how long they sleep, whom they serve, what wakes them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "macros.h"
#include "region-loop.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)
#define CALLS 200U
#define WORK_NS (MS / 5) /* of a turn that moves something */

static void test_backoff(void **state)
{
        (void)state;
        struct backoff b = { 0 };
        assert_int_equal(backoff_next(&b, false, SECOND), BACKOFF_LONG_NS); /* nothing ever came */
        assert_int_equal(backoff_next(&b, true, SECOND), 0);
        assert_int_equal(backoff_next(&b, false, SECOND + BACKOFF_SPIN_NS - 1), 0);
        assert_int_equal(backoff_next(&b, false, SECOND + BACKOFF_SPIN_NS), BACKOFF_SHORT_NS);
        assert_int_equal(backoff_next(&b, false, SECOND + 8 * MS), 4 * MS);
        assert_int_equal(backoff_next(&b, false, 2 * SECOND), BACKOFF_LONG_NS);

        /* One event costs few looks until all is quiet again. */
        uint64_t now = 3 * SECOND, sleep = 0;
        unsigned looks = 0;
        backoff_next(&b, true, now);
        for (now += BACKOFF_SPIN_NS; sleep < BACKOFF_LONG_NS; now += sleep, looks++)
                sleep = backoff_next(&b, false, now);
        assert_in_range(looks, 10, 25);
}

/* A user that a test plays. */
struct player {
        bool moves; /* each time */
        int fd;
        unsigned served, served_ready, beats;
};

static bool play(void *userdata, uint64_t now, bool ready)
{
        struct player *p = userdata;
        (void)now;
        p->served++;
        p->served_ready += ready;
        return p->moves;
}

static void add_fd(void *userdata, struct lookout_set *set)
{
        const struct player *p = userdata;
        lookout_wait_for(set, p->fd, POLLIN);
}

static void count_beat(void *userdata, uint64_t now)
{
        struct player *p = userdata;
        (void)now;
        p->beats++;
}

static const struct lookout_user player_user = { .serve = play, .add_fds = add_fd, .beat = count_beat };

static void test_ready(void **state)
{
        (void)state;
        struct lookout l = { 0 };
        struct player a = { .fd = eventfd(0, EFD_NONBLOCK) }, b = { .fd = eventfd(0, EFD_NONBLOCK) },
                      none = { .fd = -1 };
        assert_int_equal(lookout_add(&l, &player_user, &a), 0);
        assert_int_equal(lookout_add(&l, &player_user, &none), 0);
        assert_int_equal(lookout_add(&l, &player_user, &b), 0);
        assert_int_equal(lookout_turn(&l, SECOND), BACKOFF_LONG_NS);
        assert_true(a.served_ready == 1 && b.served_ready == 1 && none.served_ready == 1);
        assert_true(a.beats == 1);

        /* Whose descriptor has something is ready, nobody else. */
        eventfd_write(b.fd, 1);
        lookout_wait(&l, SECOND);
        lookout_turn(&l, SECOND + MS);
        assert_true(a.served == 2 && b.served == 2 && none.served == 2);
        assert_true(a.served_ready == 1 && b.served_ready == 2 && none.served_ready == 1);
        assert_true(a.beats == 1);

        /* Somebody goes while it waits: whose descriptors they were is not known any more. */
        eventfd_t count;
        eventfd_read(b.fd, &count);
        lookout_remove(&l, &a);
        lookout_wait(&l, 0);
        lookout_turn(&l, 2 * SECOND);
        assert_true(a.served == 2 && b.served_ready == 3 && b.beats == 2);
        assert_int_equal(lookout_add(&l, &player_user, &a), 0);
        lookout_turn(&l, 2 * SECOND + 1);
        assert_true(a.served_ready == 2);
        lookout_free(&l);
        close(a.fd);
        close(b.fd);
}

/* A user that is always busy: the other's descriptors are looked at all the same, but not in each turn. */
static void test_busy_neighbour(void **state)
{
        (void)state;
        struct lookout l = { 0 };
        struct player busy = { .moves = true, .fd = -1 }, other = { .fd = eventfd(0, EFD_NONBLOCK) };
        lookout_add(&l, &player_user, &busy);
        lookout_add(&l, &player_user, &other);
        uint64_t now = SECOND;
        assert_int_equal(lookout_turn(&l, now), 0);
        eventfd_write(other.fd, 1);
        for (unsigned i = 0; i < 1000; i++) { /* of 10 us: ten times the descriptors are asked about */
                lookout_wait(&l, 0);
                assert_int_equal(lookout_turn(&l, now += 10000), 0);
        }
        assert_int_equal(busy.served_ready, 1001);
        assert_in_range(other.served_ready, 8, 12);
        lookout_free(&l);
        close(other.fd);
}

/* A user of a region loop, and the other kernel: a thread may change `index` at any time. */
struct region {
        _Atomic uint64_t index, seen;
        atomic_uint turns, beats;
        atomic_bool moves;
};

static bool see(void *userdata, uint64_t now, bool ready)
{
        struct region *r = userdata;
        uint64_t index = atomic_load(&r->index);
        (void)now;
        (void)ready;
        atomic_fetch_add(&r->turns, 1);
        if (!atomic_load(&r->moves))
                return atomic_exchange(&r->seen, index) != index;
        for (uint64_t start = monotonic_ns(); monotonic_ns() - start < WORK_NS;)
                ;
        return true;
}

static void beat(void *userdata, uint64_t now)
{
        struct region *r = userdata;
        (void)now;
        atomic_fetch_add(&r->beats, 1);
}

static uint64_t pulse(const void *userdata)
{
        const struct region *r = userdata;
        return atomic_load(&r->index);
}

static const struct region_user region_user = { .lookout = { .serve = see, .beat = beat }, .pulse = pulse };

struct stage {
        struct poller *poller;
        struct region_loop *loop;
        struct region regions[8];
};

static int set_up(void **state)
{
        struct stage *s = *state = calloc(1, sizeof(*s));
        if (poller_new("looks", REGION_REST_NS, false, &s->poller) < 0 ||
                        region_loop_new(s->poller, &s->loop) < 0)
                return -1;
        for (size_t i = 0; i < ARRAY_SIZE(s->regions); i++)
                if (region_loop_add(s->loop, &region_user, &s->regions[i]) < 0)
                        return -1;
        return 0;
}

static int tear_down(void **state)
{
        struct stage *s = *state;
        for (size_t i = 0; i < ARRAY_SIZE(s->regions); i++)
                region_loop_remove(s->loop, &s->regions[i]);
        region_loop_free(s->loop);
        poller_free(s->poller);
        free(s);
        return 0;
}

static void pause_ns(uint64_t ns)
{
        struct timespec t = { .tv_sec = (time_t)(ns / SECOND), .tv_nsec = (long)(ns % SECOND) };
        nanosleep(&t, NULL);
}

/* At rest there are the beats, and no turns of its own, however many regions there are. */
static void test_rest(void **state)
{
        struct stage *s = *state;
        pause_ns(300 * MS);
        unsigned turns = atomic_load(&s->regions[0].turns), beats = atomic_load(&s->regions[0].beats);
        pause_ns(2 * SECOND);
        turns = atomic_load(&s->regions[0].turns) - turns;
        beats = atomic_load(&s->regions[0].beats) - beats;
        assert_in_range(beats, 3, 5);
        assert_in_range(turns, beats, beats + 2);
}

/* What another kernel does after a rest is seen; the rest lasts 500 ms, so a missed one fails here. */
static void test_wakes(void **state)
{
        struct stage *s = *state;
        struct region *r = &s->regions[5];
        unsigned late = 0;
        for (unsigned i = 1; i <= 20; i++) {
                pause_ns(100 * MS);
                uint64_t start = monotonic_ns();
                atomic_fetch_add(&r->index, 1);
                while (atomic_load(&r->seen) != i && monotonic_ns() - start < 5 * SECOND)
                        pause_ns(MS / 10);
                late += monotonic_ns() - start > 100 * MS;
        }
        assert_in_range(late, 0, 2); /* the machine that runs the test may be busy */
}

/* A region where something moves all the time does not keep callers from the lock: a call waits for the
 * end of a turn, not for a pause. */
static void test_lock(void **state)
{
        struct stage *s = *state;
        unsigned waited = 0;
        atomic_store(&s->regions[0].moves, true);
        region_loop_wake(s->loop);
        while (atomic_load(&s->regions[0].turns) < 100)
                pause_ns(MS);
        for (unsigned i = 0; i < CALLS; i++) {
                unsigned before = atomic_load(&s->regions[0].turns);
                region_loop_lock(s->loop);
                waited += atomic_load(&s->regions[0].turns) - before;
                region_loop_unlock(s->loop);
                pause_ns(MS);
        }
        assert_in_range(waited, 0, CALLS / 4);
}

/* Gone users are not touched any more, though others go on. */
static void test_remove(void **state)
{
        struct stage *s = *state;
        struct region *gone = calloc(1, sizeof(*gone));
        assert_int_equal(region_loop_add(s->loop, &region_user, gone), 0);
        atomic_store(&s->regions[0].moves, true);
        region_loop_wake(s->loop);
        while (atomic_load(&gone->turns) == 0)
                pause_ns(MS);
        region_loop_remove(s->loop, gone);
        region_loop_remove(s->loop, gone);
        free(gone);
        pause_ns(50 * MS);
}

static void count_look(void *entry)
{
        atomic_fetch_add((atomic_uint *)entry, 1);
}

static void count_twice(void *entry)
{
        atomic_fetch_add((atomic_uint *)entry, 2);
}

static void test_poller(void **state)
{
        (void)state;
        struct poller *p = NULL;
        atomic_uint one = 0, two = 0;
        assert_int_equal(poller_new("looks", MS, true, &p), 0); /* allowed to hurry or not: it looks */
        assert_int_equal(poller_add(p, count_look, 7, &one), 0);
        assert_int_equal(poller_add(p, count_twice, 7, &two), 0);
        while (atomic_load(&one) < 5 || atomic_load(&two) < 10)
                pause_ns(MS);
        assert_null(poller_remove(p, count_look, 8));
        assert_ptr_equal(poller_remove(p, count_look, 7), &one);
        assert_null(poller_remove(p, count_look, 7));
        unsigned last = atomic_load(&one), other = atomic_load(&two);
        while (atomic_load(&two) < other + 10)
                pause_ns(MS);
        assert_int_equal(atomic_load(&one), last);
        assert_ptr_equal(poller_remove(p, count_twice, 7), &two);
        poller_free(p);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_backoff),
                cmocka_unit_test(test_ready),
                cmocka_unit_test(test_busy_neighbour),
                cmocka_unit_test_setup_teardown(test_rest, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_wakes, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_lock, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_remove, set_up, tear_down),
                cmocka_unit_test(test_poller),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
