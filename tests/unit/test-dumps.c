/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which crash dumps stay and which make room. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "dumps.h"
#include "fs.h"
#include "macros.h"
#include "scratch.h"

static bool exists(const struct scratch *s, const char *name)
{
        char path[128];
        snprintf(path, sizeof(path), "dumps/%s", name);
        return faccessat(s->fd, path, F_OK, 0) == 0;
}

/* The caller frees the path. */
static char *begin(const struct scratch *s, unsigned kernel)
{
        struct mpart_error e = MPART_ERROR_INIT;
        char *path = NULL;
        int fd = -1;
        assert_int_equal(dumps_create(s->path, kernel, 4096, &fd, &path, &e), 0);
        close(fd);
        return path;
}

static void test_a_dump_has_its_name_when_it_is_whole(void **state)
{
        struct scratch *s = *state;
        _cleanup_free_ char *kept = begin(s, 1), *discarded = begin(s, 2);
        const char *name = strrchr(kept, '/') + 1;
        assert_false(exists(s, name));
        assert_int_equal(dumps_finish(kept), 0);
        assert_true(exists(s, name));
        assert_int_equal(dumps_finish(kept), -ENOENT);
        dumps_discard(discarded);
        assert_int_equal(dumps_finish(discarded), -ENOENT);
        dumps_discard(discarded);
        dumps_discard(NULL);
}

static void test_the_oldest_go_first(void **state)
{
        struct scratch *s = *state;
        scratch_write(s, "dumps/notes", "of somebody else");
        for (int i = 1; i <= DUMPS_KEPT; i++) {
                char name[64];
                snprintf(name, sizeof(name), "dumps/kernel-%d-202601%02dT000000Z.vmcore", 9 - i, i);
                scratch_write(s, name, "x");
        }
        _cleanup_free_ char *path = begin(s, 3);
        assert_false(exists(s, "kernel-8-20260101T000000Z.vmcore"));
        assert_true(exists(s, "kernel-7-20260102T000000Z.vmcore"));
        scratch_write(s, "dumps/kernel-1-20250101T000000Z.vmcore.partial", "x");
        assert_int_equal(dumps_drop_oldest(s->path), 1);
        assert_false(exists(s, "kernel-7-20260102T000000Z.vmcore"));
        while (dumps_drop_oldest(s->path) > 0)
                continue;
        assert_true(exists(s, "notes"));
        assert_true(exists(s, "kernel-1-20250101T000000Z.vmcore.partial"));
        assert_int_equal(dumps_finish(path), 0);
}

static void test_what_a_killed_daemon_left_goes(void **state)
{
        struct scratch *s = *state;
        dumps_tidy(s->path); /* no dumps yet */
        assert_int_equal(dumps_drop_oldest(s->path), -ENOENT);
        scratch_write(s, "dumps/kernel-1-20260101T000000Z.vmcore", "x");
        scratch_write(s, "dumps/kernel-1-20260102T000000Z.vmcore.partial", "x");
        dumps_tidy(s->path);
        assert_true(exists(s, "kernel-1-20260101T000000Z.vmcore"));
        assert_false(exists(s, "kernel-1-20260102T000000Z.vmcore.partial"));
}

static void test_no_room(void **state)
{
        struct scratch *s = *state;
        struct mpart_error e = MPART_ERROR_INIT;
        char *path = NULL;
        int fd = -1;
        assert_int_equal(dumps_create(s->path, 1, UINT64_MAX, &fd, &path, &e), -ENOSPC);
        assert_non_null(strstr(e.text, "no room for a dump"));
        assert_null(path);
}

#define dumps_test(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                dumps_test(test_a_dump_has_its_name_when_it_is_whole),
                dumps_test(test_the_oldest_go_first),
                dumps_test(test_what_a_killed_daemon_left_goes),
                dumps_test(test_no_room),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
