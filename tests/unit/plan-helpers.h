/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of plans share. */
#pragma once

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cmdline.h"
#include "machine-builder.h"
#include "macros.h"
#include "plan.h"

#define _cleanup_plan_ _cleanup_(mpart_plan_freep)

/* RAM below 1 MiB as a PC has it. */
#define LOW "0x1000-0x9f000"

/* Two nodes of 4 CPUs and 4 GiB, a hole below 4 GiB. */
#define TWO_NODES                                                                                           \
        "node 0 cpus 0-3 memory " LOW ",1M-3G,4G-5G\n"                                                      \
        "node 1 cpus 4-7 memory 5G-9G\n"

static inline struct mpart_machine *build(const char *text)
{
        struct mpart_machine *m = machine_from_text(text);
        assert_non_null(m);
        return m;
}

static inline struct mpart_plan *make_plan(const struct mpart_machine *m, const struct mpart_policy *policy)
{
        struct mpart_error e = MPART_ERROR_INIT;
        struct mpart_plan *plan = NULL;
        int r = mpart_plan_make(m, policy, &plan, &e);
        if (r < 0)
                fail_msg("mpart_plan_make: %d: %s", r, e.text);
        assert_non_null(plan);
        return plan;
}

/* The policy does not fit the machine, and the text says so. */
static inline void assert_plan_refused(
                const struct mpart_machine *m, const struct mpart_policy *policy, int code, const char *text)
{
        struct mpart_plan *plan = NULL;
        struct mpart_error e = MPART_ERROR_INIT;
        assert_int_equal(mpart_plan_make(m, policy, &plan, &e), code);
        assert_null(plan);
        assert_int_equal(e.code, code);
        if (!strstr(e.text, text))
                fail_msg("\"%s\" does not say \"%s\"", e.text, text);
}

static inline struct mpart_plan *make_plan_of_kind(
                const struct mpart_machine *m, enum mpart_policy_kind kind)
{
        return make_plan(m, &(struct mpart_policy){ .kind = kind });
}

/* A kernel as one line: "node1 4-7 0x140000000+0x100000000@1 ...". */
static inline void assert_kernel(const struct mpart_plan *plan, unsigned id, const char *wanted)
{
        const struct mpart_plan_kernel *k = mpart_plan_kernel(plan, id);
        char text[4096];
        _cleanup_free_ char *cpus = NULL;

        assert_non_null(k);
        assert_int_equal(mpart_cpuset_format_list(&k->cpus, &cpus), 0);
        int n = snprintf(text, sizeof(text), "%s %s", k->name, cpus);
        for (size_t i = 0; i < k->n_memory; i++)
                n += snprintf(text + n, sizeof(text) - (size_t)n, " %#" PRIx64 "+%#" PRIx64 "@%u",
                                k->memory[i].start, k->memory[i].size, k->memory[i].node);
        assert_string_equal(text, wanted);
}

static inline bool has_note(const struct mpart_plan *plan, const char *part)
{
        for (size_t i = 0; i < plan->n_notes; i++)
                if (strstr(plan->notes[i], part))
                        return true;
        return false;
}
