/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A plan as a picture. Pure: the same plan and machine give the same text. */
#pragma once

#include "plan.h"

/* The plan as an SVG 1.1 document: per node its address space to scale, its CPUs and its devices, each
 * kernel in a colour and pattern of its own (Okabe and Ito's palette). `m` tells cores and devices and may
 * be NULL. The caller frees *ret. 0 or -ENOMEM. */
int mpart_plan_to_svg(const struct mpart_plan *plan, const struct mpart_machine *m, char **ret);
