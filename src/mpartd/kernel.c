/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bus.h"
#include "irqs.h"
#include "kernel-end.h"
#include "kernel-talk.h"
#include "kernel.h"
#include "log-relay.h"
#include "log.h"
#include "macros.h"
#include "manager.h"
#include "net.h"
#include "sequence.h"
#include "watch.h"

int kernel_new(struct manager *m, const struct mpart_plan_kernel *planned, struct kernel **ret)
{
        struct kernel *k = calloc(1, sizeof(*k));
        if (!k)
                return -ENOMEM;
        k->manager = m;
        k->id = planned->id;
        k->planned = planned;
        k->state = planned->id == 0 ? KERNEL_RUNNING : KERNEL_INACTIVE;
        boot_options_init(&k->options);
        k->reason = strdup("");
        if (!k->reason) {
                free(k);
                return -ENOMEM;
        }
        *ret = k;
        return 0;
}

void kernel_free(struct kernel *k)
{
        if (!k)
                return;
        if (k->job)
                job_cancel(k->job);
        job_free(k->job);
        pending_fail(k->boot_call, BUS_ERROR_FAILED, "mpartd ends");
        pending_fail(k->stop_call, BUS_ERROR_FAILED, "mpartd ends");
        kernel_ending_free(k);
        log_relay_stop(k->relay);
        kernel_talk_free(k);
        boot_options_free(&k->options);
        ledger_free(k->ledger);
        free(k->reason);
        free(k->cmdline);
        free(k->lost);
        free(k);
}

bool kernel_is_idle(const struct kernel *k)
{
        return !k->job && !k->ledger && !k->ending;
}

static void drop_ledger_if_empty(struct kernel *k)
{
        if (k->ledger && ledger_last(k->ledger))
                return;
        ledger_free(TAKE_PTR(k->ledger));
        manager_cpus_changed(k->manager);
}

static void answer_boot(struct kernel *k, const char *error_name, const char *text)
{
        struct pending *call = TAKE_PTR(k->boot_call);
        if (error_name)
                pending_fail(call, error_name, text);
        else
                pending_succeed(call, k->id);
}

static void answer_stop(struct kernel *k, const char *error_name, const char *text)
{
        struct pending *call = TAKE_PTR(k->stop_call);
        if (error_name)
                pending_fail(call, error_name, text);
        else
                pending_succeed(call, k->id);
}

uint64_t kernel_note(const struct kernel *k)
{
        return k->ledger ? k->ledger->vmcoreinfo : k->old_note;
}

/* A kernel without a network is still a kernel. */
void kernel_start_services(struct kernel *k)
{
        struct mpart_error e = MPART_ERROR_INIT;
        struct manager *m = k->manager;
        kernel_talk_start(k);
        if (net_start(m->net, &m->native.mem, m->plan, k->id, &e) < 0)
                log_line((int)k->id, LOG_WARNING, "kernel %u has no network: %s", k->id, e.text);
        if (watch_add(m->watch, k->planned, k->ledger, &e) < 0)
                log_line((int)k->id, LOG_WARNING, "kernel %u is not watched: %s", k->id, e.text);
        int r = log_relay_start(&m->native.mem, k->planned, m->runtime_directory, k->boot_timestamp,
                        kernel_note(k), &k->relay);
        if (r < 0)
                log_line((int)k->id, LOG_WARNING, "kernel %u: its log does not go to the journal: %s", k->id,
                                strerror(-r));
}

void kernel_stop_services(struct kernel *k, const char *why)
{
        watch_remove(k->manager->watch, k->id);
        log_relay_stop(TAKE_PTR(k->relay));
        net_stop(k->manager->net, k->id);
        kernel_talk_stop(k, why);
}

static void boot_is_running(struct kernel *k, const struct job *j)
{
        const struct job_times *t = &j->times;
        k->times = j->times;
        log_line((int)k->id, LOG_INFO,
                        "kernel %u: checked in %.1f ms, CPUs taken in %.1f ms, memory loaded in %.1f ms "
                        "(%" PRIu64 " KiB written in %.1f ms), woken in %.1f ms, up after another %.1f ms",
                        k->id, (double)t->prepare / 1e6, (double)t->take_cpus / 1e6, (double)t->load / 1e6,
                        (uint64_t)(j->boot.load_bytes / KiB), (double)j->boot.load_ns / 1e6,
                        (double)t->start / 1e6, (double)t->run / 1e6);
        kernel_start_services(k); /* whoever hears "running" finds the network and the console there */
        kernel_set_state(k, KERNEL_RUNNING, CAUSE_NONE, "%s", "");
}

static enum kernel_cause cause_of_failure(const struct job *j, bool all_given_back)
{
        if (!all_given_back)
                return CAUSE_NOT_GIVEN_BACK;
        if (j->result == -ETIMEDOUT)
                return j->reached ? CAUSE_BOOT_TIMEOUT : CAUSE_CPU_NOT_REACHED;
        bool is_short = j->result == -ENOMEM || j->result == -ENOSPC || j->result == -EDQUOT;
        return is_short ? CAUSE_RESOURCES : CAUSE_BOOT_FAILED;
}

static void boot_has_failed(struct kernel *k, const struct job *j)
{
        if (j->accepted)
                k->old_note = k->ledger->vmcoreinfo; /* 0 where it never came so far */
        drop_ledger_if_empty(k);
        if (!j->accepted && k->boot_call)
                answer_boot(k, BUS_ERROR_REFUSED, j->error.text);
        else if (!j->accepted) /* nobody hears: it boots by itself, or behind others */
                kernel_set_state(k, KERNEL_FAILED, CAUSE_REFUSED, "it cannot be booted: %s", j->error.text);
        else if (j->result == -ECANCELED && !k->ledger)
                kernel_set_state(k, KERNEL_INACTIVE, CAUSE_REQUESTED, "%s", j->error.text);
        else
                kernel_set_state(k, KERNEL_FAILED, cause_of_failure(j, !k->ledger), "%s", j->error.text);
        if (k->ledger)
                answer_stop(k, BUS_ERROR_FAILED, j->error.text);
        else
                answer_stop(k, NULL, NULL);
}

void kernel_keep_options(struct kernel *k)
{
        struct boot_options copy;
        if (boot_options_copy(&copy, &k->ledger->options) < 0)
                return;
        boot_options_free(&k->options);
        k->options = copy;
}

static void on_boot_report(struct job *j, enum job_stage stage, void *userdata)
{
        struct kernel *k = userdata;
        switch (stage) {
        case JOB_ACCEPTED:
                free(k->cmdline);
                k->cmdline = strdup(j->boot.cmdline);
                kernel_keep_options(k);
                manager_cpus_changed(k->manager);
                kernel_set_state(k, KERNEL_LOADING, CAUSE_NONE, "%s", "");
                answer_boot(k, NULL, NULL);
                return;
        case JOB_REACHED:
                k->boot_timestamp = k->ledger->boot_timestamp;
                kernel_set_state(k, KERNEL_BOOTING, CAUSE_NONE, "%s", "");
                return;
        case JOB_DONE:
                k->job = NULL;
                if (j->result == 0)
                        boot_is_running(k, j);
                else
                        boot_has_failed(k, j);
                job_free(j);
                if (k->state == KERNEL_RUNNING && k->stop_call) /* it came up before it heard the cancel */
                        kernel_stop(k, TAKE_PTR(k->stop_call));
                sequence_kernel_changed(k); /* what is refused keeps its state, and others may wait for it */
                return;
        }
}

static void on_give_back_report(struct job *j, enum job_stage stage, void *userdata)
{
        struct kernel *k = userdata;
        if (stage != JOB_DONE)
                return;
        k->job = NULL;
        k->old_note = k->ledger->vmcoreinfo;
        drop_ledger_if_empty(k);
        if (kernel_ending_given_back(k, j->result)) {
                answer_stop(k, NULL, NULL);
        } else if (j->result < 0) {
                kernel_set_state(k, KERNEL_FAILED, CAUSE_NOT_GIVEN_BACK, "%s", j->error.text);
                answer_stop(k, BUS_ERROR_FAILED, j->error.text);
        } else {
                /* What it was stopped for (a recovery, a lost CPU) stays: it says more than "stopped". */
                bool wanted = k->cause == CAUSE_REQUESTED;
                _cleanup_free_ char *why = strdup(k->reason);
                kernel_set_state(
                                k, wanted ? KERNEL_INACTIVE : KERNEL_FAILED, k->cause, "%s", why ? why : "");
                answer_stop(k, NULL, NULL);
        }
        job_free(j);
}

static char *default_image(void)
{
        struct utsname u;
        char *path = NULL;
        uname(&u);
        return asprintf(&path, "/boot/vmlinuz-%s", u.release) < 0 ? NULL : path;
}

/* Why a boot cannot even be tried now; NULL: it can. */
static const char *why_not_bootable(const struct kernel *k, const char **error_name)
{
        *error_name = BUS_ERROR_WRONG_STATE;
        if (k->id == 0)
                return "kernel 0 is the primary: it runs already";
        if (k->ending)
                return "it has ended by itself, and what is to be done about it is not done yet";
        if (k->job)
                return k->state == KERNEL_STOPPING ? "it is stopping" : "it is booting already";
        if (k->state == KERNEL_RUNNING)
                return "it runs already; stop it first";
        if (k->state == KERNEL_STOPPING)
                return "it is stopping";
        if (k->ledger)
                return "not all that it had taken was given back; stop it first";
        *error_name = BUS_ERROR_REFUSED;
        if (!k->manager->live)
                return "this daemon looks at a captured machine: nothing can be booted on it";
        return NULL;
}

/* What the caller does not say the plan may. */
static int prepare_job(struct kernel *k, const struct boot_options *o, struct native_boot *b)
{
        const struct mpart_plan_kernel *planned = mpart_plan_kernel(k->manager->plan, k->id);
        const char *image = o->image ? o->image : planned->image;
        const char *initrd = o->initrd ? o->initrd : o->image ? NULL : planned->initrd;
        if (!initrd)
                initrd = o->default_initrd;
        *b = (struct native_boot){
                .native = &k->manager->native,
                .plan = k->manager->plan,
                .kernel = k->id,
                .initrd_fd = -1,
                .machine = k->manager->machine,
                .old_note = k->old_note,
                .image_path = image ? strdup(image) : default_image(),
                .initrd_path = initrd ? strdup(initrd) : NULL,
                .extra = o->cmdline ? strdup(o->cmdline) : NULL,
        };
        if (!b->image_path || (initrd && !b->initrd_path) || (o->cmdline && !b->extra))
                return -ENOMEM;
        net_describe(k->manager->net, k->id, &b->network);
        int r = ledger_new(k->manager->runtime_directory, k->id, k->manager->plan->digest, &k->ledger);
        if (r == 0)
                r = boot_options_copy(&k->ledger->options, o);
        if (r == 0)
                boot_options_decide(&k->ledger->options, planned);
        return r;
}

void kernel_boot(struct kernel *k, const struct boot_options *options, struct pending *call)
{
        const char *error_name, *why = why_not_bootable(k, &error_name);
        char text[256];
        if (why) {
                snprintf(text, sizeof(text), "kernel %u: %s", k->id, why);
                pending_fail(call, error_name, text);
                return;
        }

        if (call) /* somebody's wish, not a restart by itself */
                k->restarts = 0;
        struct native_boot b;
        int r = irqs_save(k->manager->root, k->manager->runtime_directory);
        if (r < 0)
                log_warning("interrupt affinities will not be put back: %s", strerror(-r));
        r = prepare_job(k, options, &b);
        if (r < 0)
                native_boot_clear(&b);
        else
                r = job_start(k->manager->event, JOB_BOOT, &b, k->ledger, on_boot_report, k, &k->job);
        if (r < 0) {
                drop_ledger_if_empty(k);
                if (!call)
                        kernel_set_state(k, KERNEL_FAILED, CAUSE_RESOURCES, "it cannot be booted: %s",
                                        strerror(-r));
                pending_fail(call, BUS_ERROR_FAILED, strerror(-r));
                return;
        }
        k->boot_call = call;
}

int kernel_give_back(struct kernel *k)
{
        struct native_boot b = {
                .native = &k->manager->native, .plan = k->manager->plan, .kernel = k->id, .initrd_fd = -1
        };
        int r = ledger_set_stage(k->ledger, LEDGER_STOPPING, NULL);
        if (r < 0)
                log_line((int)k->id, LOG_WARNING, "%s: cannot be written: %s", k->ledger->path,
                                strerror(-r));
        return job_start(k->manager->event, JOB_GIVE_BACK, &b, k->ledger, on_give_back_report, k, &k->job);
}

/* User space has ended, or nobody was there to end it. */
static void stop_dead(struct kernel *k)
{
        kernel_stop_services(k, TALK_STOPPED);
        int r = kernel_give_back(k);
        if (r < 0)
                answer_stop(k, BUS_ERROR_FAILED, strerror(-r));
        else if (k->state != KERNEL_STOPPING)
                kernel_set_state(k, KERNEL_STOPPING, CAUSE_REQUESTED, "%s", "");
}

void kernel_stop(struct kernel *k, struct pending *call)
{
        char text[256];
        if (sequence_forget(k)) {
                pending_succeed(call, k->id);
                return;
        }
        if (k->id == 0 || kernel_is_idle(k) || k->stop_call || k->state == KERNEL_STOPPING) {
                snprintf(text, sizeof(text), "kernel %u %s", k->id,
                                k->id == 0          ? "is the primary: shut the machine down instead"
                                : kernel_is_idle(k) ? "does not run"
                                                    : "is stopping already");
                pending_fail(call, BUS_ERROR_WRONG_STATE, text);
                return;
        }
        k->stop_call = call;
        if (k->ending) {
                kernel_ending_stop(k);
                return;
        }
        if (k->job) {
                job_cancel(k->job);
                return;
        }
        if (kernel_talk_shutdown(k, stop_dead))
                kernel_set_state(k, KERNEL_STOPPING, CAUSE_REQUESTED, "%s", "");
        else
                stop_dead(k);
}
