/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "bus.h"
#include "macros.h"
#include "options.h"
#include "output.h"

#define BAR_WIDTH 40U

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal)
{
        (void)signal;
        interrupted = 1;
}

static void catch_interrupts(void)
{
        const struct sigaction action = { .sa_handler = on_interrupt };
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
        sigaction(SIGHUP, &action, NULL);
}

/* What a terminal shows meanwhile. */
static void show_progress(void *data, uint64_t done, uint64_t total)
{
        bool *shown = data;
        if (!isatty(STDERR_FILENO) || total == 0)
                return;
        unsigned filled = (unsigned)((double)done / (double)total * BAR_WIDTH);
        fprintf(stderr, "\r[%.*s%*s] %3u%% of %s ", (int)filled, "########################################",
                        (int)(BAR_WIDTH - filled), "", (unsigned)((double)done / (double)total * 100),
                        size_text(total).text);
        fflush(stderr);
        *shown = true;
}

static int dump(unsigned id, int fd, struct mpart_error *e)
{
        bool shown = false;
        const struct bus_dump_watch watch = {
                .progress = show_progress, .data = &shown, .canceled = &interrupted
        };
        _cleanup_bus_ struct sd_bus *bus = NULL;
        int r = bus_open(&bus, e);
        if (r == 0)
                r = bus_dump(bus, id, fd, &watch, e);
        if (shown)
                fputs("\r\033[K", stderr);
        return r;
}

int verb_dump(const struct invocation *c, struct mpart_error *e)
{
        bool word = c->n_operands == 3 && streq(c->operands[0], "kernel");
        if (c->n_operands != 2 && !word)
                return usage_error(e, "dump: a kernel id and a file are needed");
        unsigned id;
        int r = parse_kernel_id(c->operands[word], &id, e);
        if (r != 0)
                return r;

        /* Never over another file: what is there may be the dump of the last crash. */
        const char *path = c->operands[1 + word];
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
                return mpart_error_set(e, -errno, "%s cannot be created: %s", path, strerror(errno));
        catch_interrupts();
        r = dump(id, fd, e);
        if (r == 0 && fsync(fd) < 0)
                r = mpart_error_set(e, -errno, "%s: %s", path, strerror(errno));
        if (r < 0) {
                unlink(path); /* half a dump is none */
                return r;
        }
        tell("kernel %u: dumped to %s", id, path);
        return 0;
}
