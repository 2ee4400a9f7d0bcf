/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files that read the plan document share. */
#pragma once

#include "json.h"
#include "plan.h"

/* A kernel list, the field `field` of `where`. 0, -EINVAL or -ENOMEM. */
int plan_read_cpus(const char *where, const char *field, const char *text, struct mpart_cpuset *ret,
                struct mpart_error *e);
/* The object "policy". 0, -EINVAL or -ENOMEM. */
int plan_read_policy(const cJSON *o, struct mpart_policy *ret, struct mpart_error *e);
