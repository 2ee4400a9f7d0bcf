/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "macros.h"
#include "polkit-agent.h"

static void run_agent(int ready)
{
        char number[16];
        snprintf(number, sizeof(number), "%d", ready);
        fcntl(ready, F_SETFD, 0);
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        execlp("pkttyagent", "pkttyagent", "--notify-fd", number, "--fallback", NULL);
        _exit(127);
}

/* It closes its end of the pipe when polkit knows it, or by ending. */
static void wait_ready(int fd)
{
        char byte;
        while (read(fd, &byte, 1) > 0)
                ;
}

bool polkit_agent_start(pid_t *ret)
{
        int ready[2];
        if (!isatty(STDIN_FILENO) || pipe2(ready, O_CLOEXEC) < 0)
                return false;
        pid_t agent = fork(); /* it speaks for its parent alone */
        if (agent == 0)
                run_agent(ready[1]);
        close_fd(&ready[1]);
        if (agent > 0)
                wait_ready(ready[0]);
        close_fd(&ready[0]);
        if (agent < 0 || waitpid(agent, NULL, WNOHANG) != 0)
                return false;
        *ret = agent;
        return true;
}

void polkit_agent_stop(pid_t agent)
{
        kill(agent, SIGTERM); /* it puts the terminal back as it was */
        kill(agent, SIGCONT);
        waitpid(agent, NULL, 0);
}
