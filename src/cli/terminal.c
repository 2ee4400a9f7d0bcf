/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "macros.h"
#include "terminal.h"

static struct {
        int fd;
        bool raw;
        struct termios before;
} terminal;

void terminal_restore(void)
{
        if (terminal.raw)
                tcsetattr(terminal.fd, TCSADRAIN, &terminal.before);
        terminal.raw = false;
}

static void restore_and_die(int number)
{
        terminal_restore();
        signal(number, SIG_DFL);
        raise(number);
}

bool terminal_raw(int fd)
{
        struct termios raw;
        if (tcgetattr(fd, &terminal.before) < 0)
                return false;
        terminal.fd = fd;
        raw = terminal.before;
        cfmakeraw(&raw);
        atexit(terminal_restore);
        static const int crashes[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL };
        for (size_t i = 0; i < ARRAY_SIZE(crashes); i++)
                signal(crashes[i], restore_and_die);
        terminal.raw = true;
        return tcsetattr(fd, TCSADRAIN, &raw) == 0;
}

void terminal_size(int fd, unsigned *ret_rows, unsigned *ret_columns)
{
        struct winsize size = { 0 };
        ioctl(fd, TIOCGWINSZ, &size);
        *ret_rows = size.ws_row;
        *ret_columns = size.ws_col;
}

int terminal_signals(void)
{
        static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP,
                SIGWINCH };
        sigset_t set;
        sigemptyset(&set);
        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
                sigaddset(&set, numbers[i]);
        signal(SIGPIPE, SIG_IGN);
        sigprocmask(SIG_BLOCK, &set, NULL);
        int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        return fd < 0 ? -errno : fd;
}

int terminal_next_signal(int fd)
{
        struct signalfd_siginfo info;
        return read(fd, &info, sizeof(info)) == sizeof(info) ? (int)info.ssi_signo : 0;
}

bool write_through(int fd, const void *data, unsigned long n)
{
        for (const char *p = data; n > 0;) {
                ssize_t done = write(fd, p, n);
                if (done < 0 && errno == EAGAIN) {
                        struct pollfd wait = { .fd = fd, .events = POLLOUT };
                        poll(&wait, 1, -1);
                        continue;
                }
                if (done < 0 && errno == EINTR)
                        continue;
                if (done < 0)
                        return false;
                p += done;
                n -= (unsigned long)done;
        }
        return true;
}
