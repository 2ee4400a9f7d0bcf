/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "clock.h"
#include "fs.h"
#include "log-relay.h"
#include "log.h"
#include "macros.h"
#include "memview.h"
#include "thread.h"

/* Below journald's own limit for a service (10000 lines in 30 s), which would silence mpartd itself. */
#define BURST 2000.0
#define LINES_PER_SECOND 100.0

struct log_relay {
        unsigned kernel;
        struct claim claim;
        struct physmem mem;
        char *path; /* of the position: "<boot timestamp> <next seq>" */
        uint64_t boot_timestamp;
        uint64_t note; /* as memview_open */
        char identifier[32];

        struct memview view;
        struct log_follower follower;
        uint64_t stored; /* the seq in the file */
        double allowance;
        uint64_t refilled_ns, suppressed;

        pthread_t thread;
        int wake;
        atomic_bool stop;
};

static void send_line(const struct log_relay *r, int priority, const char *text, size_t length)
{
        if (!getenv("JOURNAL_STREAM")) /* set by systemd for its services */
                fprintf(stderr, "%s: %.*s\n", r->identifier, (int)length, text);
        else
                sd_journal_send("MESSAGE=%.*s", (int)length, text, "PRIORITY=%d", priority,
                                "MPART_KERNEL=%u", r->kernel, "SYSLOG_IDENTIFIER=%s", r->identifier, NULL);
}

static void refill(struct log_relay *r)
{
        uint64_t now = now_ns();
        r->allowance += (double)(now - r->refilled_ns) / 1e9 * LINES_PER_SECOND;
        r->allowance = MIN(r->allowance, BURST);
        r->refilled_ns = now;
}

static void tell_suppressed(struct log_relay *r)
{
        if (r->suppressed == 0)
                return;
        log_line((int)r->kernel, LOG_WARNING,
                        "kernel %u: %" PRIu64
                        " lines of its log left out here (\"mpartctl log %u\" has them)",
                        r->kernel, r->suppressed, r->kernel);
        r->suppressed = 0;
}

static int relay_record(void *data, const struct mpart_klog_record *record)
{
        struct log_relay *r = data;
        refill(r);
        if (r->allowance < 1) {
                r->suppressed++;
                return 0;
        }
        r->allowance--;
        tell_suppressed(r);
        send_line(r, record->level, record->text, record->length);
        return 0;
}

static void read_position(struct log_relay *r)
{
        _cleanup_free_ char *text = NULL;
        char *end;
        if (read_file_at(AT_FDCWD, r->path, 4096, &text, NULL) < 0)
                return;
        uint64_t boot = strtoull(text, &end, 10);
        if (boot == r->boot_timestamp && *end == ' ')
                r->follower.seq = r->stored = strtoull(end + 1, NULL, 10);
}

static void store_position(struct log_relay *r)
{
        char text[64];
        if (r->follower.seq == r->stored)
                return;
        int n = snprintf(
                        text, sizeof(text), "%" PRIu64 " %" PRIu64 "\n", r->boot_timestamp, r->follower.seq);
        if (write_file_atomic(r->path, text, (size_t)n, 0600) == 0)
                r->stored = r->follower.seq;
}

static int poll_once(struct log_relay *r, struct mpart_error *e)
{
        int result = log_follower_poll(&r->follower, r->view.kmem, relay_record, r, e);
        store_position(r);
        return result;
}

static void follow(struct log_relay *r)
{
        struct mpart_error e = MPART_ERROR_INIT;
        struct pollfd wake = { .fd = r->wake, .events = POLLIN };
        int result = 0;
        while (result == 0 && !atomic_load(&r->stop)) {
                result = poll_once(r, &e);
                if (result == 0)
                        poll(&wake, 1, (int)r->follower.pause_ms);
        }
        if (result == 0)
                result = mpart_klog_read(r->view.kmem, &r->follower.seq, 0, relay_record, r, &e);
        store_position(r);
        tell_suppressed(r);
        if (result < 0)
                log_line((int)r->kernel, LOG_WARNING, "kernel %u: its log cannot be followed: %s", r->kernel,
                                *e.text ? e.text : strerror(-result));
}

static void *run(void *argument)
{
        struct log_relay *r = argument;
        struct mpart_error e = MPART_ERROR_INIT;
        int result = memview_open(&r->mem, &r->claim, r->note, &r->view, &e);
        if (result < 0) {
                log_line((int)r->kernel, LOG_WARNING, "kernel %u: its log cannot be read: %s", r->kernel,
                                *e.text ? e.text : strerror(-result));
                return NULL;
        }
        read_position(r);
        follow(r);
        memview_close(&r->view);
        return NULL;
}

static void relay_free(struct log_relay *r)
{
        claim_free(&r->claim);
        close_fd(&r->wake);
        free(r->path);
        free(r);
}

int log_relay_start(const struct physmem *mem, const struct mpart_plan_kernel *kernel, const char *directory,
                uint64_t boot_timestamp, uint64_t note, struct log_relay **ret)
{
        struct log_relay *r = calloc(1, sizeof(*r));
        if (!r)
                return -ENOMEM;
        r->kernel = kernel->id;
        r->mem = *mem;
        r->boot_timestamp = boot_timestamp;
        r->note = note;
        r->follower = LOG_FOLLOWER_INIT(0);
        r->allowance = BURST;
        r->refilled_ns = now_ns();
        snprintf(r->identifier, sizeof(r->identifier), "kernel-%u", r->kernel);
        r->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

        int result = r->wake < 0 ? -errno : claim_make(kernel, &r->claim);
        if (result == 0 && asprintf(&r->path, "%s/kernel-%u.log-position", directory, r->kernel) < 0) {
                r->path = NULL;
                result = -ENOMEM;
        }
        if (result == 0)
                result = thread_start(&r->thread, run, r);
        if (result < 0) {
                relay_free(r);
                return result;
        }
        *ret = r;
        return 0;
}

void log_relay_stop(struct log_relay *r)
{
        if (!r)
                return;
        atomic_store(&r->stop, true);
        eventfd_write(r->wake, 1);
        pthread_join(r->thread, NULL);
        relay_free(r);
}
