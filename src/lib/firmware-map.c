/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>

#include "firmware-map.h"
#include "fs.h"
#include "macros.h"

#define DIRECTORY "sys/firmware/memmap"

static int read_address(int root, const char *entry, const char *file, uint64_t *ret)
{
        char path[sizeof(DIRECTORY) + 300];
        _cleanup_free_ char *text = NULL;

        snprintf(path, sizeof(path), DIRECTORY "/%s/%s", entry, file);
        int r = read_line_at(root, path, &text);
        if (r < 0)
                return r;
        char *end;
        errno = 0;
        unsigned long long value = strtoull(text, &end, 16);
        if (errno || end == text || *end)
                return -EINVAL;
        *ret = value;
        return 0;
}

static int read_entry(int root, const char *entry, struct mpart_ranges *ram, struct mpart_ranges *other)
{
        char path[sizeof(DIRECTORY) + 300];
        _cleanup_free_ char *type = NULL;
        uint64_t start, end;

        snprintf(path, sizeof(path), DIRECTORY "/%s/type", entry);
        int r = read_line_at(root, path, &type);
        if (r < 0)
                return r;
        r = read_address(root, entry, "start", &start);
        if (r < 0)
                return r;
        r = read_address(root, entry, "end", &end);
        if (r < 0)
                return r;
        if (end < start)
                return -EINVAL;
        return mpart_ranges_add(streq(type, "System RAM") ? ram : other, start,
                        end - start + (end < UINT64_MAX ? 1 : 0));
}

int firmware_map_read(int root, struct mpart_ranges *ret)
{
        char **names = NULL;
        size_t n = 0;
        int r = list_directory_at(root, DIRECTORY, &names, &n);
        if (r < 0)
                return -ENODATA;

        _cleanup_ranges_ struct mpart_ranges ram = { 0 }, other = { 0 };
        for (size_t i = 0; i < n && r == 0; i++)
                r = read_entry(root, names[i], &ram, &other);
        free_names(names, n);
        if (r < 0)
                return r;
        r = mpart_ranges_remove_all(&ram, &other);
        if (r < 0)
                return r;
        if (ram.n == 0)
                return -ENODATA;
        *ret = ram;
        ram = (struct mpart_ranges){ 0 };
        return 0;
}
