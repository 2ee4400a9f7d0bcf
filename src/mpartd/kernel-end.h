/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is done when a kernel ends by itself: dump, then stop, restart or preserve, as its boot asked for. */
#pragma once

#include "kernel.h"

struct kernel_ending;

/* From the watch, or from the agent's word: a crash, a hang, a reboot, a power-off or a halt. */
void kernel_ended(struct kernel *k, enum kernel_cause cause, const char *detail);
/* An earlier mpartd died over it. `again`: what it saw is still there, so a dump is worth while. */
void kernel_ending_resume(struct kernel *k, bool again);

/* A stop in the midst of it: no dump, no restart. */
void kernel_ending_stop(struct kernel *k);

/* Called when all that the kernel had taken was given back (result 0) or not. True: the ending has seen to
 * the state. */
bool kernel_ending_given_back(struct kernel *k, int result);
void kernel_ending_free(struct kernel *k);
