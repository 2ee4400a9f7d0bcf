/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Console and commands of a kernel, over the bus. */
#include <fcntl.h>
#include <stdio.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "bus-internal.h"
#include "macros.h"

static int kernel_call(struct sd_bus *bus, unsigned id, const char *method, sd_bus_message **ret,
                struct mpart_error *e)
{
        char path[64];
        snprintf(path, sizeof(path), "/org/mpartd1/kernel/%u", id);
        int r = sd_bus_message_new_method_call(bus, ret, BUS_NAME, path, BUS_KERNEL_INTERFACE, method);
        return r < 0 ? mpart_error_set(e, r, "mpartd cannot be called: %s", strerror(-r)) : 0;
}

static int talk(struct sd_bus *bus, unsigned id, sd_bus_message *call, sd_bus_message **ret,
                struct mpart_error *e)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        int r = bus_ask(bus, call, &error, ret);
        if (sd_bus_error_has_name(&error, SD_BUS_ERROR_UNKNOWN_OBJECT))
                return mpart_error_set(e, r, "the plan has no kernel %u (mpartctl list)", id);
        return r < 0 ? bus_failed(r, &error, e) : 0;
}

/* The descriptors of a reply, ours from now on. */
static int take_fds(sd_bus_message *reply, int *fds, size_t n, struct mpart_error *e)
{
        for (size_t i = 0; i < n; i++) {
                int fd, r = sd_bus_message_read(reply, "h", &fd);
                fds[i] = r < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
                if (fds[i] >= 0)
                        continue;
                r = r < 0 ? r : -errno;
                while (i-- > 0)
                        close_fd(&fds[i]);
                return bus_misread(r, e);
        }
        return 0;
}

int bus_console(struct sd_bus *bus, unsigned id, bool writes, int *ret_fd, struct mpart_error *e)
{
        _cleanup_message_ sd_bus_message *call = NULL, *reply = NULL;
        int fd, r = kernel_call(bus, id, "OpenConsole", &call, e);
        if (r < 0)
                return r;
        r = sd_bus_message_append(call, "b", writes);
        if (r < 0)
                return bus_misread(r, e);
        r = talk(bus, id, call, &reply, e);
        if (r == 0)
                r = take_fds(reply, &fd, 1, e);
        if (r == 0)
                *ret_fd = fd;
        return r;
}

int bus_console_size(struct sd_bus *bus, unsigned id, unsigned rows, unsigned columns, struct mpart_error *e)
{
        _cleanup_message_ sd_bus_message *call = NULL;
        int r = kernel_call(bus, id, "SetConsoleSize", &call, e);
        if (r < 0)
                return r;
        r = sd_bus_message_append(call, "qq", (uint16_t)rows, (uint16_t)columns);
        return r < 0 ? bus_misread(r, e) : talk(bus, id, call, NULL, e);
}

int bus_exec(struct sd_bus *bus, unsigned id, const struct bus_exec *x, int ret_fds[static 4],
                struct mpart_error *e)
{
        _cleanup_message_ sd_bus_message *call = NULL, *reply = NULL;
        int r = kernel_call(bus, id, "Exec", &call, e);
        if (r < 0)
                return r;
        r = sd_bus_message_append_strv(call, x->words);
        if (r >= 0 && x->tty)
                r = sd_bus_message_append(call, "a{sv}", 3, "tty", "b", 1, "rows", "q", (uint16_t)x->rows,
                                "columns", "q", (uint16_t)x->columns);
        else if (r >= 0)
                r = sd_bus_message_append(call, "a{sv}", 0);
        if (r < 0)
                return bus_misread(r, e);
        int fds[4];
        r = talk(bus, id, call, &reply, e);
        if (r == 0)
                r = take_fds(reply, fds, 4, e);
        if (r == 0)
                memcpy(ret_fds, fds, sizeof(fds));
        return r;
}
