/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "authorize.h"
#include "bus-talk.h"
#include "bus.h"
#include "kernel-talk.h"
#include "macros.h"

static int say(int r, const struct mpart_error *e, sd_bus_error *error)
{
        bool state = r == -ENOTCONN || r == -EBUSY || r == -EAGAIN;
        return sd_bus_error_set(error,
                        r == -E2BIG ? SD_BUS_ERROR_INVALID_ARGS
                        : state     ? BUS_ERROR_WRONG_STATE
                                    : BUS_ERROR_FAILED,
                        e->text);
}

static int get_talk(const struct kernel *k, struct talk **ret, sd_bus_error *error)
{
        *ret = kernel_talk(k);
        if (*ret)
                return 0;
        return sd_bus_error_setf(error, BUS_ERROR_WRONG_STATE,
                        k->id == 0 ? "kernel %u is the primary: there is no console of it here"
                                   : "kernel %u does not run; boot it first",
                        k->id);
}

int bus_open_console(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        struct mpart_error e = MPART_ERROR_INIT;
        _cleanup_close_ int fd = -1;
        struct kernel *k = userdata;
        struct talk *t;
        int writes, r = authorize(k->manager, call, MAY_CONSOLE, k, error);
        if (r != 0)
                return r;
        r = sd_bus_message_read(call, "b", &writes);
        if (r >= 0)
                r = get_talk(k, &t, error);
        if (r < 0)
                return r;
        r = talk_console(t, writes, &fd, &e);
        return r < 0 ? say(r, &e, error) : sd_bus_reply_method_return(call, "h", fd);
}

int bus_set_console_size(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        struct kernel *k = userdata;
        struct talk *t;
        uint16_t rows, columns;
        int r = authorize(k->manager, call, MAY_CONSOLE, k, error);
        if (r != 0)
                return r;
        r = sd_bus_message_read(call, "qq", &rows, &columns);
        if (r >= 0)
                r = get_talk(k, &t, error);
        if (r < 0)
                return r;
        talk_console_size(t, rows, columns);
        return sd_bus_reply_method_return(call, NULL);
}

struct exec_options {
        char **environment;
        const char *directory;
        int tty;
        uint16_t rows, columns;
};

static int read_option(sd_bus_message *call, const char *key, void *userdata, sd_bus_error *error)
{
        struct exec_options *o = userdata;
        int r;
        if (streq(key, "tty"))
                r = sd_bus_message_read(call, "v", "b", &o->tty);
        else if (streq(key, "directory"))
                r = sd_bus_message_read(call, "v", "s", &o->directory);
        else if (streq(key, "rows"))
                r = sd_bus_message_read(call, "v", "q", &o->rows);
        else if (streq(key, "columns"))
                r = sd_bus_message_read(call, "v", "q", &o->columns);
        else if (streq(key, "environment") && !o->environment) {
                r = sd_bus_message_enter_container(call, 'v', "as");
                if (r >= 0)
                        r = sd_bus_message_read_strv(call, &o->environment);
                if (r >= 0)
                        r = sd_bus_message_exit_container(call);
        } else
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "unknown option \"%s\"", key);
        return r >= 0 ? 0
                      : sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                        "option \"%s\" has the wrong type", key);
}

static void free_strv(char ***strings)
{
        for (char **s = *strings; s && *s; s++)
                free(*s);
        free(*strings);
}

int bus_exec(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        _cleanup_(free_strv) char **words = NULL;
        struct exec_options o = { 0 };
        struct mpart_error e = MPART_ERROR_INIT;
        int fds[4];
        struct kernel *k = userdata;
        struct talk *t = NULL;
        int r = authorize(k->manager, call, MAY_EXEC, k, error);
        if (r != 0)
                return r;
        r = sd_bus_message_read_strv(call, &words);
        if (r >= 0)
                r = bus_read_options(call, read_option, &o, error);
        if (r >= 0)
                r = get_talk(k, &t, error);
        _cleanup_(free_strv) char **environment = o.environment;
        if (r < 0)
                return r;
        if (!words || !words[0] || !*words[0])
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, "the command is missing");
        const struct talk_exec x = {
                .words = words,
                .environment = environment,
                .directory = o.directory,
                .tty = o.tty,
                .rows = o.rows,
                .columns = o.columns,
        };
        r = talk_exec(t, &x, fds, &e);
        if (r < 0)
                return say(r, &e, error);
        r = sd_bus_reply_method_return(call, "hhhh", fds[0], fds[1], fds[2], fds[3]);
        for (int i = 0; i < 4; i++)
                close_fd(&fds[i]);
        return r;
}
