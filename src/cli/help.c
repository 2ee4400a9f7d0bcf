/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>

#include "help.h"
#include "macros.h"
#include "options.h"

#define OPTION_WIDTH 26

/* "plan [OPTIONS]", "boot [kernel] ID|all [OPTIONS]" */
static int print_synopsis(FILE *f, const struct verb *verb)
{
        return fprintf(f, "%s%s%s%s", verb->name, verb->operands ? " " : "",
                        verb->operands ? verb->operands : "", verb->n_options ? " [OPTIONS]" : "");
}

void help_print(FILE *f)
{
        fputs("mpartctl VERB ...\n\n"
              "Splits this machine into partitions and boots a Linux kernel in each.\n\n",
                        f);
        for (size_t i = 0; i < n_verbs; i++) {
                if (verbs[i].hidden)
                        continue;
                fprintf(f, "  %-9s%-18s %s\n", verbs[i].name, verbs[i].operands ? verbs[i].operands : "",
                                verbs[i].help);
        }
        fputs("\n\"mpartctl help VERB\" explains a verb; mpartctl(1) tells the rest.\n", f);
}

static void print_option(FILE *f, const struct verb_option *o)
{
        char text[64];
        char letter = option_letter(o->id);
        snprintf(text, sizeof(text), "%c%c%c --%s%s%s", letter ? '-' : ' ', letter ? letter : ' ',
                        letter ? ',' : ' ', option_name(o->id), o->argument ? " " : "",
                        o->argument ? o->argument : "");
        fprintf(f, "  %-*s %s\n", OPTION_WIDTH, text, o->help);
}

void help_print_verb(FILE *f, const struct verb *verb)
{
        fputs("mpartctl ", f);
        print_synopsis(f, verb);
        fprintf(f, "\n\n%c%s.\n\n", toupper((unsigned char)verb->help[0]), verb->help + 1);
        for (size_t i = 0; i < verb->n_options; i++)
                print_option(f, &verb->options[i]);
        print_option(f, verb_find_option(verb, OPTION_HELP));
}

int verb_help(const struct invocation *c, struct mpart_error *e)
{
        if (c->n_operands == 0) {
                help_print(stdout);
                return 0;
        }
        const struct verb *verb = verb_find(c->operands[0]);
        if (!verb)
                return usage_error(e, "%s is no verb of mpartctl", c->operands[0]);
        help_print_verb(stdout, verb);
        return 0;
}

int verb_version(const struct invocation *c, struct mpart_error *e)
{
        (void)c;
        (void)e;
        puts("mpartctl " MPART_VERSION);
        return 0;
}
