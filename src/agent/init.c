/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The secondary's user space as a whole: what it starts with and how it ends. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"
#include "macros.h"

#define TERM_NS UINT64_C(2000000000) /* between SIGTERM and SIGKILL to everything */
#define START_SCRIPT "/etc/mpart/start"

static void mount_once(const char *type, const char *where, const char *data)
{
        mkdir(where, 0755);
        if (mount(type, where, type, MS_NOSUID, data) < 0 && errno != EBUSY && errno != ENODEV)
                fprintf(stderr, "mpart-agent: %s: %s\n", where, strerror(errno));
}

int init_mount(struct agent *a)
{
        if (access("/proc/self", F_OK) < 0)
                mount_once("proc", "/proc", NULL);
        if (access("/dev/mem", F_OK) < 0)
                mount_once("devtmpfs", "/dev", NULL);
        if (!a->command && a->is_pid1) {
                mount_once("sysfs", "/sys", NULL);
                mount_once("devpts", "/dev/pts", "ptmxmode=0666");
                mount_once("tmpfs", "/run", "mode=0755");
        }
        a->proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        return a->proc < 0 ? -errno : 0;
}

/* reboot(2) in a PID namespace ends its init by a signal and touches no hardware (pid_namespaces(7)). */
static pid_t clone_init(void)
{
        return (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL, NULL);
}

static int start_wrapped(struct agent *a)
{
        a->own_pidns = openat(a->proc, "self/ns/pid", O_RDONLY | O_CLOEXEC);
        if (a->own_pidns < 0)
                return -errno;
        /* That /proc knows other process ids than the init's: it finds none, as when it is started by the
         * kernel, and mounts its own. */
        umount2("/proc", MNT_DETACH);
        pid_t pid = clone_init();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                sigset_t none;
                sigemptyset(&none);
                sigprocmask(SIG_SETMASK, &none, NULL);
                setsid();
                execv(a->command[0], a->command);
                fprintf(stderr, "mpart-agent: %s: %s\n", a->command[0], strerror(errno));
                _exit(127);
        }
        a->init = pid;
        return 0;
}

static void start_script(struct agent *a)
{
        static const char *const words[] = { START_SCRIPT, NULL };
        if (access(START_SCRIPT, X_OK) < 0)
                return;
        const struct child c = { .words = words, .in = 0, .out = 1, .err = 2 };
        pid_t pid = child_start(a, &c);
        a->start = pid > 0 ? pid : 0;
}

int init_start(struct agent *a)
{
        if (a->command)
                return start_wrapped(a);
        start_script(a);
        return 0;
}

static bool init_is_systemd(const struct agent *a)
{
        char path[32], name[32] = "";
        snprintf(path, sizeof(path), "%d/comm", (int)a->init);
        int fd = openat(a->proc, path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return false;
        ssize_t n = read(fd, name, sizeof(name) - 1);
        close(fd);
        return n > 0 && startswith(name, "systemd");
}

static void end_all(struct agent *a, uint64_t now)
{
        a->stopping = true;
        region_set_state(a, MPART_AGENT_STOPPING);
        if (a->init > 0) {
                /* systemd(1): SIGRTMIN+4 powers off; of busybox init and others SIGUSR2 does. How long they
                 * may take is the primary's affair. */
                kill(a->init, init_is_systemd(a) ? SIGRTMIN + 4 : SIGUSR2);
                return;
        }
        a->kill_at = now + TERM_NS;
        if (a->is_pid1) {
                kill(-1, SIGTERM);
                console_hang_up(a); /* shells of a terminal ignore SIGTERM; others may not know SIGHUP, and
                                       it */
                exec_hang_up(a);    /* would end them in the midst of what they do about SIGTERM */
        }
}

static void finish(struct agent *a, enum mpart_agent_state state, int status)
{
        if (a->region.header)
                atomic_store_explicit(
                                &a->region.header->agent_status, (uint32_t)status, memory_order_relaxed);
        a->end = state;
        a->over = true;
}

static bool alone(void)
{
        siginfo_t info;
        return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD;
}

void init_serve(struct agent *a, uint64_t now)
{
        if (a->over)
                return;
        uint32_t request = atomic_load_explicit(&a->region.header->request, memory_order_acquire);
        if (!a->stopping && request == MPART_REQUEST_SHUTDOWN)
                end_all(a, now);
        if (a->kill_at == 0)
                return;
        bool late = now >= a->kill_at;
        if (late && a->is_pid1)
                kill(-1, SIGKILL);
        if (late || alone())
                finish(a, MPART_AGENT_POWEROFF, 0);
}

void init_reaped(struct agent *a, pid_t pid, int status)
{
        if (pid == a->start) {
                a->start = 0;
                if (!a->stopping)
                        region_set_state(a, MPART_AGENT_READY);
        }
        if (pid != a->init || pid == 0)
                return;
        a->init = 0;
        int by = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        finish(a,
                        by == SIGHUP                  ? MPART_AGENT_REBOOT
                        : by == SIGINT || a->stopping ? MPART_AGENT_POWEROFF
                                                      : MPART_AGENT_FAILED,
                        status);
}
