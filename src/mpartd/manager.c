/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "authorize.h"
#include "bus.h"
#include "cmdline.h"
#include "cpu-monitor.h"
#include "dumps.h"
#include "fs.h"
#include "irqbalance.h"
#include "irqs.h"
#include "kernel-end.h"
#include "log.h"
#include "macros.h"
#include "manager.h"
#include "net.h"
#include "record.h"
#include "sequence.h"
#include "watch.h"

#define PLAN_LIMIT (64 * MiB)
#define IRQBALANCE_DIRECTORY "/run/irqbalance"

static char *directory_from(const char *variable, const char *fallback)
{
        const char *value = getenv(variable);
        char *path = strdup(value && *value ? value : fallback);
        if (path && mkdir(path, 0755) < 0 && errno != EEXIST)
                log_warning("%s: %s", path, strerror(errno));
        return path;
}

static char *plan_path(const struct manager *m)
{
        char *path = NULL;
        return asprintf(&path, "%s/plan.json", m->state_directory) < 0 ? NULL : path;
}

static void read_machine(struct manager *m)
{
        struct mpart_error e = MPART_ERROR_INIT;
        mpart_machine_free(TAKE_PTR(m->machine));
        free(TAKE_PTR(m->machine_problem));
        if (mpart_machine_read(m->root_path, &m->machine, &e) < 0) {
                m->machine_problem = strdup(e.text);
                log_error("this machine cannot be read: %s", e.text);
        }
}

static void compare_with_running(struct manager *m)
{
        char *text = NULL;
        int r = m->plan && m->machine ? mpart_plan_compare_running(m->plan, m->machine, &text) : -ENODATA;
        free(m->differences);
        m->differences = text ? text : strdup("");
        m->in_effect = r == 0;
        if (r > 0)
                log_notice("the plan is not in effect; the running primary differs: %s", m->differences);
        else if (r == 0)
                log_info("the plan is in effect");
}

static void drop_kernels(struct manager *m)
{
        for (size_t i = 0; i < m->n_kernels; i++) {
                bus_kernel_removed(m->kernels[i]);
                kernel_free(m->kernels[i]);
        }
        free(TAKE_PTR(m->kernels));
        m->n_kernels = 0;
}

/* Takes over `plan`; the kernels of the old one are gone. */
static int adopt_plan(struct manager *m, struct mpart_plan *plan)
{
        assert(plan);
        struct kernel **kernels = calloc(plan->n_kernels, sizeof(*kernels));
        int r = kernels ? 0 : -ENOMEM;
        for (size_t i = 0; r == 0 && i < plan->n_kernels; i++)
                r = kernel_new(m, &plan->kernels[i], &kernels[i]);
        if (r < 0) {
                for (size_t i = 0; kernels && i < plan->n_kernels; i++)
                        kernel_free(kernels[i]);
                free(kernels);
                return r;
        }
        drop_kernels(m);
        mpart_plan_free(m->plan);
        m->plan = plan;
        m->kernels = kernels;
        m->n_kernels = plan->n_kernels;
        compare_with_running(m);
        for (size_t i = 0; i < m->n_kernels; i++)
                bus_kernel_added(m->kernels[i]);
        bus_manager_changed(m);
        return 0;
}

static int check_plan(const struct manager *m, const char *document, struct mpart_plan **ret,
                const char **ret_error_name, struct mpart_error *e)
{
        _cleanup_(mpart_plan_freep) struct mpart_plan *plan = NULL;
        *ret_error_name = BUS_ERROR_INVALID_PLAN;
        int r = mpart_plan_from_json(document, &plan, e);
        if (r < 0)
                return r;
        if (!m->machine) {
                *ret_error_name = BUS_ERROR_REFUSED;
                return mpart_error_set(e, -ENODATA, "this machine cannot be read: %s", m->machine_problem);
        }
        r = mpart_plan_check(plan, m->machine, e);
        if (r == -ESTALE)
                *ret_error_name = BUS_ERROR_FOREIGN_MACHINE;
        if (r < 0)
                return r;
        *ret = TAKE_PTR(plan);
        return 0;
}

int manager_set_plan(
                struct manager *m, const char *document, const char **ret_error_name, struct mpart_error *e)
{
        for (size_t i = 1; i < m->n_kernels; i++)
                if (!kernel_is_idle(m->kernels[i])) {
                        *ret_error_name = BUS_ERROR_WRONG_STATE;
                        return mpart_error_set(e, -EBUSY,
                                        "kernel %u is %s: the plan cannot be replaced; stop it first",
                                        m->kernels[i]->id, kernel_state_to_string(m->kernels[i]->state));
                }

        struct mpart_plan *plan = NULL;
        read_machine(m);
        int r = check_plan(m, document, &plan, ret_error_name, e);
        if (r < 0)
                return r;

        /* Nothing recorded of the old plan's kernels may be taken for that of the new ones'. */
        for (size_t i = 1; i < m->n_kernels; i++)
                record_remove(m->runtime_directory, m->kernels[i]->id);
        _cleanup_free_ char *path = plan_path(m);
        *ret_error_name = BUS_ERROR_FAILED;
        r = path ? write_file_atomic(path, document, strlen(document), 0644) : -ENOMEM;
        for (size_t i = 1; r < 0 && i < m->n_kernels; i++)
                kernel_save(m->kernels[i]);
        if (r < 0)
                mpart_error_set(e, r, "%s: cannot be written: %s", path ? path : "plan", strerror(-r));
        else if ((r = adopt_plan(m, plan)) < 0)
                mpart_error_set(e, r, "out of memory");
        if (r < 0)
                mpart_plan_free(plan);
        return r;
}

/* A stored plan that no longer reads or fits is kept on disk and told, never used. */
static void load_plan(struct manager *m)
{
        _cleanup_free_ char *path = plan_path(m), *text = NULL;
        struct mpart_error e = MPART_ERROR_INIT;
        struct mpart_plan *plan = NULL;
        const char *error_name;

        int r = path ? read_file_at(AT_FDCWD, path, PLAN_LIMIT, &text, NULL) : -ENOMEM;
        if (r == -ENOENT)
                return;
        if (r < 0)
                mpart_error_set(&e, r, "%s", strerror(-r));
        else
                r = check_plan(m, text, &plan, &error_name, &e);
        if (r == 0 && adopt_plan(m, plan) < 0)
                mpart_plan_free(plan);
        if (r < 0)
                log_error("%s is not used: %s", path ? path : "plan", e.text);
}

static void on_kernel_end(unsigned kernel, enum kernel_cause cause, const char *detail, void *userdata)
{
        struct kernel *k = manager_kernel(userdata, kernel);
        if (k)
                kernel_ended(k, cause, detail);
}

static void on_kernel_cpus(unsigned kernel, uint64_t boot_timestamp, unsigned online, void *userdata)
{
        struct kernel *k = manager_kernel(userdata, kernel);
        if (k)
                kernel_count_cpus(k, boot_timestamp, online);
}

static_assert(REGION_REST_NS == WATCH_RESET_NS, "one poller serves both: its period is the loop's rest");

/* In the order in which they need each other. */
static int make_parts(struct manager *m)
{
        const struct watch_events events = { on_kernel_end, on_kernel_cpus, m };
        int r = native_init(&m->native, m->root);
        if (r == 0)
                r = poller_new("looks", WATCH_RESET_NS, true, &m->poller);
        if (r == 0)
                r = region_loop_new(m->poller, &m->regions);
        if (r == 0)
                r = net_new(m->root, m->runtime_directory, m->regions, &m->net);
        if (r == 0)
                r = irqbalance_new(m->event, IRQBALANCE_DIRECTORY, m->runtime_directory, &m->irqbalance);
        if (r == 0)
                r = watch_new(m->event, m->poller, &m->native, &events, &m->watch);
        if (r == 0)
                r = sequence_new(m, &m->sequence);
        return r;
}

int manager_new(const char *root_path, sd_event *event, struct manager **ret, struct mpart_error *e)
{
        _cleanup_(manager_freep) struct manager *m = calloc(1, sizeof(*m));
        if (!m)
                return mpart_error_set(e, -ENOMEM, "out of memory");
        m->root = -1;
        m->event = sd_event_ref(event);
        m->live = streq(root_path, "/");
        m->root_path = strdup(root_path);
        m->differences = strdup("");
        m->state_directory = directory_from("STATE_DIRECTORY", "/var/lib/mpartd");
        m->runtime_directory = directory_from("RUNTIME_DIRECTORY", "/run/mpartd");
        if (!m->root_path || !m->differences || !m->state_directory || !m->runtime_directory)
                return mpart_error_set(e, -ENOMEM, "out of memory");

        m->root = open_root(root_path);
        if (m->root < 0)
                return mpart_error_set(e, m->root, "%s: %s", root_path, strerror(-m->root));
        int r = make_parts(m);
        if (r < 0)
                return mpart_error_set(e, r, "%s", strerror(-r));
        if (*net_problem(m->net))
                log_error("kernels get no network: %s", net_problem(m->net));
        read_machine(m);
        load_plan(m);
        *ret = TAKE_PTR(m);
        return 0;
}

static void on_cpu_online(unsigned cpu, void *userdata)
{
        struct manager *m = userdata;
        for (size_t i = 1; i < m->n_kernels; i++)
                if (mpart_cpuset_has(&m->kernels[i]->planned->cpus, cpu))
                        kernel_lost_cpu(m->kernels[i], cpu);
}

void manager_recover(struct manager *m)
{
        if (m->live)
                dumps_tidy(m->state_directory);
        for (size_t i = 1; m->live && i < m->n_kernels; i++)
                kernel_recover(m->kernels[i]);
        for (size_t i = 1; m->live && i < m->n_kernels; i++)
                kernel_recover_lost(m->kernels[i]);
        if (!m->live)
                return;
        net_tidy(m->net);
        manager_cpus_changed(m);
        int r = cpu_monitor_new(m->event, on_cpu_online, m, &m->monitor);
        if (r < 0)
                log_warning("CPUs that come online by another hand will go unnoticed: %s", strerror(-r));
}

void manager_cpus_changed(struct manager *m)
{
        _cleanup_cpuset_ struct mpart_cpuset taken = { 0 };
        bool any = false;
        int r = 0;
        for (size_t i = 1; r == 0 && i < m->n_kernels; i++)
                if (m->kernels[i]->ledger) {
                        any = true;
                        r = mpart_cpuset_or(&taken, &m->kernels[i]->planned->cpus);
                }
        if (!any)
                irqs_restore(m->root, m->runtime_directory);
        if (r == 0)
                r = irqbalance_leave_out(m->irqbalance, &taken);
        if (r < 0)
                log_warning("irqbalance is not told of CPUs: %s", strerror(-r));
}

struct kernel *manager_kernel(struct manager *m, uint64_t id)
{
        return id < m->n_kernels ? m->kernels[id] : NULL;
}

void manager_free(struct manager *m)
{
        if (!m)
                return;
        cpu_monitor_free(m->monitor);
        authorize_end(m);
        bus_inspect_end(m);
        sequence_free(TAKE_PTR(m->sequence));
        drop_kernels(m);
        watch_free(m->watch);
        net_free(m->net);
        region_loop_free(m->regions);
        poller_free(m->poller);
        irqbalance_free(m->irqbalance);
        mpart_plan_free(m->plan);
        mpart_machine_free(m->machine);
        native_destroy(&m->native);
        close_fd(&m->root);
        free(m->root_path);
        free(m->state_directory);
        free(m->runtime_directory);
        free(m->machine_problem);
        free(m->differences);
        sd_bus_flush_close_unref(m->bus);
        sd_event_unref(m->event);
        free(m);
}
