/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looking inside a kernel: OpenLog, Dump, CancelDump and DumpProgress of org.mpartd1.Kernel. A
 * kernel's memory holds its secrets: MAY_DUMP is more than MAY_READ_LOG. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "authorize.h"
#include "bus.h"
#include "inspect.h"
#include "log.h"
#include "macros.h"
#include "manager.h"

#define INSPECTIONS_MAX 32

/* One inspection for one caller. */
struct inspection {
        struct manager *manager;
        unsigned kernel;
        struct inspect *inspect;
        sd_bus_message *call; /* to be answered; NULL: it has been */
        int reader;           /* log: the caller's end of the pipe */
        sd_bus_track *caller; /* dump: ends with its caller */
        struct inspection *next;
};

static void close_reader(struct inspection *i)
{
        int fd = TAKE_FD(i->reader); /* never twice: the number may be another's by then */
        close_fd(&fd);
}

static void inspection_free(struct inspection *i)
{
        for (struct inspection **p = &i->manager->inspections; *p; p = &(*p)->next)
                if (*p == i) {
                        *p = i->next;
                        break;
                }
        inspect_free(i->inspect);
        sd_bus_message_unref(i->call);
        sd_bus_track_unref(i->caller);
        close_reader(i);
        free(i);
}

static void answer(struct inspection *i, int r)
{
        if (r < 0)
                log_line((int)i->kernel, LOG_WARNING, "kernel %u: an answer could not be sent: %s",
                                i->kernel, strerror(-r));
        i->call = sd_bus_message_unref(i->call);
}

static void on_done(struct inspection *i)
{
        const struct inspect *done = i->inspect;
        if (i->call && done->result < 0)
                answer(i, sd_bus_reply_method_errorf(i->call, BUS_ERROR_FAILED, "kernel %u: %s", i->kernel,
                                          done->result == -ECANCELED ? "canceled" : done->error.text));
        else if (i->call)
                answer(i, sd_bus_reply_method_return(i->call, NULL));
        inspection_free(i);
}

static void tell_progress(const struct inspection *i)
{
        _cleanup_free_ char *path = NULL;
        uint64_t done = atomic_load(&i->inspect->done), total = atomic_load(&i->inspect->total);
        if (bus_kernel_path(i->kernel, &path) == 0)
                sd_bus_emit_signal(i->manager->bus, path, BUS_KERNEL_INTERFACE, "DumpProgress", "tt", done,
                                total);
}

static void on_report(struct inspect *inspect, enum inspect_stage stage, void *userdata)
{
        struct inspection *i = userdata;
        i->inspect = inspect;
        switch (stage) {
        case INSPECT_OPEN:
                if (inspect->request.kind == INSPECT_LOG)
                        answer(i, sd_bus_reply_method_return(i->call, "h", i->reader));
                close_reader(i);
                return;
        case INSPECT_PROGRESS:
                tell_progress(i);
                return;
        case INSPECT_DONE:
                on_done(i);
                return;
        }
}

static int on_caller_gone(sd_bus_track *track, void *userdata)
{
        struct inspection *i = userdata;
        (void)track;
        inspect_cancel(i->inspect);
        return 1; /* 0 would have it called again */
}

static const struct inspection *find_dump(const struct manager *m, unsigned kernel)
{
        for (const struct inspection *i = m->inspections; i; i = i->next)
                if (i->kernel == kernel && i->inspect->request.kind == INSPECT_DUMP)
                        return i;
        return NULL;
}

/* 0, or an error of the bus where the kernel cannot be looked into. */
static int check_inspectable(const struct kernel *k, sd_bus_error *error)
{
        size_t n = 0;
        for (const struct inspection *i = k->manager->inspections; i; i = i->next)
                n++;
        if (n >= INSPECTIONS_MAX)
                return sd_bus_error_setf(error, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                "%zu logs and dumps are being read already", n);
        if (k->id == 0)
                return sd_bus_error_setf(error, BUS_ERROR_WRONG_STATE,
                                "kernel 0 is the primary: its log is that of dmesg and journalctl -k");
        if (k->state != KERNEL_RUNNING && k->state != KERNEL_FAILED)
                return sd_bus_error_setf(error, BUS_ERROR_WRONG_STATE,
                                "kernel %u is %s: there is a kernel in its memory while it runs, and after "
                                "it has failed",
                                k->id, kernel_state_to_string(k->state));
        if (!k->manager->live)
                return sd_bus_error_setf(error, BUS_ERROR_REFUSED,
                                "this daemon looks at a captured machine: it has no memory to look into");
        return 0;
}

/* Takes over request->fd and `reader`. */
static int start(struct kernel *k, sd_bus_message *call, const struct inspect_request *request, int reader)
{
        struct inspection *i = calloc(1, sizeof(*i));
        if (!i) {
                close(request->fd);
                close_fd(&reader);
                return -ENOMEM;
        }
        *i = (struct inspection){ .manager = k->manager, .kernel = k->id, .reader = reader };
        int r = 0;
        if (request->kind == INSPECT_DUMP) {
                r = sd_bus_track_new(k->manager->bus, &i->caller, on_caller_gone, i);
                if (r >= 0)
                        r = sd_bus_track_add_sender(i->caller, call);
        }
        if (r < 0)
                close(request->fd);
        else
                r = inspect_start(k->manager->event, &k->manager->native.mem, k->planned, request, on_report,
                                i, &i->inspect);
        if (r < 0) {
                inspection_free(i);
                return r;
        }
        i->call = sd_bus_message_ref(call);
        i->next = k->manager->inspections;
        k->manager->inspections = i;
        return 1;
}

static int read_log_option(sd_bus_message *call, const char *key, void *userdata, sd_bus_error *error)
{
        struct inspect_request *q = userdata;
        const bool is_lines = streq(key, "lines");
        bool *flag = streq(key, "follow") ? &q->follow : streq(key, "json") ? &q->json : NULL;
        int value = 0, r;
        if (!is_lines && !flag)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "unknown option \"%s\"", key);
        r = is_lines ? sd_bus_message_read(call, "v", "t", &q->lines)
                     : sd_bus_message_read(call, "v", "b", &value);
        if (r < 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                "option \"%s\" must be of type %s", key, is_lines ? "t" : "b");
        if (flag)
                *flag = value;
        return 0;
}

int bus_inspect_open_log(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        struct kernel *k = userdata;
        struct inspect_request q = { .kind = INSPECT_LOG, .kernel = k->id, .note = kernel_note(k) };
        int r = authorize(k->manager, call, MAY_READ_LOG, k, error);
        if (r != 0)
                return r;
        r = bus_read_options(call, read_log_option, &q, error);
        if (r >= 0)
                r = check_inspectable(k, error);
        if (r < 0)
                return r;
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        q.fd = ends[1];
        r = fcntl(q.fd, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
        if (r < 0) {
                close(ends[0]);
                close(ends[1]);
                return r;
        }
        return start(k, call, &q, ends[0]);
}

int bus_inspect_dump(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        struct kernel *k = userdata;
        struct stat st;
        int fd;
        int r = authorize(k->manager, call, MAY_DUMP, k, error);
        if (r != 0)
                return r;
        r = sd_bus_message_read(call, "h", &fd); /* the message's */
        if (r >= 0)
                r = check_inspectable(k, error);
        if (r < 0)
                return r;
        int flags = fcntl(fd, F_GETFL);
        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                "a dump goes to a regular file that is open for writing");
        if (find_dump(k->manager, k->id))
                return sd_bus_error_setf(
                                error, BUS_ERROR_WRONG_STATE, "kernel %u is being dumped already", k->id);
        struct inspect_request q = { .kind = INSPECT_DUMP,
                .kernel = k->id,
                .note = kernel_note(k),
                .fd = fcntl(fd, F_DUPFD_CLOEXEC, 3) };
        return q.fd < 0 ? -errno : start(k, call, &q, -1);
}

int bus_inspect_cancel_dump(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        const struct kernel *k = userdata;
        const struct inspection *i = find_dump(k->manager, k->id);
        bool own = i && sd_bus_track_contains(i->caller, sd_bus_message_get_sender(call));
        int r = own ? 0 : authorize(k->manager, call, MAY_DUMP, k, error);
        if (r != 0)
                return r;
        if (!i)
                return sd_bus_error_setf(
                                error, BUS_ERROR_WRONG_STATE, "kernel %u is not being dumped", k->id);
        inspect_cancel(i->inspect);
        return sd_bus_reply_method_return(call, NULL);
}

void bus_inspect_kernel_changed(const struct kernel *k)
{
        if (k->state == KERNEL_RUNNING || k->state == KERNEL_FAILED)
                return;
        for (const struct inspection *i = k->manager->inspections; i; i = i->next)
                if (i->kernel == k->id)
                        inspect_cancel(i->inspect);
}

void bus_inspect_end(struct manager *m)
{
        for (const struct inspection *i = m->inspections; i; i = i->next)
                inspect_cancel(i->inspect);
        while (m->inspections) {
                struct inspection *i = m->inspections;
                if (i->call)
                        answer(i, sd_bus_reply_method_errorf(i->call, BUS_ERROR_FAILED, "mpartd ends"));
                inspection_free(i);
        }
}
