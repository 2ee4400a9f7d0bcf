/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The region as the secondary sees it. Nothing in it is believed beyond what the command line says. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "agent.h"
#include "macros.h"

#define DAEMON_SILENCE_NS UINT64_C(5000000000)
#define CLOCK_TOLERANCE_NS INT64_C(100000000)
#define FEATURES (MPART_FEATURE_CONSOLE | MPART_FEATURE_EXEC | MPART_FEATURE_NETWORK | MPART_FEATURE_CLOCK)

static int read_word(const struct agent *a, uint64_t *ret_address, uint64_t *ret_size)
{
        char line[4096];
        int fd = openat(a->proc, "cmdline", O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        ssize_t n = read(fd, line, sizeof(line) - 1);
        close(fd);
        if (n < 0)
                return -errno;
        line[n] = 0;
        for (char *save, *word = strtok_r(line, " \n", &save); word; word = strtok_r(NULL, " \n", &save)) {
                const char *value = startswith(word, MPART_REGION_PARAMETER);
                char *end;
                if (!value)
                        continue;
                uint64_t address = strtoull(value, &end, 0);
                if (*end != ',' || address == 0 || address % 4096 != 0)
                        return -EINVAL;
                uint64_t size = strtoull(end + 1, &end, 0);
                if (*end || size < MPART_REGION_SIZE_MIN || size % 4096 != 0 || address + size < address)
                        return -EINVAL;
                *ret_address = address;
                *ret_size = size;
                return 0;
        }
        return -ENOENT;
}

static int map(struct region *r, uint64_t address, uint64_t size)
{
        int fd = open("/dev/mem",
                        O_RDWR | O_CLOEXEC); /* without O_SYNC: write-back, as the primary has it */
        if (fd < 0)
                return -errno;
        void *p = mmap(NULL, MPART_REGION_USER_OFFSET, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                        (off_t)address);
        int error = errno;
        close(fd);
        if (p == MAP_FAILED)
                return -error;
        r->header = p;
        r->size = size;
        return 0;
}

static int check(const struct region *r)
{
        const struct mpart_shared_header *h = r->header;
        if (atomic_load_explicit(&h->magic, memory_order_acquire) != MPART_REGION_MAGIC)
                return -ENODATA;
        return h->version == MPART_REGION_VERSION && h->size == r->size && h->generation != 0
                               ? 0
                               : -EPROTONOSUPPORT;
}

static void attach(struct region *r, struct ring *ring, enum mpart_shared_ring which, enum ring_side side)
{
        struct mpart_shared_ring_place p = mpart_shared_ring_place(which);
        char *base = (char *)r->header;
        ring_attach(ring, base + p.control, base + p.data, p.size, side);
}

static void hello(struct region *r)
{
        struct mpart_shared_header *h = r->header;
        uint64_t start = 0;
        if (getrandom(&start, sizeof(start), GRND_NONBLOCK) < 0)
                start = __rdtsc();
        attach(r, &r->console_up, MPART_RING_CONSOLE_UP, RING_PRODUCER);
        attach(r, &r->console_down, MPART_RING_CONSOLE_DOWN, RING_CONSUMER);
        attach(r, &r->control_up, MPART_RING_CONTROL_UP, RING_PRODUCER);
        attach(r, &r->control_down, MPART_RING_CONTROL_DOWN, RING_CONSUMER);
        ring_drop_all(&r->control_down); /* meant for an agent that has ended */
        atomic_store_explicit(&h->agent_version, MPART_REGION_VERSION, memory_order_relaxed);
        atomic_store_explicit(&h->agent_features, FEATURES, memory_order_relaxed);
        atomic_store_explicit(&h->agent_start, start | 1, memory_order_relaxed);
        atomic_store_explicit(&h->agent_state, MPART_AGENT_STARTING, memory_order_release);
        atomic_store_explicit(&h->agent_generation, h->generation, memory_order_release);
}

int region_open(struct agent *a)
{
        uint64_t address = 0, size = 0;
        int r = read_word(a, &address, &size);
        if (r == 0)
                r = map(&a->region, address, size);
        if (r == 0 && (r = check(&a->region)) < 0) {
                munmap(a->region.header, MPART_REGION_USER_OFFSET);
                a->region.header = NULL;
        }
        if (r == 0)
                hello(&a->region);
        else if (r != -ENOENT)
                fprintf(stderr, "mpart-agent: the shared region cannot be used: %s\n", strerror(-r));
        return r;
}

void region_set_state(struct agent *a, enum mpart_agent_state state)
{
        if (a->region.header)
                atomic_store_explicit(&a->region.header->agent_state, state, memory_order_release);
}

enum mpart_agent_state region_state(const struct agent *a)
{
        return (enum mpart_agent_state)atomic_load_explicit(
                        &a->region.header->agent_state, memory_order_relaxed);
}

/* What the primary's clock shows now. False: no reading could be had. */
static bool primary_time(const struct mpart_shared_clock *c, uint32_t *ret_tick, int64_t *ret_ns)
{
        for (int i = 0; i < 1000; i++) {
                uint32_t before = atomic_load_explicit(&c->sequence, memory_order_acquire);
                uint64_t tsc = atomic_load_explicit(&c->tsc, memory_order_relaxed);
                uint64_t ns = atomic_load_explicit(&c->realtime_ns, memory_order_relaxed);
                uint32_t khz = atomic_load_explicit(&c->tsc_khz, memory_order_relaxed);
                atomic_thread_fence(memory_order_acquire);
                if (before % 2 || before != atomic_load_explicit(&c->sequence, memory_order_relaxed))
                        continue;
                if (khz == 0 || ns == 0 || ns > INT64_MAX / 2)
                        return false;
                uint64_t cycles = __rdtsc() - tsc;
                if (cycles / khz < 60000) /* else the counters have nothing to do with each other */
                        ns += cycles / khz * 1000000 + cycles % khz * 1000000 / khz;
                *ret_tick = before;
                *ret_ns = (int64_t)ns;
                return true;
        }
        return false;
}

static void follow_clock(struct region *r)
{
        uint32_t tick;
        int64_t wanted;
        struct timespec now;
        if (!primary_time(&r->header->clock, &tick, &wanted) || tick == r->clock_tick)
                return;
        r->clock_tick = tick;
        clock_gettime(CLOCK_REALTIME, &now);
        int64_t off = wanted - ((int64_t)now.tv_sec * 1000000000 + now.tv_nsec);
        if (off > -CLOCK_TOLERANCE_NS && off < CLOCK_TOLERANCE_NS)
                return;
        now = (struct timespec){ .tv_sec = wanted / 1000000000, .tv_nsec = wanted % 1000000000 };
        clock_settime(CLOCK_REALTIME, &now);
}

void region_beat(void *userdata, uint64_t now)
{
        struct agent *a = userdata;
        struct region *r = &a->region;
        atomic_fetch_add_explicit(&r->header->agent_heartbeat, 1, memory_order_relaxed);
        uint64_t beat = atomic_load_explicit(&r->header->daemon_heartbeat, memory_order_relaxed);
        if (beat != r->daemon_beat || r->daemon_at == 0) {
                r->daemon_beat = beat;
                r->daemon_at = now;
        }
        ring_republish(&r->console_up);
        ring_republish(&r->console_down);
        ring_republish(&r->control_up);
        ring_republish(&r->control_down);
        follow_clock(r);
}

bool region_daemon_lives(const struct region *r, uint64_t now)
{
        return now - r->daemon_at < DAEMON_SILENCE_NS;
}
