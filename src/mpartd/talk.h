/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Talk with the agent of one kernel through its shared region: state, console, commands. The thread of a
 * region loop looks at the region, since no event crosses kernels; all of it is bounded, whatever the agent
 * writes. The functions below are for the event loop's thread. */
#pragma once

#include <systemd/sd-event.h>

#include "error.h"
#include "region-loop.h"
#include "shared-region.h"

enum talk_state {
        TALK_NONE,     /* no agent has spoken since the boot */
        TALK_STARTING, /* it is there, user space comes up */
        TALK_READY,
        TALK_STOPPING,
        TALK_REBOOTED,    /* init asked for a restart */
        TALK_POWERED_OFF, /* init asked for power-off, or a requested shutdown is done */
        TALK_FAILED,      /* init ended by itself */
        TALK_GONE,        /* no heartbeat for TALK_SILENCE_SECONDS: agent or kernel is dead */
        _TALK_STATE_MAX,
        _TALK_STATE_INVALID = -22,
};
const char *talk_state_to_string(enum talk_state state); /* "none", ... "powered-off" */
enum talk_state talk_state_from_string(const char *s);

#define TALK_SILENCE_SECONDS 5
/* A silent agent's commands wait so long for a better reason than that: a hang takes its time to be told. */
#define TALK_VERDICT_SECONDS 20
#define TALK_CONSOLE_KEPT 65536 /* bytes of output kept for those who come later */
#define TALK_CONSOLE_CLIENTS 16U

struct talk;
typedef void (*talk_changed_fn)(void *userdata); /* the state is another; called in the event loop */

/* `pty_link` is where the terminal for cu and the like is linked; NULL: none. `loop` is borrowed. */
int talk_new(sd_event *event, struct region_loop *loop, unsigned kernel, const char *pty_link,
                talk_changed_fn changed, void *userdata, struct talk **ret);
void talk_free(struct talk *t); /* NULL is legal */

/* Begins with a region; it stays mapped until talk_stop returns. At least MPART_REGION_USER_OFFSET bytes. */
int talk_start(struct talk *t, void *region, unsigned tsc_khz, struct mpart_error *e);
/* Lets go of the region, hangs up on all clients; those who wait for commands are told `why`. What the
 * console said stays readable. Legal while stopped. */
#define TALK_STOPPED "it was stopped"
void talk_stop(struct talk *t, const char *why);

enum talk_state talk_state(struct talk *t);
/* Whether somebody is there to end user space in order; asks for it. */
bool talk_shutdown(struct talk *t);

/* A socket: what the console said lately, then what it says. A client that does not read loses output. What
 * a writer sends is typed; -EBUSY where there is a writer already, -ENOTCONN while stopped (a reader gets
 * what was kept, then end of file). */
int talk_console(struct talk *t, bool writes, int *ret_fd, struct mpart_error *e);
void talk_console_size(struct talk *t, unsigned rows, unsigned columns);

struct talk_exec {
        char *const *words;       /* ends in NULL; at least one */
        char *const *environment; /* ends in NULL, or NULL: the secondary's default */
        const char *directory;    /* NULL: / */
        bool tty;
        unsigned rows, columns;
};
/* Descriptors for the caller, who owns them: 0 to 2 are standard input, output and error of the command, 3
 * is a SOCK_SEQPACKET socket of text messages. To the caller, one and last: "exit N", "signal N" or "error
 * TEXT". From the caller: "signal N", "size ROWS COLUMNS". Closing it hangs the command up.
 * -ENOTCONN: no agent that is ready; -EAGAIN: too many commands; -E2BIG. */
int talk_exec(struct talk *t, const struct talk_exec *x, int ret_fds[static 4], struct mpart_error *e);
