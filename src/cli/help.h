/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Help texts out of the command table. */
#pragma once

#include <stdio.h>

#include "verbs.h"

void help_print(FILE *f);
void help_print_verb(FILE *f, const struct verb *verb);
