/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-login.h>
#include <unistd.h>

#include "macros.h"
#include "polkit-agent.h"

/* Of subjects in no session polkit (122, get_authentication_agent_for_subject) does not ask an agent of last
 * resort, one behind that of a desktop: there it has to be the first. */
static bool in_session(void)
{
        _cleanup_free_ char *session = NULL;
        return sd_pid_get_session(0, &session) >= 0;
}

static void run_agent(int ready, bool last_resort)
{
        char number[16];
        snprintf(number, sizeof(number), "%d", ready);
        fcntl(ready, F_SETFD, 0);
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        execlp("pkttyagent", "pkttyagent", "--notify-fd", number, last_resort ? "--fallback" : NULL, NULL);
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
        bool last_resort = in_session();
        pid_t agent = fork(); /* it speaks for its parent alone */
        if (agent == 0)
                run_agent(ready[1], last_resort);
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
