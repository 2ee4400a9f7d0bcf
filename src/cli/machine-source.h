/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which machine a verb is about. */
#pragma once

#include "mpart.h"

/* The machine that --root names: a directory, a capture, or this one where `root` is NULL. */
int machine_chosen(const char *root, struct mpart_machine **ret, struct mpart_error *e);
int machine_seen(const char *root, struct mpart_machine **ret,
                struct mpart_error *e); /* what is visible of it */
