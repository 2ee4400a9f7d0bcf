/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes and terminals of the secondary's user space. Where an init was started, that is its PID
 * namespace and its root: it may have switched to another since. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent.h"
#include "macros.h"

#define TIMER_SLACK_NS 50000UL /* the kernel's default; children inherit the agent's */

static const char *const default_environment[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME=/root",
        "TERM=linux",
        "LANG=C.UTF-8",
        NULL,
};

static int open_of_init(const struct agent *a, const char *what, int flags)
{
        char path[64];
        if (a->init > 0)
                snprintf(path, sizeof(path), "%d/%s", (int)a->init, what);
        else
                snprintf(path, sizeof(path), "self/%s", what);
        int fd = openat(a->proc, path, flags | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

static void run(const struct child *c, int root)
{
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        for (int s = 1; s < 65; s++)
                signal(s, SIG_DFL);
        prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS);
        setsid();
        if (c->tty)
                ioctl(c->in, TIOCSCTTY, 0);
        if (dup2(c->in, 0) < 0 || dup2(c->out, 1) < 0 || dup2(c->err, 2) < 0)
                _exit(126);
        if (root >= 0 && (fchdir(root) < 0 || chroot(".") < 0 || chdir("/") < 0))
                _exit(126);
        if (c->directory && *c->directory && chdir(c->directory) < 0) {
                fprintf(stderr, "mpart-agent: %s: %s\n", c->directory, strerror(errno));
                _exit(126);
        }
        /* The shell's custom: 127 not found, 126 found but not to be run. */
        environ = (char **)(c->environment ? c->environment : default_environment);
        if (!getenv("PATH"))
                putenv((char *)default_environment[0]);
        execvp(c->words[0], (char *const *)c->words);
        int code = errno == ENOENT ? 127 : 126;
        fprintf(stderr, "mpart-agent: %s: %s\n", c->words[0], strerror(errno));
        _exit(code);
}

pid_t child_start(struct agent *a, const struct child *c)
{
        _cleanup_close_ int root = -1, ns = -1;
        if (a->init > 0) {
                root = open_of_init(a, "root", O_PATH | O_DIRECTORY);
                ns = open_of_init(a, "ns/pid", O_RDONLY);
                if (root < 0 || ns < 0 || setns(ns, CLONE_NEWPID) < 0)
                        return root < 0 ? root : ns < 0 ? ns : -errno;
        }
        pid_t pid = fork();
        if (pid == 0)
                run(c, root);
        int error = errno;
        if (a->init > 0)
                setns(a->own_pidns, CLONE_NEWPID);
        return pid < 0 ? -error : pid;
}

int terminal_open(struct agent *a, int *ret_master, int *ret_slave)
{
        _cleanup_close_ int root = open_of_init(a, "root", O_PATH | O_DIRECTORY);
        if (root < 0)
                return root;
        _cleanup_close_ int master =
                        openat(root, "dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
        if (master < 0)
                master = openat(root, "dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
        int zero = 0;
        if (master < 0 || ioctl(master, TIOCSPTLCK, &zero) < 0)
                return -errno;
        int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (slave < 0)
                return -errno;
        *ret_master = TAKE_FD(master);
        *ret_slave = slave;
        return 0;
}

void terminal_resize(int master, unsigned rows, unsigned columns)
{
        struct winsize size = { .ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns };
        if (master >= 0 && rows > 0 && columns > 0)
                ioctl(master, TIOCSWINSZ, &size);
}
