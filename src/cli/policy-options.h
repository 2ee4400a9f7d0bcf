/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The policy that options and a request document make. */
#pragma once

#include "mpart.h"
#include "verbs.h"

struct chosen_policy {
        struct mpart_policy policy;
        struct mpart_request *request; /* NULL: none; the policy points to it */
};
void policy_done(struct chosen_policy *chosen);

/* *ret is zero before. 0, CLI_USAGE or a negative errno. */
int policy_of(const struct invocation *c, struct chosen_policy *ret, struct mpart_error *e);
