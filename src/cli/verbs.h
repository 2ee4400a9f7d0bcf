/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command table: what mpartctl can do, said once. Parsing, help, completion and the check of the manual
 * page all read it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "error.h"

#define CLI_USAGE 2 /* exit code of a command line that cannot be understood */
/* What a verb returns to end with another program's exit status and say nothing. */
#define CLI_EXIT_STATUS(status) (0x100 | (int)(status))

enum option_id {
        OPTION_ADD,
        OPTION_ALIGNMENT,
        OPTION_CMDLINE,
        OPTION_COUNT,
        OPTION_DIALECT,
        OPTION_DRY_RUN,
        OPTION_FOLLOW,
        OPTION_EXPLAIN,
        OPTION_HELP,
        OPTION_IMAGE,
        OPTION_IMAGE_SIZE,
        OPTION_INITRD,
        OPTION_INSTALL,
        OPTION_JSON,
        OPTION_KERNEL,
        OPTION_LINES,
        OPTION_LOG,
        OPTION_MODULE,
        OPTION_NO_INITRD,
        OPTION_NO_DUMP,
        OPTION_LOW_WINDOW,
        OPTION_NODES_PER_KERNEL,
        OPTION_NO_WAIT,
        OPTION_ON_CRASH,
        OPTION_ON_HANG,
        OPTION_ON_POWEROFF,
        OPTION_ON_REBOOT,
        OPTION_OUTPUT,
        OPTION_PER_CORE,
        OPTION_PER_CPU,
        OPTION_PER_NUMA,
        OPTION_PLAN,
        OPTION_PRIMARY_CPUS,
        OPTION_PRIMARY_MEMORY,
        OPTION_REQUEST,
        OPTION_ROOT,
        OPTION_SAVE,
        OPTION_SHARED,
        OPTION_SSH_KEY,
        OPTION_STOP_TIMEOUT,
        OPTION_SVG,
        OPTION_TTY,
        OPTION_WRAP,
        OPTION_YES,
        _OPTION_MAX,
        _OPTION_INVALID = -22,
};
const char *option_name(enum option_id id);   /* "no-wait" */
bool option_is_repeatable(enum option_id id); /* may be given more than once */
char option_letter(enum option_id id);        /* 'o', or 0 where there is none */

/* An option as one verb takes it. Lower-case words in `argument` are its choices; FILE and DIR are completed
 * as such; NULL: takes none. */
struct verb_option {
        enum option_id id;
        const char *argument;
        const char *help;
};

struct invocation;

struct verb {
        const char *name;
        const char *operands; /* as the synopsis shows them; lower-case words are literal */
        size_t min_operands, max_operands;
        const struct verb_option *options;
        size_t n_options;
        const char *help; /* one line, starts lower-case */
        bool hidden;      /* for the build, not for people */
        /* 0; a negative errno with a sentence in *e; CLI_USAGE with one; CLI_EXIT_STATUS. */
        int (*run)(const struct invocation *c, struct mpart_error *e);
};
extern const struct verb verbs[];
extern const size_t n_verbs;
const struct verb *verb_find(const char *name); /* NULL: no such verb */
const struct verb_option *verb_find_option(const struct verb *verb, enum option_id id);

struct option_value {
        enum option_id id;
        const char *text; /* borrowed from argv */
};

/* One parsed command line. */
struct invocation {
        const struct verb *verb;
        const char *value[_OPTION_MAX]; /* NULL: not given; "" for an option without argument; the first one
                                         */
        struct option_value *values;    /* every option, in the order given */
        size_t n_values, capacity;
        char **operands; /* borrowed from argv */
        size_t n_operands;
};

int verb_apply(const struct invocation *c, struct mpart_error *e);
int verb_boot(const struct invocation *c, struct mpart_error *e);
int verb_capture(const struct invocation *c, struct mpart_error *e);
int verb_cmdline(const struct invocation *c, struct mpart_error *e);
int verb_completion(const struct invocation *c, struct mpart_error *e);
int verb_dump(const struct invocation *c, struct mpart_error *e);
int verb_console(const struct invocation *c, struct mpart_error *e);
int verb_exec(const struct invocation *c, struct mpart_error *e);
int verb_export(const struct invocation *c, struct mpart_error *e);
int verb_help(const struct invocation *c, struct mpart_error *e);
int verb_initrd(const struct invocation *c, struct mpart_error *e);
int verb_list(const struct invocation *c, struct mpart_error *e);
int verb_log(const struct invocation *c, struct mpart_error *e);
int verb_machine(const struct invocation *c, struct mpart_error *e);
int verb_monitor(const struct invocation *c, struct mpart_error *e);
int verb_plan(const struct invocation *c, struct mpart_error *e);
int verb_status(const struct invocation *c, struct mpart_error *e);
int verb_stop(const struct invocation *c, struct mpart_error *e);
int verb_version(const struct invocation *c, struct mpart_error *e);
