/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kernel as "list --json" and "status --json" show it. */
#pragma once

#include "bus.h"
#include "json.h"

/* Adds its fields to an object. 0 or -ENOMEM. */
int kernel_json_add(cJSON *o, const struct bus_kernel *k);
/* Prints a document and frees it; `r`: of making it, handed on where it is an error. */
int kernel_json_print(cJSON *o, int r);
