/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernels that no ledger tells of, though their CPUs are offline in the primary. One that surely runs is
 * adopted: its clock or the heartbeat of its agent moves. Of another one only the CPUs are held, so that
 * nothing is booted over it. */
#include <errno.h>
#include <stdio.h>

#include "clock.h"
#include "log.h"
#include "macros.h"
#include "manager.h"
#include "memview.h"
#include "rebuild.h"

#define LIVE_NS UINT64_C(3000000000) /* for a sign of life; the agent's heart beats once a second */
#define LOOK_NS UINT64_C(10000000)

/* What was found of a kernel. */
struct lost {
        struct kernel *k;
        struct claim claim;
        struct mpart_cpuset offline; /* of its CPUs */
        struct mpart_boot_trace trace;
        bool traced;
        uint64_t note; /* physical address; 0: none */
        struct ledger *ledger;
};

static void lost_clear(struct lost *x)
{
        claim_free(&x->claim);
        mpart_cpuset_free(&x->offline);
        mpart_boot_trace_free(&x->trace);
        ledger_free(x->ledger);
}

static int find_offline(struct lost *x)
{
        MPART_CPUSET_FOREACH (cpu, &x->k->planned->cpus) {
                int r = 0;
                if (cpugate_is_online(&x->k->manager->native.cpus, (unsigned)cpu) == 0)
                        r = mpart_cpuset_add(&x->offline, (unsigned)cpu);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int check_ids(struct lost *x, struct mpart_error *e)
{
        const struct manager *m = x->k->manager;
        _cleanup_free_ struct ledger **others = calloc(m->n_kernels + 1, sizeof(*others));
        if (!others)
                return mpart_error_set(e, -ENOMEM, "out of memory");
        for (size_t i = 0; i < m->n_kernels; i++)
                others[i] = m->kernels[i]->ledger;
        return rebuild_check_ids(&x->trace, m->machine, others, m->n_kernels, e);
}

/* What its last boot left in its memory. */
static void read_trace(struct lost *x)
{
        const struct mpart_range area = mpart_boot_area(x->k->planned);
        struct mpart_error e = MPART_ERROR_INIT;
        struct physmem_map map = { 0 };
        int r = physmem_map(&x->k->manager->native.mem, &x->claim, area.start, area.size, false, &map, &e);
        if (r == 0)
                r = mpart_boot_trace_read(x->k->planned, map.data, &x->trace, &e);
        if (r == 0)
                r = check_ids(x, &e);
        physmem_unmap(&map);
        x->traced = r == 0;
        if (r < 0 && x->k->lost) /* else nothing says that it was ever booted */
                log_line((int)x->k->id, LOG_WARNING, "kernel %u: no trace of its boot: %s", x->k->id,
                                e.text);
}

/* Whatever its agent counts; 0 where there is none. */
static uint64_t heartbeat(const struct physmem_map *region, unsigned kernel)
{
        const struct mpart_shared_header *h = region->data;
        if (!h || atomic_load(&h->magic) != MPART_REGION_MAGIC || h->version != MPART_REGION_VERSION ||
                        h->kernel != kernel)
                return 0;
        return atomic_load(&h->agent_heartbeat);
}

static bool reads_alive(struct mpart_kmem *kmem, struct mpart_kstate *ret)
{
        return mpart_kstate_read(kmem, ret, NULL) == 0 &&
               (!ret->found || (ret->panic_cpu < 0 && ret->system_state == MPART_SYSTEM_RUNNING));
}

/* An idle kernel without a tick may not count for seconds; this message wakes it and does nothing else. */
static void ask(const struct lost *x)
{
        for (size_t i = 0; i < x->ledger->n_taken; i++)
                if (x->ledger->taken[i].kind == TAKEN_CPU)
                        cpugate_reschedule(&x->k->manager->native.cpus, &x->claim, x->ledger->taken[i].cpu,
                                        x->ledger->taken[i].apic_id, NULL);
}

static bool moves(const struct lost *x, struct mpart_kmem *kmem, const struct physmem_map *region)
{
        struct mpart_kstate first, now;
        uint64_t beat = heartbeat(region, x->k->id), deadline = now_ns() + LIVE_NS;
        if (!reads_alive(kmem, &first))
                return false;
        ask(x);
        while (now_ns() < deadline) {
                if (!reads_alive(kmem, &now))
                        return false;
                if ((now.found && now.jiffies != first.jiffies) || heartbeat(region, x->k->id) != beat)
                        return true;
                pause_ns(LOOK_NS);
        }
        return false;
}

static bool is_alive(struct lost *x)
{
        const struct physmem *mem = &x->k->manager->native.mem;
        const struct mpart_range shared = x->k->planned->shared;
        struct physmem_map region = { 0 };
        struct memview view;
        if (!x->traced || mpart_cpuset_count(&x->offline) != mpart_cpuset_count(&x->k->planned->cpus) ||
                        memview_open(mem, &x->claim, 0, &view, NULL) < 0)
                return false;
        if (shared.size >= MPART_REGION_SIZE_MIN)
                physmem_map(mem, &x->claim, shared.start, sizeof(struct mpart_shared_header), false, &region,
                                NULL);
        bool alive = moves(x, view.kmem, &region);
        x->note = view.kmem->note_address;
        physmem_unmap(&region);
        memview_close(&view);
        return alive;
}

static void keep_ledger(struct lost *x, enum ledger_stage stage)
{
        struct kernel *k = x->k;
        struct mpart_error e = MPART_ERROR_INIT;
        k->ledger = TAKE_PTR(x->ledger);
        if (ledger_set_stage(k->ledger, stage, &e) < 0) {
                k->ledger->stage = stage;
                log_line((int)k->id, LOG_WARNING, "kernel %u: %s", k->id, e.text);
        }
}

static void adopt(struct lost *x)
{
        struct kernel *k = x->k;
        x->ledger->vmcoreinfo = x->note;
        x->ledger->boot_timestamp = k->boot_timestamp ? k->boot_timestamp : realtime_us();
        k->boot_timestamp = x->ledger->boot_timestamp;
        keep_ledger(x, LEDGER_RUNNING);
        free(k->cmdline);
        k->cmdline = strdup(k->ledger->cmdline);
        kernel_keep_options(k);
        kernel_set_state(k, KERNEL_RUNNING, CAUSE_LEDGER_DAMAGED,
                        "%s; a new one is made of what runs; where it ends by itself, it is stopped",
                        k->lost ? k->lost : "its ledger is gone");
        kernel_start_services(k);
}

static void hold(struct lost *x)
{
        _cleanup_free_ char *cpus = NULL;
        mpart_cpuset_format_list(&x->offline, &cpus);
        keep_ledger(x, LEDGER_UNSURE);
        kernel_set_state(x->k, KERNEL_FAILED, CAUSE_LEDGER_DAMAGED,
                        "%s; whether it runs is not known, and CPU %s is still taken: stop it to give that back",
                        x->k->lost, cpus ? cpus : "");
}

static int look(struct lost *x)
{
        const struct manager *m = x->k->manager;
        int r = claim_make(x->k->planned, &x->claim);
        if (r == 0)
                r = find_offline(x);
        if (r < 0 || mpart_cpuset_is_empty(&x->offline))
                return r;
        read_trace(x);
        r = ledger_new(m->runtime_directory, x->k->id, m->plan->digest, &x->ledger);
        return r < 0 ? r
                     : rebuild_ledger(x->ledger, x->k->planned, &x->offline, x->traced ? &x->trace : NULL);
}

void kernel_recover_lost(struct kernel *k)
{
        struct lost x = { .k = k };
        if (k->ledger || k->job)
                return;
        int r = look(&x);
        if (r < 0)
                kernel_set_state(k, KERNEL_FAILED, CAUSE_RESOURCES, "what it holds cannot be found out: %s",
                                strerror(-r));
        else if (x.ledger && is_alive(&x))
                adopt(&x);
        else if (x.ledger && k->lost)
                hold(&x);
        else if (k->lost)
                kernel_set_state(k, KERNEL_FAILED, CAUSE_LEDGER_DAMAGED, "%s", k->lost);
        lost_clear(&x);
        free(TAKE_PTR(k->lost));
}
