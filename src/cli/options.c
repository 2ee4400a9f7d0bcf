/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>

#include "macros.h"
#include "options.h"

#define LONG_BASE 0x100 /* getopt's value of option n is LONG_BASE + n, out of the letters' way */

int usage_error(struct mpart_error *e, const char *format, ...)
{
        char text[sizeof(e->text)];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        mpart_error_set(e, -EINVAL, "%s", text);
        return CLI_USAGE;
}

struct getopt_table {
        struct option options[_OPTION_MAX + 1];
        char letters[2 + 2 * _OPTION_MAX];
};

static void build_getopt_table(const struct verb *verb, struct getopt_table *ret)
{
        struct option *o = ret->options;
        char *s = ret->letters;
        *s++ = ':';
        for (int id = 0; id < _OPTION_MAX; id++) {
                const struct verb_option *v = verb_find_option(verb, id);
                if (!v)
                        continue;
                *o++ = (struct option){ option_name(id), v->argument ? required_argument : no_argument, NULL,
                        LONG_BASE + id };
                if (!option_letter(id))
                        continue;
                *s++ = option_letter(id);
                if (v->argument)
                        *s++ = ':';
        }
        *o = (struct option){ 0 };
        *s = 0;
}

/* One letter may stand for different options of different verbs. */
static enum option_id id_of_letter(const struct verb *verb, int letter)
{
        for (int id = 0; id < _OPTION_MAX; id++)
                if (option_letter(id) == letter && verb_find_option(verb, id))
                        return id;
        return _OPTION_INVALID;
}

static int store_option(struct invocation *c, int found, struct mpart_error *e)
{
        enum option_id id = found >= LONG_BASE ? (enum option_id)(found - LONG_BASE)
                                               : id_of_letter(c->verb, found);
        if (c->value[id] && !option_is_repeatable(id))
                return usage_error(e, "--%s is given twice", option_name(id));
        const char *text = optarg ? optarg : "";
        if (!c->value[id])
                c->value[id] = text;
        int r = grow_array(&c->values, &c->capacity, c->n_values + 1, sizeof(*c->values));
        if (r < 0)
                return mpart_error_set(e, r, "out of memory");
        c->values[c->n_values++] = (struct option_value){ id, text };
        return 0;
}

void invocation_free(struct invocation *c)
{
        free(c->values);
        memset(c, 0, sizeof(*c));
}

int option_values(const struct invocation *c, enum option_id id, const char ***ret, size_t *ret_n)
{
        const char **values = calloc(c->n_values + 1, sizeof(*values));
        if (!values)
                return -ENOMEM;
        *ret_n = 0;
        for (size_t i = 0; i < c->n_values; i++)
                if (c->values[i].id == id)
                        values[(*ret_n)++] = c->values[i].text;
        *ret = values;
        return 0;
}

static int check_operands(const struct invocation *c, struct mpart_error *e)
{
        const struct verb *verb = c->verb;
        if (c->value[OPTION_HELP])
                return 0;
        if (c->n_operands < verb->min_operands)
                return usage_error(e, "%s: %s is missing", verb->name, verb->operands);
        if (c->n_operands > verb->max_operands)
                return usage_error(e, "%s: \"%s\" is too much", verb->name, c->operands[verb->max_operands]);
        return 0;
}

int options_parse(const struct verb *verb, int argc, char **argv, struct invocation *ret,
                struct mpart_error *e)
{
        struct getopt_table table;
        build_getopt_table(verb, &table);

        _cleanup_(invocation_free) struct invocation c = { .verb = verb };
        optind = 0; /* glibc: start anew */
        opterr = 0;
        for (int found; (found = getopt_long(argc, argv, table.letters, table.options, NULL)) != -1;) {
                const char *word = argv[optind - 1];
                if (found == '?' && optopt && optopt < LONG_BASE)
                        return usage_error(e, "%s: unknown option -%c", verb->name, optopt);
                if (found == '?' && optopt)
                        return usage_error(e, "%s: --%s takes no argument", verb->name,
                                        option_name(optopt - LONG_BASE));
                if (found == '?')
                        return usage_error(e, "%s: unknown option %s", verb->name, word);
                if (found == ':')
                        return usage_error(e, "%s: %s needs an argument", verb->name, word);
                int r = store_option(&c, found, e);
                if (r != 0)
                        return r;
        }
        c.operands = argv + optind;
        c.n_operands = (size_t)(argc - optind);

        int r = check_operands(&c, e);
        if (r != 0)
                return r;
        *ret = TAKE_STRUCT(c);
        return 0;
}

int option_size(const struct invocation *c, enum option_id id, uint64_t *ret, struct mpart_error *e)
{
        if (!c->value[id] || parse_size(c->value[id], ret) == 0)
                return 0;
        return usage_error(e, "--%s: \"%s\" is not a size such as 4096, 2M or 1G", option_name(id),
                        c->value[id]);
}

int option_number(const struct invocation *c, enum option_id id, unsigned *ret, struct mpart_error *e)
{
        const char *text = c->value[id];
        if (!text)
                return 0;
        char *end;
        errno = 0;
        unsigned long n = strtoul(text, &end, 10);
        if (!isdigit((unsigned char)*text) || *end || errno || n == 0 || n > UINT_MAX)
                return usage_error(e, "--%s: \"%s\" is not a number from 1 on", option_name(id), text);
        *ret = (unsigned)n;
        return 0;
}

int option_path(const struct invocation *c, enum option_id id, char **ret, struct mpart_error *e)
{
        const char *given = c->value[id];
        if (!given)
                return 0;
        char *path = realpath(given, NULL);
        if (!path)
                return mpart_error_set(e, -errno, "--%s: %s cannot be found: %s", option_name(id), given,
                                strerror(errno));
        *ret = path;
        return 0;
}

int parse_kernel_id(const char *text, unsigned *ret, struct mpart_error *e)
{
        char *end;
        errno = 0;
        unsigned long id = strtoul(text, &end, 10);
        if (!isdigit((unsigned char)*text) || *end || errno || id > UINT_MAX)
                return usage_error(e, "\"%s\" is not a kernel id", text);
        *ret = (unsigned)id;
        return 0;
}

int operand_kernel(const struct invocation *c, unsigned *ret, bool *ret_all, struct mpart_error *e)
{
        size_t n = c->n_operands;
        char **operands = c->operands;
        if (n > 0 && streq(operands[0], "kernel")) {
                operands++;
                n--;
        }
        if (n == 0)
                return usage_error(e, "%s: a kernel id is missing behind \"kernel\"", c->verb->name);
        if (n > 1)
                return usage_error(e, "%s: \"%s\" is too much", c->verb->name, operands[1]);
        if (ret_all)
                *ret_all = streq(operands[0], "all");
        if (ret_all && *ret_all)
                return 0;
        return parse_kernel_id(operands[0], ret, e);
}
