/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
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

#define LOST 255 /* exit status where the command's own is not known */

struct command {
        int fds[4]; /* standard input, output, error; control */
        int signals;
        bool input_ended, tty;
        char pending[65536]; /* input that the command has not taken yet */
        size_t start, size;
        char verdict[300]; /* "" as long as it runs */
};

static void tell_size(const struct command *c)
{
        char text[64];
        unsigned rows, columns;
        terminal_size(STDIN_FILENO, &rows, &columns);
        int n = snprintf(text, sizeof(text), "size %u %u", rows, columns);
        send(c->fds[3], text, (size_t)n, MSG_NOSIGNAL);
}

static void forward_signals(const struct command *c)
{
        char text[32];
        for (int number; (number = terminal_next_signal(c->signals)) != 0;)
                if (number == SIGWINCH) {
                        if (c->tty)
                                tell_size(c);
                } else {
                        int n = snprintf(text, sizeof(text), "signal %d", number);
                        send(c->fds[3], text, (size_t)n, MSG_NOSIGNAL);
                }
}

static void take_input(struct command *c)
{
        ssize_t n = read(STDIN_FILENO, c->pending, sizeof(c->pending));
        c->start = 0;
        c->size = n > 0 ? (size_t)n : 0;
        c->input_ended = n <= 0;
        if (c->input_ended)
                close_fd(&c->fds[0]);
}

static void give_input(struct command *c)
{
        ssize_t n = write(c->fds[0], c->pending + c->start, c->size);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n < 0) { /* it reads no more */
                c->size = 0;
                c->input_ended = true;
                close_fd(&c->fds[0]);
                return;
        }
        c->start += (size_t)n;
        c->size -= (size_t)n;
}

static void pass_output(struct command *c, int from, int to)
{
        char bytes[65536];
        ssize_t n = read(c->fds[from], bytes, sizeof(bytes));
        if (n <= 0 || !write_through(to, bytes, (size_t)n))
                close_fd(&c->fds[from]);
}

static void hear(struct command *c)
{
        ssize_t n = recv(c->fds[3], c->verdict, sizeof(c->verdict) - 1, 0);
        if (n > 0)
                c->verdict[n] = 0;
        else
                snprintf(c->verdict, sizeof(c->verdict), "error mpartd has ended");
        close_fd(&c->fds[3]);
}

static int run(struct command *c)
{
        int r = fcntl(c->fds[0], F_SETFL, O_NONBLOCK);
        while (r >= 0 && (!*c->verdict || c->fds[1] >= 0 || c->fds[2] >= 0)) {
                bool reads = !c->input_ended && c->size == 0 && !*c->verdict;
                struct pollfd fds[] = {
                        { .fd = reads ? STDIN_FILENO : -1, .events = POLLIN },
                        { .fd = c->size > 0 ? c->fds[0] : -1, .events = POLLOUT },
                        { .fd = c->fds[1], .events = POLLIN },
                        { .fd = c->fds[2], .events = POLLIN },
                        { .fd = c->fds[3], .events = POLLIN },
                        { .fd = *c->verdict ? -1 : c->signals, .events = POLLIN },
                };
                if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
                        return -errno;
                if (fds[0].revents)
                        take_input(c);
                if (fds[1].revents)
                        give_input(c);
                if (fds[2].revents)
                        pass_output(c, 1, STDOUT_FILENO);
                if (fds[3].revents)
                        pass_output(c, 2, STDERR_FILENO);
                if (fds[4].revents)
                        hear(c);
                if (fds[5].revents)
                        forward_signals(c);
        }
        return 0;
}

static int judge(const struct command *c)
{
        const char *number;
        if ((number = startswith(c->verdict, "exit ")))
                return CLI_EXIT_STATUS(strtoul(number, NULL, 10) & 0xff);
        if ((number = startswith(c->verdict, "signal ")))
                return CLI_EXIT_STATUS((128 + strtoul(number, NULL, 10)) & 0xff);
        const char *why = startswith(c->verdict, "error ");
        tell("mpartctl: %s", why ? why : "the command's end is not known");
        return CLI_EXIT_STATUS(LOST);
}

/* A copy of the operands behind the kernel's id, which ends in NULL. */
static char **command_words(const struct invocation *c)
{
        size_t skip = streq(c->operands[0], "kernel") ? 2 : 1;
        if (c->n_operands <= skip)
                return NULL;
        char **words = calloc(c->n_operands - skip + 1, sizeof(*words));
        if (words)
                memcpy(words, c->operands + skip, (c->n_operands - skip) * sizeof(*words));
        return words;
}

static int start(const struct invocation *c, struct command *command, char **words, struct mpart_error *e)
{
        _cleanup_bus_ struct sd_bus *bus = NULL;
        struct invocation kernel = *c;
        struct bus_exec x = { .words = words, .tty = option_given(c, OPTION_TTY) };
        unsigned id;
        kernel.n_operands = streq(c->operands[0], "kernel") ? 2 : 1;
        int r = operand_kernel(&kernel, &id, NULL, e);
        if (r == 0)
                r = bus_open(&bus, e);
        if (r != 0)
                return r;
        terminal_size(STDIN_FILENO, &x.rows, &x.columns);
        return bus_exec(bus, id, &x, command->fds, e);
}

int verb_exec(const struct invocation *c, struct mpart_error *e)
{
        _cleanup_free_ char **words = command_words(c);
        if (!words)
                return usage_error(e, "exec: the command is missing");
        struct command command = { .fds = { -1, -1, -1, -1 }, .tty = option_given(c, OPTION_TTY) };
        int r = start(c, &command, words, e);
        if (r != 0)
                return r;
        command.signals = terminal_signals();
        if (command.tty)
                terminal_raw(STDIN_FILENO);
        r = run(&command);
        terminal_restore();
        for (int i = 0; i < 4; i++)
                close_fd(&command.fds[i]);
        close_fd(&command.signals);
        return r < 0 ? mpart_error_set(e, r, "%s", strerror(-r)) : judge(&command);
}
