/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "cmdline-words.h"
#include "macros.h"

/* The file is run as a shell script by root: a plan document from elsewhere must not smuggle anything in. */
static int check_harmless(const char *line, struct mpart_error *e)
{
        for (const char *c = line; *c; c++)
                if (!isalnum((unsigned char)*c) && !strchr(" .=_$,:-", *c))
                        return mpart_error_set(e, -EINVAL,
                                        "kernel 0: the character %#x in its command line cannot stand in a "
                                        "GRUB setting",
                                        (unsigned char)*c);
        return 0;
}

/* "\\\$": within double quotes the shell makes "\$" of it; grub-mkconfig copies that into the script, where
 * GRUB's own parser makes "$" of it. */
static void put_escaped(FILE *f, const char *line)
{
        for (const char *c = line; *c; c++)
                fprintf(f, "%s%c", *c == '$' ? "\\\\\\" : "", *c);
}

static void put_fragment(FILE *f, const char *line)
{
        const char *p = line;
        struct word marker;

        fprintf(f, "# Memory that the kernel leaves to the partitions of mpartd; written from its plan.\n"
                   "# Replace this file as a whole, then run update-grub.\n");
        if (!word_next(&p, &marker))
                return;
        fprintf(f, "case \" ${GRUB_CMDLINE_LINUX-} \" in\n*\" %.*s \"*) ;;\n*) ", (int)marker.size,
                        marker.text);
        fprintf(f, "GRUB_CMDLINE_LINUX=\"${GRUB_CMDLINE_LINUX:+$GRUB_CMDLINE_LINUX }");
        put_escaped(f, line);
        fprintf(f, "\" ;;\nesac\n");
}

int mpart_grub_dropin(const struct mpart_plan *plan, char **ret, struct mpart_error *e)
{
        _cleanup_free_ char *text = NULL;
        size_t size = 0;

        if (plan->n_kernels == 0 || !plan->kernels[0].cmdline_linux)
                return mpart_error_set(e, -EINVAL, "the plan has no command line for the primary");
        const char *line = plan->kernels[0].cmdline_linux;
        int r = check_harmless(line, e);
        if (r < 0)
                return r;
        FILE *f = open_memstream(&text, &size);
        if (!f)
                return mpart_error_set(e, -ENOMEM, "out of memory");
        put_fragment(f, line);
        if (fclose(f) != 0)
                return mpart_error_set(e, -ENOMEM, "out of memory");
        *ret = TAKE_PTR(text);
        return 0;
}
