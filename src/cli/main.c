/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <locale.h>
#include <stdio.h>

#include "help.h"
#include "macros.h"
#include "options.h"
#include "verbs.h"

static int run(int argc, char **argv, struct mpart_error *e)
{
        if (argc < 2)
                return usage_error(e, "a verb is missing");
        const char *name = argv[1];
        if (streq(name, "--help") || streq(name, "-h"))
                name = "help";
        else if (streq(name, "--version"))
                name = "version";

        const struct verb *verb = verb_find(name);
        if (!verb)
                return usage_error(e, "%s is no verb of mpartctl", name);
        _cleanup_(invocation_free) struct invocation c = { 0 };
        int r = options_parse(verb, argc - 1, argv + 1, &c, e);
        if (r != 0)
                return r;
        if (option_given(&c, OPTION_HELP)) {
                help_print_verb(stdout, verb);
                return 0;
        }
        return verb->run(&c, e);
}

/* A full disk behind standard output must not look like success. */
static int flush_output(struct mpart_error *e)
{
        if (fflush(stdout) == 0 && !ferror(stdout))
                return 0;
        return mpart_error_set(e, -EIO, "standard output cannot be written: %s", strerror(errno));
}

int main(int argc, char **argv)
{
        setlocale(LC_CTYPE, ""); /* widths of names in tables */

        struct mpart_error e = MPART_ERROR_INIT;
        int r = run(argc, argv, &e);
        if (r == 0)
                r = flush_output(&e);
        if (r == 0)
                return 0;
        if (r >= CLI_EXIT_STATUS(0))
                return r & 0xff;

        fflush(stdout);
        fprintf(stderr, "mpartctl: %s\n", *e.text ? e.text : strerror(r < 0 ? -r : EINVAL));
        if (r == CLI_USAGE)
                fputs("Type \"mpartctl help\" for a list of verbs.\n", stderr);
        return r == CLI_USAGE ? CLI_USAGE : 1;
}
