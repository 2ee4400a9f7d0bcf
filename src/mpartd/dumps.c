/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "dumps.h"
#include "fs.h"
#include "log.h"
#include "macros.h"

#define PARTIAL ".partial" /* behind the name of one that is being written */

static bool is_partial(const char *name)
{
        size_t n = strlen(name), suffix = strlen(PARTIAL);
        return n > suffix && streq(name + n - suffix, PARTIAL);
}

/* Their names end in the time they were made, the same width each. */
static const char *time_of(const char *name)
{
        const char *dash = strrchr(name, '-');
        return startswith(name, "kernel-") && dash ? dash : NULL;
}

static int oldest_of(char **names, size_t n)
{
        int oldest = -1;
        for (size_t i = 0; i < n; i++)
                if (time_of(names[i]) && !is_partial(names[i]) &&
                                (oldest < 0 || strcmp(time_of(names[i]), time_of(names[oldest])) < 0))
                        oldest = (int)i;
        return oldest;
}

static uint64_t disk_use(int directory, char **names, size_t n, size_t *ret_count)
{
        uint64_t sum = 0;
        *ret_count = 0;
        for (size_t i = 0; i < n; i++) {
                struct stat st;
                if (!time_of(names[i]) || fstatat(directory, names[i], &st, 0) < 0)
                        continue;
                sum += (uint64_t)st.st_blocks * 512;
                ++*ret_count;
        }
        return sum;
}

/* 1; 0: there is none. */
static int drop_oldest(int directory, char **names, size_t n)
{
        int oldest = oldest_of(names, n);
        if (oldest < 0)
                return 0;
        if (unlinkat(directory, names[oldest], 0) < 0)
                return -errno;
        log_info("dump %s makes room for a new one", names[oldest]);
        return 1;
}

/* 1: the oldest dump has gone; 0: there is room; negative: there is none to be had. */
static int make_room(int directory, uint64_t size)
{
        char **names;
        size_t n, count;
        struct statvfs disk;
        int r = list_directory_at(directory, ".", &names, &n);
        if (r < 0)
                return r;
        uint64_t used = disk_use(directory, names, n, &count);
        if (fstatvfs(directory, &disk) < 0) {
                r = -errno;
        } else {
                uint64_t all = (uint64_t)disk.f_blocks * disk.f_frsize,
                         left = (uint64_t)disk.f_bavail * disk.f_frsize;
                bool fits = count < DUMPS_KEPT && size / DUMPS_SPARSE <= left &&
                            used <= all / DUMPS_DISK_SHARE;
                if (!fits && (r = drop_oldest(directory, names, n)) == 0)
                        r = -ENOSPC;
        }
        free_names(names, n);
        return r;
}

static char *partial_of(const char *path)
{
        char *partial = NULL;
        return asprintf(&partial, "%s" PARTIAL, path) < 0 ? NULL : partial;
}

static int create(const char *directory, unsigned kernel, char **ret_path)
{
        char when[32];
        time_t now = time(NULL);
        struct tm parts;
        gmtime_r(&now, &parts);
        strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &parts);
        _cleanup_free_ char *path = NULL, *partial = NULL;
        if (asprintf(&path, "%s/kernel-%u-%s.vmcore", directory, kernel, when) < 0)
                return -ENOMEM;
        partial = partial_of(path);
        if (!partial)
                return -ENOMEM;
        int fd = open(partial, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        *ret_path = TAKE_PTR(path);
        return fd;
}

int dumps_create(const char *directory, unsigned kernel, uint64_t size, int *ret_fd, char **ret_path,
                struct mpart_error *e)
{
        _cleanup_free_ char *dumps = NULL;
        if (asprintf(&dumps, "%s/dumps", directory) < 0)
                return mpart_error_set(e, -ENOMEM, "out of memory");
        if (mkdir(dumps, 0700) < 0 && errno != EEXIST)
                return mpart_error_set(e, -errno, "%s: %s", dumps, strerror(errno));
        _cleanup_close_ int fd = open(dumps, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return mpart_error_set(e, -errno, "%s: %s", dumps, strerror(errno));

        int r;
        while ((r = make_room(fd, size)) > 0)
                continue;
        if (r == 0)
                r = create(dumps, kernel, ret_path);
        if (r < 0)
                return mpart_error_set(e, r, "%s: no room for a dump of %llu MiB of memory: %s", dumps,
                                (unsigned long long)(size / MiB), strerror(-r));
        *ret_fd = r;
        return 0;
}

int dumps_finish(const char *path)
{
        _cleanup_free_ char *partial = partial_of(path);
        if (!partial)
                return -ENOMEM;
        return rename(partial, path) < 0 ? -errno : 0;
}

void dumps_discard(const char *path)
{
        _cleanup_free_ char *partial = path ? partial_of(path) : NULL;
        if (partial && unlink(partial) < 0 && errno != ENOENT)
                log_warning("%s: %s", partial, strerror(errno));
}

/* Calls f with the names in DIRECTORY/dumps. */
static int with_dumps(const char *directory, int (*f)(int dumps, char **names, size_t n))
{
        _cleanup_free_ char *path = NULL;
        char **names;
        size_t n;
        if (asprintf(&path, "%s/dumps", directory) < 0)
                return -ENOMEM;
        _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        int r = list_directory_at(fd, ".", &names, &n);
        if (r < 0)
                return r;
        r = f(fd, names, n);
        free_names(names, n);
        return r;
}

int dumps_drop_oldest(const char *directory)
{
        return with_dumps(directory, drop_oldest);
}

static int drop_partial(int dumps, char **names, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (time_of(names[i]) && is_partial(names[i]) && unlinkat(dumps, names[i], 0) == 0)
                        log_notice("half a dump is none: %s is removed", names[i]);
        return 0;
}

void dumps_tidy(const char *directory)
{
        with_dumps(directory, drop_partial); /* no directory: no dumps */
}
