/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"
#include "macros.h"

#define DEFAULT_INIT "/init.real"
#define LAST_WORDS_NS UINT64_C(100000000)

static const char usage[] =
                "Usage: mpart-agent [-- INIT [ARGUMENT...]]\n"
                "Runs first in a kernel that mpartd has booted: serves its shared region, and starts INIT\n"
                "(default: " DEFAULT_INIT ", where there is one) in a PID namespace of its own.\n";

/* 0: go on; 1: done; -EINVAL. */
static int parse_arguments(struct agent *a, int argc, char **argv)
{
        if (argc > 2 && streq(argv[1], "--")) {
                a->command = argv + 2;
                return 0;
        }
        if (argc == 2 && streq(argv[1], "--help")) {
                fputs(usage, stdout);
                return 1;
        }
        if (argc == 2 && streq(argv[1], "--version")) {
                puts("mpart-agent " MPART_VERSION);
                return 1;
        }
        /* The kernel hands PID 1 what it does not know of its command line: for the init, if for anybody. */
        if (argc > 1 && !a->is_pid1) {
                fputs(usage, stderr);
                return -EINVAL;
        }
        if (access(DEFAULT_INIT, X_OK) == 0) {
                static char path[] = DEFAULT_INIT;
                argv[0] = path;
                a->command = argv;
        }
        return 0;
}

static void reap(struct agent *a, uint64_t now)
{
        int status;
        for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
                console_reaped(a, pid, now);
                exec_reaped(a, pid, status, now);
                init_reaped(a, pid, status);
        }
}

static bool drain_signals(int fd)
{
        struct signalfd_siginfo info;
        bool any = false;
        while (read(fd, &info, sizeof(info)) == sizeof(info))
                any = true;
        return any;
}

/* What comes first in each turn. */
static bool serve_children(void *userdata, uint64_t now, bool ready)
{
        struct agent *a = userdata;
        bool moved = ready && drain_signals(a->signals);
        if (moved)
                reap(a, now);
        init_serve(a, now);
        return moved;
}

static void wait_for_signals(void *userdata, struct lookout_set *set)
{
        const struct agent *a = userdata;
        lookout_wait_for(set, a->signals, POLLIN);
}

static int start_serving(struct agent *a)
{
        static const struct lookout_user children = {
                .serve = serve_children, .add_fds = wait_for_signals, .beat = region_beat
        };
        int r = lookout_add(&a->lookout, &children, a);
        if (r == 0)
                r = console_start(a);
        if (r == 0)
                r = exec_start(a);
        return r == 0 ? net_start(a) : r;
}

/* What was written last is sent before the state: the primary may stop this kernel as soon as it sees that.
 */
static void end(struct agent *a)
{
        uint64_t now = monotonic_ns(), until = now + LAST_WORDS_NS;
        while (now < until && lookout_turn(&a->lookout, now) == 0)
                now = monotonic_ns();
        sync();
        region_set_state(a, a->end);
}

static void serve(struct agent *a)
{
        prctl(PR_SET_TIMERSLACK, 1UL); /* it sleeps for microseconds */
        while (!a->over) {
                uint64_t ns = lookout_turn(&a->lookout, monotonic_ns());
                if (!a->over)
                        lookout_wait(&a->lookout, ns);
        }
}

/* Nothing is left to do but to be there: where PID 1 ends, the kernel panics. */
static void rest(struct agent *a)
{
        while (a->is_pid1) {
                const struct timespec second = { .tv_sec = 1 };
                if (a->region.header)
                        region_beat(a, monotonic_ns());
                while (waitpid(-1, NULL, WNOHANG) > 0)
                        ;
                nanosleep(&second, NULL);
        }
}

static int run_without_region(struct agent *a)
{
        static const char *const shell[] = { "sh", NULL };
        if (a->command) {
                execv(a->command[0], a->command);
                fprintf(stderr, "mpart-agent: %s: %s\n", a->command[0], strerror(errno));
                return 1;
        }
        if (!a->is_pid1)
                return 1;
        init_start(a);
        for (;;) {
                const struct child c = { .words = shell, .in = 0, .out = 1, .err = 2, .tty = true };
                pid_t pid = child_start(a, &c);
                for (pid_t ended = 0; pid > 0 && ended != pid;)
                        ended = waitpid(-1, NULL, 0);
                sleep(1);
        }
}

/* All signals come through a descriptor: the loop alone acts on them. */
static int block_signals(void)
{
        sigset_t all;
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, NULL);
        sigset_t child;
        sigemptyset(&child);
        sigaddset(&child, SIGCHLD);
        return signalfd(-1, &child, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* 0, 1 and 2 are open whatever the kernel found for a console. */
static void open_standard(void)
{
        int fd = open("/dev/null", O_RDWR);
        while (fd >= 0 && fd < 2)
                fd = dup(fd);
        if (fd > 2)
                close(fd);
}

int main(int argc, char **argv)
{
        static struct agent a = { .proc = -1, .own_pidns = -1 };
        a.is_pid1 = getpid() == 1;
        int r = parse_arguments(&a, argc, argv);
        if (r != 0)
                return r < 0 ? 2 : 0;
        r = init_mount(&a);
        open_standard();
        net_load_modules();
        if (r == 0)
                r = region_open(&a);
        if (r < 0)
                return run_without_region(&a);

        a.signals = block_signals();
        r = start_serving(&a);
        a.console.wanted = !a.command;
        if (r == 0)
                r = init_start(&a);
        if (r < 0)
                fprintf(stderr, "mpart-agent: the init cannot be started: %s\n", strerror(-r));
        region_set_state(&a, r < 0     ? MPART_AGENT_FAILED
                             : a.start ? MPART_AGENT_STARTING
                                       : MPART_AGENT_READY);
        serve(&a);
        end(&a);
        rest(&a);
        return 0;
}
