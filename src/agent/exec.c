/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands that the primary runs here. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"
#include "macros.h"

#define WORDS_MAX 4096
#define INIT_ENDS_NS UINT64_C(500000000)
#define RECORDS_PER_TURN 64

static struct job *find(struct agent *a, uint32_t id)
{
        for (size_t i = 0; i < ARRAY_SIZE(a->jobs); i++)
                if (a->jobs[i].id == id)
                        return &a->jobs[i];
        return NULL;
}

static void job_clear(struct job *j)
{
        close_fd(&j->in);
        close_fd(&j->out[0]);
        close_fd(&j->out[1]);
        fifo_free(&j->input);
        *j = (struct job){ .in = -1, .out = { -1, -1 } };
}

static int send(struct agent *a, uint32_t type, uint32_t job, uint32_t value, const void *data, size_t n)
{
        struct mpart_control control = { job, value };
        const struct iovec parts[] = { { &control, sizeof(control) }, { (void *)data, n } };
        return ring_putv(&a->region.control_up, type, parts, 2);
}

static void refuse(struct agent *a, uint32_t job, int error)
{
        const char *text = strerror(error);
        send(a, MPART_UP_ERROR, job, (uint32_t)error, text, strlen(text));
}

/* Cuts `n` strings off the text; NULL behind the last one. The caller frees *ret, which borrows. */
static int cut(char **p, char *end, uint32_t n, char ***ret)
{
        if (n > WORDS_MAX)
                return -E2BIG;
        char **words = calloc(n + 1, sizeof(*words));
        if (!words)
                return -ENOMEM;
        for (uint32_t i = 0; i < n; i++) {
                char *nul = *p < end ? memchr(*p, 0, (size_t)(end - *p)) : NULL;
                if (!nul) {
                        free(words);
                        return -EINVAL;
                }
                words[i] = *p;
                *p = nul + 1;
        }
        *ret = words;
        return 0;
}

static int make_pipes(int fds[static 6])
{
        for (int i = 0; i < 3; i++)
                if (pipe2(fds + 2 * i, O_CLOEXEC) < 0)
                        return -errno;
        const int ours[] = { fds[1], fds[2], fds[4] };
        for (int i = 0; i < 3; i++)
                fcntl(ours[i], F_SETFL, O_NONBLOCK);
        return 0;
}

static int start_with_pipes(struct agent *a, struct job *j, struct child *c)
{
        int fds[6] = { -1, -1, -1, -1, -1, -1 };
        int r = make_pipes(fds);
        if (r == 0) {
                c->in = fds[0];
                c->out = fds[3];
                c->err = fds[5];
                r = child_start(a, c);
        }
        if (r > 0) {
                j->in = TAKE_FD(fds[1]);
                j->out[0] = TAKE_FD(fds[2]);
                j->out[1] = TAKE_FD(fds[4]);
        }
        for (int i = 0; i < 6; i++)
                close_fd(&fds[i]);
        return r;
}

static int start_on_terminal(struct agent *a, struct job *j, struct child *c, const struct mpart_exec *e)
{
        _cleanup_close_ int master = -1, slave = -1;
        int r = terminal_open(a, &master, &slave);
        if (r < 0)
                return r;
        terminal_resize(master, e->rows, e->columns);
        c->in = c->out = c->err = slave;
        c->tty = true;
        r = child_start(a, c);
        if (r > 0) {
                j->out[0] = fcntl(master, F_DUPFD_CLOEXEC, 3);
                j->in = TAKE_FD(master);
        }
        return r;
}

static void begin(struct agent *a, uint32_t id, uint32_t flags, char *bytes, size_t n)
{
        struct mpart_exec e;
        _cleanup_free_ char **words = NULL, **environment = NULL, **directory = NULL;
        struct job *j = find(a, 0);
        if (id == 0 || find(a, id))
                return;
        if (!j || a->stopping) {
                refuse(a, id, j ? ESHUTDOWN : EAGAIN);
                return;
        }
        int r = n < sizeof(e) ? -EINVAL : 0;
        char *p = bytes + sizeof(e), *end = bytes + n;
        if (r == 0) {
                memcpy(&e, bytes, sizeof(e));
                r = e.n_words == 0 ? -EINVAL : cut(&p, end, e.n_words, &words);
        }
        if (r == 0)
                r = cut(&p, end, e.n_environment, &environment);
        if (r == 0)
                r = cut(&p, end, 1, &directory);
        if (r != 0) {
                refuse(a, id, -r);
                return;
        }
        struct child c = { .words = (const char *const *)words,
                .environment = e.n_environment ? (const char *const *)environment : NULL,
                .directory = directory[0] };
        r = flags & MPART_EXEC_TTY ? start_on_terminal(a, j, &c, &e) : start_with_pipes(a, j, &c);
        if (r < 0) {
                refuse(a, id, -r);
                return;
        }
        j->id = id;
        j->pid = r;
        j->tty = flags & MPART_EXEC_TTY;
        j->credit[0] = j->credit[1] = MPART_EXEC_WINDOW;
        j->input.limit = MPART_EXEC_WINDOW;
}

static void take_input(struct job *j, const void *bytes, size_t n)
{
        if (n == 0)
                j->input_ends = true;
        else if (j->in < 0)
                j->used += (uint32_t)n; /* nobody reads: it counts as used */
        else if (fifo_put(&j->input, bytes, n) < 0)
                kill(-j->pid, SIGKILL); /* it sent more than it may */
}

static void handle(struct agent *a, uint32_t type, const struct mpart_control *c, char *bytes, size_t n)
{
        struct job *j = c->job ? find(a, c->job) : NULL;
        bool runs = j && j->pid > 0;
        if (type == MPART_DOWN_EXEC)
                begin(a, c->job, c->value, bytes, n);
        else if (type == MPART_DOWN_SIZE && c->job == 0)
                console_resize(a, c->value & 0xffff, c->value >> 16);
        else if (type == MPART_DOWN_SIZE && j && j->tty)
                terminal_resize(j->in, c->value & 0xffff, c->value >> 16);
        else if (type == MPART_DOWN_INPUT && j)
                take_input(j, bytes, n);
        else if (type == MPART_DOWN_USED && j) {
                uint32_t *credit = &j->credit[(c->value & MPART_STREAM_ERROR) != 0];
                *credit = (uint32_t)MIN(
                                (uint64_t)*credit + (c->value & ~MPART_STREAM_ERROR), MPART_EXEC_WINDOW);
        } else if (type == MPART_DOWN_SIGNAL && runs && c->value > 0 && c->value < 65)
                kill(-j->pid, (int)c->value);
        else if (type == MPART_DOWN_DEAF && j && !j->tty)
                close_fd(&j->out[(c->value & MPART_STREAM_ERROR) != 0]); /* it gets SIGPIPE */
        else if ((type == MPART_DOWN_CLOSE || type == MPART_DOWN_DEAF) && runs)
                kill(-j->pid, SIGHUP);
}

static bool take_records(struct agent *a)
{
        bool moved = false;
        for (int i = 0; i < RECORDS_PER_TURN; i++) {
                uint32_t type, size;
                struct mpart_control c;
                int r = ring_get(&a->region.control_down, a->record, sizeof(a->record), &type, &size);
                if (r == 0)
                        break;
                moved = true;
                if (r < 0 || size < sizeof(c))
                        continue;
                memcpy(&c, a->record, sizeof(c));
                handle(a, type, &c, (char *)a->record + sizeof(c), size - sizeof(c));
        }
        return moved;
}

static bool serve_input(struct agent *a, struct job *j)
{
        bool moved = false;
        if (j->in >= 0 && j->input.size > 0) {
                ptrdiff_t n = fifo_flush(&j->input, j->in);
                j->used += (uint32_t)(n > 0 ? n : 0);
                moved = n > 0;
                if (n < 0) {
                        j->used += (uint32_t)j->input.size;
                        fifo_free(&j->input);
                        close_fd(&j->in);
                }
        }
        if (j->input_ends && j->in >= 0 && j->input.size == 0) {
                /* ^D ends the input of a terminal; closing a descriptor of it would not. */
                if (j->tty && write(j->in, "\4", 1) < 0 && errno == EAGAIN)
                        return moved;
                j->input_ends = false;
                if (!j->tty)
                        close_fd(&j->in);
        }
        if (j->used > 0 && send(a, MPART_UP_USED, j->id, j->used, NULL, 0) == 0)
                j->used = 0;
        return moved;
}

/* 1: moved; 0: nothing to read now, or no room. */
static int serve_output(struct agent *a, struct job *j, int stream)
{
        struct ring *up = &a->region.control_up;
        uint32_t value = stream ? MPART_STREAM_ERROR : 0;
        size_t n = MIN(j->credit[stream], MPART_EXEC_CHUNK);
        /* Room is made sure of before the bytes are taken, a little of it kept for the end. */
        if (n == 0 || ring_available(up) < MPART_EXEC_CHUNK + 256)
                return 0;
        ssize_t got = read(j->out[stream], a->buffer, n);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        send(a, MPART_UP_OUTPUT, j->id, value, a->buffer, got > 0 ? (size_t)got : 0);
        if (got > 0)
                j->credit[stream] -= (uint32_t)got;
        else
                close_fd(&j->out[stream]);
        return 1;
}

/* Where an init ends, all in its PID namespace are killed before it (pid_namespaces(7)): what it did says
 * more than how they died, so theirs waits a moment for it, and is not told at all once that has come. */
static bool waits_for_init(const struct agent *a, const struct job *j, uint64_t now)
{
        return (a->init > 0 || a->over) && WIFSIGNALED(j->status) && WTERMSIG(j->status) == SIGKILL &&
               now - j->ended_at < INIT_ENDS_NS;
}

static bool serve_job(struct agent *a, struct job *j, uint64_t now)
{
        bool moved = serve_input(a, j), blocked = false;
        for (int s = 0; s < 2; s++) {
                int turns = 0;
                while (j->out[s] >= 0 && turns < 8 && serve_output(a, j, s) > 0)
                        turns++;
                moved |= turns > 0;
                /* All that the command wrote before it ended is sent, then a left-over child may hold it. */
                blocked |= j->out[s] >= 0 &&
                           (turns == 8 || j->credit[s] == 0 ||
                                           ring_available(&a->region.control_up) < MPART_EXEC_CHUNK + 256);
        }
        if (j->pid == 0 && !blocked && !waits_for_init(a, j, now) &&
                        send(a, MPART_UP_EXIT, j->id, (uint32_t)j->status, NULL, 0) == 0) {
                job_clear(j);
                moved = true;
        }
        return moved;
}

static bool serve(void *userdata, uint64_t now, bool ready)
{
        struct agent *a = userdata;
        bool moved = take_records(a);
        for (size_t i = 0; i < ARRAY_SIZE(a->jobs); i++) {
                struct job *j = &a->jobs[i];
                bool due = moved || ready || j->pid == 0 || j->used > 0 || j->input_ends;
                if (j->id != 0 && due)
                        moved |= serve_job(a, j, now);
        }
        return moved;
}

void exec_reaped(struct agent *a, pid_t pid, int status, uint64_t now)
{
        for (size_t i = 0; i < ARRAY_SIZE(a->jobs); i++)
                if (a->jobs[i].id != 0 && a->jobs[i].pid == pid) {
                        a->jobs[i].pid = 0;
                        a->jobs[i].status = status;
                        a->jobs[i].ended_at = now;
                }
}

void exec_hang_up(struct agent *a)
{
        for (size_t i = 0; i < ARRAY_SIZE(a->jobs); i++)
                if (a->jobs[i].id != 0 && a->jobs[i].tty && a->jobs[i].pid > 0)
                        kill(-a->jobs[i].pid, SIGHUP);
}

static void add_fds(void *userdata, struct lookout_set *set)
{
        struct agent *a = userdata;
        bool room = ring_available(&a->region.control_up) >= MPART_EXEC_CHUNK + 256;
        for (size_t i = 0; i < ARRAY_SIZE(a->jobs); i++) {
                struct job *j = &a->jobs[i];
                if (j->id == 0)
                        continue;
                lookout_wait_for(set, j->in, j->input.size > 0 ? POLLOUT : 0);
                for (int s = 0; s < 2; s++)
                        lookout_wait_for(set, j->out[s], room && j->credit[s] > 0 ? POLLIN : 0);
        }
}

int exec_start(struct agent *a)
{
        static const struct lookout_user user = { .serve = serve, .add_fds = add_fds };
        for (size_t i = 0; i < ARRAY_SIZE(a->jobs); i++)
                a->jobs[i] = (struct job){ .in = -1, .out = { -1, -1 } };
        return lookout_add(&a->lookout, &user, a);
}
