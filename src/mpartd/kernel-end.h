/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is done when a kernel ends by itself: dump, then stop, restart or preserve, as its boot asked for. */
#pragma once

#include "kernel.h"

struct kernel_ending;

/* From the watch, or from the agent's word (end REBOOT or POWER_OFF). */
void kernel_ended(struct kernel *k, enum kernel_end end, const char *detail);

/* A stop in the midst of it: no dump, no restart. */
void kernel_ending_stop(struct kernel *k);

/* Called when all that the kernel had taken was given back (result 0) or not. True: the ending has seen to
 * the state. */
bool kernel_ending_given_back(struct kernel *k, int result);
void kernel_ending_free(struct kernel *k);
