/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon's end of commands, beside an agent that says and stores whatever the input has. */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "region-input.h"
#include "talk-internal.h"

#define JOBS 3

struct caller {
        int in, out[2], control;
};

/* As talk_exec leaves it, without an event loop. */
static void begin(struct talk *t, unsigned i, struct caller *c)
{
        int in[2], out[2], err[2], control[2];
        MUST(pipe2(in, O_NONBLOCK | O_CLOEXEC) == 0 && pipe2(out, O_NONBLOCK | O_CLOEXEC) == 0 &&
                        pipe2(err, O_NONBLOCK | O_CLOEXEC) == 0 &&
                        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, control) == 0);
        t->jobs[i] = (struct talk_job){
                .id = i + 1,
                .in = in[0],
                .out = { out[1], err[1] },
                .control = control[0],
                .credit = MPART_EXEC_WINDOW,
                .output = { { .limit = MPART_EXEC_WINDOW }, { .limit = MPART_EXEC_WINDOW } },
        };
        *c = (struct caller){ in[1], { out[0], err[0] }, control[1] };
}

static void act(struct region_input *in, struct caller *c)
{
        char bytes[4096] = "signal 9";
        uint32_t what = take(in, 1);
        int *fds[] = { &c->in, &c->out[0], &c->out[1], &c->control };
        if (what & 0x80)
                close_fd(fds[what % 4]);
        else if (what % 4 == 0)
                MUST(c->in < 0 || write(c->in, bytes, take(in, 2) % sizeof(bytes)) < (ssize_t)sizeof(bytes));
        else if (what % 4 == 3)
                MUST(c->control < 0 || send(c->control, bytes, 8, MSG_NOSIGNAL) <= 8);
        else
                MUST(*fds[what % 4] < 0 ||
                                read(*fds[what % 4], bytes, sizeof(bytes)) <= (ssize_t)sizeof(bytes));
}

static void serve(struct talk *t)
{
        t->ready = true;
        talk_exec_serve(t);
        for (unsigned i = 0; i < JOBS; i++)
                for (int s = 0; s < 2; s++)
                        MUST(t->jobs[i].output[s].size <= MPART_EXEC_WINDOW &&
                                        t->jobs[i].credit <= MPART_EXEC_WINDOW);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct talk t;
        struct region_input in = { data, size };
        _cleanup_free_ char *region = region_new();
        struct caller callers[JOBS];
        signal(SIGPIPE, SIG_IGN);
        t.kernel = 3;
        t.control_up = region_ring(region, MPART_RING_CONTROL_UP, RING_CONSUMER);
        t.control_down = region_ring(region, MPART_RING_CONTROL_DOWN, RING_PRODUCER);
        struct ring agent = region_ring(region, MPART_RING_CONTROL_UP, RING_PRODUCER);
        struct ring heard = region_ring(region, MPART_RING_CONTROL_DOWN, RING_CONSUMER);
        talk_exec_init(&t);
        for (unsigned i = 0; i < JOBS; i++)
                begin(&t, i, &callers[i]);
        while (in.size > 0) {
                uint32_t what = take(&in, 1);
                if (what % 8 < 4)
                        put_record(&in, &agent, MPART_UP_OUTPUT - 1);
                else if (what % 8 == 4)
                        stray_store(&in, region);
                else if (what % 8 == 5)
                        act(&in, &callers[what / 8 % JOBS]);
                else if (what % 8 == 6)
                        ring_drop_all(&heard);
                else
                        serve(&t);
        }
        serve(&t);
        talk_exec_fail_all(&t, "it was stopped");
        for (unsigned i = 0; i < JOBS; i++) {
                MUST(t.jobs[i].id == 0);
                int *fds[] = { &callers[i].in, &callers[i].out[0], &callers[i].out[1], &callers[i].control };
                for (size_t k = 0; k < ARRAY_SIZE(fds); k++)
                        close_fd(fds[k]);
        }
        return 0;
}
