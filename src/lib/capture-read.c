/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <unistd.h>

#include "capture.h"
#include "fs.h"
#include "macros.h"
#include "tarball.h"

#define OPEN_DIRECTORIES 16

typedef int reader(const char *root, struct mpart_machine **ret, struct mpart_error *e);

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
        (void)st;
        (void)kind;
        (void)at;
        remove(path);
        return 0;
}

static void remove_tree(char **path)
{
        if (*path)
                nftw(*path, remove_one, OPEN_DIRECTORIES, FTW_DEPTH | FTW_PHYS);
        free(*path);
}

/* Sentences of the reader begin with the directory that nobody knows. */
static int tell_file(const char *file, const char *directory, struct mpart_error *e, int code)
{
        const char *rest = e ? startswith(e->text, directory) : NULL;
        if (!rest)
                return code;
        char text[sizeof(e->text)];
        snprintf(text, sizeof(text), "%s", rest);
        return mpart_error_set(e, code, "%s%s", file, text);
}

static int read_with(const char *file, reader *read, struct mpart_machine **ret, struct mpart_error *e)
{
        const char *temporary = getenv("TMPDIR");
        _cleanup_(remove_tree) char *made = NULL;
        _cleanup_free_ char *directory = NULL;
        if (asprintf(&directory, "%s/mpart.XXXXXX", temporary && *temporary ? temporary : "/tmp") < 0) {
                directory = NULL;
                return mpart_error_set(e, -ENOMEM, "out of memory");
        }
        if (!mkdtemp(directory))
                return mpart_error_set(
                                e, -errno, "%s: no directory to unpack it in: %s", file, strerror(errno));
        made = TAKE_PTR(directory);
        _cleanup_close_ int fd = open(made, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int r = fd < 0 ? mpart_error_set(e, -errno, "%s: %s", made, strerror(errno))
                       : tarball_unpack(file, fd, e);
        if (r < 0)
                return r;
        r = read(made, ret, e);
        return r < 0 ? tell_file(file, made, e, r) : 0;
}

int mpart_capture_read(const char *file, struct mpart_machine **ret, struct mpart_error *e)
{
        return read_with(file, mpart_machine_read, ret, e);
}

int mpart_capture_look(const char *file, struct mpart_machine **ret, struct mpart_error *e)
{
        return read_with(file, mpart_machine_look, ret, e);
}
