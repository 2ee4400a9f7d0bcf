/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "macros.h"
#include "rebuild.h"

static bool is_taken(const struct ledger *l, uint32_t apic_id)
{
        for (size_t i = 0; l && i < l->n_taken; i++)
                if (l->taken[i].kind == TAKEN_CPU && l->taken[i].apic_id == apic_id)
                        return true;
        return false;
}

static bool is_online(const struct mpart_machine *m, uint32_t apic_id)
{
        for (size_t i = 0; i < m->n_cpus; i++)
                if (m->cpus[i].online && m->cpus[i].apic_id == apic_id)
                        return true;
        return false;
}

int rebuild_check_ids(const struct mpart_boot_trace *trace, const struct mpart_machine *machine,
                struct ledger *const *others, size_t n_others, struct mpart_error *e)
{
        for (size_t i = 0; i < trace->n_cpus; i++) {
                uint32_t id = trace->apic_ids[i];
                bool foreign = id == MPART_APIC_ID_UNKNOWN || is_online(machine, id);
                for (size_t j = 0; j < n_others; j++)
                        foreign = foreign || is_taken(others[j], id);
                if (foreign)
                        return mpart_error_set(e, -EBADMSG,
                                        "its ACPI tables name APIC id %u, which is another kernel's", id);
        }
        return 0;
}

/* `index`: of the CPU in the order of the trace. */
static int add_cpu(struct ledger *l, unsigned cpu, const struct mpart_cpuset *offline,
                const struct mpart_boot_trace *trace, size_t index)
{
        if (!mpart_cpuset_has(offline, cpu))
                return 0;
        return ledger_add(l, (struct taken){ TAKEN_CPU, cpu,
                                             trace ? trace->apic_ids[index] : MPART_APIC_ID_UNKNOWN });
}

int rebuild_ledger(struct ledger *l, const struct mpart_plan_kernel *planned,
                const struct mpart_cpuset *offline, const struct mpart_boot_trace *trace)
{
        for (int i = 0; i < _KERNEL_END_MAX; i++)
                l->options.on[i] = ACTION_STOP;
        size_t index = 1;
        int r = add_cpu(l, planned->boot_cpu, offline, trace, 0);
        MPART_CPUSET_FOREACH (cpu, &planned->cpus) {
                if (r == 0 && (unsigned)cpu != planned->boot_cpu)
                        r = add_cpu(l, (unsigned)cpu, offline, trace, index++);
        }
        if (r < 0 || !trace)
                return r;
        l->reset_address = trace->reset_address;
        l->cmdline = strdup(trace->cmdline);
        return l->cmdline ? ledger_add(l, (struct taken){ .kind = TAKEN_WOKEN }) : -ENOMEM;
}
