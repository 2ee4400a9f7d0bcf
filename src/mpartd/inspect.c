/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"
#include "fs.h"
#include "inspect.h"
#include "macros.h"
#include "thread.h"
#include "vmcore.h"

#define PROGRESS_PAUSE_NS UINT64_C(200000000)

static void tell(struct inspect *i, enum inspect_stage stage)
{
        uint8_t byte = (uint8_t)stage;
        write_all(i->pipe[1], &byte, 1);
}

/* 0: time over, or `events` of the reader's pipe; -EPIPE: the reader is gone; -ECANCELED. */
static int wait_reader(struct inspect *i, short events, int timeout_ms)
{
        struct pollfd fds[] = { { .fd = i->wake, .events = POLLIN },
                { .fd = i->request.fd, .events = events } };
        int n = poll(fds, ARRAY_SIZE(fds), timeout_ms);
        if (n < 0 && errno != EINTR)
                return -errno;
        if (atomic_load(&i->cancel))
                return -ECANCELED;
        return n > 0 && fds[1].revents & POLLERR ? -EPIPE : 0;
}

static int write_line(struct inspect *i, const char *line)
{
        for (size_t left = strlen(line); left > 0;) {
                ssize_t n = write(i->request.fd, line, left);
                if (n >= 0) {
                        line += n;
                        left -= (size_t)n;
                        continue;
                }
                int r = errno == EAGAIN ? wait_reader(i, POLLOUT, -1) : errno == EINTR ? 0 : -errno;
                if (r < 0)
                        return r;
        }
        return 0;
}

static int write_record(void *data, const struct mpart_klog_record *record)
{
        struct inspect *i = data;
        _cleanup_free_ char *line =
                        i->request.json ? mpart_klog_format_json(record) : mpart_klog_format(record);
        return line ? write_line(i, line) : -ENOMEM;
}

static int write_log(struct inspect *i)
{
        const struct mpart_kmem *k = i->view.kmem;
        uint64_t first = 0, last;
        int r = i->request.lines ? mpart_klog_span(k, i->request.lines, &first, &last, &i->error) : 0;
        if (r == 0 && !i->request.follow)
                return mpart_klog_read(k, &first, 0, write_record, i, &i->error);

        struct log_follower f = LOG_FOLLOWER_INIT(first);
        while (r == 0) {
                r = log_follower_poll(&f, k, write_record, i, &i->error);
                if (r == 0)
                        r = wait_reader(i, 0, (int)f.pause_ms);
        }
        return r;
}

static int on_progress(void *data, uint64_t done, uint64_t total)
{
        struct inspect *i = data;
        atomic_store(&i->done, done);
        atomic_store(&i->total, total);
        if (now_ns() - i->told_ns >= PROGRESS_PAUSE_NS) {
                i->told_ns = now_ns();
                tell(i, INSPECT_PROGRESS);
        }
        return atomic_load(&i->cancel) ? -ECANCELED : 0;
}

static void *run(void *argument)
{
        struct inspect *i = argument;
        i->result = memview_open(&i->mem, &i->claim, i->request.note, &i->view, &i->error);
        if (i->result == 0) {
                tell(i, INSPECT_OPEN);
                i->result = i->request.kind == INSPECT_LOG ? write_log(i)
                                                           : mpart_vmcore_write(i->view.kmem, i->request.fd,
                                                                             on_progress, i, &i->error);
        }
        if (i->result < 0 && !*i->error.text)
                mpart_error_set(&i->error, i->result, "%s", strerror(-i->result));
        memview_close(&i->view);
        tell(i, INSPECT_DONE);
        return NULL;
}

static int on_report(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        struct inspect *i = userdata;
        uint8_t stage;
        (void)source;
        (void)revents;
        if (read(fd, &stage, 1) == 1)
                i->report(i, (enum inspect_stage)stage, i->userdata); /* may free it */
        return 0;
}

/* SIGPIPE, with all other signals, is blocked there: a reader that is gone is an error of write(2). */
static int start_thread(struct inspect *i)
{
        int r = thread_start(&i->thread, run, i);
        if (r < 0)
                i->thread = 0;
        return r;
}

static int open_channels(struct inspect *i)
{
        i->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        return i->wake < 0 || pipe2(i->pipe, O_CLOEXEC) < 0 ? -errno : 0;
}

int inspect_start(sd_event *event, const struct physmem *mem, const struct mpart_plan_kernel *kernel,
                const struct inspect_request *request, inspect_report_fn report, void *userdata,
                struct inspect **ret)
{
        struct inspect *i = calloc(1, sizeof(*i));
        if (!i) {
                close(request->fd);
                return -ENOMEM;
        }
        i->request = *request;
        i->mem = *mem;
        i->report = report;
        i->userdata = userdata;
        i->wake = i->pipe[0] = i->pipe[1] = -1;

        int r = claim_make(kernel, &i->claim);
        if (r == 0)
                r = open_channels(i);
        if (r == 0)
                r = sd_event_add_io(event, &i->source, i->pipe[0], EPOLLIN, on_report, i);
        if (r >= 0)
                r = start_thread(i);
        if (r < 0) {
                inspect_free(i);
                return r;
        }
        *ret = i;
        return 0;
}

void inspect_cancel(struct inspect *i)
{
        atomic_store(&i->cancel, true);
        eventfd_write(i->wake, 1);
}

void inspect_free(struct inspect *i)
{
        if (!i)
                return;
        if (i->thread)
                pthread_join(i->thread, NULL);
        sd_event_source_disable_unref(i->source);
        close_fd(&i->pipe[0]);
        close_fd(&i->pipe[1]);
        close_fd(&i->wake);
        close_fd(&i->request.fd);
        claim_free(&i->claim);
        free(i);
}
