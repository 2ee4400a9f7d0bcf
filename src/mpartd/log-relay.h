/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each line of a running kernel's log into the journal, with MPART_KERNEL=<id>, its level as PRIORITY and
 * SYSLOG_IDENTIFIER=kernel-<id>. A thread polls the kernel's memory at a calm pace; a kernel that floods is
 * cut to a rate, and how many lines were left out is told. */
#pragma once

#include "physmem.h"

struct log_relay;

/* `boot_timestamp` names the boot: where an earlier mpartd has relayed part of the same boot's log (a small
 * file in `directory` tells), this one goes on behind it. `note`: as memview_open. Borrows nothing but
 * mem->root. What fails in the thread is told in the journal. 0 or -ENOMEM, -EAGAIN. */
int log_relay_start(const struct physmem *mem, const struct mpart_plan_kernel *kernel, const char *directory,
                uint64_t boot_timestamp, uint64_t note, struct log_relay **ret);
/* Relays what has come meanwhile, last words that are not final included, and ends; a few milliseconds. NULL
 * is legal. */
void log_relay_stop(struct log_relay *r);
