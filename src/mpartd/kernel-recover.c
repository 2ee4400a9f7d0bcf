/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an earlier mpartd left behind, by its ledger and its record. */
#include <errno.h>
#include <stdio.h>

#include "kernel-end.h"
#include "log.h"
#include "macros.h"
#include "manager.h"
#include "record.h"

static void adopt(struct kernel *k, const struct kernel_record *record)
{
        k->boot_timestamp = k->ledger->boot_timestamp;
        if (record && record->state == KERNEL_RUNNING) {
                kernel_restore(k, record);
                log_line((int)k->id, LOG_INFO, "kernel %u (%s): found running", k->id, k->planned->name);
        } else {
                kernel_set_state(k, KERNEL_RUNNING, CAUSE_NONE, "%s", "");
        }
        kernel_start_services(k);
}

static void undo(struct kernel *k, const char *stage)
{
        int r = kernel_give_back(k);
        if (r < 0)
                kernel_set_state(k, KERNEL_FAILED, CAUSE_DAEMON_ENDED,
                                "mpartd ended while it was %s; giving back: %s", stage, strerror(-r));
        else
                kernel_set_state(k, KERNEL_STOPPING, CAUSE_DAEMON_ENDED,
                                "mpartd ended while it was %s; what it had taken is given back", stage);
}

/* `record`: NULL where there is none. */
static void recover_by_ledger(struct kernel *k, const struct kernel_record *record)
{
        const struct ledger *l = k->ledger;
        bool stopping = record && record->state == KERNEL_STOPPING;
        k->cmdline = l->cmdline && *l->cmdline ? strdup(l->cmdline) : NULL;
        kernel_keep_options(k);

        if (record && record->ending && (l->stage == LEDGER_RUNNING || l->stage == LEDGER_STOPPING)) {
                kernel_restore(k, record);
                kernel_ending_resume(k, l->stage == LEDGER_RUNNING);
        } else if (record && record->state == KERNEL_FAILED && l->stage != LEDGER_STOPPING) {
                kernel_restore(k, record); /* it is dead, and kept as it is until somebody stops it */
        } else if (l->stage == LEDGER_UNSURE) {
                kernel_set_state(k, KERNEL_FAILED, CAUSE_LEDGER_DAMAGED,
                                "whether it runs is not known; its CPUs are still taken: stop it to give them "
                                "back");
        } else if (l->stage == LEDGER_RUNNING && !stopping) {
                adopt(k, record);
        } else {
                undo(k, stopping ? "stopping" : ledger_stage_to_string(l->stage));
        }
}

static bool has_offline_cpu(const struct kernel *k)
{
        MPART_CPUSET_FOREACH (cpu, &k->planned->cpus) {
                if (cpugate_is_online(&k->manager->native.cpus, (unsigned)cpu) == 0)
                        return true;
        }
        return false;
}

/* All was given back when mpartd ended, but that was not yet recorded; or the ledger was lost. */
static void settle_without_ledger(struct kernel *k)
{
        if (has_offline_cpu(k))
                k->lost = strdup("its ledger is gone");
        else if (k->state == KERNEL_STOPPING && k->cause == CAUSE_REQUESTED)
                kernel_set_state(k, KERNEL_INACTIVE, CAUSE_REQUESTED, "%s", "");
        else if (k->state != KERNEL_FAILED)
                kernel_set_state(k, KERNEL_FAILED, CAUSE_DAEMON_ENDED, "mpartd ended while it was %s",
                                kernel_state_to_string(k->state));
}

static void set_ledger_aside(struct kernel *k, const char *why)
{
        char aside[RUNTIME_PATH_MAX];
        runtime_set_aside(k->manager->runtime_directory, "kernel", k->id, aside);
        if (asprintf(&k->lost, "its ledger cannot be used (%s); set aside as %s", why, aside) < 0)
                k->lost = NULL;
}

void kernel_recover(struct kernel *k)
{
        struct mpart_error e = MPART_ERROR_INIT;
        _cleanup_record_ struct kernel_record record = { 0 };
        struct ledger *l = NULL;
        bool recorded = kernel_read_record(k, &record);
        int r = ledger_load(k->manager->runtime_directory, k->id, &l, &e);
        if (r == 0 && !streq(l->digest, k->manager->plan->digest)) {
                ledger_free(l);
                r = mpart_error_set(&e, -ESTALE, "it is of another machine");
        }
        if (r == 0) {
                k->ledger = l;
                recover_by_ledger(k, recorded ? &record : NULL);
                return;
        }
        if (recorded)
                kernel_restore(k, &record);
        if (k->cause == CAUSE_WAITING) /* for its turn, which the earlier mpartd alone knew of */
                kernel_set_state(k, KERNEL_INACTIVE, CAUSE_DAEMON_ENDED,
                                "mpartd ended while it waited for other kernels");
        if (r != -ENOENT)
                set_ledger_aside(k, e.text);
        else if (recorded && record.holds)
                settle_without_ledger(k);
}
