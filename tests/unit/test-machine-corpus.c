/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Captured machines. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "corpus.h"
#include "fake-machine.h"
#include "fs.h"
#include "machine.h"
#include "macros.h"

#define EXPECTED_FILE "EXPECTED-node-ranges.txt"

struct expected {
        struct fake_memory *items;
        size_t n, capacity;
};

/* Lines "node N 0x<first>-0x<last>". */
static void parse_expected(const char *text, struct expected *x)
{
        for (const char *p = text; *p;) {
                struct fake_memory item;
                uint64_t last;
                if (sscanf(p, "node %u 0x%" SCNx64 "-0x%" SCNx64, &item.node, &item.start, &last) == 3) {
                        item.end = last + 1;
                        assert_int_equal(grow_array(&x->items, &x->capacity, x->n + 1, sizeof(item)), 0);
                        x->items[x->n++] = item;
                }
                p += strcspn(p, "\n");
                p += *p == '\n';
        }
        assert_true(x->n > 0);
}

static void assert_expected(const struct mpart_machine *m, const struct expected *x)
{
        size_t n = 0;
        for (size_t i = 0; i < m->n_nodes; i++) {
                const struct mpart_ranges *memory = &m->nodes[i].memory;
                assert_true(m->nodes[i].exact);
                for (size_t k = 0; k < memory->n; k++, n++) {
                        bool found = false;
                        for (size_t j = 0; j < x->n && !found; j++)
                                found = x->items[j].node == m->nodes[i].id &&
                                        x->items[j].start == memory->items[k].start &&
                                        x->items[j].end == mpart_range_end(memory->items[k]);
                        assert_true(found);
                }
        }
        assert_int_equal(n, x->n);
}

static void check_captured(const char *directory, const char *archive)
{
        struct scratch s;
        char command[1024];
        struct mpart_error e = MPART_ERROR_INIT;
        struct mpart_machine *m = NULL;
        _cleanup_free_ char *text = NULL;

        scratch_make(&s);
        snprintf(command, sizeof(command), "tar -C %s -xf '%s/%s'", s.path, directory, archive);
        assert_int_equal(system(command), 0);
        int r = mpart_machine_read(s.path, &m, &e);
        if (read_file_at(s.fd, EXPECTED_FILE, 0, &text, NULL) == 0) {
                struct expected x = { 0 };
                assert_int_equal(r, 0);
                parse_expected(text, &x);
                assert_expected(m, &x);
                free(x.items);
        } else if (r < 0) {
                assert_true(r == -ENODATA || r == -EOPNOTSUPP);
                assert_true(strlen(e.text) > 0);
        }
        mpart_machine_free(m);
        m = NULL;

        r = mpart_machine_look(s.path, &m, &e);
        if (r == 0) {
                _cleanup_free_ char *json = mpart_machine_to_json(m);
                assert_non_null(json);
                assert_true(m->n_cpus > 0 && m->n_nodes > 0);
        } else {
                assert_int_equal(startswith(archive, "lsmem-") != NULL, 1); /* has memory blocks alone */
        }
        mpart_machine_free(m);
        scratch_remove(&s);
}

static void test_captured(void **state)
{
        (void)state;
        char directory[256];
        if (!corpus_path("machines", directory, sizeof(directory)))
                skip();
        char **names = NULL;
        size_t n = 0;
        assert_int_equal(list_directory_at(AT_FDCWD, directory, &names, &n), 0);
        for (size_t i = 0; i < n; i++)
                if (strstr(names[i], ".tar.xz"))
                        check_captured(directory, names[i]);
        free_names(names, n);
}

/* Boot logs of real machines: what the kernel printed as the RAM of its nodes, written as a machine with
 * memory blocks of one size, must come back. */
static void check_boot_log(const char *path, uint64_t block_size, bool no_srat)
{
        _cleanup_free_ char *text = NULL;
        struct expected x = { 0 };
        assert_int_equal(read_file_at(AT_FDCWD, path, 0, &text, NULL), 0);
        char *from = strstr(text, "[expected]"), *to = strstr(text, "[expected-bytes]");
        assert_true(from && to);
        *to = 0;
        parse_expected(from, &x);

        struct fake_machine f = { .memory = x.items,
                .n_memory = x.n,
                .cpus_per_node = 2,
                .block_size = block_size,
                .no_srat = no_srat };
        for (size_t i = 0; i < x.n; i++)
                f.n_nodes = MAX(f.n_nodes, x.items[i].node + 1);
        struct scratch s;
        struct mpart_machine *read = NULL;
        scratch_make(&s);
        fake_machine_write(&s, &f);
        assert_int_equal(mpart_machine_read(s.path, &read, NULL), 0);
        scratch_remove(&s);
        _cleanup_machine_ struct mpart_machine *m = read;
        assert_expected(m, &x);
        free(x.items);
}

static void test_boot_logs(void **state)
{
        (void)state;
        char directory[256];
        if (!corpus_path("e820", directory, sizeof(directory)))
                skip();
        char **names = NULL;
        size_t n = 0;
        assert_int_equal(list_directory_at(AT_FDCWD, directory, &names, &n), 0);
        assert_true(n > 0);
        for (size_t i = 0; i < n; i++) {
                char path[512];
                snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
                check_boot_log(path, GiB, false);
                check_boot_log(path, 2 * GiB, false);
                check_boot_log(path, 2 * GiB, true);
        }
        free_names(names, n);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_captured),
                cmocka_unit_test(test_boot_logs),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
