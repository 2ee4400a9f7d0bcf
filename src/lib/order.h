/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The order in which all kernels boot, in the documents: names in a request, ids in a plan. */
#pragma once

#include "json.h"
#include "request.h"

/* Reads "after" and "requires" of each item of `kernels`, which is the array that q->kernels came from. An
 * order that cannot be kept is -EINVAL; else 0 or -ENOMEM. */
int request_read_order(const cJSON *kernels, struct mpart_request *q, struct mpart_error *e);

/* The array of kernel ids `field` of `where`; NULL: none. 0, -EINVAL or -ENOMEM. */
int plan_read_ids(const cJSON *array, const char *where, const char *field, struct mpart_cpuset *ret,
                struct mpart_error *e);
/* What a kernel waits for, as far as there is something to say. 0 or -ENOMEM. */
int plan_add_order(cJSON *kernel, const struct mpart_plan_kernel *k);
