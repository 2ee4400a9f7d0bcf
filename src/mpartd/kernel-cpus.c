/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What becomes of the CPUs of a running kernel. */
#include <string.h>

#include "bus.h"
#include "log.h"
#include "manager.h"

void kernel_lost_cpu(struct kernel *k, unsigned cpu)
{
        if (k->state != KERNEL_RUNNING || k->job || !k->ledger ||
                        cpugate_is_online(&k->manager->native.cpus, cpu) != 1)
                return;
        int r = kernel_give_back(k);
        if (r < 0)
                log_line((int)k->id, LOG_ERR, "kernel %u cannot be stopped: %s", k->id, strerror(-r));
        else
                kernel_set_state(k, KERNEL_STOPPING, CAUSE_CPU_LOST,
                                "CPU %u was switched on in the primary by another hand", cpu);
}

void kernel_count_cpus(struct kernel *k, uint64_t boot_timestamp, unsigned online)
{
        unsigned planned = (unsigned)mpart_cpuset_count(&k->planned->cpus);
        if (k->state != KERNEL_RUNNING || k->boot_timestamp != boot_timestamp)
                return;
        const char *what = k->cpus_online ? "are in use" : "came up";
        k->cpus_online = online;
        if (online > 0 && online < planned)
                kernel_set_state(k, KERNEL_RUNNING, CAUSE_CPU_MISSING, "only %u of its %u CPUs %s", online,
                                planned, what);
        else if (k->cause == CAUSE_CPU_MISSING)
                kernel_set_state(k, KERNEL_RUNNING, CAUSE_NONE, "%s", "");
        else
                bus_kernel_property_changed(k, "CpusOnline");
}
