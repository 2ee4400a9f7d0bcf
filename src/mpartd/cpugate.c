/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "cpugate.h"
#include "fs.h"
#include "macros.h"

static void online_path(unsigned cpu, char path[64])
{
        snprintf(path, 64, "sys/devices/system/cpu/cpu%u/online", cpu);
}

int cpugate_is_online(const struct cpugate *g, unsigned cpu)
{
        char path[64];
        int64_t value;
        online_path(cpu, path);
        int r = read_number_at(g->root, path, 10, &value);
        if (r == -ENOENT && cpu == 0)
                return 1;
        return r < 0 ? r : value != 0;
}

static int check_owned(const struct claim *c, unsigned cpu, struct mpart_error *e)
{
        if (cpu == 0)
                return mpart_error_set(e, -EACCES, "CPU 0 stays with the primary");
        if (!mpart_cpuset_has(&c->cpus, cpu))
                return mpart_error_set(e, -EACCES, "CPU %u is not of kernel %u", cpu, c->kernel);
        return 0;
}

static int set_online(const struct cpugate *g, unsigned cpu, bool online, struct mpart_error *e)
{
        char path[64];
        online_path(cpu, path);
        int r = write_attribute_at(g->root, path, online ? "1" : "0");
        if (r < 0)
                return mpart_error_set(e, r, "/%s: writing %d: %s", path, online, strerror(-r));
        return 0;
}

int cpugate_take(const struct cpugate *g, const struct claim *c, unsigned cpu, struct mpart_error *e)
{
        int r = check_owned(c, cpu, e);
        return r < 0 ? r : set_online(g, cpu, false, e);
}

int cpugate_give_back(const struct cpugate *g, const struct claim *c, unsigned cpu, struct mpart_error *e)
{
        int r = check_owned(c, cpu, e);
        if (r < 0 || cpugate_is_online(g, cpu) == 1)
                return r;
        return set_online(g, cpu, true, e);
}

static int check_offline(const struct cpugate *g, const struct claim *c, unsigned cpu, struct mpart_error *e)
{
        int r = check_owned(c, cpu, e);
        if (r < 0)
                return r;
        r = cpugate_is_online(g, cpu);
        if (r < 0)
                return mpart_error_set(
                                e, r, "CPU %u: cannot tell whether it is offline: %s", cpu, strerror(-r));
        if (r > 0)
                return mpart_error_set(
                                e, -EBUSY, "CPU %u is online in the primary: no message is sent to it", cpu);
        return 0;
}

/* The architecture's own waits, not ours: there is no event behind them. */
static void wait_microseconds(long us)
{
        struct timespec t = { .tv_nsec = us * 1000 };
        while (nanosleep(&t, &t) < 0 && errno == EINTR)
                continue;
}

typedef int (*message_fn)(struct apic *a, uint32_t apic_id, uint64_t start_address);

static int wake(struct apic *a, uint32_t apic_id, uint64_t start_address)
{
        int r = apic_send_init(a, apic_id);
        if (r < 0)
                return r;
        wait_microseconds(10000);
        for (int i = 0; r == 0 && i < 2; i++) {
                r = apic_send_sipi(a, apic_id, (unsigned)(start_address >> 12));
                wait_microseconds(200);
        }
        return r;
}

static int stop(struct apic *a, uint32_t apic_id, uint64_t start_address)
{
        (void)start_address;
        return apic_send_init(a, apic_id);
}

static int reschedule(struct apic *a, uint32_t apic_id, uint64_t start_address)
{
        (void)start_address;
        return apic_send_reschedule(a, apic_id);
}

static int not_delivered(unsigned cpu, uint32_t apic_id, int error, struct mpart_error *e)
{
        return mpart_error_set(e, error, "CPU %u (APIC id %u): message not delivered: %s", cpu, apic_id,
                        strerror(-error));
}

struct sender {
        struct apic apic;
        struct apic_pin pin;
        bool open;
};

static int sender_open(struct sender *s, const struct cpugate *g, struct mpart_error *e)
{
        int r = s->open ? 0 : apic_open(g->mem, &s->apic, e);
        if (r < 0 || s->open)
                return r;
        r = apic_pin(&s->pin);
        if (r < 0) {
                apic_close(&s->apic);
                return mpart_error_set(
                                e, r, "the thread cannot run on CPU 0, whose APIC sends: %s", strerror(-r));
        }
        s->open = true;
        return 0;
}

static void sender_close(struct sender *s)
{
        if (!s->open)
                return;
        apic_unpin(&s->pin);
        apic_close(&s->apic);
}

static int with_apic(const struct cpugate *g, message_fn f, unsigned cpu, uint32_t apic_id,
                uint64_t start_address, struct mpart_error *e)
{
        struct sender s = { 0 };
        int r = sender_open(&s, g, e);
        if (r < 0)
                return r;
        r = f(&s.apic, apic_id, start_address);
        sender_close(&s);
        return r < 0 ? not_delivered(cpu, apic_id, r, e) : 0;
}

int cpugate_wake(const struct cpugate *g, const struct claim *c, unsigned cpu, uint32_t apic_id,
                uint64_t start_address, struct mpart_error *e)
{
        int r = check_offline(g, c, cpu, e);
        if (r < 0)
                return r;
        if (!c->holds_low || !claim_covers(c, start_address, 4096))
                return mpart_error_set(e, -EACCES,
                                "start address %#lx is not in the low window of kernel %u",
                                (unsigned long)start_address, c->kernel);
        return with_apic(g, wake, cpu, apic_id, start_address, e);
}

int cpugate_stop(const struct cpugate *g, const struct claim *c, unsigned cpu, uint32_t apic_id,
                struct mpart_error *e)
{
        int r = check_offline(g, c, cpu, e);
        return r < 0 ? r : with_apic(g, stop, cpu, apic_id, 0, e);
}

int cpugate_stop_all(const struct cpugate *g, const struct claim *c, const struct cpugate_target *targets,
                size_t n, struct mpart_error *e)
{
        struct sender s = { 0 };
        int first = 0;
        for (size_t i = 0; i < n; i++) {
                struct mpart_error *text = first == 0 ? e : NULL;
                int r = check_offline(g, c, targets[i].cpu, text);
                if (r == 0)
                        r = sender_open(&s, g, text);
                if (r == 0 && (r = apic_send_init(&s.apic, targets[i].apic_id)) < 0)
                        not_delivered(targets[i].cpu, targets[i].apic_id, r, text);
                first = first == 0 ? r : first;
        }
        sender_close(&s);
        return first;
}

int cpugate_reschedule(const struct cpugate *g, const struct claim *c, unsigned cpu, uint32_t apic_id,
                struct mpart_error *e)
{
        int r = check_offline(g, c, cpu, e);
        return r < 0 ? r : with_apic(g, reschedule, cpu, apic_id, 0, e);
}

int cpugate_check(const struct cpugate *g, struct mpart_error *e)
{
        struct apic a;
        int r = apic_open(g->mem, &a, e);
        if (r == 0)
                apic_close(&a);
        return r;
}
