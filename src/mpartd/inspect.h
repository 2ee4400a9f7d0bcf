/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading a kernel's memory for somebody, in a thread of its own: the log as lines into a pipe, or a dump
 * into a file. A reader that is slow or gone holds up that thread alone. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <systemd/sd-event.h>

#include "memview.h"

enum inspect_kind {
        INSPECT_LOG,
        INSPECT_DUMP,
};

enum inspect_stage {
        INSPECT_OPEN,     /* the memory is mapped, a kernel is in it */
        INSPECT_PROGRESS, /* `done` has grown */
        INSPECT_DONE,     /* the last one; `result` tells how */
};

struct inspect_request {
        enum inspect_kind kind;
        unsigned kernel;
        int fd; /* what is written to; owned */
        bool follow, json;
        uint64_t lines; /* the last ones alone; 0: all */
        uint64_t note;  /* as memview_open */
};

struct inspect;
typedef void (*inspect_report_fn)(struct inspect *i, enum inspect_stage stage, void *userdata);

struct inspect {
        struct inspect_request request;
        struct claim claim;
        struct physmem mem;
        atomic_bool cancel;
        atomic_uint_least64_t done, total; /* bytes of a dump */
        int result;                        /* valid with INSPECT_DONE: 0 or negative errno */
        struct mpart_error error;

        struct memview view;
        uint64_t told_ns; /* when progress was reported last */
        pthread_t thread;
        int wake, pipe[2];
        sd_event_source *source;
        inspect_report_fn report;
        void *userdata;
};

/* Takes over request->fd, on success and on failure. */
int inspect_start(sd_event *event, const struct physmem *mem, const struct mpart_plan_kernel *kernel,
                const struct inspect_request *request, inspect_report_fn report, void *userdata,
                struct inspect **ret);
void inspect_cancel(struct inspect *i);
/* After INSPECT_DONE was reported, or to wait for the end of a canceled one. NULL is legal. */
void inspect_free(struct inspect *i);
