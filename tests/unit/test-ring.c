/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rings and queues: what comes out is what went in, and no peer can make a side read or write beyond. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "fifo.h"
#include "macros.h"
#include "ring.h"

#define SIZE 4096U

/* The data lies in a block of its own, so that the address sanitizer sees a step beyond. */
struct pair {
        struct ring_control *control;
        uint8_t *data;
        struct ring in, out;
};

static struct pair pair_make(uint32_t size)
{
        struct pair p = { .control = calloc(1, sizeof(*p.control)), .data = calloc(1, size) };
        ring_attach(&p.in, p.control, p.data, size, RING_PRODUCER);
        ring_attach(&p.out, p.control, p.data, size, RING_CONSUMER);
        return p;
}

static void pair_free(struct pair *p)
{
        free(p->control);
        free(p->data);
}
#define _cleanup_pair_ _cleanup_(pair_free)

static uint32_t next_random(uint32_t *state)
{
        *state ^= *state << 13;
        *state ^= *state >> 17;
        return *state ^= *state << 5;
}

static void test_stream(void **state)
{
        (void)state;
        _cleanup_pair_ struct pair p = pair_make(SIZE);
        uint8_t bytes[SIZE + 1] = { 0 }, back[SIZE + 1];
        for (size_t i = 0; i < sizeof(bytes); i++)
                bytes[i] = (uint8_t)(i * 7);
        assert_int_equal(ring_read(&p.out, back, sizeof(back)), 0);
        for (int turn = 0; turn < 10; turn++) { /* across the end */
                assert_int_equal(ring_write(&p.in, bytes, 3000), 3000);
                assert_int_equal(ring_read(&p.out, back, sizeof(back)), 3000);
                assert_memory_equal(bytes, back, 3000);
        }
        assert_int_equal(ring_write(&p.in, bytes, sizeof(bytes)), SIZE);
        assert_int_equal(ring_write(&p.in, bytes, 1), 0);
        assert_int_equal(ring_read(&p.out, back, 1), 1);
        assert_int_equal(ring_write(&p.in, bytes, 2), 1);
}

static void test_records(void **state)
{
        (void)state;
        _cleanup_pair_ struct pair p = pair_make(SIZE);
        char back[SIZE];
        uint32_t type, size;
        assert_int_equal(ring_get(&p.out, back, sizeof(back), &type, &size), 0);
        for (uint32_t n = 0; n < 1500; n++) {
                char text[1500];
                memset(text, (int)n, n);
                assert_int_equal(ring_put(&p.in, n, text, n), 0);
                assert_int_equal(ring_get(&p.out, back, sizeof(back), &type, &size), 1);
                assert_int_equal(type, n);
                assert_int_equal(size, n);
                assert_memory_equal(text, back, n);
        }
        assert_int_equal(ring_put(&p.in, 0, back, ring_record_max(&p.in) + 1), -EMSGSIZE);
        assert_int_equal(ring_put(&p.in, 1, back, ring_record_max(&p.in)), 0);
        assert_int_equal(ring_put(&p.in, 2, back, ring_record_max(&p.in)), 0);
        assert_int_equal(ring_put(&p.in, 3, back, 0), -EAGAIN);
        assert_int_equal(ring_get(&p.out, back, 10, &type, &size), -EMSGSIZE);
        assert_int_equal(ring_get(&p.out, back, sizeof(back), &type, &size), 1);
        assert_int_equal(type, 2);
}

static void test_records_in_place(void **state)
{
        (void)state;
        _cleanup_pair_ struct pair p = pair_make(SIZE);
        for (int turn = 0; turn < 100; turn++) {
                struct iovec v[2];
                uint32_t type, size;
                assert_int_equal(ring_reserve(&p.in, 1000, v), 0);
                assert_int_equal(v[0].iov_len + v[1].iov_len, 1000);
                memset(v[0].iov_base, turn, v[0].iov_len);
                memset(v[1].iov_base, turn, v[1].iov_len);
                assert_int_equal(ring_peek(&p.out, &type, &size, v), 0);
                ring_commit(&p.in, 9, 700);
                assert_int_equal(ring_peek(&p.out, &type, &size, v), 1);
                assert_int_equal(size, 700);
                assert_int_equal(((uint8_t *)v[0].iov_base)[0], turn);
                ring_skip(&p.out, size);
        }
}

static void test_attach_goes_on(void **state)
{
        (void)state;
        _cleanup_pair_ struct pair p = pair_make(SIZE);
        char back[8];
        uint32_t type, size;
        ring_put(&p.in, 1, "one", 3);
        ring_attach(&p.out, p.control, p.data, SIZE, RING_CONSUMER);
        ring_attach(&p.in, p.control, p.data, SIZE, RING_PRODUCER);
        ring_put(&p.in, 2, "two", 3);
        assert_int_equal(ring_get(&p.out, back, sizeof(back), &type, &size), 1);
        assert_int_equal(ring_get(&p.out, back, sizeof(back), &type, &size), 1);
        assert_int_equal(type, 2);

        /* What cannot be true is given up, and records begin aligned again. */
        atomic_store(&p.control->head, 12345677);
        ring_attach(&p.in, p.control, p.data, SIZE, RING_PRODUCER);
        ring_attach(&p.out, p.control, p.data, SIZE, RING_CONSUMER);
        assert_int_equal(ring_put(&p.in, 3, "three", 5), 0);
        assert_int_equal(ring_get(&p.out, back, sizeof(back), &type, &size), 1);
        assert_int_equal(type, 3);
}

static void test_a_stray_write_is_mended(void **state)
{
        (void)state;
        _cleanup_pair_ struct pair p = pair_make(SIZE);
        char back[8];
        uint32_t type, size;
        atomic_store(&p.control->tail, 0x1000000);
        assert_int_equal(ring_put(&p.in, 1, "x", 1), -EAGAIN);
        ring_republish(&p.out);
        assert_int_equal(ring_put(&p.in, 1, "x", 1), 0);
        assert_int_equal(ring_get(&p.out, back, sizeof(back), &type, &size), 1);

        atomic_store(&p.control->head, 0x1234567);
        assert_int_equal(ring_get(&p.out, back, sizeof(back), &type, &size), 0);
        assert_true(p.out.errors > 0);
        ring_republish(&p.in);
        ring_put(&p.in, 7, "y", 1);
        while (ring_get(&p.out, back, sizeof(back), &type, &size) != 0)
                ;
        ring_put(&p.in, 8, "z", 1);
        assert_int_equal(ring_get(&p.out, back, sizeof(back), &type, &size), 1);
        assert_int_equal(type, 8);
}

/* The peer writes nonsense into everything it can reach, all the time. */
static void test_hostile_peer(void **state)
{
        (void)state;
        uint32_t seed = 2463534242U;
        _cleanup_pair_ struct pair p = pair_make(SIZE);
        uint8_t *bytes = calloc(1, SIZE); /* of the heap: the sanitizer watches its ends */
        assert_non_null(bytes);
        for (int turn = 0; turn < 200000; turn++) {
                uint32_t what = next_random(&seed), type = 0, size = 0;
                struct iovec v[2];
                if (what % 3 == 0)
                        p.data[next_random(&seed) % SIZE] = (uint8_t)next_random(&seed);
                if (what % 5 == 0)
                        atomic_store(&p.control->head, p.out.mine + next_random(&seed) % (2 * SIZE));
                if (what % 7 == 0)
                        atomic_store(&p.control->tail, p.in.mine - next_random(&seed) % (2 * SIZE));
                if (what % 1001 == 0)
                        atomic_store(&p.control->head, (uint64_t)next_random(&seed) << 32);
                ring_put(&p.in, 1, bytes, next_random(&seed) % 600);
                ring_write(&p.in, bytes, next_random(&seed) % 100);
                int r = ring_get(&p.out, bytes, next_random(&seed) % SIZE, &type, &size);
                assert_true(r == 0 || r == 1 || r == -EBADMSG || r == -EMSGSIZE);
                assert_true(r != 1 || size < SIZE);
                if (ring_peek(&p.out, &type, &size, v) == 1) {
                        assert_true((uint8_t *)v[0].iov_base >= p.data);
                        assert_true((uint8_t *)v[0].iov_base + v[0].iov_len <= p.data + SIZE);
                        assert_true((uint8_t *)v[1].iov_base + v[1].iov_len <= p.data + SIZE);
                        assert_int_equal(v[0].iov_len + v[1].iov_len, size);
                        ring_skip(&p.out, size);
                }
                assert_true(ring_read(&p.out, bytes, SIZE) <= SIZE);
        }
        assert_true(p.out.errors > 0 && p.in.errors > 0);
        free(bytes);
}

#define STRESS_RECORDS 200000U

static uint32_t checksum(const uint8_t *p, uint32_t n)
{
        uint32_t sum = 1;
        for (uint32_t i = 0; i < n; i++)
                sum = sum * 31 + p[i];
        return sum;
}

static void *produce(void *argument)
{
        struct ring *r = argument;
        uint32_t seed = 88172645U;
        uint8_t bytes[600];
        for (uint32_t i = 0; i < STRESS_RECORDS;) {
                uint32_t n = next_random(&seed) % sizeof(bytes);
                for (uint32_t k = 0; k < n; k++)
                        bytes[k] = (uint8_t)next_random(&seed);
                uint32_t sum = checksum(bytes, n);
                while (ring_put(r, sum, bytes, n) == -EAGAIN)
                        sched_yield();
                i++;
        }
        return NULL;
}

static void test_two_threads(void **state)
{
        (void)state;
        _cleanup_pair_ struct pair p = pair_make(SIZE);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, produce, &p.in), 0);
        uint32_t wrong = 0;
        for (uint32_t i = 0; i < STRESS_RECORDS;) {
                uint8_t bytes[600];
                uint32_t type, size;
                int r = ring_get(&p.out, bytes, sizeof(bytes), &type, &size);
                if (r == 0) {
                        sched_yield();
                        continue;
                }
                wrong += r != 1 || checksum(bytes, size) != type;
                i++;
        }
        pthread_join(thread, NULL);
        assert_int_equal(wrong, 0);
        assert_int_equal(p.in.errors + p.out.errors, 0);
}

static void test_fifo(void **state)
{
        (void)state;
        struct fifo f = { .limit = 10 };
        int fds[2];
        char back[20];
        assert_int_equal(fifo_put(&f, "12345678", 8), 0);
        assert_int_equal(fifo_put(&f, "abc", 3), -ENOBUFS);
        assert_int_equal(f.size, 8);
        fifo_drop(&f, 6);
        assert_int_equal(fifo_put(&f, "abcdefgh", 8), 0);
        assert_int_equal(fifo_keep(&f, "XY", 2), 0);
        assert_int_equal(pipe(fds), 0);
        assert_int_equal(fifo_flush(&f, fds[1]), 10);
        assert_int_equal(read(fds[0], back, sizeof(back)), 10);
        assert_memory_equal(back, "abcdefghXY", 10);
        assert_int_equal(fifo_keep(&f, "0123456789abcdef", 16), 0);
        assert_memory_equal(f.data + f.start, "6789abcdef", 10);
        close(fds[0]);
        close(fds[1]);
        fifo_free(&f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_stream),
                cmocka_unit_test(test_records),
                cmocka_unit_test(test_records_in_place),
                cmocka_unit_test(test_attach_goes_on),
                cmocka_unit_test(test_a_stray_write_is_mended),
                cmocka_unit_test(test_hostile_peer),
                cmocka_unit_test(test_two_threads),
                cmocka_unit_test(test_fifo),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
