/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

#include "initrd-wrap.h"
#include "macros.h"

#define NEWC_HEADER 110
#define TAR_MAGIC_OFFSET 257

/* What the kernel, or a distribution, starts; the first one there is counts. */
static const char *const inits[] = { "init", "sbin/init", "usr/sbin/init", "etc/init", "bin/init",
        "usr/lib/systemd/systemd", "lib/systemd/systemd" };

/* Members as they come by. */
struct search {
        struct initrd_wrapped *w;
        size_t found;             /* index in inits, their number: none yet */
        bool hard_link;           /* init's bytes stand with another member */
        struct archive_file *all; /* of a tar archive: every member */
        size_t n_all, capacity_all;
};

void initrd_wrapped_free(struct initrd_wrapped *w)
{
        free(w->data);
        archive_file_clear(&w->init);
        for (size_t i = 0; i < w->n_links; i++)
                free(w->links[i]);
        free(w->links);
        memset(w, 0, sizeof(*w));
}

static int copy_member(const struct archive_file *from, struct archive_file *to)
{
        struct archive_file copy = { .mode = from->mode, .size = from->size, .device = from->device };
        copy.path = strdup(from->path);
        copy.data = malloc(from->size + 1);
        if (!copy.path || !copy.data) {
                archive_file_clear(&copy);
                return -ENOMEM;
        }
        if (from->data)
                memcpy(copy.data, from->data, from->size);
        copy.data[from->size] = 0;
        archive_file_clear(to);
        *to = copy;
        return 0;
}

static int remember_link(struct initrd_wrapped *w, const char *path)
{
        int r = grow_array(&w->links, &w->capacity, w->n_links + 1, sizeof(*w->links));
        if (r < 0)
                return r;
        char *copy = strdup(path);
        if (!copy)
                return -ENOMEM;
        w->links[w->n_links++] = copy;
        return 0;
}

static size_t rank_of(const char *path)
{
        for (size_t i = 0; i < ARRAY_SIZE(inits); i++)
                if (streq(path, inits[i]))
                        return i;
        return ARRAY_SIZE(inits);
}

static int is_wanted(void *userdata, const struct archive_file *member)
{
        (void)userdata;
        return streq(member->path, inits[0]);
}

/* The kernel's own choice, /init, is kept whole; for others a link to where they lie will do. */
static int on_member(void *userdata, const struct archive_file *member)
{
        struct search *s = userdata;
        int r = S_ISLNK(member->mode) ? remember_link(s->w, member->path) : 0;
        size_t rank = rank_of(member->path);
        if (r < 0 || rank == ARRAY_SIZE(inits) || rank > s->found || S_ISDIR(member->mode))
                return r;
        s->found = rank;
        if (rank == 0) {
                s->hard_link = S_ISREG(member->mode) && member->size == 0;
                return copy_member(member, &s->w->init);
        }
        char *target = NULL;
        if (asprintf(&target, "/%s", member->path) < 0)
                return -ENOMEM;
        struct archive_file link = {
                .path = (char *)"init", .mode = S_IFLNK | 0777, .data = target, .size = strlen(target)
        };
        r = copy_member(&link, &s->w->init);
        free(target);
        return r;
}

/* A hexadecimal field of a newc header; -1: none. */
static int64_t newc_field(const char *header, unsigned index)
{
        char digits[9] = { 0 }, *end;
        memcpy(digits, header + 6 + index * 8, 8);
        int64_t value = (int64_t)strtoul(digits, &end, 16);
        return *end ? -1 : value;
}

static bool is_newc(const char *data, size_t size)
{
        return size >= NEWC_HEADER && (memcmp(data, "070701", 6) == 0 || memcmp(data, "070702", 6) == 0);
}

/* The first byte behind an uncompressed archive; 0: damaged. */
static size_t newc_end(const char *data, size_t size)
{
        for (size_t at = 0; at <= size && is_newc(data + at, size - at);) {
                int64_t bytes = newc_field(data + at, 6), name = newc_field(data + at, 11);
                if (bytes < 0 || name < 1)
                        return 0;
                const char *path = data + at + NEWC_HEADER;
                uint64_t body = ALIGN_UP(at + NEWC_HEADER + (uint64_t)name, 4);
                if (body > size || path[name - 1] != 0)
                        return 0;
                uint64_t next = ALIGN_UP(body + (uint64_t)bytes, 4);
                if (streq(path, "TRAILER!!!"))
                        return MIN(next, size);
                at = next;
        }
        return 0;
}

/* Each archive of the ramdisk in turn; a compressed one is taken for the last. */
static int walk_segments(const char *data, size_t size, const char *name, const struct archive_walk *walk,
                struct mpart_error *e)
{
        size_t at = 0;
        while (at < size) {
                if (data[at] == 0) { /* padding */
                        at++;
                        continue;
                }
                size_t n = size - at;
                bool plain = is_newc(data + at, n);
                if (plain)
                        n = newc_end(data + at, n);
                if (n == 0)
                        return mpart_error_set(
                                        e, -EBADMSG, "%s: the archive at byte %zu is damaged", name, at);
                int r = archive_walk(data + at, n, name, walk, e);
                if (r < 0)
                        return r;
                at += n;
        }
        return 0;
}

static int want_all(void *userdata, const struct archive_file *member)
{
        (void)userdata;
        (void)member;
        return 1;
}

static int collect(void *userdata, const struct archive_file *member)
{
        struct search *s = userdata;
        int r = on_member(s, member);
        if (r < 0 || !*member->path)
                return r;
        r = grow_array(&s->all, &s->capacity_all, s->n_all + 1, sizeof(*s->all));
        if (r < 0)
                return r;
        s->all[s->n_all] = (struct archive_file){ 0 };
        return copy_member(member, &s->all[s->n_all++]);
}

static int convert_tar(const char *data, size_t size, const char *name, enum mpart_compression compression,
                struct search *s, struct mpart_error *e)
{
        const struct archive_walk walk = { .wanted = want_all, .member = collect, .userdata = s };
        int r = archive_walk(data, size, name, &walk, e);
        if (r == 0)
                r = archive_write(s->all, s->n_all, compression, &s->w->data, &s->w->size, e);
        for (size_t i = 0; i < s->n_all; i++)
                archive_file_clear(&s->all[i]);
        free(s->all);
        return r;
}

static bool is_tar(const char *data, size_t size)
{
        return size > TAR_MAGIC_OFFSET + 5 && memcmp(data + TAR_MAGIC_OFFSET, "ustar", 5) == 0;
}

static int check_init(const struct search *s, const char *name, struct mpart_error *e)
{
        if (s->found == ARRAY_SIZE(inits))
                return mpart_error_set(e, -EINVAL,
                                "%s holds neither /init nor /sbin/init: what is the agent to start?", name);
        if (s->hard_link)
                return mpart_error_set(e, -EINVAL,
                                "%s: /init is empty, or a hard link; make it a file or a symbolic link",
                                name);
        return 0;
}

int initrd_wrapped_read(const void *data, size_t size, const char *name, enum mpart_compression compression,
                struct initrd_wrapped *ret, struct mpart_error *e)
{
        struct initrd_wrapped w = { 0 };
        struct search s = { .w = &w, .found = ARRAY_SIZE(inits) };
        const struct archive_walk walk = { .wanted = is_wanted, .member = on_member, .userdata = &s };
        int r;
        if (is_tar(data, size)) {
                r = convert_tar(data, size, name, compression, &s, e);
        } else {
                r = walk_segments(data, size, name, &walk, e);
                w.data = r == 0 ? malloc(size + 1) : NULL;
                if (w.data)
                        memcpy(w.data, data, size);
                else if (r == 0)
                        r = mpart_error_set(e, -ENOMEM, "out of memory");
                w.size = size;
        }
        if (r == 0)
                r = check_init(&s, name, e);
        if (r < 0) {
                initrd_wrapped_free(&w);
                return r;
        }
        *ret = w;
        return 0;
}
