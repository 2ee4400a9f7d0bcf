/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The console of a kernel: one source, several readers, one writer. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "macros.h"
#include "talk-internal.h"

#define PTY_STALL_NS UINT64_C(1000000000)
#define TURN_MAX (64 * KiB) /* bytes in one look */

void talk_console_init(struct talk *t)
{
        t->kept.limit = TALK_CONSOLE_KEPT;
        t->pty_master = t->pty_slave = -1;
        for (size_t i = 0; i < ARRAY_SIZE(t->clients); i++)
                t->clients[i].fd = -1;
}

static int link_pty(struct talk *t, const char *slave)
{
        char directory[512];
        snprintf(directory, sizeof(directory), "%s", t->pty_link);
        if (mkdir(dirname(directory), 0755) < 0 && errno != EEXIST)
                return -errno;
        unlink(t->pty_link);
        return symlink(slave, t->pty_link) < 0 ? -errno : 0;
}

/* A console without a terminal for cu is a console still: failure is not told. */
static void open_pty(struct talk *t)
{
        char slave[64];
        struct termios raw;
        if (!t->pty_link)
                return;
        t->pty_master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
        if (t->pty_master < 0 || grantpt(t->pty_master) < 0 || unlockpt(t->pty_master) < 0 ||
                        ptsname_r(t->pty_master, slave, sizeof(slave)) != 0) {
                close_fd(&t->pty_master);
                return;
        }
        t->pty_slave = open(slave, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (t->pty_slave < 0 || tcgetattr(t->pty_slave, &raw) < 0) {
                close_fd(&t->pty_master);
                close_fd(&t->pty_slave);
                return;
        }
        cfmakeraw(&raw);
        tcsetattr(t->pty_slave, TCSANOW, &raw);
        link_pty(t, slave);
}

void talk_console_begin(struct talk *t)
{
        fifo_free(&t->kept);
        open_pty(t);
}

void talk_console_end(struct talk *t)
{
        for (size_t i = 0; i < ARRAY_SIZE(t->clients); i++)
                close_fd(&t->clients[i].fd);
        if (t->pty_master >= 0)
                unlink(t->pty_link);
        close_fd(&t->pty_master);
        close_fd(&t->pty_slave);
}

static void tell_pty(struct talk *t, const uint8_t *data, size_t n, uint64_t now)
{
        if (t->pty_master < 0)
                return;
        if (write(t->pty_master, data, n) == (ssize_t)n) {
                t->pty_stalled = 0;
                return;
        }
        /* Nobody reads: what is stale makes room for what is new. */
        if (t->pty_stalled == 0)
                t->pty_stalled = now;
        else if (now - t->pty_stalled > PTY_STALL_NS) {
                tcflush(t->pty_slave, TCIFLUSH);
                t->pty_stalled = 0;
        }
}

static bool take_output(struct talk *t, uint64_t now)
{
        uint8_t bytes[4096];
        size_t total = 0;
        for (size_t n; total < TURN_MAX && (n = ring_read(&t->console_up, bytes, sizeof(bytes))) > 0;
                        total += n) {
                fifo_keep(&t->kept, bytes, n);
                for (size_t i = 0; i < ARRAY_SIZE(t->clients); i++)
                        if (t->clients[i].fd >= 0)
                                send(t->clients[i].fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
                tell_pty(t, bytes, n, now);
        }
        return total > 0;
}

static bool has_writer(const struct talk *t)
{
        for (size_t i = 0; i < ARRAY_SIZE(t->clients); i++)
                if (t->clients[i].fd >= 0 && t->clients[i].writes)
                        return true;
        return false;
}

/* True where something came. */
static bool hear_client(struct talk *t, struct talk_client *c)
{
        uint8_t bytes[1024];
        size_t room = c->writes ? ring_available(&t->console_down) : sizeof(bytes);
        if (room == 0)
                return false;
        ssize_t n = recv(c->fd, bytes, MIN(room, sizeof(bytes)), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return false;
        if (n <= 0)
                close_fd(&c->fd);
        else if (c->writes)
                ring_write(&t->console_down, bytes, (size_t)n);
        return true;
}

static bool hear_pty(struct talk *t, bool typed)
{
        uint8_t bytes[1024];
        size_t room = ring_available(&t->console_down);
        if (t->pty_master < 0 || room == 0)
                return false;
        ssize_t n = read(t->pty_master, bytes, MIN(room, sizeof(bytes)));
        if (n > 0 && typed)
                ring_write(&t->console_down, bytes, (size_t)n);
        return n > 0;
}

bool talk_console_serve(struct talk *t, uint64_t now)
{
        bool moved = take_output(t, now);
        if (!t->ready)
                return moved;
        for (size_t i = 0; i < ARRAY_SIZE(t->clients); i++)
                if (t->clients[i].fd >= 0)
                        moved |= hear_client(t, &t->clients[i]);
        return moved | hear_pty(t, !has_writer(t));
}

void talk_console_add_fds(struct talk *t, struct lookout_set *set)
{
        short wanted = ring_available(&t->console_down) > 0 ? POLLIN : 0;
        for (size_t i = 0; i < ARRAY_SIZE(t->clients); i++)
                lookout_wait_for(set, t->clients[i].fd, t->clients[i].writes ? wanted : POLLIN);
        lookout_wait_for(set, t->pty_master, wanted);
}

static int find_place(const struct talk *t, bool writes, size_t *ret, struct mpart_error *e)
{
        if (writes && !t->runs)
                return mpart_error_set(e, -ENOTCONN, "kernel %u does not run, or has no agent", t->kernel);
        if (writes && has_writer(t))
                return mpart_error_set(e, -EBUSY,
                                "somebody else types at the console of kernel %u; read it with --log",
                                t->kernel);
        for (size_t i = 0; i < ARRAY_SIZE(t->clients); i++)
                if (t->clients[i].fd < 0) {
                        *ret = i;
                        return 0;
                }
        return mpart_error_set(e, -EAGAIN, "the console of kernel %u has %u readers already", t->kernel,
                        TALK_CONSOLE_CLIENTS);
}

int talk_console(struct talk *t, bool writes, int *ret_fd, struct mpart_error *e)
{
        int pair[2], size = 2 * TALK_CONSOLE_KEPT;
        size_t place = 0;
        region_loop_lock(t->loop);
        int r = find_place(t, writes, &place, e);
        if (r == 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                r = mpart_error_set(e, -errno, "no socket for the console: %s", strerror(errno));
        if (r == 0) {
                setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
                send(pair[0], t->kept.data + t->kept.start, t->kept.size, MSG_DONTWAIT | MSG_NOSIGNAL);
                if (t->runs)
                        t->clients[place] = (struct talk_client){ pair[0], writes };
                else
                        close(pair[0]);
                *ret_fd = pair[1];
                talk_call(t);
        }
        region_loop_unlock(t->loop);
        return r;
}

void talk_console_size(struct talk *t, unsigned rows, unsigned columns)
{
        uint32_t value = (columns & 0xffff) << 16 | (rows & 0xffff);
        region_loop_lock(t->loop);
        if (t->runs) {
                atomic_store_explicit(&t->header->window_size, value, memory_order_relaxed);
                talk_send(t, MPART_DOWN_SIZE, 0, value, NULL, 0);
        }
        region_loop_unlock(t->loop);
}
