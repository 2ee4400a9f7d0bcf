/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two kernels count to a million together through shared memory, and tell how long one turn there and back
 * takes. In the primary: pingpong KERNEL [TURNS]; in that kernel: pingpong. Start either first. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <mpart.h>

/* At the start of the area, which is zero when the kernel boots. Each word has one writer and a pair of
 * cache lines of its own. */
struct table {
        _Alignas(128) _Atomic uint64_t ping; /* the primary's */
        _Alignas(128) _Atomic uint64_t pong; /* the secondary's: the last ping it has seen */
};

static uint64_t now_ns(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
        uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
        return (x > y) - (x < y);
}

static int serve(struct table *t, const struct mpart_shm *shm)
{
        uint64_t last = atomic_load(&t->pong);
        for (unsigned long looks = 0;; looks++) {
                uint64_t ping = atomic_load_explicit(&t->ping, memory_order_acquire);
                if (ping != last)
                        atomic_store_explicit(&t->pong, last = ping, memory_order_release);
                else
                        __builtin_ia32_pause();
                if (looks % 1000000 == 0 && !mpart_shm_is_current(shm))
                        return 0;
        }
}

static int play(struct table *t, const struct mpart_shm *shm, size_t turns)
{
        uint64_t *took = calloc(turns, sizeof(*took));
        uint64_t ping = atomic_load(&t->ping);
        if (!took)
                return 1;
        for (size_t i = 0; i < turns; i++) {
                uint64_t start = now_ns();
                atomic_store_explicit(&t->ping, ++ping, memory_order_release);
                while (atomic_load_explicit(&t->pong, memory_order_acquire) != ping) {
                        __builtin_ia32_pause();
                        if (now_ns() - start > 10000000000U || !mpart_shm_is_current(shm)) {
                                fprintf(stderr, "pingpong: kernel %u does not answer\n", shm->kernel);
                                free(took);
                                return 1;
                        }
                }
                took[i] = now_ns() - start;
        }
        qsort(took, turns, sizeof(*took), compare);
        printf("%zu turns with kernel %u: median %llu ns, 99 %% within %llu ns\n", turns, shm->kernel,
                        (unsigned long long)took[turns / 2], (unsigned long long)took[turns * 99 / 100]);
        free(took);
        return 0;
}

int main(int argc, char **argv)
{
        struct mpart_error e = MPART_ERROR_INIT;
        struct mpart_shm shm;
        unsigned kernel = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : MPART_SHM_OWN;
        size_t turns = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000000;
        if (mpart_shm_open(kernel, &shm, &e) < 0) {
                fprintf(stderr, "pingpong: %s\n", e.text);
                return 1;
        }
        int status = argc > 1 ? play(shm.data, &shm, turns > 0 ? turns : 1) : serve(shm.data, &shm);
        mpart_shm_close(&shm);
        return status;
}
