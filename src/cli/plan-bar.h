/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A plan as bars of characters, for terminals. */
#pragma once

#include <stdbool.h>

#include "mpart.h"

struct bar_style {
        bool utf8, color;
        unsigned columns; /* of the terminal */
};
struct bar_style bar_style_of_terminal(void);

/* A line for each node with memory: its address space from first to last byte to scale, the number of each
 * kernel in its stretch. The caller frees *ret. 0 or -ENOMEM. */
int plan_bars(const struct mpart_plan *plan, const struct bar_style *style, char **ret);
