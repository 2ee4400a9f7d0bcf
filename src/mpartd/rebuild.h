/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A ledger for a kernel whose own is lost. Pure: what is known of the machine goes in. */
#pragma once

#include "boot.h"
#include "ledger.h"

/* Whether messages may be sent to the CPUs that a boot area names: to none that is online in the primary or
 * of another kernel's ledger. `machine` tells the APIC ids of the CPUs that were online when it was read;
 * NULL in `others` is legal. -EBADMSG with the id that is another's. */
int rebuild_check_ids(const struct mpart_boot_trace *trace, const struct mpart_machine *machine,
                struct ledger *const *others, size_t n_others, struct mpart_error *e);

/* Enters in `l` that the planned CPUs which are `offline` are taken, boot CPU first, and what else the trace
 * tells; without one (NULL) the APIC ids are not known and no CPU will be sent a message: coming online in
 * the primary resets it. What the boot was asked for is not known: a kernel that ends by itself is stopped.
 * 0 or -ENOMEM. */
int rebuild_ledger(struct ledger *l, const struct mpart_plan_kernel *planned,
                const struct mpart_cpuset *offline, const struct mpart_boot_trace *trace);
