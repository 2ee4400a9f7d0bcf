/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "bus.h"
#include "fs.h"
#include "macros.h"
#include "options.h"

#define BLOCK 65536

/* The daemon has made the lines; each is passed on as it comes. */
static int pass_on(int fd, struct mpart_error *e)
{
        static char block[BLOCK];
        for (;;) {
                ssize_t n = read(fd, block, sizeof(block));
                if (n == 0)
                        return 0;
                int r = n > 0 ? write_all(STDOUT_FILENO, block, (size_t)n) : errno == EINTR ? 0 : -errno;
                if (r == -EPIPE)
                        return 0;
                if (r < 0)
                        return mpart_error_set(e, r, "the log could not be passed on: %s", strerror(-r));
        }
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
