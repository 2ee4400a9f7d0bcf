/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Amounts of memory: what the two ways to divide it share. A unit is the plan's alignment. */
#pragma once

#include "planner.h"

/* What the primary has after what p->units gives away. */
uint64_t planner_primary_bytes(const struct planner *p);
/* What a kernel needs to boot, where it lies in one range (mpart_layout_make). */
uint64_t planner_least_units(const struct planner *p);
/* plan-request-memory.c: p->units as the request says; usable[node] units are there to give, and are used
 * up. 0, -ENOMEM, or -ENOSPC with a text. */
int planner_share_requested(struct planner *p, uint64_t *usable, struct mpart_error *e);
