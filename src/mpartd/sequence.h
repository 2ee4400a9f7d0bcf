/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All kernels at once, in the plan's order: those that wait for none boot at the same time, each other when
 * what it waits for has come up. They stop the other way round. */
#pragma once

#include "kernel.h"

struct sequence;

int sequence_new(struct manager *m, struct sequence **ret);
void sequence_free(struct sequence *s); /* what waited is told nothing more; NULL is legal */

/* Each consumes a reference of `call`, which lists the kernels: a boot once each was accepted, refused or
 * is known to wait; a stop once each is stopped, or is known not to stop. */
void sequence_boot(struct sequence *s, const struct boot_options *options, struct pending *call);
void sequence_stop(struct sequence *s, struct pending *call);

/* The state of the kernel or of its agent is another one. */
void sequence_kernel_changed(const struct kernel *k);
/* The kernel was to boot after others, and is not any more; false: it was not. */
bool sequence_forget(const struct kernel *k);

/* How long a running kernel with "notify" may take to tell that user space is up. */
#define SEQUENCE_NOTIFY_SECONDS 60
