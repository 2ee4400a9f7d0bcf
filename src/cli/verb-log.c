/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "bus.h"
#include "fs.h"
#include "macros.h"
#include "options.h"

#define BLOCK 65536

/* Until there is more to read, or nobody reads any more what would be written (the pipe's other end is
 * gone). 1: more, or its end; 0: nobody. */
static int wait_for_more(int fd)
{
        struct pollfd fds[] = { { .fd = fd, .events = POLLIN }, { .fd = STDOUT_FILENO } };
        for (;;) {
                int n = poll(fds, ARRAY_SIZE(fds), -1);
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0)
                        return fds[1].revents & (POLLERR | POLLHUP) ? 0 : 1;
        }
}

/* 1: there may be more; 0: the end. */
static int pass_block(int fd)
{
        static char block[BLOCK];
        int r = wait_for_more(fd);
        if (r <= 0)
                return r;
        ssize_t n = read(fd, block, sizeof(block));
        if (n <= 0)
                return n == 0 ? 0 : errno == EINTR ? 1 : -errno;
        r = write_all(STDOUT_FILENO, block, (size_t)n);
        return r == -EPIPE ? 0 : r < 0 ? r : 1;
}

/* The daemon has made the lines; each is passed on as it comes. */
static int pass_on(int fd, struct mpart_error *e)
{
        int r;
        while ((r = pass_block(fd)) > 0)
                ;
        return r < 0 ? mpart_error_set(e, r, "the log could not be passed on: %s", strerror(-r)) : 0;
}

static int read_lines(const struct invocation *c, uint64_t *ret, struct mpart_error *e)
{
        const char *text = c->value[OPTION_LINES];
        if (!text)
                return 0;
        char *end;
        errno = 0;
        unsigned long long lines = strtoull(text, &end, 10);
        if (!isdigit((unsigned char)*text) || *end || errno || lines == 0)
                return usage_error(e, "--lines: \"%s\" is not a number of lines", text);
        *ret = lines;
        return 0;
}

int verb_log(const struct invocation *c, struct mpart_error *e)
{
        struct bus_log_options options = { .follow = option_given(c, OPTION_FOLLOW),
                .json = option_given(c, OPTION_JSON) };
        unsigned id;
        int r = operand_kernel(c, &id, NULL, e);
        if (r == 0)
                r = read_lines(c, &options.lines, e);
        if (r != 0)
                return r;
        _cleanup_bus_ struct sd_bus *bus = NULL;
        _cleanup_close_ int fd = -1;
        r = bus_open(&bus, e);
        if (r == 0)
                r = bus_open_log(bus, id, &options, &fd, e);
        return r < 0 ? r : pass_on(fd, e);
}
