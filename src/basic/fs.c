/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs.h"
#include "macros.h"

#define DEFAULT_LIMIT (64 * MiB)
#define FIRST_READ 4096 /* holds most attributes of sysfs */

void close_fd(int *fd)
{
        if (*fd >= 0)
                close(*fd);
        *fd = -1;
}

int grow_array(void *array, size_t *capacity, size_t need, size_t size)
{
        if (need <= *capacity)
                return 0;
        size_t new_capacity = MAX(need, MAX(*capacity * 2, (size_t)8));
        void *bigger = reallocarray(*(void **)array, new_capacity, size);
        if (!bigger)
                return -ENOMEM;
        *(void **)array = bigger;
        *capacity = new_capacity;
        return 0;
}

int open_root(const char *path)
{
        int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

/* The file's size at once where it has one that can be believed, so that an image is not copied over and
 * over; small files never come here. */
static size_t next_capacity(int fd, size_t capacity)
{
        struct stat st;
        if (fstat(fd, &st) == 0 && st.st_size > 0 && (size_t)st.st_size > capacity)
                return (size_t)st.st_size + 2;
        return capacity * 2;
}

/* `attribute`: the first read that leaves room ends the file, as it does for every file that tells one
 * value; long files of /proc come in pieces that end at lines. */
static int read_whole(int root, const char *path, size_t limit, bool attribute, char **ret, size_t *ret_size,
                struct mpart_error *e)
{
        /* A captured machine may hold anything, a FIFO too: never wait for one. */
        _cleanup_close_ int fd = openat(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0)
                return mpart_error_set(e, -errno, "%s cannot be read: %s", path, strerror(errno));

        if (limit == 0)
                limit = DEFAULT_LIMIT;

        _cleanup_free_ char *data = NULL;
        size_t size = 0, capacity = 0, want = FIRST_READ;
        for (;;) {
                int r = grow_array(&data, &capacity, MIN(want, limit + 2), 1);
                if (r < 0)
                        return mpart_error_set(e, r, "%s: out of memory", path);
                ssize_t n = read(fd, data + size, capacity - size - 1);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return mpart_error_set(e, -errno, "%s cannot be read at byte %zu: %s", path, size,
                                        strerror(errno));
                size += (size_t)n;
                if (size > limit)
                        return mpart_error_set(
                                        e, -EFBIG, "%s cannot be read: larger than %zu bytes", path, limit);
                if (n == 0 || (attribute && size + 1 < capacity))
                        break;
                if (capacity - size < 2)
                        want = next_capacity(fd, capacity);
        }
        data[size] = 0;
        *ret = TAKE_PTR(data);
        if (ret_size)
                *ret_size = size;
        return 0;
}

int read_file_at(int root, const char *path, size_t limit, char **ret, size_t *ret_size)
{
        return read_whole(root, path, limit, false, ret, ret_size, NULL);
}

int read_input_at(int root, const char *path, size_t limit, char **ret, size_t *ret_size,
                struct mpart_error *e)
{
        return read_whole(root, path, limit, false, ret, ret_size, e);
}

int read_line_at(int root, const char *path, char **ret)
{
        char *text = NULL;
        int r = read_whole(root, path, 0, true, &text, NULL, NULL);
        if (r < 0)
                return r;
        assert(text);
        size_t n = strlen(text);
        while (n > 0 && isspace((unsigned char)text[n - 1]))
                text[--n] = 0;
        *ret = text;
        return 0;
}

int read_number_at(int root, const char *path, int base, int64_t *ret)
{
        _cleanup_free_ char *text = NULL;
        int r = read_line_at(root, path, &text);
        if (r < 0)
                return r;
        char *end;
        errno = 0;
        long long value = strtoll(text, &end, base);
        if (errno || end == text || *end)
                return -EINVAL;
        *ret = value;
        return 0;
}

static int compare_names(const void *a, const void *b)
{
        return strverscmp(*(char *const *)a, *(char *const *)b);
}

int visit_directory_at(
                int root, const char *path, int (*visit)(void *userdata, const char *name), void *userdata)
{
        int fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        DIR *dir = fdopendir(fd);
        if (!dir) {
                close(fd);
                return -ENOMEM;
        }
        int r = 0;
        for (struct dirent *entry; r >= 0 && (entry = readdir(dir));)
                if (!streq(entry->d_name, ".") && !streq(entry->d_name, ".."))
                        r = visit(userdata, entry->d_name);
        closedir(dir);
        return MIN(r, 0);
}

struct names {
        char **items;
        size_t n, capacity;
};

static int add_name(void *userdata, const char *name)
{
        struct names *names = userdata;
        int r = grow_array(&names->items, &names->capacity, names->n + 1, sizeof(*names->items));
        if (r < 0)
                return r;
        char *copy = strdup(name);
        if (!copy)
                return -ENOMEM;
        names->items[names->n++] = copy;
        return 0;
}

int list_directory_at(int root, const char *path, char ***ret, size_t *ret_n)
{
        struct names names = { 0 };
        int r = visit_directory_at(root, path, add_name, &names);
        if (r < 0) {
                free_names(names.items, names.n);
                return r;
        }
        if (names.n)
                qsort(names.items, names.n, sizeof(*names.items), compare_names);
        *ret = names.items;
        *ret_n = names.n;
        return 0;
}

void free_names(char **names, size_t n)
{
        for (size_t i = 0; i < n; i++)
                free(names[i]);
        free(names);
}

int write_all(int fd, const void *data, size_t size)
{
        const char *p = data;
        while (size > 0) {
                ssize_t n = write(fd, p, size);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                p += n;
                size -= (size_t)n;
        }
        return 0;
}

static int sync_directory_of(const char *path)
{
        _cleanup_free_ char *copy = strdup(path);
        if (!copy)
                return -ENOMEM;
        _cleanup_close_ int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        return fsync(fd) < 0 ? -errno : 0;
}

static int write_and_sync(int fd, const void *data, size_t size, mode_t mode)
{
        int r = write_all(fd, data, size);
        if (r < 0)
                return r;
        if (fchmod(fd, mode) < 0 || fdatasync(fd) < 0)
                return -errno;
        return 0;
}

int write_file_atomic(const char *path, const void *data, size_t size, mode_t mode)
{
        _cleanup_free_ char *temporary = NULL;
        if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
                return -ENOMEM;
        _cleanup_close_ int fd = mkostemp(temporary, O_CLOEXEC);
        if (fd < 0)
                return -errno;

        int r = write_and_sync(fd, data, size, mode);
        if (r == 0 && rename(temporary, path) < 0)
                r = -errno;
        if (r < 0) {
                unlink(temporary);
                return r;
        }
        return sync_directory_of(path);
}

int write_attribute_at(int root, const char *path, const char *text)
{
        _cleanup_close_ int fd = openat(root, path, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        ssize_t n = write(fd, text, strlen(text));
        if (n < 0)
                return -errno;
        return (size_t)n == strlen(text) ? 0 : -EIO;
}
