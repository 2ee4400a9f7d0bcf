/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>

#include "clock.h"
#include "log.h"
#include "macros.h"
#include "watch-state.h"

#define SECOND UINT64_C(1000000000)
#define STILL_NS (10 * SECOND) /* an idle kernel without a tick may not count for seconds */
#define ANSWER_NS (3 * SECOND) /* for the clock to move after a message */
#define OPEN_TRIES 8
#define PANIC_TEXT "Kernel panic - not syncing"

/* The kernel has written its note, but perhaps not all that it points to. */
static bool open_view(struct watched *x)
{
        struct mpart_error e = MPART_ERROR_INIT;
        struct mpart_kstate state;
        if (x->opened || x->tries >= OPEN_TRIES)
                return x->opened;
        x->tries++;
        if (memview_open(&x->native->mem, &x->claim, x->note, &x->view, &e) < 0) {
                if (x->tries == OPEN_TRIES)
                        log_line((int)x->claim.kernel, LOG_WARNING,
                                        "kernel %u cannot be looked into, a crash will go unnoticed: %s",
                                        x->claim.kernel, e.text);
                return false;
        }
        x->opened = true;
        x->tells_state = mpart_kstate_read(x->view.kmem, &state, NULL) == 0 && state.found;
        atomic_store(&x->system_state, mpart_kstate_place(x->view.kmem));
        x->log = LOG_FOLLOWER_INIT(0);
        x->jiffies = x->tells_state ? state.jiffies : 0;
        x->moved_ns = now_ns();
        return true;
}

struct panic_search {
        char *detail;
        bool found;
};

/* The first line. Whatever the kernel has written, the bus and people get printable characters. */
static void copy_line(char *to, const char *text, size_t length)
{
        size_t n = 0;
        for (; n < MIN(length, (size_t)WATCH_DETAIL_MAX - 1) && text[n] != '\n'; n++)
                to[n] = text[n] >= ' ' && text[n] <= '~' ? text[n] : '?';
        to[n] = 0;
}

static int search_panic(void *data, const struct mpart_klog_record *record)
{
        struct panic_search *s = data;
        size_t n = strlen(PANIC_TEXT);
        if (record->length < n || memcmp(record->text, PANIC_TEXT, n) != 0)
                return 0;
        s->found = true;
        copy_line(s->detail, record->text, record->length);
        return 1;
}

/* What the kernel says of its panic; the last 200 records have it. */
static bool find_panic_text(struct watched *x, char *detail)
{
        struct panic_search s = { .detail = detail };
        uint64_t first, last;
        if (mpart_klog_span(x->view.kmem, 200, &first, &last, NULL) == 0)
                mpart_klog_read(x->view.kmem, &first, 0, search_panic, &s, NULL);
        return s.found;
}

/* Kernels before 6.0 tell nothing but their log. */
static bool look_at_log(struct watched *x, enum kernel_cause *ret, char *detail)
{
        struct panic_search s = { .detail = detail };
        log_follower_poll(&x->log, x->view.kmem, search_panic, &s, NULL);
        *ret = CAUSE_CRASH;
        return s.found;
}

/* Sends each CPU the message by which Linux asks another CPU to schedule: it wakes an idle one, does nothing
 * else. */
static void ask(struct watched *x)
{
        struct mpart_error e = MPART_ERROR_INIT;
        x->asked_ns = now_ns();
        for (size_t i = 0; i < x->n_cpus; i++)
                if (cpugate_reschedule(&x->native->cpus, &x->claim, x->cpus[i].cpu, x->cpus[i].apic_id, &e) <
                                0)
                        log_line((int)x->claim.kernel, LOG_WARNING, "%s", e.text);
}

static bool stands_still(struct watched *x, uint64_t jiffies, char *detail)
{
        uint64_t now = now_ns();
        if (jiffies != x->jiffies) {
                x->jiffies = jiffies;
                x->moved_ns = now;
                x->asked_ns = 0;
        } else if (now - x->moved_ns > STILL_NS && x->asked_ns == 0) {
                ask(x);
        } else if (x->asked_ns && now - x->asked_ns > ANSWER_NS) {
                snprintf(detail, WATCH_DETAIL_MAX,
                                "its clock has stood still for %u s and its CPUs do not answer",
                                (unsigned)((now - x->moved_ns) / SECOND));
                return true;
        }
        return false;
}

bool watch_state_look(struct watched *x, enum kernel_cause *ret, char detail[static WATCH_DETAIL_MAX])
{
        struct mpart_kstate state;
        if (!open_view(x))
                return false;
        if (!x->tells_state)
                return look_at_log(x, ret, detail);
        if (mpart_kstate_read(x->view.kmem, &state, NULL) < 0 || !state.found)
                return false;

        if (state.panic_cpu >= 0) {
                *ret = CAUSE_CRASH;
                if (!find_panic_text(x, detail))
                        snprintf(detail, WATCH_DETAIL_MAX, "it panicked on its CPU %d", state.panic_cpu);
                return true;
        }
        if (state.system_state == MPART_SYSTEM_HALT || state.system_state == MPART_SYSTEM_POWER_OFF) {
                bool halted = state.system_state == MPART_SYSTEM_HALT;
                *ret = halted ? CAUSE_HALT : CAUSE_POWER_OFF;
                snprintf(detail, WATCH_DETAIL_MAX, "it %s", halted ? "halted" : "switched itself off");
                return true;
        }
        if (state.system_state == MPART_SYSTEM_RUNNING && state.cpus_online != x->cpus_online) {
                x->cpus_online = state.cpus_online;
                *ret = CAUSE_NONE;
                return true;
        }
        *ret = CAUSE_HANG;
        return stands_still(x, state.jiffies, detail);
}
