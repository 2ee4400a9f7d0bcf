/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The memory of a made-up kernel, as 6.1 lays it out: page tables, VMCOREINFO, a log of 16 records, symbol
 * tables. */
#pragma once

#include "kmem.h"

#define FIXTURE_START UINT64_C(0x10000000) /* physical */
#define FIXTURE_SIZE (UINT64_C(4) << 20)
#define FIXTURE_STEXT UINT64_C(0xffffffff81000000) /* virtual address of the first byte in the image */
#define FIXTURE_PAGE_OFFSET UINT64_C(0xffff8880c0000000)

/* Offsets of what is in it. */
#define FIXTURE_PGD 0x1000
#define FIXTURE_PMD 0x3000
#define FIXTURE_NOTE 0x8000
#define FIXTURE_RING 0x9000
#define FIXTURE_DESCS 0xa000
#define FIXTURE_INFOS 0xb000
#define FIXTURE_TEXT 0xc000
#define FIXTURE_SYMBOLS 0x10000
#define FIXTURE_VARIABLES 0x20000
#define FIXTURE_END 0x21000 /* all zeros behind it */

#define FIXTURE_RECORDS 16
#define FIXTURE_TEXT_SIZE 4096

enum fixture_state {
        FIXTURE_RESERVED,
        FIXTURE_COMMITTED,
        FIXTURE_FINALIZED,
        FIXTURE_REUSABLE,
};

struct fixture {
        uint8_t *memory;
        uint64_t n_records; /* written so far; the ring holds the last 16 */
        uint64_t text_at;   /* position in the text ring */
        struct mpart_kmem_range range;
};

/* `absolute_percpu`: the encoding of symbol offsets up to 6.14. */
void fixture_make(struct fixture *f, bool absolute_percpu);
void fixture_free(struct fixture *f);
void fixture_put_record(
                struct fixture *f, enum fixture_state state, uint8_t level, const char *text, size_t length);
void fixture_set_u64(struct fixture *f, size_t offset, uint64_t value);
/* Turns a key of the note into one that nobody knows. */
void fixture_drop_key(struct fixture *f, const char *key);
struct mpart_kmem *fixture_open(const struct fixture *f);
void fixture_put(struct fixture *f, enum fixture_state state, const char *text); /* at level 6 */

/* A test whose state is a fixture of its own; cmocka.h comes first. */
int fixture_setup(void **state);
int fixture_teardown(void **state);
#define FIXTURE_TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
