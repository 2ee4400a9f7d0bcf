/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bus.h"
#include "macros.h"
#include "options.h"
#include "output.h"
#include "terminal.h"

#define LEAVE 0x1d /* Ctrl-] */

struct session {
        struct sd_bus *bus;
        unsigned id;
        int console, signals;
        bool is_terminal;
};

static void tell_size(struct session *s)
{
        struct mpart_error ignored = MPART_ERROR_INIT;
        unsigned rows, columns;
        terminal_size(STDIN_FILENO, &rows, &columns);
        bus_console_size(s->bus, s->id, rows, columns, &ignored); /* an old size is no reason to hang up */
}

/* False: the session ends. */
static bool type(struct session *s)
{
        char bytes[1024];
        ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));
        if (n <= 0)
                return false;
        char *leave = s->is_terminal ? memchr(bytes, LEAVE, (size_t)n) : NULL;
        size_t size = leave ? (size_t)(leave - bytes) : (size_t)n;
        return write_through(s->console, bytes, size) && !leave;
}

static bool show(const struct session *s, bool *ret_lost)
{
        char bytes[16384];
        ssize_t n = read(s->console, bytes, sizeof(bytes));
        *ret_lost = n <= 0;
        return n > 0 && write_through(STDOUT_FILENO, bytes, (size_t)n);
}

static bool obey_signals(struct session *s)
{
        for (int number; (number = terminal_next_signal(s->signals)) != 0;)
                if (number == SIGWINCH)
                        tell_size(s);
                else if (number != SIGTSTP && number != SIGUSR1 && number != SIGUSR2)
                        return false;
        return true;
}

static int relay(struct session *s, struct mpart_error *e)
{
        struct pollfd fds[] = {
                { .fd = s->console, .events = POLLIN },
                { .fd = STDIN_FILENO, .events = POLLIN },
                { .fd = s->signals, .events = POLLIN },
        };
        bool goes_on = true, lost = false;
        while (goes_on && poll(fds, ARRAY_SIZE(fds), -1) > 0) {
                if (fds[0].revents)
                        goes_on = show(s, &lost);
                if (goes_on && fds[1].revents)
                        goes_on = type(s);
                if (goes_on && fds[2].revents)
                        goes_on = obey_signals(s);
        }
        terminal_restore();
        return lost ? mpart_error_set(e, -EPIPE, "the console of kernel %u hung up", s->id) : 0;
}

static int attach(struct session *s, struct mpart_error *e)
{
        s->signals = terminal_signals();
        s->is_terminal = terminal_raw(STDIN_FILENO);
        if (s->is_terminal)
                tell("console of kernel %u; Ctrl-] leaves\r", s->id);
        tell_size(s);
        int r = relay(s, e);
        if (s->is_terminal)
                putchar('\n');
        close_fd(&s->signals);
        return r;
}

/* What was kept lies in the socket already; what comes later is waited for where it is followed. */
static int print_log(int console, bool follows)
{
        char bytes[16384];
        ssize_t n;
        while ((n = recv(console, bytes, sizeof(bytes), follows ? 0 : MSG_DONTWAIT)) > 0)
                if (!write_through(STDOUT_FILENO, bytes, (size_t)n))
                        break;
        return 0;
}

int verb_console(const struct invocation *c, struct mpart_error *e)
{
        _cleanup_bus_ struct sd_bus *bus = NULL;
        _cleanup_close_ int console = -1;
        bool follows = option_given(c, OPTION_FOLLOW), log = option_given(c, OPTION_LOG) || follows;
        unsigned id;
        int r = operand_kernel(c, &id, NULL, e);
        if (r == 0)
                r = bus_open(&bus, e);
        if (r == 0)
                r = bus_console(bus, id, !log, &console, e);
        if (r != 0)
                return r;
        if (log)
                return print_log(console, follows);
        struct session s = { .bus = bus, .id = id, .console = console };
        return attach(&s, e);
}
