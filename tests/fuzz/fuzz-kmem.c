/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The memory of a dead or hostile kernel. The input is a list of stores into that of a made-up one; then all
 * that reads another kernel's memory reads it. */
#include "../unit/kmem-fixture.h"
#include "fuzz.h"
#include "macros.h"

struct store {
        uint32_t at; /* modulo the part that the readers look at */
        uint8_t width, value[8];
} __attribute__((packed));

static int see_record(void *data, const struct mpart_klog_record *record)
{
        uint64_t *next = data;
        _cleanup_free_ char *line = mpart_klog_format(record), *json = mpart_klog_format_json(record);
        MUST(line && json && record->seq >= *next);
        *next = record->seq + 1;
        return 0;
}

static void look(struct mpart_kmem *k)
{
        static const char *const names[] = { "_stext", "system_state", "nowhere" };
        struct mpart_error e = MPART_ERROR_INIT;
        struct mpart_kstate state;
        uint64_t first = 0, last = 0, next = 0, found[ARRAY_SIZE(names)];
        mpart_kstate_read(k, &state, &e);
        mpart_kallsyms_find(k, names, ARRAY_SIZE(names), found, &e);
        if (mpart_klog_span(k, 5, &first, &last, &e) == 0)
                MUST(first <= last + 1);
        mpart_klog_read(k, &first, 0, see_record, &next, &e);
        first = next = 0;
        mpart_klog_read(k, &first, MPART_KLOG_FINAL, see_record, &next, &e);
}

static void apply(const struct fixture *f, const uint8_t *data, size_t size)
{
        for (struct store s; size >= sizeof(s); data += sizeof(s), size -= sizeof(s)) {
                memcpy(&s, data, sizeof(s));
                memcpy(f->memory + s.at % (FIXTURE_END - sizeof(s.value)), s.value,
                                s.width % (sizeof(s.value) + 1));
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct fixture f;
        static uint8_t *clean;
        if (!clean) {
                fixture_make(&f, true);
                for (int i = 0; i < FIXTURE_RECORDS + 4; i++)
                        fixture_put_record(&f, FIXTURE_FINALIZED, 6, "a line\nand another", 18);
                clean = (uint8_t *)input_text(f.memory, FIXTURE_END);
        }
        struct mpart_error e = MPART_ERROR_INIT;
        _cleanup_(mpart_kmem_freep) struct mpart_kmem *before = NULL, *after = NULL;
        memcpy(f.memory, clean, FIXTURE_END);
        MUST(mpart_kmem_open(&f.range, 1, 0, &before, &e) == 0);
        apply(&f, data, size);
        look(before); /* it changed while it was looked at */
        if (mpart_kmem_open(&f.range, 1, 0, &after, &e) == 0)
                look(after);
        else
                MUST(e.text[0]);
        return 0;
}
