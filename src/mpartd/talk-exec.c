/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands in a kernel. What the agent sends is bounded by the window; a caller that does not read holds up
 * its own command alone. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "macros.h"
#include "talk-internal.h"

#define RECORDS_PER_TURN 64
#define LAST_TURNS 64 /* more than a ring holds, and an end for one that never runs empty */

static void job_clear(struct talk_job *j)
{
        close_fd(&j->in);
        close_fd(&j->control);
        for (int s = 0; s < 2; s++) {
                close_fd(&j->out[s]);
                fifo_free(&j->output[s]);
        }
        *j = (struct talk_job){ .in = -1, .out = { -1, -1 }, .control = -1 };
}

void talk_exec_init(struct talk *t)
{
        for (size_t i = 0; i < ARRAY_SIZE(t->jobs); i++)
                t->jobs[i] = (struct talk_job){ .in = -1, .out = { -1, -1 }, .control = -1 };
}

static struct talk_job *find(struct talk *t, uint32_t id)
{
        for (size_t i = 0; i < ARRAY_SIZE(t->jobs); i++)
                if (t->jobs[i].id == id)
                        return &t->jobs[i];
        return NULL;
}

static void tell(struct talk_job *j, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void tell(struct talk_job *j, const char *format, ...)
{
        char text[256];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        if (j->control >= 0)
                send(j->control, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void fail(struct talk_job *j, const char *why)
{
        for (int s = 0; s < 2; s++)
                if (j->out[s] >= 0)
                        fifo_flush(&j->output[s], j->out[s]);
        tell(j, "error %s", why);
        job_clear(j);
}

/* What the agent has sent counts before its end does, as far as the callers take it. */
static void take_last_records(struct talk *t)
{
        for (int i = 0; i < LAST_TURNS && talk_exec_serve(t); i++)
                ;
}

void talk_exec_fail_all(struct talk *t, const char *why)
{
        char text[240];
        take_last_records(t);
        snprintf(text, sizeof(text), "kernel %u: %s", t->kernel, why);
        for (size_t i = 0; i < ARRAY_SIZE(t->jobs); i++)
                if (t->jobs[i].id != 0)
                        fail(&t->jobs[i], text);
}

static void take_output(struct talk *t, struct talk_job *j, uint32_t value, const void *bytes, size_t n)
{
        int s = (value & MPART_STREAM_ERROR) != 0;
        if (n == 0)
                j->ended[s] = true;
        else if (j->out[s] < 0) /* nobody reads: it counts as used */
                talk_send(t, MPART_DOWN_USED, j->id, (uint32_t)n | (value & MPART_STREAM_ERROR), NULL, 0);
        else if (fifo_put(&j->output[s], bytes, n) < 0)
                fail(j, "the agent sent more than it may");
}

static void take_error(struct talk_job *j, const char *bytes, size_t n)
{
        char text[200];
        n = MIN(n, sizeof(text) - 1);
        memcpy(text, bytes, n);
        text[n] = 0;
        for (char *p = text; *p; p++) /* another kernel's words go to a terminal */
                if ((unsigned char)*p < ' ' || *p == 0x7f)
                        *p = '?';
        fail(j, text);
}

static bool take_records(struct talk *t)
{
        bool moved = false;
        for (int i = 0; i < RECORDS_PER_TURN; i++) {
                uint32_t type, size;
                struct mpart_control c;
                int r = ring_get(&t->control_up, t->record, sizeof(t->record), &type, &size);
                if (r == 0)
                        break;
                moved = true;
                if (r < 0 || size < sizeof(c))
                        continue;
                memcpy(&c, t->record, sizeof(c));
                const uint8_t *bytes = t->record + sizeof(c);
                struct talk_job *j = c.job ? find(t, c.job) : NULL;
                if (!j)
                        continue;
                if (type == MPART_UP_OUTPUT)
                        take_output(t, j, c.value, bytes, size - sizeof(c));
                else if (type == MPART_UP_USED)
                        j->credit = (uint32_t)MIN((uint64_t)j->credit + c.value, MPART_EXEC_WINDOW);
                else if (type == MPART_UP_ERROR)
                        take_error(j, (const char *)bytes, size - sizeof(c));
                else if (type == MPART_UP_EXIT) {
                        j->has_exited = true;
                        j->status = (int)c.value;
                }
        }
        return moved;
}

static bool has_room(struct talk *t)
{
        return ring_available(&t->control_down) >= MPART_EXEC_CHUNK + 4096;
}

static bool serve_input(struct talk *t, struct talk_job *j)
{
        uint8_t bytes[MPART_EXEC_CHUNK];
        if (j->in < 0 || j->credit == 0 || !has_room(t))
                return false;
        ssize_t n = read(j->in, bytes, MIN(j->credit, sizeof(bytes)));
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return false;
        talk_send(t, MPART_DOWN_INPUT, j->id, 0, bytes, n > 0 ? (size_t)n : 0);
        if (n > 0)
                j->credit -= (uint32_t)n;
        else
                close_fd(&j->in);
        return true;
}

static bool serve_output(struct talk *t, struct talk_job *j, int s)
{
        uint32_t flag = s ? MPART_STREAM_ERROR : 0, used;
        if (j->out[s] < 0 || !has_room(t))
                return false;
        ptrdiff_t n = fifo_flush(&j->output[s], j->out[s]);
        used = (uint32_t)(n < 0 ? (ptrdiff_t)j->output[s].size : n);
        if (used > 0)
                talk_send(t, MPART_DOWN_USED, j->id, used | flag, NULL, 0);
        if (n < 0) { /* the reader has gone */
                talk_send(t, MPART_DOWN_DEAF, j->id, flag, NULL, 0);
                fifo_free(&j->output[s]);
                close_fd(&j->out[s]);
        } else if (j->output[s].size == 0 && (j->ended[s] || j->has_exited))
                close_fd(&j->out[s]);
        return used > 0;
}

static void obey(struct talk *t, struct talk_job *j, const char *text)
{
        const char *p;
        char *end;
        if ((p = startswith(text, "signal ")))
                talk_send(t, MPART_DOWN_SIGNAL, j->id, (uint32_t)strtoul(p, NULL, 10), NULL, 0);
        else if ((p = startswith(text, "size "))) {
                unsigned long rows = strtoul(p, &end, 10), columns = strtoul(end, NULL, 10);
                talk_send(t, MPART_DOWN_SIZE, j->id, (uint32_t)((columns & 0xffff) << 16 | (rows & 0xffff)),
                                NULL, 0);
        }
}

static bool serve_control(struct talk *t, struct talk_job *j)
{
        char text[64];
        if (j->control < 0) {
                if (!j->close_told && talk_send(t, MPART_DOWN_CLOSE, j->id, 0, NULL, 0) == 0)
                        j->close_told = true;
                return false;
        }
        ssize_t n = recv(j->control, text, sizeof(text) - 1, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return false;
        if (n <= 0) {
                close_fd(&j->control);
                return true;
        }
        text[n] = 0;
        obey(t, j, text);
        return true;
}

static bool serve_job(struct talk *t, struct talk_job *j)
{
        bool moved = false;
        for (int i = 0; i < 8 && serve_input(t, j); i++)
                moved = true;
        moved |= serve_output(t, j, 0);
        moved |= serve_output(t, j, 1);
        moved |= serve_control(t, j);
        if (!j->has_exited || j->out[0] >= 0 || j->out[1] >= 0)
                return moved;
        if (WIFSIGNALED(j->status))
                tell(j, "signal %d", WTERMSIG(j->status));
        else
                tell(j, "exit %d", WEXITSTATUS(j->status));
        job_clear(j);
        return true;
}

bool talk_exec_serve(struct talk *t)
{
        bool moved = take_records(t);
        for (size_t i = 0; i < ARRAY_SIZE(t->jobs); i++) {
                struct talk_job *j = &t->jobs[i];
                bool due = moved || t->ready || j->has_exited || (j->control < 0 && !j->close_told);
                if (j->id != 0 && due)
                        moved |= serve_job(t, j);
        }
        return moved;
}

void talk_exec_add_fds(struct talk *t, struct lookout_set *set)
{
        bool room = has_room(t);
        for (size_t i = 0; i < ARRAY_SIZE(t->jobs); i++) {
                struct talk_job *j = &t->jobs[i];
                if (j->id == 0)
                        continue;
                lookout_wait_for(set, j->in, room && j->credit > 0 ? POLLIN : 0);
                for (int s = 0; s < 2; s++)
                        lookout_wait_for(set, j->out[s], room && j->output[s].size > 0 ? POLLOUT : 0);
                lookout_wait_for(set, j->control, POLLIN);
        }
}

static size_t add_words(uint8_t *to, size_t at, size_t room, char *const *words, uint32_t *ret_n)
{
        for (*ret_n = 0; words && *words; words++, (*ret_n)++) {
                size_t n = strlen(*words) + 1;
                if (n > room - at)
                        return SIZE_MAX;
                memcpy(to + at, *words, n);
                at += n;
        }
        return at;
}

/* The record behind struct mpart_control, in t->record; its size, or SIZE_MAX. */
static size_t build_request(struct talk *t, const struct talk_exec *x)
{
        char *const directory[] = { (char *)(x->directory ? x->directory : ""), NULL };
        struct mpart_exec head = { .rows = (uint16_t)x->rows, .columns = (uint16_t)x->columns };
        size_t room = ring_record_max(&t->control_down) - sizeof(struct mpart_control);
        uint32_t one;
        room = MIN(room, sizeof(t->record) - sizeof(struct mpart_control));
        size_t at = add_words(t->record, sizeof(head), room, x->words, &head.n_words);
        if (at != SIZE_MAX)
                at = add_words(t->record, at, room, x->environment, &head.n_environment);
        if (at != SIZE_MAX)
                at = add_words(t->record, at, room, directory, &one);
        if (head.n_words == 0)
                return SIZE_MAX;
        memcpy(t->record, &head, sizeof(head));
        return at;
}

struct ends {
        int theirs[4], ours[4];
};

static void close_ends(int fds[static 4])
{
        for (int i = 0; i < 4; i++)
                close_fd(&fds[i]);
}

static int make_ends(struct ends *e)
{
        int pair[2];
        for (int i = 0; i < 3; i++) {
                if (pipe2(pair, O_CLOEXEC) < 0)
                        return -errno;
                e->theirs[i] = pair[i == 0];
                e->ours[i] = pair[i != 0];
                fcntl(e->ours[i], F_SETFL, O_NONBLOCK);
        }
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        e->theirs[3] = pair[0];
        e->ours[3] = pair[1];
        return 0;
}

static int begin(struct talk *t, const struct talk_exec *x, struct ends *ends, struct mpart_error *e)
{
        struct talk_job *j = find(t, 0);
        if (!t->runs || t->state != TALK_READY)
                return mpart_error_set(e, -ENOTCONN, "kernel %u cannot run commands: its agent is \"%s\"",
                                t->kernel, talk_state_to_string(t->runs ? t->state : TALK_NONE));
        if (!j)
                return mpart_error_set(e, -EAGAIN, "kernel %u runs %u commands for others already",
                                t->kernel, MPART_EXEC_JOBS);
        size_t n = build_request(t, x);
        if (n == SIZE_MAX)
                return mpart_error_set(e, -E2BIG,
                                "the command, its arguments and its environment must not be empty, nor "
                                "longer "
                                "than %u bytes",
                                ring_record_max(&t->control_down) - 64);
        do
                t->last_job++;
        while (t->last_job == 0 || find(t, t->last_job));
        int r = talk_send(t, MPART_DOWN_EXEC, t->last_job, x->tty ? MPART_EXEC_TTY : 0, t->record, n);
        if (r < 0)
                return mpart_error_set(e, r, "the agent of kernel %u does not take requests now", t->kernel);
        *j = (struct talk_job){
                .id = t->last_job,
                .in = TAKE_FD(ends->ours[0]),
                .out = { TAKE_FD(ends->ours[1]), TAKE_FD(ends->ours[2]) },
                .control = TAKE_FD(ends->ours[3]),
                .credit = MPART_EXEC_WINDOW,
                .output = { { .limit = MPART_EXEC_WINDOW }, { .limit = MPART_EXEC_WINDOW } },
        };
        return 0;
}

int talk_exec(struct talk *t, const struct talk_exec *x, int ret_fds[static 4], struct mpart_error *e)
{
        struct ends ends = { { -1, -1, -1, -1 }, { -1, -1, -1, -1 } };
        int r = make_ends(&ends);
        if (r < 0)
                mpart_error_set(e, r, "no descriptors for the command: %s", strerror(-r));
        region_loop_lock(t->loop);
        if (r == 0)
                r = begin(t, x, &ends, e);
        if (r == 0)
                talk_call(t);
        region_loop_unlock(t->loop);
        if (r == 0)
                memcpy(ret_fds, ends.theirs, sizeof(ends.theirs));
        else
                close_ends(ends.theirs);
        close_ends(ends.ours);
        return r;
}
