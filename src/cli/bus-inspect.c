/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Logs and dumps of kernels over the bus. */
#include <inttypes.h>
#include <stdio.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "bus-internal.h"
#include "bus.h"
#include "macros.h"
#include "polkit-agent.h"

#define KERNEL_PATH "/org/mpartd1/kernel/"
#define PATH_MAX_BYTES 48
#define TICK_USEC 100000 /* how late a cancel may be heard */

static void kernel_path(unsigned id, char ret[static PATH_MAX_BYTES])
{
        snprintf(ret, PATH_MAX_BYTES, KERNEL_PATH "%u", id);
}

static int append_log_options(sd_bus_message *call, const struct bus_log_options *o)
{
        int r = sd_bus_message_open_container(call, 'a', "{sv}");
        if (r >= 0 && o->follow)
                r = sd_bus_message_append(call, "{sv}", "follow", "b", 1);
        if (r >= 0 && o->json)
                r = sd_bus_message_append(call, "{sv}", "json", "b", 1);
        if (r >= 0 && o->lines)
                r = sd_bus_message_append(call, "{sv}", "lines", "t", o->lines);
        return r < 0 ? r : sd_bus_message_close_container(call);
}

int bus_open_log(struct sd_bus *bus, unsigned id, const struct bus_log_options *o, int *ret,
                struct mpart_error *e)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
        char path[PATH_MAX_BYTES];
        kernel_path(id, path);
        int r = sd_bus_message_new_method_call(bus, &call, BUS_NAME, path, BUS_KERNEL_INTERFACE, "OpenLog");
        if (r >= 0)
                r = append_log_options(call, o);
        if (r >= 0)
                r = bus_ask(bus, call, &error, &reply);
        int fd;
        if (r >= 0)
                r = sd_bus_message_read(reply, "h", &fd); /* the reply's */
        if (r < 0)
                return bus_failed(r, &error, e);
        fd = dup(fd);
        if (fd < 0)
                return -errno;
        *ret = fd;
        return 0;
}

/* A dump on its way. */
struct dumping {
        const struct bus_dump_watch *watch;
        bool answered;
        int result;
        struct mpart_error error;
        pid_t agent; /* asks for a password; 0: none is needed */
};

static int on_progress(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct dumping *d = userdata;
        uint64_t done, total;
        (void)error;
        int r = sd_bus_message_read(m, "tt", &done, &total);
        if (r >= 0 && d->watch->progress)
                d->watch->progress(d->watch->data, done, total);
        return r < 0 ? r : 0;
}

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct dumping *d = userdata;
        (void)error;
        d->answered = true;
        int r = sd_bus_message_get_errno(m);
        if (r && d->agent == 0)
                bus_wants_password(sd_bus_message_get_error(m), &d->agent);
        d->result = r ? bus_failed(-r, sd_bus_message_get_error(m), &d->error) : 0;
        return 0;
}

static int cancel(struct sd_bus *bus, const char *path)
{
        return sd_bus_call_method(bus, BUS_NAME, path, BUS_KERNEL_INTERFACE, "CancelDump", NULL, NULL, NULL);
}

static int wait_answer(struct sd_bus *bus, const char *path, struct dumping *d)
{
        bool canceled = false;
        while (!d->answered) {
                if (*d->watch->canceled && !canceled) {
                        canceled = true;
                        if (cancel(bus, path) < 0) /* none under way: it waits for a password, or is done */
                                return -ECANCELED;
                        continue;
                }
                int r = sd_bus_process(bus, NULL);
                if (r == 0)
                        r = sd_bus_wait(bus, TICK_USEC);
                if (r < 0 && r != -EINTR)
                        return r;
        }
        return 0;
}

static int dump_once(struct sd_bus *bus, unsigned id, int fd, struct dumping *d)
{
        _cleanup_(sd_bus_slot_unrefp) sd_bus_slot *signal = NULL, *answer = NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        char path[PATH_MAX_BYTES];
        kernel_path(id, path);
        int r = sd_bus_match_signal(
                        bus, &signal, BUS_NAME, path, BUS_KERNEL_INTERFACE, "DumpProgress", on_progress, d);
        if (r >= 0)
                r = sd_bus_message_new_method_call(bus, &call, BUS_NAME, path, BUS_KERNEL_INTERFACE, "Dump");
        if (r >= 0)
                r = sd_bus_message_append(call, "h", fd);
        if (r >= 0)
                r = sd_bus_call_async(bus, &answer, call, on_answer, d, UINT64_MAX);
        return r < 0 ? r : wait_answer(bus, path, d);
}

int bus_dump(struct sd_bus *bus, unsigned id, int fd, const struct bus_dump_watch *watch,
                struct mpart_error *e)
{
        struct dumping d = { .watch = watch };
        int r = dump_once(bus, id, fd, &d);
        if (d.agent > 0) {
                d.answered = false;
                r = dump_once(bus, id, fd, &d);
                polkit_agent_stop(d.agent);
        }
        if (r == -ECANCELED)
                return mpart_error_set(e, r, "kernel %u: canceled", id);
        if (r < 0)
                return mpart_error_set(e, r, "talk with mpartd failed: %s", strerror(-r));
        return d.result < 0 ? mpart_error_set(e, d.result, "%s", d.error.text) : 0;
}
