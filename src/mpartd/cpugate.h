/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one gate to CPUs. A CPU is taken offline only if it belongs to the claim and is not CPU 0; it is woken
 * or stopped by message only if it belongs to the claim and is offline in the primary at that moment. */
#pragma once

#include "apic.h"

struct cpugate {
        int root; /* directory with sys/; borrowed */
        const struct physmem *mem;
};

/* 1 online, 0 offline, negative errno. CPU 0 may lack the file "online": it is online. */
int cpugate_is_online(const struct cpugate *g, unsigned cpu);

int cpugate_take(const struct cpugate *g, const struct claim *c, unsigned cpu, struct mpart_error *e);
int cpugate_give_back(const struct cpugate *g, const struct claim *c, unsigned cpu, struct mpart_error *e);

/* INIT, 10 ms, SIPI twice (Intel SDM volume 3, 9.4.4) at the page `start_address` below 1 MiB. */
int cpugate_wake(const struct cpugate *g, const struct claim *c, unsigned cpu, uint32_t apic_id,
                uint64_t start_address, struct mpart_error *e);

/* INIT: the CPU stops dead and waits for a SIPI. */
int cpugate_stop(const struct cpugate *g, const struct claim *c, unsigned cpu, uint32_t apic_id,
                struct mpart_error *e);

struct cpugate_target {
        unsigned cpu;
        uint32_t apic_id;
};
/* The same for several CPUs in their order, with one opening of the APIC: where there is no time to lose.
 * Goes on past a CPU that cannot be stopped and returns the first error. */
int cpugate_stop_all(const struct cpugate *g, const struct claim *c, const struct cpugate_target *targets,
                size_t n, struct mpart_error *e);

/* The message by which a Linux kernel asks a CPU to look at its run queue: harmless to a healthy one. */
int cpugate_reschedule(const struct cpugate *g, const struct claim *c, unsigned cpu, uint32_t apic_id,
                struct mpart_error *e);

/* That the way to the APIC is open, before anything is taken. */
int cpugate_check(const struct cpugate *g, struct mpart_error *e);
