/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a kernel's state machine and the talk with its agent meet. */
#pragma once

#include "kernel.h"
#include "talk.h"

struct kernel_talk;

/* The kernel runs from now on: its region is mapped and looked at. Failure is logged; the kernel runs on. */
void kernel_talk_start(struct kernel *k);
/* It runs no more, or is about to be stopped dead: `why` is for those whose commands end with it. */
void kernel_talk_stop(struct kernel *k, const char *why);
void kernel_talk_free(struct kernel *k);

/* Asks the agent to end user space in order. True: `done` is called once, when it has, or after the stop
 * timeout of its options; false: nobody is there to ask. */
bool kernel_talk_shutdown(struct kernel *k, void (*done)(struct kernel *k));

enum talk_state kernel_talk_state(const struct kernel *k);
/* The kernel's console and commands, also while it does not run. NULL: it never ran. */
struct talk *kernel_talk(const struct kernel *k);
