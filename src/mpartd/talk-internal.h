/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files behind talk.h share. Everything but `event`, `source` and `changed` is under the loop's
 * lock. */
#pragma once

#include "fifo.h"
#include "ring.h"
#include "talk.h"

struct talk_client {
        int fd; /* -1: free */
        bool writes;
};

struct talk_job {
        uint32_t id;     /* 0: free */
        int in, out[2];  /* ours of the pipes; -1: closed */
        int control;     /* -1: the caller has gone */
        uint32_t credit; /* bytes of input that may be sent */
        struct fifo output[2];
        bool ended[2]; /* no more output comes */
        bool has_exited;
        int status;
        bool close_told; /* the agent knows that the caller has gone */
};

struct talk {
        unsigned kernel;
        sd_event *event;
        sd_event_source *source;
        talk_changed_fn changed;
        void *userdata;

        struct region_loop *loop;
        bool runs;
        bool called; /* the event loop's thread has left something to do */
        int changes; /* eventfd: the state is another */

        struct mpart_shared_header *header; /* NULL while stopped */
        unsigned tsc_khz;
        uint64_t generation;
        struct ring console_up, console_down, control_up, control_down;
        enum talk_state state;
        uint64_t agent_beat, agent_at, agent_start;

        struct fifo kept;
        struct talk_client clients[TALK_CONSOLE_CLIENTS];
        char *pty_link;
        int pty_master, pty_slave; /* the slave is held so that the master does not hang up */
        uint64_t pty_stalled;

        struct talk_job jobs[MPART_EXEC_JOBS];
        uint32_t last_job;

        bool ready; /* descriptors may have something: else a turn looks at the rings alone */
        uint8_t record[0x10000];
};

int talk_send(struct talk *t, uint32_t type, uint32_t job, uint32_t value, const void *data, size_t n);
void talk_call(struct talk *t); /* something is left to do; under the lock */

/* talk-console.c */
void talk_console_init(struct talk *t);
void talk_console_begin(struct talk *t);
void talk_console_end(struct talk *t);
bool talk_console_serve(struct talk *t, uint64_t now);
void talk_console_add_fds(struct talk *t, struct lookout_set *set);

/* talk-exec.c */
void talk_exec_init(struct talk *t);
void talk_exec_fail_all(struct talk *t, const char *why); /* why: the kernel's end, "it was stopped" */
bool talk_exec_serve(struct talk *t);
void talk_exec_add_fds(struct talk *t, struct lookout_set *set);
