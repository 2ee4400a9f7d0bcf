/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon's root: the machine, the plan, one kernel object for each kernel of the plan. */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "kernel.h"

struct cpu_monitor;
struct watch;
struct inspection;
struct authorization;
struct irqbalance;
struct net;
struct poller;
struct region_loop;
struct sequence;

struct manager {
        sd_event *event;
        sd_bus *bus;
        char *root_path; /* "/" or a captured machine */
        bool live;       /* root_path is "/" */
        int root;
        char *state_directory;   /* plan.json */
        char *runtime_directory; /* ledgers */
        struct native native;
        struct cpu_monitor *monitor;
        struct poller *poller;                /* what wakes while kernels run; for the next two */
        struct region_loop *regions;          /* their shared regions */
        struct watch *watch;                  /* of the running kernels */
        struct inspection *inspections;       /* bus-inspect.c: logs and dumps being read */
        struct authorization *authorizations; /* authorize.c: calls that wait for polkit */
        struct net *net;
        struct irqbalance *irqbalance;
        struct sequence *sequence; /* kernels that boot or stop in their turn */

        struct mpart_machine *machine; /* NULL: cannot be read, machine_problem tells why */
        char *machine_problem;
        struct mpart_plan *plan; /* NULL: none */
        struct kernel **kernels; /* kernels[i]->id == i */
        size_t n_kernels;
        char *differences; /* between the plan and the running primary; "" none */
        bool in_effect;
};

/* Reads machine, plan and ledgers. Directories come from STATE_DIRECTORY and RUNTIME_DIRECTORY, which
 * systemd sets, else /var/lib/mpartd and /run/mpartd. */
int manager_new(const char *root_path, sd_event *event, struct manager **ret, struct mpart_error *e);
void manager_free(struct manager *m);
static inline void manager_freep(struct manager **m)
{
        manager_free(*m);
}

/* Kernels that ran when the last mpartd ended. Call once the bus is up. */
void manager_recover(struct manager *m);

/* Call where a kernel has taken CPUs or given them back: interrupts of the primary follow. */
void manager_cpus_changed(struct manager *m);

struct kernel *manager_kernel(struct manager *m, uint64_t id); /* NULL: no such kernel */

/* Replaces the plan: checked, of this machine, stored, no kernel running. *ret_error_name is set on failure.
 */
int manager_set_plan(
                struct manager *m, const char *document, const char **ret_error_name, struct mpart_error *e);
