/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The agent's end of commands, beside a daemon that says and stores whatever the input has. What would start
 * processes, signal them or open terminals is faked here: a child is a number. */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "agent.h"
#include "region-input.h"

#define FIRST_PID 100000

static pid_t last_pid;

pid_t child_start(struct agent *a, const struct child *c)
{
        (void)a;
        for (size_t i = 0; c->words[i]; i++)
                MUST(strlen(c->words[i]) < MPART_EXEC_CHUNK + 64);
        for (size_t i = 0; c->environment && c->environment[i]; i++)
                MUST(strlen(c->environment[i]) < MPART_EXEC_CHUNK + 64);
        MUST(!c->directory || strlen(c->directory) < MPART_EXEC_CHUNK + 64);
        return ++last_pid % 5 == 0 ? -ENOENT : last_pid;
}

int kill(pid_t pid, int number)
{
        MUST(pid < -FIRST_PID && number > 0 && number < 65);
        return 0;
}

int terminal_open(struct agent *a, int *ret_master, int *ret_slave)
{
        int fds[2];
        (void)a;
        if (pipe(fds) < 0)
                return -errno;
        *ret_master = fds[1];
        *ret_slave = fds[0];
        return 0;
}

void terminal_resize(int master, unsigned rows, unsigned columns)
{
        MUST(rows <= UINT16_MAX && columns <= UINT16_MAX);
        (void)master;
}

void console_resize(struct agent *a, unsigned rows, unsigned columns)
{
        (void)a;
        terminal_resize(-1, rows, columns);
}

static void end_all(struct agent *a)
{
        for (size_t i = 0; i < ARRAY_SIZE(a->jobs); i++) {
                struct job *j = &a->jobs[i];
                if (j->id == 0)
                        continue;
                MUST(j->credit[0] <= MPART_EXEC_WINDOW && j->credit[1] <= MPART_EXEC_WINDOW &&
                                j->input.size <= MPART_EXEC_WINDOW);
                close_fd(&j->in);
                close_fd(&j->out[0]);
                close_fd(&j->out[1]);
                fifo_free(&j->input);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct agent a;
        struct region_input in = { data, size };
        _cleanup_free_ char *region = region_new();
        signal(SIGPIPE, SIG_IGN);
        last_pid = FIRST_PID;
        a.stopping = false;
        a.region.control_up = region_ring(region, MPART_RING_CONTROL_UP, RING_PRODUCER);
        a.region.control_down = region_ring(region, MPART_RING_CONTROL_DOWN, RING_CONSUMER);
        struct ring daemon = region_ring(region, MPART_RING_CONTROL_DOWN, RING_PRODUCER);
        struct ring heard = region_ring(region, MPART_RING_CONTROL_UP, RING_CONSUMER);
        memset(&a.lookout, 0, sizeof(a.lookout));
        memset(a.jobs, 0, sizeof(a.jobs));
        MUST(exec_start(&a) == 0);
        uint64_t now = 1;
        while (in.size > 0) {
                uint32_t what = take(&in, 1);
                if (what % 8 < 4)
                        put_record(&in, &daemon, MPART_DOWN_EXEC);
                else if (what % 8 == 4)
                        stray_store(&in, region);
                else if (what % 8 == 5)
                        exec_reaped(&a, FIRST_PID + 1 + (pid_t)(what / 8), (int)take(&in, 2), now);
                else if (what % 8 == 6)
                        ring_drop_all(&heard);
                else
                        lookout_turn(&a.lookout, now += 1000000);
        }
        lookout_turn(&a.lookout, now + 1000000);
        end_all(&a);
        lookout_free(&a.lookout);
        return 0;
}
