/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The planner for scripts: machines come from text (tests/unit/machine-builder.h), not from a root.
 *
 *     plan-tool plan KIND ALIGNMENT [WORD...] <MACHINE      the document
 *     plan-tool explain KIND ALIGNMENT [WORD...] <MACHINE   what is told of it
 *     plan-tool dropin KIND [WORD...] <MACHINE    the fragment for GRUB, behind it a line "# line: " and
 * what the kernel must see plan-tool check <INPUT                      INPUT is a machine, a line "---",
 * documents of a line each; prints "ok" or "CODE TEXT" per document
 *
 * WORDs are options of the policy: count=N, nodes=N, primary-cpus=LIST, primary-memory=SIZE,
 * low-window=ADDRESS, dialect=NAME, image=SIZE, ramdisk=SIZE. For the kind "request" a line "---" and the
 * request follow the machine.
 *
 * Exit status 1: refused, with "CODE TEXT" on standard output; 2: wrong use. */
#include <errno.h>
#include <stdio.h>

#include "cmdline.h"
#include "machine-builder.h"
#include "macros.h"
#include "plan.h"
#include "request.h"
#include "size.h"

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

static bool read_word(const char *word, struct mpart_policy *p)
{
        const char *value;
        if ((value = startswith(word, "count=")))
                return (p->count = (unsigned)strtoul(value, NULL, 10)) || true;
        if ((value = startswith(word, "nodes=")))
                return (p->nodes_per_kernel = (unsigned)strtoul(value, NULL, 10)) || true;
        if ((value = startswith(word, "primary-cpus=")))
                return mpart_cpuset_parse_list(value, &p->primary_cpus) == 0;
        if ((value = startswith(word, "primary-memory=")))
                return parse_size(value, &p->primary_memory) == 0;
        if ((value = startswith(word, "low-window=")))
                return parse_size(value, &p->low_window) == 0;
        if ((value = startswith(word, "ramdisk=")))
                return parse_size(value, &p->ramdisk_size) == 0;
        if ((value = startswith(word, "image=")))
                return parse_size(value, &p->image_size) == 0;
        if ((value = startswith(word, "dialect=")))
                return (int)(p->dialect = mpart_dialect_from_string(value)) >= 0;
        return false;
}

/* What a caller asks for, and what it gets. */
struct job {
        struct mpart_policy policy;
        struct mpart_request *request;
        struct mpart_machine *machine;
        struct mpart_plan *plan;
};

static void job_done(struct job *j)
{
        if (!j->request)
                mpart_cpuset_free(&j->policy.primary_cpus);
        mpart_request_free(j->request);
        mpart_machine_free(j->machine);
        mpart_plan_free(j->plan);
}

/* `words` ends in NULL. */
static int make(const char *kind, const char *alignment, char **words, char *machine, struct job *j)
{
        static const char separator[] = "\n---\n";
        struct mpart_error e = MPART_ERROR_INIT;
        char *text = strstr(machine, separator);

        j->policy.kind = mpart_policy_kind_from_string(kind);
        if (text) {
                *text = 0;
                int r = mpart_request_from_json(text + strlen(separator), &j->request, &e);
                if (r < 0)
                        return refused(r, &e);
                j->policy = j->request->policy;
        }
        if (!text || strtoull(alignment, NULL, 0))
                j->policy.alignment = strtoull(alignment, NULL, 0);
        for (; *words; words++)
                if (!read_word(*words, &j->policy))
                        return 2;
        j->machine = machine_from_text(machine);
        if (!j->machine)
                return 2;
        int r = mpart_plan_make(j->machine, &j->policy, &j->plan, &e);
        return r < 0 ? refused(r, &e) : 0;
}

static int print_plan(char **arguments, bool explain, char *machine)
{
        _cleanup_(job_done) struct job j = { 0 };
        _cleanup_free_ char *text = NULL;
        int r = make(arguments[0], arguments[1], arguments + 2, machine, &j);
        if (r == 0 && explain && mpart_plan_explain(j.plan, j.machine, &text) < 0)
                r = 2;
        if (r == 0 && !explain && mpart_plan_to_json(j.plan, &text) < 0)
                r = 2;
        if (r == 0)
                fputs(text, stdout);
        return r;
}

static int print_dropin(char **arguments, char *machine)
{
        _cleanup_(job_done) struct job j = { 0 };
        _cleanup_free_ char *text = NULL;
        struct mpart_error e = MPART_ERROR_INIT;
        int r = make(arguments[0], "0", arguments + 1, machine, &j);
        if (r != 0)
                return r;
        r = mpart_grub_dropin(j.plan, &text, &e);
        if (r < 0)
                return refused(r, &e);
        printf("%s# line: %s\n", text, j.plan->kernels[0].cmdline_linux);
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
        if (argc >= 4 && (streq(argv[1], "plan") || streq(argv[1], "explain")))
                return print_plan(argv + 2, streq(argv[1], "explain"), input);
        if (argc >= 3 && streq(argv[1], "dropin"))
                return print_dropin(argv + 2, input);
        if (argc == 2 && streq(argv[1], "check"))
                return check_documents(input);
        fprintf(stderr, "usage: plan-tool plan|explain KIND ALIGNMENT [WORD...] | dropin KIND [WORD...] | check\n");
        return 2;
}
