/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The console: a terminal between the console rings and a shell. */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "agent.h"
#include "macros.h"

#define RESPAWN_NS UINT64_C(1000000000)
#define TYPED_MAX 4096
/* Output that nobody takes for so long is thrown away: the shell must not hang on it. */
#define STALL_NS UINT64_C(2000000000)

static const char *const *shell_words(void)
{
        static const char *const words[] = { "sh", "-c",
                "cd; [ -x /bin/bash ] && exec /bin/bash -l; exec /bin/sh -l", NULL };
        return words;
}

static void start_shell(struct agent *a, uint64_t now)
{
        struct console *c = &a->console;
        int slave = -1;
        c->not_before = now + RESPAWN_NS;
        close_fd(&c->master);
        if (terminal_open(a, &c->master, &slave) < 0)
                return;
        uint64_t size = atomic_load_explicit(&a->region.header->window_size, memory_order_relaxed);
        terminal_resize(c->master, size & 0xffff, size >> 16 & 0xffff);
        const struct child child = {
                .words = shell_words(), .in = slave, .out = slave, .err = slave, .tty = true
        };
        pid_t pid = child_start(a, &child);
        c->shell = pid > 0 ? pid : 0;
        close(slave);
}

void console_hang_up(struct agent *a)
{
        if (a->console.shell > 0)
                kill(-a->console.shell, SIGHUP);
}

void console_reaped(struct agent *a, pid_t pid, uint64_t now)
{
        if (pid != a->console.shell)
                return;
        a->console.shell = 0;
        a->console.not_before = now + RESPAWN_NS;
        a->console.wanted = a->command == NULL; /* beside an init only when somebody asks */
}

void console_resize(struct agent *a, unsigned rows, unsigned columns)
{
        a->console.wanted = true;
        terminal_resize(a->console.master, rows, columns);
}

static bool take_output(struct agent *a, uint64_t now)
{
        struct console *c = &a->console;
        struct ring *up = &a->region.console_up;
        bool stalled = c->stalled != 0 &&
                       (now - c->stalled > STALL_NS || !region_daemon_lives(&a->region, now));
        size_t room = ring_available(up);
        if (room == 0 && !stalled) {
                c->stalled = c->stalled ? c->stalled : now;
                return false;
        }
        if (room > 0)
                c->stalled = 0;
        ssize_t n = read(c->master, a->buffer, room > 0 ? MIN(room, sizeof(a->buffer)) : sizeof(a->buffer));
        if (n > 0 && room > 0)
                ring_write(up, a->buffer, (size_t)n);
        if (n <= 0 && !(n < 0 && errno == EAGAIN) && c->shell == 0)
                close_fd(&c->master);
        return n > 0;
}

static bool give_input(struct agent *a, bool ready)
{
        struct console *c = &a->console;
        bool moved = false;
        if (c->typed.size == 0) {
                uint8_t bytes[1024];
                size_t n = ring_read(&a->region.console_down, bytes, sizeof(bytes));
                moved = n > 0;
                c->wanted |= moved;
                fifo_put(&c->typed, bytes, n);
        }
        if (c->master >= 0 && c->typed.size > 0 && (moved || ready))
                moved |= fifo_flush(&c->typed, c->master) > 0;
        return moved;
}

static bool serve(void *userdata, uint64_t now, bool ready)
{
        struct agent *a = userdata;
        struct console *c = &a->console;
        bool moved = give_input(a, ready);
        if (c->wanted && c->shell == 0 && now >= c->not_before && !a->stopping)
                start_shell(a, now);
        /* Of a terminal that is not waited for nothing is heard. */
        if (c->master >= 0 && (ready || c->stalled || c->shell == 0))
                moved |= take_output(a, now);
        return moved;
}

static void add_fds(void *userdata, struct lookout_set *set)
{
        const struct agent *a = userdata;
        const struct console *c = &a->console;
        /* A terminal whose shell has ended hangs up all the time: it is read without waiting for it. */
        if (c->shell > 0)
                lookout_wait_for(set, c->master,
                                (short)((c->stalled ? 0 : POLLIN) | (c->typed.size > 0 ? POLLOUT : 0)));
}

int console_start(struct agent *a)
{
        static const struct lookout_user user = { .serve = serve, .add_fds = add_fds };
        a->console = (struct console){ .master = -1, .typed = { .limit = TYPED_MAX } };
        return lookout_add(&a->lookout, &user, a);
}
