/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From argv to an invocation, by the command table. */
#pragma once

#include <stdint.h>

#include "size.h"
#include "verbs.h"

/* Parses what stands behind the verb's name; argv[0] is the verb. argv may be reordered (options first).
 * 0 or CLI_USAGE with a sentence. */
int options_parse(const struct verb *verb, int argc, char **argv, struct invocation *ret,
                struct mpart_error *e);

void invocation_free(struct invocation *c); /* all zero is legal */

/* Sets *e and returns CLI_USAGE. */
int usage_error(struct mpart_error *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline bool option_given(const struct invocation *c, enum option_id id)
{
        return c->value[id] != NULL;
}

/* The value of a SIZE option; *ret untouched where it was not given. 0 or CLI_USAGE. */
int option_size(const struct invocation *c, enum option_id id, uint64_t *ret, struct mpart_error *e);

/* A number from 1 on; *ret untouched where it was not given. 0 or CLI_USAGE. */
int option_number(const struct invocation *c, enum option_id id, unsigned *ret, struct mpart_error *e);

/* The file of a FILE option, which must be there, as an absolute path: the daemon has a working directory of
 * its own. *ret untouched where it was not given; the caller frees it. 0 or a negative errno. */
int option_path(const struct invocation *c, enum option_id id, char **ret, struct mpart_error *e);

/* All values of a repeatable option in the order given. The caller frees *ret, not what it points to. 0 or
 * -ENOMEM. */
int option_values(const struct invocation *c, enum option_id id, const char ***ret, size_t *ret_n);

/* A kernel id in decimal. 0 or CLI_USAGE. */
int parse_kernel_id(const char *text, unsigned *ret, struct mpart_error *e);
/* The operands "3", "kernel 3", and where ret_all is not NULL "all". 0 or CLI_USAGE. */
int operand_kernel(const struct invocation *c, unsigned *ret, bool *ret_all, struct mpart_error *e);
