/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "elf-needs.h"
#include "fs.h"
#include "initrd-tree.h"
#include "initrd-wrap.h"
#include "macros.h"
#include "modules.h"

#define BUSYBOX "/bin/busybox"
#define DROPBEAR "/usr/sbin/dropbear"
#define SSH_CLIENT "/usr/bin/dbclient"
#define SSH_HINT "install dropbear-bin"
/* Where the agent looks for modules to load: a file name in each line. Below a directory of our own, since a
 * wrapped root tree may have any of the usual ones as a link. */
#define MODULE_DIRECTORY "mpart/modules"
#define MODULE_LIST "mpart/modules.list"
#define REAL_INIT "init.real" /* what the agent starts */
#define KEY_LIMIT MiB
#define WRAP_LIMIT (4 * GiB)

/* The network's; more are named by the request. */
static const char *const standard_modules[] = { "tun" };

static const char rc[] = "#!/bin/sh\n"
                         "# Runs once, before everything that /etc/inittab names.\n"
                         "/bin/busybox --install -s\n"
                         "mount -t proc proc /proc 2>/dev/null\n"
                         "mount -t sysfs sysfs /sys 2>/dev/null\n"
                         "mount -t devtmpfs devtmpfs /dev 2>/dev/null\n"
                         "mkdir -p /dev/pts /dev/shm\n"
                         "mount -t devpts devpts /dev/pts 2>/dev/null\n"
                         "mount -t tmpfs tmpfs /dev/shm 2>/dev/null\n"
                         "ip link set lo up 2>/dev/null || ifconfig lo up\n"
                         "[ ! -x /etc/rc.local ] || /etc/rc.local\n";

/* Text files of our own ramdisk. */
static const struct {
        const char *path;
        mode_t mode;
        const char *text;
} text_files[] = {
        { REAL_INIT, 0755, "#!/bin/busybox sh\nexec /bin/busybox init\n" },
        { "etc/rc", 0755, rc },
        { "etc/passwd", 0644, "root:*:0:0:root:/root:/bin/sh\n" }, /* no password opens it */
        { "etc/group", 0644, "root:x:0:\ntty:x:5:\n" },
        { "etc/shells", 0644, "/bin/sh\n" },
        { "etc/nsswitch.conf", 0644, "passwd: files\ngroup: files\nhosts: files dns\n" },
        { "etc/profile", 0644, "export PATH=/usr/sbin:/usr/bin:/sbin:/bin PS1='\\h:\\w\\$ '\n" },
};

static const struct {
        const char *path, *target;
} links[] = {
        { "sbin/init", "../bin/busybox" },
        { "bin/sh", "busybox" },
        { "etc/hosts", "/run/mpartd/hosts" }, /* the agent writes it */
        { "var/run", "../run" },
};

static const struct {
        const char *path;
        mode_t mode;
} directories[] = {
        { "dev", 0755 },
        { "etc/dropbear", 0700 },
        { "mnt", 0755 },
        { "proc", 0555 },
        { "root", 0700 },
        { "run", 0755 },
        { "sys", 0555 },
        { "tmp", 01777 },
        { "usr/bin", 0755 },
        { "usr/sbin", 0755 },
        { "var/log", 0755 },
};

static const char *const compression_names[_MPART_COMPRESSION_MAX] = {
        [MPART_COMPRESSION_GZIP] = "gzip",
        [MPART_COMPRESSION_ZSTD] = "zstd",
        [MPART_COMPRESSION_NONE] = "none",
};

const char *mpart_compression_to_string(enum mpart_compression c)
{
        return c >= 0 && c < _MPART_COMPRESSION_MAX ? compression_names[c] : NULL;
}

enum mpart_compression mpart_compression_from_string(const char *s)
{
        for (int i = 0; i < _MPART_COMPRESSION_MAX; i++)
                if (streq(compression_names[i], s))
                        return (enum mpart_compression)i;
        return _MPART_COMPRESSION_INVALID;
}

enum mpart_compression mpart_compression_of_file(const char *path)
{
        const char *dot = strrchr(path, '.');
        if (dot && (streq(dot, ".zst") || streq(dot, ".zstd")))
                return MPART_COMPRESSION_ZSTD;
        return dot && streq(dot, ".cpio") ? MPART_COMPRESSION_NONE : MPART_COMPRESSION_GZIP;
}

static int out_of_memory(struct mpart_error *e)
{
        return mpart_error_set(e, -ENOMEM, "out of memory");
}

/* A program that must run where no library is. */
static int add_static(struct initrd_tree *t, const char *from, const char *to, const char *hint,
                struct mpart_error *e)
{
        size_t n = t->n;
        int r = initrd_tree_add_program(t, from, to, hint, e);
        if (r == 0 && t->n > n + 1)
                return mpart_error_set(e, -EINVAL, "%s is linked dynamically, a static one is needed: %s",
                                from, hint);
        if (r == 0)
                t->files[n].mode = S_IFREG | 0755;
        return r;
}

static int add_agent(struct initrd_tree *t, const char *agent, struct mpart_error *e)
{
        return add_static(t, agent, "init", "install mpartd whole: the agent is part of it", e);
}

static bool is_public_key(const char *line)
{
        return startswith(line, "ssh-") || startswith(line, "ecdsa-") || startswith(line, "sk-");
}

/* sshd and dropbear pass over lines that they do not understand: such a file would lock its user out. */
static int check_keys(const char *path, const char *text, struct mpart_error *e)
{
        if (strstr(text, "PRIVATE KEY"))
                return mpart_error_set(
                                e, -EINVAL, "%s is a private key: give the public one (%s.pub)", path, path);
        for (const char *line = text; line && *line; line = strchr(line, '\n')) {
                line += strspn(line, "\n");
                if (is_public_key(line))
                        return 0;
        }
        return mpart_error_set(e, -EINVAL,
                        "%s holds no public key of OpenSSH's format (\"ssh-ed25519 AAAA...\")", path);
}

static int add_ssh_key(struct initrd_tree *t, const char *path, struct mpart_error *e)
{
        _cleanup_free_ char *text = NULL;
        int r = read_file_at(t->root, without_slash(path), KEY_LIMIT, &text, NULL);
        if (r < 0)
                return mpart_error_set(e, r, "%s cannot be read: %s", path, strerror(-r));
        r = check_keys(path, text, e);
        if (r < 0)
                return r;
        if (initrd_tree_add(t, "root", S_IFDIR | 0700, NULL, 0) < 0 ||
                        initrd_tree_add(t, "root/.ssh", S_IFDIR | 0700, NULL, 0) < 0 ||
                        initrd_tree_add_text(t, "root/.ssh/authorized_keys", S_IFREG | 0600, text) < 0)
                return out_of_memory(e);
        return 0;
}

static int add_module(struct initrd_tree *t, const struct module_file *m, struct mpart_error *e)
{
        _cleanup_free_ char *packed = NULL, *path = NULL;
        char *plain = NULL;
        size_t packed_size, size;
        int r = read_file_at(AT_FDCWD, m->path, 0, &packed, &packed_size); /* libkmod's path has the root */
        if (r < 0)
                return mpart_error_set(e, r, "%s cannot be read: %s", m->path, strerror(-r));
        /* finit_module(2) takes compressed ones only where the kernel was made for it */
        r = archive_uncompress(packed, packed_size, m->path, &plain, &size, e);
        if (r < 0)
                return r;
        if (asprintf(&path, MODULE_DIRECTORY "/%s.ko", m->name) < 0) {
                path = NULL;
                free(plain);
                return out_of_memory(e);
        }
        return initrd_tree_add(t, path, S_IFREG | 0644, plain, size) < 0 ? out_of_memory(e) : 0;
}

static int add_module_list(struct initrd_tree *t, const struct module_list *list, struct mpart_error *e)
{
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);
        if (!f)
                return out_of_memory(e);
        for (size_t i = 0; i < list->n; i++)
                fprintf(f, "/" MODULE_DIRECTORY "/%s.ko\n", list->items[i].name);
        if (fclose(f) != 0) {
                free(text);
                return out_of_memory(e);
        }
        return initrd_tree_add(t, MODULE_LIST, S_IFREG | 0644, text, size) < 0 ? out_of_memory(e) : 0;
}

static int add_modules(struct initrd_tree *t, const struct mpart_initrd_request *q, struct mpart_error *e)
{
        if (!q->kernel && q->n_modules > 0)
                return mpart_error_set(
                                e, -EINVAL, "module %s: of which kernel? Name its version", q->modules[0]);
        if (!q->kernel)
                return 0;
        struct module_list list = { 0 };
        size_t n = ARRAY_SIZE(standard_modules) + q->n_modules;
        _cleanup_free_ const char **names = calloc(n, sizeof(*names));
        if (!names)
                return out_of_memory(e);
        memcpy(names, standard_modules, sizeof(standard_modules));
        if (q->n_modules > 0)
                memcpy(names + ARRAY_SIZE(standard_modules), q->modules, q->n_modules * sizeof(*names));

        int r = module_list_resolve(q->root ? q->root : "/", q->kernel, names, n, &list, e);
        for (size_t i = 0; r == 0 && i < list.n; i++)
                r = add_module(t, &list.items[i], e);
        if (r == 0)
                r = add_module_list(t, &list, e);
        module_list_free(&list);
        return r;
}

static int add_fixed_files(struct initrd_tree *t)
{
        int r = 0;
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(directories); i++)
                r = initrd_tree_add(t, directories[i].path, S_IFDIR | directories[i].mode, NULL, 0);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(text_files); i++)
                r = initrd_tree_add_text(
                                t, text_files[i].path, S_IFREG | text_files[i].mode, text_files[i].text);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(links); i++)
                r = initrd_tree_add_link(t, links[i].path, links[i].target);
        /* The kernel opens /dev/console before anybody has mounted /dev. */
        if (r == 0)
                r = initrd_tree_add_device(t, "dev/console", 0600, makedev(5, 1));
        return r == 0 ? initrd_tree_add_device(t, "dev/null", 0666, makedev(1, 3)) : r;
}

/* dropbear makes host keys of its own when the first one logs in (-R); passwords open nothing (-s). */
static int add_ssh_server(struct initrd_tree *t, struct mpart_error *e)
{
        int r = initrd_tree_add_program(t, DROPBEAR, DROPBEAR, SSH_HINT, e);
        if (r == 0)
                r = initrd_tree_add_program(t, SSH_CLIENT, SSH_CLIENT, SSH_HINT, e);
        if (r == 0 && initrd_tree_add_link(t, "usr/bin/ssh", "dbclient") < 0)
                r = out_of_memory(e);
        return r;
}

static int add_own_system(struct initrd_tree *t, const struct mpart_initrd_request *q, struct mpart_error *e)
{
        int r = add_static(t, BUSYBOX, BUSYBOX, "install busybox-static", e);
        if (r == 0 && add_fixed_files(t) < 0)
                r = out_of_memory(e);
        if (r == 0 && q->ssh_key)
                r = add_ssh_server(t, e);
        if (r < 0)
                return r;
        /* Nobody gets a shell without being asked who he is: the console's comes from the agent, for those
         * whom mpartd lets attach. */
        const char *inittab = q->ssh_key ? "::sysinit:/etc/rc\n::respawn:" DROPBEAR " -F -R -s\n"
                                         : "::sysinit:/etc/rc\n";
        return initrd_tree_add_text(t, "etc/inittab", S_IFREG | 0644, inittab) < 0 ? out_of_memory(e) : 0;
}

static int read_wrapped(const struct initrd_tree *t, const struct mpart_initrd_request *q,
                struct initrd_wrapped *ret, struct mpart_error *e)
{
        _cleanup_free_ char *data = NULL;
        size_t size;
        const char *path = without_slash(q->wrap);
        _cleanup_close_ int directory =
                        openat(t->root, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (directory >= 0)
                return initrd_wrapped_read_directory(directory, q->wrap, q->compression, ret, e);
        int r = read_file_at(t->root, path, WRAP_LIMIT, &data, &size);
        if (r < 0)
                return mpart_error_set(e, r, "%s cannot be read: %s", q->wrap, strerror(-r));
        return initrd_wrapped_read(data, size, q->wrap, q->compression, ret, e);
}

/* The wrapped archive, zeros up to a multiple of 4, ours: what is in ours replaces what was there. */
static int join(const struct initrd_wrapped *w, char **data, size_t *size, struct mpart_error *e)
{
        size_t offset = ALIGN_UP(w->size, 4);
        char *joined = calloc(1, offset + *size + 1);
        if (!joined)
                return out_of_memory(e);
        memcpy(joined, w->data, w->size);
        memcpy(joined + offset, *data, *size);
        free(*data);
        *data = joined;
        *size += offset;
        return 0;
}

static int keep_init(struct initrd_tree *t, struct initrd_wrapped *w)
{
        char *data = TAKE_PTR(w->init.data);
        mode_t mode = S_ISREG(w->init.mode) ? S_IFREG | 0755 : w->init.mode;
        return initrd_tree_add(t, REAL_INIT, mode, data, w->init.size);
}

static int fill(struct initrd_tree *t, const struct mpart_initrd_request *q, struct initrd_wrapped *w,
                struct mpart_error *e)
{
        int r = 0;
        if (!q->wrap) {
                r = add_own_system(t, q, e);
        } else if ((r = read_wrapped(t, q, w, e)) == 0) {
                t->links = w->links;
                t->n_links = w->n_links;
                r = keep_init(t, w) < 0 ? out_of_memory(e) : 0;
        }
        if (r == 0)
                r = add_agent(t, q->agent, e);
        if (r == 0)
                r = add_modules(t, q, e);
        if (r == 0 && q->ssh_key)
                r = add_ssh_key(t, q->ssh_key, e);
        for (size_t i = 0; r == 0 && i < q->n_adds; i++)
                r = initrd_tree_add_path(t, q->adds[i], e);
        return r == 0 ? initrd_tree_finish(t, e) : r;
}

int mpart_initrd_build(const struct mpart_initrd_request *request, char **ret, size_t *ret_size,
                struct mpart_error *e)
{
        const char *root_path = request->root ? request->root : "/";
        _cleanup_close_ int root = open_root(root_path);
        if (root < 0)
                return mpart_error_set(e, root, "%s cannot be opened: %s", root_path, strerror(-root));

        struct initrd_tree tree = { .root = root };
        struct initrd_wrapped wrapped = { 0 };
        _cleanup_free_ char *data = NULL;
        size_t size = 0;
        int r = fill(&tree, request, &wrapped, e);
        if (r == 0)
                r = archive_write(tree.files, tree.n, request->compression, &data, &size, e);
        if (r == 0 && request->wrap)
                r = join(&wrapped, &data, &size, e);
        initrd_tree_free(&tree);
        initrd_wrapped_free(&wrapped);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(data);
        *ret_size = size;
        return 0;
}
