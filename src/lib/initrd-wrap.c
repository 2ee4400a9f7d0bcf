/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

#include "initrd-wrap.h"
#include "macros.h"
#include "tree-walk.h"

#define NEWC_HEADER 110

/* What the kernel, or a distribution, starts; the first one there is counts. */
static const char *const inits[] = { "init", "sbin/init", "usr/sbin/init", "etc/init", "bin/init",
        "usr/lib/systemd/systemd", "lib/systemd/systemd" };

/* Members as they come by. */
struct search {
        struct initrd_wrapped *w;
        size_t found;   /* index in inits, their number: none yet */
        bool hard_link; /* init's bytes stand with another member */
};

/* A root tree on its way into a newc archive. */
struct packing {
        struct search search;
        struct archive_writer *writer;
        char **shared; /* of a tar archive: names that hard links lead to, each as often; sorted */
        size_t n_shared, capacity;
        struct mpart_error *error;
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

static int remember(char ***names, size_t *n, size_t *capacity, const char *path)
{
        int r = grow_array(names, capacity, *n + 1, sizeof(**names));
        if (r < 0)
                return r;
        char *copy = strdup(path);
        if (!copy)
                return -ENOMEM;
        (*names)[(*n)++] = copy;
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
        struct initrd_wrapped *w = s->w;
        int r = S_ISLNK(member->mode) ? remember(&w->links, &w->n_links, &w->capacity, member->path) : 0;
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

static int want_none(void *userdata, const struct archive_file *member)
{
        (void)userdata;
        (void)member;
        return 0;
}

static int want_all(void *userdata, const struct archive_file *member)
{
        (void)userdata;
        (void)member;
        return 1;
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What the names of one file have in common, where `path` is one of several. */
static void set_shared(const struct packing *p, const char *path, struct archive_file *m)
{
        char **found = p->n_shared == 0 ? NULL
                                        : bsearch(&path, p->shared, p->n_shared, sizeof(*p->shared),
                                                          compare_names);
        if (!found)
                return;
        size_t first = (size_t)(found - p->shared), end = first;
        while (first > 0 && streq(p->shared[first - 1], path))
                first--;
        while (end < p->n_shared && streq(p->shared[end], path))
                end++;
        m->inode = ARCHIVE_SHARED_INODE + (uint32_t)first;
        m->links = (unsigned)(end - first) + 1;
}

static int note_link(void *userdata, const struct archive_file *member)
{
        struct packing *p = userdata;
        return member->hard_link ? remember(&p->shared, &p->n_shared, &p->capacity, member->hard_link) : 0;
}

static int pack(void *userdata, const struct archive_file *member)
{
        struct packing *p = userdata;
        struct archive_file m = *member;
        int r = on_member(&p->search, member);
        if (r < 0 || !*member->path)
                return r;
        if (S_ISREG(m.mode) && m.inode == 0)
                set_shared(p, m.hard_link ? m.hard_link : m.path, &m);
        return archive_writer_add(p->writer, &m, p->error);
}

/* Twice through it: at the first name of a file the kernel has to be told that there are more. */
static int pack_tar(const char *data, size_t size, const char *name, struct packing *p)
{
        const struct archive_walk links = { .wanted = want_none, .member = note_link, .userdata = p };
        const struct archive_walk all = { .wanted = want_all, .member = pack, .userdata = p };
        int r = archive_walk(data, size, name, &links, p->error);
        if (r < 0)
                return r;
        if (p->n_shared > 0)
                qsort(p->shared, p->n_shared, sizeof(*p->shared), compare_names);
        return archive_walk(data, size, name, &all, p->error);
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

static void packing_done(struct packing *p)
{
        archive_writer_free(p->writer);
        for (size_t i = 0; i < p->n_shared; i++)
                free(p->shared[i]);
        free(p->shared);
}

/* A root tree: the tar archive `data`, or the directory `fd` where that is NULL. */
static int pack_root(const char *data, size_t size, int fd, const char *name,
                enum mpart_compression compression, struct initrd_wrapped *w, struct mpart_error *e)
{
        struct packing p = { .search = { .w = w, .found = ARRAY_SIZE(inits) }, .error = e };
        const struct archive_walk walk = { .wanted = want_all, .member = pack, .userdata = &p };
        int r = archive_writer_new(compression, &p.writer, e);
        if (r == 0)
                r = data ? pack_tar(data, size, name, &p) : tree_walk(fd, name, &walk, e);
        if (r == 0)
                r = check_init(&p.search, name, e);
        if (r == 0)
                r = archive_writer_end(p.writer, &w->data, &w->size, e);
        packing_done(&p);
        return r;
}

static int keep_ramdisk(const char *data, size_t size, const char *name, struct initrd_wrapped *w,
                struct mpart_error *e)
{
        struct search s = { .w = w, .found = ARRAY_SIZE(inits) };
        const struct archive_walk walk = { .wanted = is_wanted, .member = on_member, .userdata = &s };
        int r = walk_segments(data, size, name, &walk, e);
        if (r == 0)
                r = check_init(&s, name, e);
        if (r < 0)
                return r;
        w->data = malloc(size + 1);
        if (!w->data)
                return -ENOMEM;
        memcpy(w->data, data, size);
        w->size = size;
        return 0;
}

static int hand_over(int r, struct initrd_wrapped *w, struct initrd_wrapped *ret, struct mpart_error *e)
{
        if (r == 0)
                *ret = *w;
        else
                initrd_wrapped_free(w);
        return r == -ENOMEM ? mpart_error_set(e, r, "out of memory") : r;
}

int initrd_wrapped_read(const void *data, size_t size, const char *name, enum mpart_compression compression,
                struct initrd_wrapped *ret, struct mpart_error *e)
{
        struct initrd_wrapped w = { 0 };
        int r = archive_is_tar(data, size) ? pack_root(data, size, -1, name, compression, &w, e)
                                           : keep_ramdisk(data, size, name, &w, e);
        return hand_over(r, &w, ret, e);
}

int initrd_wrapped_read_directory(int fd, const char *name, enum mpart_compression compression,
                struct initrd_wrapped *ret, struct mpart_error *e)
{
        struct initrd_wrapped w = { 0 };
        return hand_over(pack_root(NULL, 0, fd, name, compression, &w, e), &w, ret, e);
}
