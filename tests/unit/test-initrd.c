/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "archive-file.h"
#include "fs.h"
#include "initrd-wrap.h"
#include "initrd.h"
#include "macros.h"
#include "scratch.h"

#define KEY "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIK9iBOB2IOgyJMoeajQKW2kTlNjuYI5NcFLvyINE test\n"

/* The members of an archive as they come by: "path mode size data" for each. */
struct listing {
        char *text;
        size_t size;
        FILE *f;
};

static int want_all(void *userdata, const struct archive_file *member)
{
        (void)userdata;
        (void)member;
        return 1;
}

static int print_member(void *userdata, const struct archive_file *m)
{
        struct listing *l = userdata;
        fprintf(l->f, "%s %o %.*s\n", m->path, (unsigned)m->mode, (int)MIN(m->size, (size_t)20),
                        m->data ? m->data : "");
        return 0;
}

static char *list(const char *data, size_t size)
{
        struct listing l = { 0 };
        struct mpart_error e = MPART_ERROR_INIT;
        l.f = open_memstream(&l.text, &l.size);
        const struct archive_walk walk = { .wanted = want_all, .member = print_member, .userdata = &l };
        int r = archive_walk(data, size, "list", &walk, &e);
        fclose(l.f);
        if (r < 0)
                fail_msg("%s", e.text);
        return l.text;
}

static void make_root(struct scratch *s)
{
        scratch_make(s);
        scratch_write(s, "bin/busybox", "busybox, static");
        scratch_write(s, "agent", "agent, static");
        scratch_write(s, "key.pub", KEY);
        scratch_write(s, "usr/sbin/dropbear", "dropbear");
        scratch_write(s, "usr/bin/dbclient", "dbclient");
        scratch_write(s, "data/a", "first");
        scratch_write(s, "data/sub/b", "second");
}

static void expect_error(const struct mpart_initrd_request *q, int code, const char *part)
{
        struct mpart_error e = MPART_ERROR_INIT;
        char *data = NULL;
        size_t size = 7;
        assert_int_equal(mpart_initrd_build(q, &data, &size, &e), code);
        assert_non_null(strstr(e.text, part));
        assert_null(data);
        assert_int_equal(size, 7);
}

static void build(const struct mpart_initrd_request *q, char **ret, size_t *ret_size)
{
        struct mpart_error e = MPART_ERROR_INIT;
        if (mpart_initrd_build(q, ret, ret_size, &e) < 0)
                fail_msg("%s", e.text);
}

static void test_contents(void **state)
{
        struct scratch *s = *state;
        const char *adds[] = { "/data:/opt", "/data/a:/etc/passwd" };
        for (int c = 0; c < _MPART_COMPRESSION_MAX; c++) {
                const struct mpart_initrd_request q = { .root = s->path,
                        .agent = "/agent",
                        .ssh_key = "/key.pub",
                        .adds = adds,
                        .n_adds = ARRAY_SIZE(adds),
                        .compression = (enum mpart_compression)c };
                _cleanup_free_ char *one = NULL, *two = NULL, *text = NULL;
                size_t n_one, n_two;
                build(&q, &one, &n_one);
                build(&q, &two, &n_two);
                assert_int_equal(n_one, n_two);
                assert_memory_equal(one, two, n_one);

                text = list(one, n_one);
                assert_non_null(strstr(text, "\ninit 100755 agent, static\n"));
                assert_non_null(strstr(text, "\nbin/busybox 100755 busybox, static\n"));
                assert_non_null(strstr(text, "\nbin/sh 120777 busybox\n"));
                assert_non_null(strstr(text, "\nroot/.ssh 40700 \nroot/.ssh/authorized_keys 100600 "
                                             "ssh-ed25519 AAAAC3Nz\n"));
                assert_non_null(strstr(text, "\nopt/sub 40755 \nopt/sub/b 100644 second\n"));
                /* what is added takes the place of what is there, once */
                assert_non_null(strstr(text, "\netc/passwd 100644 first\n"));
                assert_null(strstr(text, "root:*"));
                assert_non_null(strstr(text, "\nusr/sbin/dropbear "));
        }
}

static void test_no_ssh_without_a_key(void **state)
{
        struct scratch *s = *state;
        const struct mpart_initrd_request q = { .root = s->path, .agent = "/agent" };
        _cleanup_free_ char *data = NULL, *text = NULL;
        size_t size;
        build(&q, &data, &size);
        text = list(data, size);
        assert_null(strstr(text, "usr/sbin/dropbear"));
        assert_non_null(strstr(text, "\netc/passwd 100644 root:*:"));
}

static void test_errors(void **state)
{
        struct scratch *s = *state;
        const char *absent[] = { "/nothing" }, *dots[] = { "/data:/../x" }, *module[] = { "tun" };
        struct mpart_initrd_request q = { .root = s->path, .agent = "/none" };
        expect_error(&q, -ENOENT, "/none is missing");
        q.agent = "/agent";
        q.ssh_key = "/data/a";
        expect_error(&q, -EINVAL, "/data/a holds no public key");
        scratch_write(s, "secret", "-----BEGIN OPENSSH PRIVATE KEY-----\n");
        q.ssh_key = "/secret";
        expect_error(&q, -EINVAL, "give the public one (/secret.pub)");
        q.ssh_key = NULL;
        q.adds = absent;
        q.n_adds = 1;
        expect_error(&q, -ENOENT, "/nothing is missing");
        q.adds = dots;
        expect_error(&q, -EINVAL, "without . and ..");
        q.n_adds = 0;
        q.kernel = "9.9";
        expect_error(&q, -ENOENT, "/lib/modules/9.9 is missing");
        q.kernel = NULL;
        q.modules = module;
        q.n_modules = 1;
        expect_error(&q, -EINVAL, "of which kernel?");
        q.n_modules = 0;
        q.wrap = "/data";
        expect_error(&q, -EINVAL, "/data holds neither /init nor /sbin/init");
        q.wrap = "/data/a";
        expect_error(&q, -EBADMSG, "/data/a");
        q.wrap = NULL;
        char busybox[128];
        snprintf(busybox, sizeof(busybox), "%s/bin/busybox", s->path);
        assert_int_equal(unlink(busybox), 0);
        expect_error(&q, -ENOENT, "install busybox-static");
}

/* An archive to wrap: `init` as given, and a link lib -> usr/lib. */
static void make_base(struct scratch *s, const char *path, const char *init, mode_t mode, const char *data,
                enum mpart_compression c)
{
        struct archive_file files[] = {
                { .path = (char *)init, .mode = mode, .data = (char *)data, .size = strlen(data) },
                { .path = (char *)"lib", .mode = S_IFLNK | 0777, .data = (char *)"usr/lib", .size = 7 },
                { .path = (char *)"usr", .mode = S_IFDIR | 0755 },
        };
        _cleanup_free_ char *archive = NULL, *whole = NULL;
        size_t size;
        assert_int_equal(archive_write(files, ARRAY_SIZE(files), c, &archive, &size, NULL), 0);
        assert_true(asprintf(&whole, "%s/%s", s->path, path) > 0);
        assert_int_equal(write_file_atomic(whole, archive, size, 0644), 0);
}

static void test_wrap(void **state)
{
        struct scratch *s = *state;
        const char *adds[] = { "/data/a:/lib/x" };
        for (int c = 0; c < _MPART_COMPRESSION_MAX; c++) {
                make_base(s, "base", "init", S_IFREG | 0755, "#!/bin/sh", (enum mpart_compression)c);
                struct mpart_initrd_request q = { .root = s->path,
                        .agent = "/agent",
                        .wrap = "/base",
                        .compression = MPART_COMPRESSION_NONE };
                _cleanup_free_ char *base = NULL, *data = NULL, *text = NULL;
                size_t n_base, size;
                build(&q, &data, &size);
                assert_int_equal(read_file_at(s->fd, "base", 0, &base, &n_base), 0);
                assert_memory_equal(data, base, n_base);
                size_t offset = ALIGN_UP(n_base, 4);
                text = list(data + offset, size - offset);
                assert_non_null(strstr(text, "init 100755 agent, static\ninit.real 100755 #!/bin/sh\n"));
                /* nothing of ours lies where a root tree may have a link */
                assert_null(strstr(text, "\nbin/"));

                q.adds = adds;
                q.n_adds = 1;
                expect_error(&q, -ENOTDIR, "/lib is a symbolic link in the wrapped ramdisk");
        }
}

static void test_wrap_finds_init(void **state)
{
        struct scratch *s = *state;
        const struct mpart_initrd_request q = {
                .root = s->path, .agent = "/agent", .wrap = "/base", .compression = MPART_COMPRESSION_NONE
        };
        _cleanup_free_ char *data = NULL, *linked = NULL;
        size_t size;
        make_base(s, "base", "usr/sbin/init", S_IFREG | 0755, "elf", MPART_COMPRESSION_NONE);
        build(&q, &data, &size);
        assert_non_null(memmem(data, size, "/usr/sbin/init", 15));
        make_base(s, "base", "init", S_IFLNK | 0777, "/lib/systemd/systemd", MPART_COMPRESSION_GZIP);
        build(&q, &linked, &size);
        assert_non_null(memmem(linked, size, "/lib/systemd/systemd", 20));
        make_base(s, "base", "etc/fstab", S_IFREG | 0755, "x", MPART_COMPRESSION_NONE);
        expect_error(&q, -EINVAL, "neither /init nor /sbin/init");
}

/* What a root tree may hold: a link to init, names of one file, an owner, modes, a device, a socket. */
static void make_tree(struct scratch *s)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        char a[256], b[256];
        scratch_write(s, "tree/usr/lib/systemd/systemd", "elf");
        scratch_write(s, "tree/usr/bin/perl", "#!perl");
        scratch_write(s, "tree/home/joe/file", "joe's");
        scratch_write(s, "tree/usr/sbin/x", "x");
        assert_int_equal(symlinkat("../lib/systemd/systemd", s->fd, "tree/usr/sbin/init"), 0);
        assert_int_equal(symlinkat("usr/sbin", s->fd, "tree/sbin"), 0);
        assert_int_equal(linkat(s->fd, "tree/usr/bin/perl", s->fd, "tree/usr/bin/perl5", 0), 0);
        assert_int_equal(linkat(s->fd, "tree/usr/bin/perl", s->fd, "tree/usr/bin/a", 0), 0);
        assert_int_equal(fchmodat(s->fd, "tree/home/joe", 02750, 0), 0);
        assert_int_equal(fchmodat(s->fd, "tree/home/joe/file", 04711, 0), 0);
        assert_int_equal(mkfifoat(s->fd, "tree/fifo", 0600), 0);
        snprintf(address.sun_path, sizeof(address.sun_path), "%s/tree/socket", s->path);
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        if (geteuid() == 0) {
                assert_int_equal(fchownat(s->fd, "tree/home/joe/file", 1000, 100, 0), 0);
                assert_int_equal(fchmodat(s->fd, "tree/home/joe/file", 04711, 0), 0);
                assert_int_equal(mknodat(s->fd, "tree/disk", S_IFBLK | 0600, makedev(8, 1)), 0);
        }
        snprintf(a, sizeof(a), "tar -C %s/tree -cf %s/tree.tar . 2>/dev/null", s->path, s->path);
        snprintf(b, sizeof(b), "tar -C %s/tree -czf %s/tree.tgz . 2>/dev/null", s->path, s->path);
        assert_int_equal(system(a), 0);
        assert_int_equal(system(b), 0);
}

static int print_owners(void *userdata, const struct archive_file *m)
{
        struct listing *l = userdata;
        fprintf(l->f, "%s %o %u:%u ", m->path, (unsigned)m->mode, (unsigned)m->uid, (unsigned)m->gid);
        if (m->hard_link)
                fprintf(l->f, "= %s\n", m->hard_link);
        else
                fprintf(l->f, "%.*s\n", (int)MIN(m->size, (size_t)30), m->data ? m->data : "");
        return 0;
}

static char *list_owners(const char *data, size_t size)
{
        struct listing l = { 0 };
        l.f = open_memstream(&l.text, &l.size);
        const struct archive_walk walk = { .wanted = want_all, .member = print_owners, .userdata = &l };
        assert_int_equal(archive_walk(data, size, "list", &walk, NULL), 0);
        fclose(l.f);
        return l.text;
}

static void test_wrap_of_a_root_tree(void **state)
{
        struct scratch *s = *state;
        static const char *const sources[] = { "/tree", "/tree.tar", "/tree.tgz" };
        make_tree(s);
        for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
                struct mpart_initrd_request q = { .root = s->path,
                        .agent = "/agent",
                        .wrap = sources[i],
                        .compression = MPART_COMPRESSION_NONE };
                _cleanup_free_ char *data = NULL, *text = NULL;
                size_t size;
                build(&q, &data, &size);
                text = list_owners(data, size);
                assert_non_null(strstr(text, "home/joe 42750 "));
                assert_non_null(strstr(text, "sbin 120777 "));
                assert_non_null(strstr(text, "fifo 10600 "));
                assert_null(strstr(text, "socket"));
                assert_non_null(memmem(data, size, "init.real\0", 10));
                assert_non_null(memmem(data, size, "/usr/sbin/init", 14));
                if (geteuid() == 0) {
                        assert_non_null(strstr(text, "home/joe/file 104711 1000:100 joe's\n"));
                        assert_non_null(strstr(text, "disk 60600 "));
                }
                /* one file, three names, its bytes once */
                size_t n_links = 0, n_bytes = 0;
                for (const char *p = text; (p = strstr(p, " = usr/bin/")); p++)
                        n_links++;
                for (const char *p = text; (p = strstr(p, "#!perl")); p++)
                        n_bytes++;
                assert_int_equal(n_links, 2);
                assert_int_equal(n_bytes, 1);
        }
}

/* Every cut of a ramdisk is refused or read, never more. */
static void test_wrap_of_damaged(void **state)
{
        struct scratch *s = *state;
        make_base(s, "base", "init", S_IFREG | 0755, "#!/bin/sh", MPART_COMPRESSION_NONE);
        _cleanup_free_ char *base = NULL;
        size_t size;
        assert_int_equal(read_file_at(s->fd, "base", 0, &base, &size), 0);
        size_t refused = 0;
        for (size_t n = 1; n < size; n += 3) {
                struct initrd_wrapped w = { 0 };
                _cleanup_free_ char *part = malloc(n); /* so that a sanitizer sees its end */
                memcpy(part, base, n);
                int r = initrd_wrapped_read(part, n, "part", MPART_COMPRESSION_NONE, &w, NULL);
                refused += r < 0;
                initrd_wrapped_free(&w);
        }
        assert_true(refused > size / 8);
        for (size_t i = 0; i < MIN(size, (size_t)400); i++) {
                struct initrd_wrapped w = { 0 };
                base[i] ^= 0x55;
                initrd_wrapped_read(base, size, "bent", MPART_COMPRESSION_NONE, &w, NULL);
                initrd_wrapped_free(&w);
                base[i] ^= 0x55;
        }
}

static void test_compression_names(void **state)
{
        (void)state;
        for (int i = 0; i < _MPART_COMPRESSION_MAX; i++)
                assert_int_equal(mpart_compression_from_string(
                                                 mpart_compression_to_string((enum mpart_compression)i)),
                                i);
        assert_int_equal(mpart_compression_from_string("lha"), _MPART_COMPRESSION_INVALID);
        assert_int_equal(mpart_compression_of_file("/a/b.zst"), MPART_COMPRESSION_ZSTD);
        assert_int_equal(mpart_compression_of_file("b.cpio"), MPART_COMPRESSION_NONE);
        assert_int_equal(mpart_compression_of_file("b.img"), MPART_COMPRESSION_GZIP);
}

static int set_up(void **state)
{
        static struct scratch s;
        make_root(&s);
        *state = &s;
        return 0;
}

static int tear_down(void **state)
{
        scratch_remove(*state);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_contents, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_no_ssh_without_a_key, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_errors, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_wrap, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_wrap_finds_init, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_wrap_of_a_root_tree, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_wrap_of_damaged, set_up, tear_down),
                cmocka_unit_test(test_compression_names),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
