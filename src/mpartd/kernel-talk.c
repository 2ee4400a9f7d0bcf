/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>

#include "bus.h"
#include "kernel-end.h"
#include "kernel-talk.h"
#include "log.h"
#include "macros.h"
#include "manager.h"
#include "sequence.h"

struct kernel_talk {
        struct talk *talk;
        struct physmem_map map;
        enum talk_state told;
        sd_event_source *timer; /* of a shutdown under way */
        void (*done)(struct kernel *k);
};

static void shutdown_is_over(struct kernel *k)
{
        struct kernel_talk *kt = k->talk;
        void (*done)(struct kernel * k) = kt->done;
        kt->timer = sd_event_source_disable_unref(kt->timer);
        kt->done = NULL;
        if (done)
                done(k);
}

static void on_changed(void *userdata)
{
        struct kernel *k = userdata;
        struct kernel_talk *kt = k->talk;
        enum talk_state state = talk_state(kt->talk);
        if (state == kt->told)
                return;
        kt->told = state;
        log_line((int)k->id, state == TALK_GONE || state == TALK_FAILED ? LOG_WARNING : LOG_INFO,
                        "kernel %u (%s): agent %s", k->id, k->planned->name, talk_state_to_string(state));
        bus_kernel_agent_changed(k);
        sequence_kernel_changed(k);
        if (state != TALK_READY && state != TALK_STARTING && state != TALK_STOPPING)
                shutdown_is_over(k);
        if (state == TALK_REBOOTED)
                kernel_ended(k, END_REBOOT, "its init asked for a restart");
        else if (state == TALK_POWERED_OFF)
                kernel_ended(k, END_POWER_OFF, "its init switched it off");
}

static int make(struct kernel *k)
{
        char link[512];
        if (k->talk)
                return 0;
        struct kernel_talk *kt = calloc(1, sizeof(*kt));
        if (!kt)
                return -ENOMEM;
        snprintf(link, sizeof(link), "%s/console/%u", k->manager->runtime_directory, k->id);
        k->talk = kt;
        int r = talk_new(k->manager->event, k->id, link, on_changed, k, &kt->talk);
        if (r < 0)
                free(TAKE_PTR(k->talk));
        return r;
}

static int map_region(struct kernel *k, struct physmem_map *ret, struct mpart_error *e)
{
        struct claim c;
        struct mpart_range shared = k->planned->shared;
        if (shared.size < MPART_REGION_SIZE_MIN)
                return mpart_error_set(e, -ENODATA, "the plan gives kernel %u no shared region", k->id);
        int r = claim_make(k->planned, &c);
        if (r < 0)
                return mpart_error_set(e, r, "out of memory");
        r = physmem_map(&k->manager->native.mem, &c, shared.start, MPART_REGION_USER_OFFSET, true, ret, e);
        claim_free(&c);
        return r;
}

void kernel_talk_start(struct kernel *k)
{
        struct mpart_error e = MPART_ERROR_INIT;
        int r = make(k);
        if (r < 0) {
                log_line((int)k->id, LOG_ERR, "kernel %u: no talk with its agent: %s", k->id, strerror(-r));
                return;
        }
        kernel_talk_stop(k);
        r = map_region(k, &k->talk->map, &e);
        if (r == 0)
                r = talk_start(k->talk->talk, k->talk->map.data, tsc_khz_since(k->manager->native.tsc), &e);
        if (r < 0) {
                physmem_unmap(&k->talk->map);
                log_line((int)k->id, LOG_WARNING, "%s", e.text);
        }
}

void kernel_talk_stop(struct kernel *k)
{
        if (!k->talk)
                return;
        k->talk->timer = sd_event_source_disable_unref(k->talk->timer);
        k->talk->done = NULL;
        talk_stop(k->talk->talk);
        physmem_unmap(&k->talk->map);
}

void kernel_talk_free(struct kernel *k)
{
        if (!k->talk)
                return;
        kernel_talk_stop(k);
        talk_free(k->talk->talk);
        free(TAKE_PTR(k->talk));
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct kernel *k = userdata;
        (void)source;
        (void)usec;
        log_line((int)k->id, LOG_NOTICE,
                        "kernel %u: user space did not end within %d s; it is stopped as it is", k->id,
                        KERNEL_SHUTDOWN_SECONDS);
        shutdown_is_over(k);
        return 0;
}

bool kernel_talk_shutdown(struct kernel *k, void (*done)(struct kernel *k))
{
        if (!k->talk || k->talk->done || !talk_shutdown(k->talk->talk))
                return false;
        int r = sd_event_add_time_relative(k->manager->event, &k->talk->timer, CLOCK_MONOTONIC,
                        KERNEL_SHUTDOWN_SECONDS * UINT64_C(1000000), 0, on_timer, k);
        if (r < 0)
                return false;
        k->talk->done = done;
        return true;
}

enum talk_state kernel_talk_state(const struct kernel *k)
{
        return k->talk ? talk_state(k->talk->talk) : TALK_NONE;
}

struct talk *kernel_talk(const struct kernel *k)
{
        return k->talk ? k->talk->talk : NULL;
}
