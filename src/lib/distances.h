/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "domains.h"

/* Fills distance[] once the list of nodes is final. What the kernel does not tell, of a node that vanished
 * with its memory, comes from the SLIT (ACPI 6.5 section 5.2.17); `map` may be all zero. 0 or -ENOMEM. */
int distances_read(int root, struct mpart_machine *m, const struct domain_map *map);
