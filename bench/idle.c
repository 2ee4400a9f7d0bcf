/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the daemon's looking costs while nothing happens: its own loop and poller, over regions in ordinary
 * memory whose agents do nothing but beat; and how late it looks, which must stay below 15 ms (watch.h). Run
 * it on the machine in question, at rest and under load.
 *
 *     bench-idle [KERNELS [SECONDS]]
 *
 * A busy host only adds to the time of a second: the least one is nearest to the truth. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "macros.h"
#include "region.h"
#include "talk.h"
#include "watch.h"

#define AGENT_BEAT_NS UINT64_C(500000000)

struct side {
        struct mpart_shared_header *header;
        struct talk *talk;
        _Atomic uint64_t looked, worst; /* when the poller looked last; its longest time between two looks */
};

static void on_changed(void *userdata)
{
        (void)userdata;
}

/* As watch.c looks at a reset register. */
static void look_at_byte(void *entry)
{
        struct side *s = entry;
        uint64_t now = monotonic_ns(), before = atomic_exchange(&s->looked, now);
        if (((volatile uint8_t *)s->header)[offsetof(struct mpart_shared_header, reserved5)] == 0xff)
                abort();
        if (before != 0 && now - before > atomic_load(&s->worst))
                atomic_store(&s->worst, now - before);
}

static int begin(struct side *s, struct poller *p, struct region_loop *l, sd_event *event, unsigned kernel)
{
        s->header = aligned_alloc(4096, MPART_REGION_SIZE_MIN);
        if (!s->header)
                return -1;
        region_fill(s->header, MPART_REGION_SIZE_MIN, kernel, 42, NULL);
        if (talk_new(event, l, kernel, NULL, on_changed, NULL, &s->talk) < 0 ||
                        talk_start(s->talk, s->header, 1000000, NULL) < 0)
                return -1;
        atomic_store(&s->header->agent_generation, 42);
        atomic_store(&s->header->agent_state, MPART_AGENT_READY);
        return poller_add(p, look_at_byte, kernel, s);
}

static void let_a_second_pass(struct side *sides, size_t n)
{
        for (int beats = 0; beats < 2; beats++) {
                const struct timespec pause = { .tv_nsec = AGENT_BEAT_NS };
                nanosleep(&pause, NULL);
                for (size_t i = 0; i < n; i++)
                        atomic_fetch_add(&sides[i].header->agent_heartbeat, 1);
        }
}

/* CPU time in us, and times that a thread went to sleep. */
static double used(long *ret_sleeps)
{
        struct rusage u;
        getrusage(RUSAGE_SELF, &u);
        *ret_sleeps = u.ru_nvcsw;
        return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
               (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static int compare(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;
        return (x > y) - (x < y);
}

static void measure(struct side *sides, size_t n, size_t seconds)
{
        double *us = calloc(seconds, sizeof(*us));
        long before, after;
        if (!us)
                return;
        let_a_second_pass(sides, n);
        if (n > 0)
                atomic_store(&sides[0].worst, 0);
        used(&before);
        for (size_t i = 0; i < seconds; i++) {
                double start = used(&after);
                let_a_second_pass(sides, n);
                us[i] = used(&after) - start;
        }
        qsort(us, seconds, sizeof(*us), compare);
        double wakes = (double)(after - before) / (double)seconds;
        printf("%zu kernels: %.0f wake-ups a second, %.2f %% of a CPU (median second), %.2f %% (least, %.0f us "
               "each)\n",
                        n, wakes, us[seconds / 2] / 1e4, us[0] / 1e4, us[0] / wakes);
        if (n > 0)
                printf("longest time between two looks: %.1f ms\n",
                                (double)atomic_load(&sides[0].worst) / 1e6);
        free(us);
}

int main(int argc, char **argv)
{
        size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 1;
        size_t seconds = argc > 2 ? strtoul(argv[2], NULL, 10) : 10;
        struct side *sides = calloc(n + 1, sizeof(*sides));
        struct poller *poller = NULL;
        struct region_loop *loop = NULL;
        sd_event *event = NULL;
        if (!sides || sd_event_new(&event) < 0 || poller_new("looks", WATCH_RESET_NS, true, &poller) < 0 ||
                        region_loop_new(poller, &loop) < 0)
                return 1;
        for (size_t i = 0; i < n; i++)
                if (begin(&sides[i], poller, loop, event, (unsigned)i + 1) < 0)
                        return 1;
        measure(sides, n, MAX(seconds, (size_t)1));

        for (size_t i = 0; i < n; i++) {
                poller_remove(poller, look_at_byte, i + 1);
                talk_free(sides[i].talk);
                free(sides[i].header);
        }
        region_loop_free(loop);
        poller_free(poller);
        sd_event_unref(event);
        free(sides);
        return 0;
}
