/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "macros.h"
#include "region.h"
#include "talk-internal.h"

static const char *const state_names[_TALK_STATE_MAX] = {
        [TALK_NONE] = "none",
        [TALK_STARTING] = "starting",
        [TALK_READY] = "ready",
        [TALK_STOPPING] = "stopping",
        [TALK_REBOOTED] = "rebooted",
        [TALK_POWERED_OFF] = "powered-off",
        [TALK_FAILED] = "failed",
        [TALK_GONE] = "gone",
};

const char *talk_state_to_string(enum talk_state state)
{
        return state >= 0 && state < _TALK_STATE_MAX ? state_names[state] : NULL;
}

enum talk_state talk_state_from_string(const char *s)
{
        for (int i = 0; i < _TALK_STATE_MAX; i++)
                if (streq(state_names[i], s))
                        return (enum talk_state)i;
        return _TALK_STATE_INVALID;
}

static void signal_fd(int fd)
{
        uint64_t one = 1;
        if (write(fd, &one, sizeof(one)) < 0) {
                /* The counter is at its top: it is readable anyway. */
        }
}

static void drain_fd(int fd)
{
        uint64_t count;
        if (read(fd, &count, sizeof(count)) < 0) {
                /* Nothing was there. */
        }
}

void talk_call(struct talk *t)
{
        t->called = true;
        region_loop_wake(t->loop);
}

int talk_send(struct talk *t, uint32_t type, uint32_t job, uint32_t value, const void *data, size_t n)
{
        struct mpart_control control = { job, value };
        const struct iovec parts[] = { { &control, sizeof(control) }, { (void *)data, n } };
        return ring_putv(&t->control_down, type, parts, 2);
}

static enum talk_state state_of_agent(const struct talk *t, uint64_t now)
{
        static const enum talk_state map[_MPART_AGENT_STATE_MAX] = {
                [MPART_AGENT_NONE] = TALK_NONE,
                [MPART_AGENT_STARTING] = TALK_STARTING,
                [MPART_AGENT_READY] = TALK_READY,
                [MPART_AGENT_STOPPING] = TALK_STOPPING,
                [MPART_AGENT_REBOOT] = TALK_REBOOTED,
                [MPART_AGENT_POWEROFF] = TALK_POWERED_OFF,
                [MPART_AGENT_FAILED] = TALK_FAILED,
        };
        const struct mpart_shared_header *h = t->header;
        if (atomic_load_explicit(&h->agent_generation, memory_order_acquire) != t->generation)
                return TALK_NONE;
        uint32_t said = atomic_load_explicit(&h->agent_state, memory_order_acquire);
        if (now - t->agent_at > TALK_SILENCE_SECONDS * UINT64_C(1000000000))
                return TALK_GONE;
        return said < _MPART_AGENT_STATE_MAX ? map[said] : TALK_FAILED;
}

/* What ends the commands in a kernel whose agent is in this state; NULL: nothing does. */
static const char *why_commands_end(const struct talk *t, uint64_t now)
{
        switch (t->state) {
        case TALK_REBOOTED:
                return "its init asked for a restart";
        case TALK_POWERED_OFF:
                return atomic_load_explicit(&t->header->request, memory_order_relaxed) ==
                                                       MPART_REQUEST_SHUTDOWN
                                       ? TALK_STOPPED
                                       : "its init switched it off";
        case TALK_FAILED:
                return "its init has ended";
        case TALK_GONE: /* whoever watches the kernel may know more */
                return now - t->agent_at > TALK_VERDICT_SECONDS * UINT64_C(1000000000)
                                       ? "its agent, or all of it, is dead"
                                       : NULL;
        case TALK_NONE:
                return "it has no agent any more";
        case TALK_STARTING:
        case TALK_READY:
        case TALK_STOPPING:
        case _TALK_STATE_MAX:
        case _TALK_STATE_INVALID:
                break;
        }
        return NULL;
}

static void look_at_agent(struct talk *t, uint64_t now)
{
        const struct mpart_shared_header *h = t->header;
        uint64_t beat = atomic_load_explicit(&h->agent_heartbeat, memory_order_relaxed);
        uint64_t start = atomic_load_explicit(&h->agent_start, memory_order_relaxed);
        if (beat != t->agent_beat) {
                t->agent_beat = beat;
                t->agent_at = now;
        }
        if (start != t->agent_start) {
                t->agent_start = start;
                t->agent_at = now;
                talk_exec_fail_all(t, "its agent started anew");
        }
        enum talk_state state = state_of_agent(t, now);
        bool changed = state != t->state;
        t->state = state;
        const char *why = why_commands_end(t, now);
        if (why)
                talk_exec_fail_all(t, why);
        if (changed)
                signal_fd(t->changes);
}

static void beat(void *userdata, uint64_t now)
{
        struct talk *t = userdata;
        (void)now;
        atomic_fetch_add_explicit(&t->header->daemon_heartbeat, 1, memory_order_relaxed);
        region_tell_time(t->header, t->tsc_khz);
        ring_republish(&t->console_up);
        ring_republish(&t->console_down);
        ring_republish(&t->control_up);
        ring_republish(&t->control_down);
}

static bool serve(void *userdata, uint64_t now, bool ready)
{
        struct talk *t = userdata;
        bool moved = t->called;
        t->ready = ready || t->called;
        t->called = false;
        look_at_agent(t, now);
        moved |= talk_console_serve(t, now);
        return moved | talk_exec_serve(t);
}

static void add_fds(void *userdata, struct lookout_set *set)
{
        talk_console_add_fds(userdata, set);
        talk_exec_add_fds(userdata, set);
}

/* Indices only grow; a state is told apart from an index by where it stands. */
static uint64_t pulse(const void *userdata)
{
        const struct talk *t = userdata;
        const struct mpart_shared_header *h = t->header;
        uint64_t state = atomic_load_explicit(&h->agent_state, memory_order_relaxed);
        return ring_peer_index(&t->console_up) + ring_peer_index(&t->console_down) +
               ring_peer_index(&t->control_up) + ring_peer_index(&t->control_down) + (state << 56) +
               atomic_load_explicit(&h->agent_start, memory_order_relaxed) +
               atomic_load_explicit(&h->agent_generation, memory_order_relaxed);
}

static const struct region_user region_user = {
        .lookout = { .serve = serve, .add_fds = add_fds, .beat = beat },
        .pulse = pulse,
};

static int on_change(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        struct talk *t = userdata;
        (void)source;
        (void)revents;
        drain_fd(fd);
        t->changed(t->userdata);
        return 0;
}

int talk_new(sd_event *event, struct region_loop *loop, unsigned kernel, const char *pty_link,
                talk_changed_fn changed, void *userdata, struct talk **ret)
{
        struct talk *t = calloc(1, sizeof(*t));
        if (!t)
                return -ENOMEM;
        t->loop = loop;
        t->kernel = kernel;
        t->event = sd_event_ref(event);
        t->changed = changed;
        t->userdata = userdata;
        t->changes = -1;
        talk_console_init(t);
        talk_exec_init(t);

        int r = 0;
        if (pty_link && !(t->pty_link = strdup(pty_link)))
                r = -ENOMEM;
        t->changes = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (r == 0 && t->changes < 0)
                r = -errno;
        if (r == 0)
                r = sd_event_add_io(event, &t->source, t->changes, EPOLLIN, on_change, t);
        if (r < 0) {
                talk_free(t);
                return r;
        }
        *ret = t;
        return 0;
}

void talk_free(struct talk *t)
{
        if (!t)
                return;
        talk_stop(t, "mpartd ends");
        sd_event_source_disable_unref(t->source);
        sd_event_unref(t->event);
        close_fd(&t->changes);
        fifo_free(&t->kept);
        free(t->pty_link);
        free(t);
}

static void attach(struct talk *t, struct ring *ring, enum mpart_shared_ring which, enum ring_side side)
{
        struct mpart_shared_ring_place p = mpart_shared_ring_place(which);
        char *base = (char *)t->header;
        ring_attach(ring, base + p.control, base + p.data, p.size, side);
}

int talk_start(struct talk *t, void *region, unsigned tsc_khz, struct mpart_error *e)
{
        const struct mpart_shared_header *h = region;
        if (atomic_load_explicit(&h->magic, memory_order_acquire) != MPART_REGION_MAGIC ||
                        h->version != MPART_REGION_VERSION || h->kernel != t->kernel || h->generation == 0)
                return mpart_error_set(e, -ENODATA,
                                "kernel %u was booted without a shared region of this version: its console "
                                "and commands are out of reach",
                                t->kernel);
        talk_stop(t, TALK_STOPPED);
        t->header = region;
        t->tsc_khz = tsc_khz;
        t->generation = h->generation;
        t->state = TALK_NONE;
        t->agent_at = monotonic_ns();
        t->agent_beat = t->agent_start = 0;
        attach(t, &t->console_up, MPART_RING_CONSOLE_UP, RING_CONSUMER);
        attach(t, &t->console_down, MPART_RING_CONSOLE_DOWN, RING_PRODUCER);
        attach(t, &t->control_up, MPART_RING_CONTROL_UP, RING_CONSUMER);
        attach(t, &t->control_down, MPART_RING_CONTROL_DOWN, RING_PRODUCER);
        talk_console_begin(t);
        beat(t, t->agent_at);
        t->runs = true;
        int r = region_loop_add(t->loop, &region_user, t);
        if (r < 0) {
                t->runs = false;
                t->header = NULL;
                talk_console_end(t);
                return mpart_error_set(e, r, "the shared region is not looked at: %s", strerror(-r));
        }
        return 0;
}

void talk_stop(struct talk *t, const char *why)
{
        if (!t->runs)
                return;
        region_loop_remove(t->loop, t);
        talk_exec_fail_all(t, why);
        talk_console_serve(t, monotonic_ns()); /* its last words */
        talk_console_end(t);
        t->runs = false;
        t->header = NULL;
        t->state = TALK_NONE;
        signal_fd(t->changes);
}

enum talk_state talk_state(struct talk *t)
{
        region_loop_lock(t->loop);
        enum talk_state state = t->state;
        region_loop_unlock(t->loop);
        return state;
}

bool talk_shutdown(struct talk *t)
{
        region_loop_lock(t->loop);
        bool there = t->runs &&
                     (t->state == TALK_STARTING || t->state == TALK_READY || t->state == TALK_STOPPING);
        if (there)
                atomic_store_explicit(&t->header->request, MPART_REQUEST_SHUTDOWN, memory_order_release);
        region_loop_unlock(t->loop);
        return there;
}
