/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mpart-agent: what a secondary runs first. PID 1 of its ramdisk, or in front of the real init, which it
 * starts in a PID namespace of its own; in between it serves the shared region: console, commands, clock,
 * shutdown. Static, on the C library alone. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "fifo.h"
#include "frames.h"
#include "lookout.h"
#include "ring.h"
#include "shared-region.h"

struct region {
        struct mpart_shared_header *header; /* NULL: no region */
        uint64_t size;
        struct ring console_up, console_down, control_up, control_down;
        uint64_t clock_tick;             /* the last sequence seen */
        uint64_t daemon_beat, daemon_at; /* last heartbeat seen, and when: CLOCK_MONOTONIC, ns */
};

struct console {
        int master; /* -1: no terminal yet */
        pid_t shell;
        uint64_t not_before; /* CLOCK_MONOTONIC, ns: when a shell that ended may start again */
        bool wanted;
        struct fifo typed;
        uint64_t stalled; /* since when the ring has been full, 0: it is not */
};

struct job {
        uint32_t id; /* 0: free */
        pid_t pid;   /* 0: has ended */
        int status;
        uint64_t ended_at; /* CLOCK_MONOTONIC, ns; valid where pid is 0 */
        int in, out[2];    /* -1: closed. With a terminal `in` and out[0] are two descriptors of it */
        struct fifo input;
        bool input_ends;
        uint32_t used;      /* bytes of input used, not yet told */
        uint32_t credit[2]; /* bytes that may be sent */
        bool tty;
};

struct network {
        struct frames frames; /* .tap -1: no interface */
        uint64_t not_before;  /* CLOCK_MONOTONIC, ns: when it may be tried again */
};

struct agent {
        struct region region;
        struct lookout lookout;
        struct console console;
        struct network network;
        struct job jobs[MPART_EXEC_JOBS];
        int proc;       /* descriptor of /proc: it may be moved away */
        int own_pidns;  /* -1 without an init */
        char **command; /* of the init; NULL: none, the agent is the init */
        pid_t init;     /* 0: none, or ended */
        pid_t start;    /* of the start script, 0: none */
        int signals;    /* signalfd: children that have ended */
        bool is_pid1, stopping;
        uint64_t kill_at; /* CLOCK_MONOTONIC, ns; 0: nothing is being ended */
        bool over;        /* the user space has ended; `end` says how, and is told when all else is */
        enum mpart_agent_state end;
        uint8_t buffer[MPART_EXEC_CHUNK + sizeof(struct mpart_control)];
        uint8_t record[0x10000];
};

/* region.c. 0; -ENOENT: no word on the command line; else a negative errno, said on standard error. */
int region_open(struct agent *a);
void region_set_state(struct agent *a, enum mpart_agent_state state);
enum mpart_agent_state region_state(const struct agent *a);
void region_beat(void *userdata, uint64_t now); /* of the lookout: the agent */
bool region_daemon_lives(const struct region *r, uint64_t now);

/* child.c */
struct child {
        const char *const *words;
        const char *const *environment; /* NULL: the default one */
        const char *directory;          /* NULL or "": / */
        int in, out, err;               /* become 0, 1, 2 */
        bool tty;                       /* 0 becomes the controlling terminal */
};
/* In the init's PID namespace and root where there is an init. The PID, or a negative errno. */
pid_t child_start(struct agent *a, const struct child *c);
/* A new terminal of the secondary's user space; both close on exec, the master does not block. */
int terminal_open(struct agent *a, int *ret_master, int *ret_slave);
void terminal_resize(int master, unsigned rows, unsigned columns);

/* console.c, exec.c, net.c: users of the lookout, each with the agent for its userdata. */
int console_start(struct agent *a);
void console_reaped(struct agent *a, pid_t pid, uint64_t now);
void console_resize(struct agent *a, unsigned rows, unsigned columns);
void console_hang_up(struct agent *a); /* SIGHUP for its shell */
int exec_start(struct agent *a);
void exec_hang_up(struct agent *a); /* SIGHUP for commands on a terminal */
void exec_reaped(struct agent *a, pid_t pid, int status, uint64_t now);

/* init.c */
int init_mount(struct agent *a);
int init_start(struct agent *a);
void init_serve(struct agent *a, uint64_t now);
void init_reaped(struct agent *a, pid_t pid, int status);

/* net.c. Modules come first: the interface needs one. */
void net_load_modules(void);
int net_start(struct agent *a);
