/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch.h"

void scratch_make(struct scratch *s)
{
        /* In memory where that is possible: captured machines are thousands of small files. */
        snprintf(s->path, sizeof(s->path), "%s/mpart-test-XXXXXX",
                        access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        if (!mkdtemp(s->path))
                abort();
        s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (s->fd < 0)
                abort();
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
        (void)st;
        (void)flag;
        (void)ftw;
        return remove(path);
}

void scratch_remove(struct scratch *s)
{
        close(s->fd);
        nftw(s->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int scratch_setup(void **state)
{
        struct scratch *s = calloc(1, sizeof(*s));
        if (!s)
                abort();
        scratch_make(s);
        *state = s;
        return 0;
}

int scratch_teardown(void **state)
{
        scratch_remove(*state);
        free(*state);
        return 0;
}

void scratch_write(struct scratch *s, const char *path, const char *format, ...)
{
        char part[256];
        for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
                snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
                mkdirat(s->fd, part, 0755);
        }
        int fd = openat(s->fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (fd < 0)
                abort();
        va_list args;
        va_start(args, format);
        if (vdprintf(fd, format, args) < 0)
                abort();
        va_end(args);
        close(fd);
}
