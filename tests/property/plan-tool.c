/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The planner for scripts: machines come from text (tests/unit/machine-builder.h), not from a root.
 *
 *     plan-tool plan KIND ALIGNMENT <MACHINE      the document
 *     plan-tool dropin KIND <MACHINE              the fragment for GRUB, behind it a line "# line: " and
 * what the kernel must see plan-tool check <INPUT                      INPUT is a machine, a line "---",
 * documents of a line each; prints "ok" or "CODE TEXT" per document
 *
 * Exit status 1: refused, with "CODE TEXT" on standard output; 2: wrong use. */
#include <errno.h>
#include <stdio.h>

#include "cmdline.h"
#include "machine-builder.h"
#include "macros.h"
#include "plan.h"

/* All of a text without NUL bytes; NULL: there is none. */
static char *read_all(FILE *f)
{
        char *text = NULL;
        size_t size = 0;
        if (getdelim(&text, &size, 0, f) >= 0)
                return text;
        free(text);
        return NULL;
}

static int refused(int code, const struct mpart_error *e)
{
        printf("%d %s\n", code, e->text);
        return 1;
}

static int make(const char *kind, const char *alignment, const char *machine, struct mpart_plan **ret)
{
        _cleanup_machine_ struct mpart_machine *m = machine_from_text(machine);
        struct mpart_policy policy = {
                .kind = mpart_policy_kind_from_string(kind),
                .alignment = strtoull(alignment, NULL, 0),
        };
        struct mpart_error e = MPART_ERROR_INIT;
        if (!m)
                return 2;
        int r = mpart_plan_make(m, &policy, ret, &e);
        return r < 0 ? refused(r, &e) : 0;
}

static int print_plan(const char *kind, const char *alignment, const char *machine)
{
        _cleanup_(mpart_plan_freep) struct mpart_plan *plan = NULL;
        _cleanup_free_ char *text = NULL;
        int r = make(kind, alignment, machine, &plan);
        if (r == 0 && mpart_plan_to_json(plan, &text) < 0)
                r = 2;
        if (r == 0)
                fputs(text, stdout);
        return r;
}

static int print_dropin(const char *kind, const char *machine)
{
        _cleanup_(mpart_plan_freep) struct mpart_plan *plan = NULL;
        _cleanup_free_ char *text = NULL;
        struct mpart_error e = MPART_ERROR_INIT;
        int r = make(kind, "0", machine, &plan);
        if (r != 0)
                return r;
        r = mpart_grub_dropin(plan, &text, &e);
        if (r < 0)
                return refused(r, &e);
        printf("%s# line: %s\n", text, plan->kernels[0].cmdline_linux);
        return 0;
}

static void check(const char *document, const struct mpart_machine *m)
{
        _cleanup_(mpart_plan_freep) struct mpart_plan *plan = NULL;
        struct mpart_error e = MPART_ERROR_INIT;
        int r = mpart_plan_from_json(document, &plan, &e);
        if (r == 0)
                r = mpart_plan_check(plan, m, &e);
        if (r < 0)
                refused(r, &e);
        else
                puts("ok");
}

static int check_documents(char *input)
{
        static const char separator[] = "\n---\n";
        char *documents = strstr(input, separator);
        if (!documents)
                return 2;
        *documents = 0;
        documents += strlen(separator);
        _cleanup_machine_ struct mpart_machine *m = machine_from_text(input);
        if (!m)
                return 2;
        for (char *line; (line = strsep(&documents, "\n"));)
                if (*line)
                        check(line, m);
        return 0;
}

int main(int argc, char **argv)
{
        _cleanup_free_ char *input = read_all(stdin);
        if (!input)
                return 2;
        if (argc == 4 && streq(argv[1], "plan"))
                return print_plan(argv[2], argv[3], input);
        if (argc == 3 && streq(argv[1], "dropin"))
                return print_dropin(argv[2], input);
        if (argc == 2 && streq(argv[1], "check"))
                return check_documents(input);
        fprintf(stderr, "usage: plan-tool plan KIND ALIGNMENT | dropin KIND | check\n");
        return 2;
}
