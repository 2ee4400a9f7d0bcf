/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a verb's plan comes from. */
#pragma once

#include "mpart.h"
#include "verbs.h"

/* The saved plan: the daemon's, or where there is no daemon its state file. Not checked against this
 * machine. */
int plan_saved(struct mpart_plan **ret, struct mpart_error *e);

/* The plan that --plan and --root choose: a file; the plan of a captured machine; a file checked against a
 * captured machine; or else the saved plan. */
int plan_chosen(const struct invocation *c, struct mpart_plan **ret, struct mpart_error *e);

/* A whole kernel image or ramdisk; the caller frees *ret. */
int read_boot_file(const char *path, char **ret, size_t *ret_size, struct mpart_error *e);
