/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What examples/pingpong.c is measured against: the same turns between two pinned threads of one kernel.
 *
 *     bench-threads CPU OTHER-CPU TURNS         median and 99th percentile, ns */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static struct {
        _Alignas(128) _Atomic uint64_t ping;
        _Alignas(128) _Atomic uint64_t pong;
} table;

static uint64_t now_ns(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static void pin(unsigned cpu)
{
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(cpu, &set);
        if (pthread_setaffinity_np(pthread_self(), sizeof(set), &set) != 0) {
                fprintf(stderr, "bench-threads: no CPU %u\n", cpu);
                exit(1);
        }
}

static void *answer(void *argument)
{
        pin(*(unsigned *)argument);
        for (uint64_t last = 0; last != UINT64_MAX;) {
                uint64_t ping = atomic_load_explicit(&table.ping, memory_order_acquire);
                if (ping != last)
                        atomic_store_explicit(&table.pong, last = ping, memory_order_release);
                else
                        __builtin_ia32_pause();
        }
        return NULL;
}

static void turn(uint64_t ping)
{
        atomic_store_explicit(&table.ping, ping, memory_order_release);
        while (atomic_load_explicit(&table.pong, memory_order_acquire) != ping)
                __builtin_ia32_pause();
}

static int compare(const void *a, const void *b)
{
        uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
        return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
        size_t turns = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
        uint64_t *took = calloc(turns + 1, sizeof(*took));
        if (turns == 0 || !took) {
                fputs("bench-threads CPU OTHER-CPU TURNS\n", stderr);
                return 2;
        }
        unsigned other = (unsigned)atoi(argv[2]);
        pthread_t thread;
        pin((unsigned)atoi(argv[1]));
        if (pthread_create(&thread, NULL, answer, &other) != 0)
                return 1;
        for (size_t i = 0; i < turns; i++) {
                uint64_t start = now_ns();
                turn(i + 1);
                took[i] = now_ns() - start;
        }
        turn(UINT64_MAX);
        pthread_join(thread, NULL);
        qsort(took, turns, sizeof(*took), compare);
        printf("%llu %llu\n", (unsigned long long)took[turns / 2],
                        (unsigned long long)took[turns * 99 / 100]);
        free(took);
        return 0;
}
