/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Completion scripts of shells, written out of the command table. */
#include <ctype.h>
#include <stdio.h>

#include "macros.h"
#include "options.h"
#include "verbs.h"

/* The literal words of a synopsis such as "[kernel] ID|all", each behind a space. */
static void print_literals(const char *synopsis)
{
        if (synopsis && strstr(synopsis, "VERB"))
                for (size_t i = 0; i < n_verbs; i++)
                        if (!verbs[i].hidden)
                                printf(" %s", verbs[i].name);
        for (const char *s = synopsis ? synopsis : ""; *s;) {
                size_t n = 0;
                bool literal = true;
                for (; isalpha((unsigned char)s[n]); n++)
                        literal &= islower((unsigned char)s[n]) != 0;
                if (n > 0 && literal)
                        printf(" %.*s", (int)n, s);
                s += n ? n : 1;
        }
}

static void print_verb_names(void)
{
        for (size_t i = 0; i < n_verbs; i++)
                if (!verbs[i].hidden)
                        printf(" %s", verbs[i].name);
}

/* Calls fn for each option of a verb, --help among them. */
static void for_each_option(
                const struct verb *verb, void (*fn)(const struct verb *, const struct verb_option *))
{
        for (int id = 0; id < _OPTION_MAX; id++) {
                const struct verb_option *o = verb_find_option(verb, id);
                if (o)
                        fn(verb, o);
        }
}

static void print_bash_option(const struct verb *verb, const struct verb_option *o)
{
        (void)verb;
        printf(" --%s", option_name(o->id));
}

/* A case of the option before the cursor. */
static void print_bash_argument(const struct verb *verb, const struct verb_option *o)
{
        if (!o->argument)
                return;
        printf("        %s:--%s%s", verb->name, option_name(o->id), option_letter(o->id) ? "" : ")");
        if (option_letter(o->id))
                printf("|%s:-%c)", verb->name, option_letter(o->id));
        if (strstr(o->argument, "FILE"))
                fputs(" compopt -o filenames; COMPREPLY=($(compgen -f -- \"$cur\"));", stdout);
        else if (streq(o->argument, "DIR"))
                fputs(" compopt -o filenames; COMPREPLY=($(compgen -d -- \"$cur\"));", stdout);
        else {
                fputs(" COMPREPLY=($(compgen -W \"", stdout);
                print_literals(o->argument);
                fputs("\" -- \"$cur\"));", stdout);
        }
        fputs(" return ;;\n", stdout);
}

static void print_bash(void)
{
        fputs("# bash completion of mpartctl\n"
              "_mpartctl()\n"
              "{\n"
              "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} "
              "verb=${COMP_WORDS[1]}\n"
              "    COMPREPLY=()\n"
              "    if ((COMP_CWORD == 1)); then\n"
              "        COMPREPLY=($(compgen -W \"--help --version",
                        stdout);
        print_verb_names();
        fputs("\" -- \"$cur\"))\n"
              "        return\n"
              "    fi\n"
              "    case $verb:$prev in\n",
                        stdout);
        for (size_t i = 0; i < n_verbs; i++)
                for_each_option(&verbs[i], print_bash_argument);
        fputs("    esac\n"
              "    case $verb in\n",
                        stdout);
        for (size_t i = 0; i < n_verbs; i++) {
                if (verbs[i].hidden)
                        continue;
                printf("        %s) COMPREPLY=($(compgen -W \"", verbs[i].name);
                print_literals(verbs[i].operands);
                for_each_option(&verbs[i], print_bash_option);
                fputs("\" -- \"$cur\")) ;;\n", stdout);
        }
        fputs("    esac\n"
              "}\n"
              "complete -F _mpartctl mpartctl\n",
                        stdout);
}

/* A text inside single quotes and brackets of _arguments. */
static void print_zsh_text(const char *text)
{
        for (; *text; text++) {
                if (*text == '\'')
                        fputs("'\\'", stdout);
                else if (strchr("[]:\\", *text))
                        putchar('\\');
                putchar(*text);
        }
}

static void print_zsh_option(const struct verb *verb, const struct verb_option *o)
{
        (void)verb;
        printf(" \\\n                '--%s[", option_name(o->id));
        print_zsh_text(o->help);
        fputs("]", stdout);
        if (o->argument && strstr(o->argument, "FILE"))
                fputs(":file:_files", stdout);
        else if (o->argument && streq(o->argument, "DIR"))
                fputs(":directory:_directories", stdout);
        else if (o->argument) {
                fputs(":value:(", stdout);
                print_literals(o->argument);
                fputs(")", stdout);
        }
        putchar('\'');
}

static void print_zsh(void)
{
        fputs("#compdef mpartctl\n"
              "_mpartctl()\n"
              "{\n"
              "    if ((CURRENT == 2)); then\n"
              "        local -a verbs=(",
                        stdout);
        for (size_t i = 0; i < n_verbs; i++) {
                if (verbs[i].hidden)
                        continue;
                printf("\n            '%s:", verbs[i].name);
                print_zsh_text(verbs[i].help);
                putchar('\'');
        }
        fputs(")\n"
              "        _describe verb verbs\n"
              "        return\n"
              "    fi\n"
              "    local verb=$words[2]\n"
              "    shift words\n"
              "    ((CURRENT--))\n"
              "    case $verb in\n",
                        stdout);
        for (size_t i = 0; i < n_verbs; i++) {
                if (verbs[i].hidden)
                        continue;
                printf("        %s)\n            _arguments", verbs[i].name);
                for_each_option(&verbs[i], print_zsh_option);
                fputs(" \\\n                '*:operand:(", stdout);
                print_literals(verbs[i].operands);
                fputs(")' ;;\n", stdout);
        }
        fputs("    esac\n"
              "}\n"
              "_mpartctl \"$@\"\n",
                        stdout);
}

int verb_completion(const struct invocation *c, struct mpart_error *e)
{
        if (streq(c->operands[0], "bash"))
                print_bash();
        else if (streq(c->operands[0], "zsh"))
                print_zsh();
        else
                return usage_error(e, "completion: \"%s\" is none of %s", c->operands[0], c->verb->operands);
        return 0;
}
