/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <time.h>

#include "kernel-talk.h"
#include "macros.h"
#include "manager.h"
#include "sequence.h"

struct sequence {
        struct manager *manager;
        struct boot_options options;
        struct mpart_cpuset to_boot, to_stop; /* ids of kernels that wait for their turn */
        struct pending *stop_call;            /* NULL where to_stop is empty */
        sd_event_source *soon, *patience;
        bool impatient; /* nothing has changed for SEQUENCE_NOTIFY_SECONDS */
};

enum prospect {
        IS_UP,   /* who waits for it may go */
        MAY_YET, /* something is going on */
        IS_NOT,  /* and nothing is under way that would change that */
};

static enum prospect prospect_of_agent(const struct sequence *s, const struct kernel *k)
{
        enum talk_state state = kernel_talk_state(k);
        if (state == TALK_READY)
                return IS_UP;
        bool coming = state == TALK_NONE || state == TALK_STARTING;
        return coming && !s->impatient ? MAY_YET : IS_NOT;
}

static enum prospect prospect_of(const struct sequence *s, const struct kernel *k)
{
        if (mpart_cpuset_has(&s->to_boot, k->id))
                return MAY_YET;
        if (k->state == KERNEL_RUNNING && !k->ending)
                return k->planned->notify ? prospect_of_agent(s, k) : IS_UP;
        bool settled = k->state == KERNEL_INACTIVE || k->state == KERNEL_FAILED;
        return settled && !k->job && !k->ending ? IS_NOT : MAY_YET;
}

/* Of those that `k` waits for: whether all are up, and else which one it is about. */
static enum prospect may_boot(
                const struct sequence *s, const struct kernel *k, const struct kernel **ret_other)
{
        enum prospect all = IS_UP;
        for (size_t i = 1; i < s->manager->n_kernels; i++) {
                const struct kernel *other = s->manager->kernels[i];
                bool required = mpart_cpuset_has(&k->planned->requires, other->id);
                if (!required && !mpart_cpuset_has(&k->planned->after, other->id))
                        continue;
                enum prospect p = prospect_of(s, other);
                if (p == IS_UP || (p == IS_NOT && !required))
                        continue;
                *ret_other = other;
                all = p;
                if (p == IS_NOT)
                        break;
        }
        return all;
}

static void boot_one(struct sequence *s, struct kernel *k, struct pending *call)
{
        k->restarts = 0;
        kernel_boot(k, &s->options, call);
}

static void advance_boots(struct sequence *s)
{
        MPART_CPUSET_FOREACH (id, &s->to_boot) {
                struct kernel *k = s->manager->kernels[id];
                const struct kernel *other = NULL;
                enum prospect p = may_boot(s, k, &other);
                if (p == MAY_YET)
                        continue;
                mpart_cpuset_remove(&s->to_boot, k->id);
                if (p == IS_UP)
                        boot_one(s, k, NULL);
                else
                        kernel_set_state(k, KERNEL_FAILED,
                                        "not booted: kernel %u (%s), which it requires, %s", other->id,
                                        other->planned->name,
                                        other->state == KERNEL_RUNNING
                                                        ? "runs, but its agent did not tell that user space is up"
                                                        : "does not run");
        }
        s->impatient = false;
}

/* A kernel that is to stop or is stopping, and waited for `k` when it booted. */
static bool is_needed(const struct sequence *s, const struct kernel *k)
{
        for (size_t i = 1; i < s->manager->n_kernels; i++) {
                const struct kernel *other = s->manager->kernels[i];
                bool goes = mpart_cpuset_has(&s->to_stop, other->id) || other->stop_call ||
                            other->state == KERNEL_STOPPING;
                if (goes && (mpart_cpuset_has(&other->planned->after, k->id) ||
                                            mpart_cpuset_has(&other->planned->requires, k->id)))
                        return true;
        }
        return false;
}

static void advance_stops(struct sequence *s)
{
        MPART_CPUSET_FOREACH (id, &s->to_stop) {
                struct kernel *k = s->manager->kernels[id];
                if (k->stop_call || k->state == KERNEL_STOPPING || is_needed(s, k))
                        continue; /* another hand stops it: awaited too */
                mpart_cpuset_remove(&s->to_stop, k->id);
                if (kernel_is_idle(k))
                        pending_succeed(pending_ref(s->stop_call), k->id);
                else
                        kernel_stop(k, pending_ref(s->stop_call));
        }
        if (s->stop_call && mpart_cpuset_is_empty(&s->to_stop))
                pending_release(TAKE_PTR(s->stop_call));
}

/* Not within the change that caused it: that one is to end first. */
static int on_soon(sd_event_source *source, void *userdata)
{
        struct sequence *s = userdata;
        (void)source;
        advance_boots(s);
        advance_stops(s);
        return 0;
}

static void advance_soon(struct sequence *s)
{
        sd_event_source_set_enabled(s->soon, SD_EVENT_ONESHOT);
        bool waits = !mpart_cpuset_is_empty(&s->to_boot);
        sd_event_source_set_time_relative(s->patience, SEQUENCE_NOTIFY_SECONDS * UINT64_C(1000000));
        sd_event_source_set_enabled(s->patience, waits ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

static int on_patience(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct sequence *s = userdata;
        (void)source;
        (void)usec;
        s->impatient = true;
        advance_boots(s);
        return 0;
}

int sequence_new(struct manager *m, struct sequence **ret)
{
        struct sequence *s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        s->manager = m;
        boot_options_init(&s->options);
        int r = sd_event_add_defer(m->event, &s->soon, on_soon, s);
        if (r >= 0)
                r = sd_event_source_set_enabled(s->soon, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time_relative(
                                m->event, &s->patience, CLOCK_MONOTONIC, 0, 0, on_patience, s);
        if (r >= 0)
                r = sd_event_source_set_enabled(s->patience, SD_EVENT_OFF);
        if (r < 0) {
                sequence_free(s);
                return r;
        }
        *ret = s;
        return 0;
}

void sequence_free(struct sequence *s)
{
        if (!s)
                return;
        pending_fail(s->stop_call, BUS_ERROR_FAILED, "mpartd ends");
        sd_event_source_disable_unref(s->soon);
        sd_event_source_disable_unref(s->patience);
        boot_options_free(&s->options);
        mpart_cpuset_free(&s->to_boot);
        mpart_cpuset_free(&s->to_stop);
        free(s);
}

/* Every idle kernel waits; who waits for nobody does not wait long. */
static int line_up(struct sequence *s)
{
        for (size_t i = 1; i < s->manager->n_kernels; i++)
                if (kernel_is_idle(s->manager->kernels[i]) && mpart_cpuset_add(&s->to_boot, (unsigned)i) < 0)
                        return -ENOMEM;
        return 0;
}

static void tell_or_boot(struct sequence *s, struct kernel *k, struct pending *call)
{
        const struct kernel *other = NULL;
        enum prospect p = may_boot(s, k, &other);
        if (p == IS_UP) {
                mpart_cpuset_remove(&s->to_boot, k->id);
                boot_one(s, k, call);
                return;
        }
        if (p == MAY_YET)
                kernel_set_state(k, KERNEL_INACTIVE, "waits for kernel %u (%s)", other->id,
                                other->planned->name);
        pending_succeed(call, k->id);
}

void sequence_boot(struct sequence *s, const struct boot_options *options, struct pending *call)
{
        struct boot_options copy;
        if (!mpart_cpuset_is_empty(&s->to_boot)) {
                pending_fail(call, BUS_ERROR_WRONG_STATE,
                                "all kernels boot already, and some still wait for others; see mpartctl list");
                return;
        }
        if (boot_options_copy(&copy, options) < 0 || line_up(s) < 0) {
                mpart_cpuset_free(&s->to_boot);
                pending_fail(call, BUS_ERROR_FAILED, "out of memory");
                return;
        }
        boot_options_free(&s->options);
        s->options = copy;
        MPART_CPUSET_FOREACH (id, &s->to_boot)
                tell_or_boot(s, s->manager->kernels[id], pending_ref(call));
        pending_fail(call, BUS_ERROR_WRONG_STATE, "no kernel is inactive");
        advance_soon(s);
}

void sequence_stop(struct sequence *s, struct pending *call)
{
        if (s->stop_call) {
                pending_fail(call, BUS_ERROR_WRONG_STATE, "all kernels are being stopped already");
                return;
        }
        for (size_t i = 1; i < s->manager->n_kernels; i++) {
                const struct kernel *k = s->manager->kernels[i];
                sequence_forget(k);
                if (!kernel_is_idle(k) && mpart_cpuset_add(&s->to_stop, k->id) < 0) {
                        mpart_cpuset_free(&s->to_stop);
                        pending_fail(call, BUS_ERROR_FAILED, "out of memory");
                        return;
                }
        }
        s->stop_call = call;
        advance_stops(s);
}

void sequence_kernel_changed(const struct kernel *k)
{
        struct sequence *s = k->manager->sequence;
        if (s && !(mpart_cpuset_is_empty(&s->to_boot) && mpart_cpuset_is_empty(&s->to_stop)))
                advance_soon(s);
}

bool sequence_forget(const struct kernel *k)
{
        struct sequence *s = k->manager->sequence;
        bool waits = mpart_cpuset_has(&s->to_boot, k->id);
        mpart_cpuset_remove(&s->to_boot, k->id);
        if (waits)
                kernel_set_state(k->manager->kernels[k->id], KERNEL_INACTIVE, "%s", "");
        return waits;
}
