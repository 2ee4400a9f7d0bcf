/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an earlier mpartd left behind. */
#include <errno.h>
#include <stdio.h>

#include "kernel.h"
#include "macros.h"
#include "manager.h"

static void set_aside(struct kernel *k, const char *why)
{
        char from[512], to[520];
        snprintf(from, sizeof(from), "%s/kernel-%u.json", k->manager->runtime_directory, k->id);
        snprintf(to, sizeof(to), "%s.bad", from);
        rename(from, to);
        kernel_set_state(k, KERNEL_FAILED, "its ledger cannot be used (%s); set aside as %s", why, to);
}

void kernel_recover(struct kernel *k)
{
        struct mpart_error e = MPART_ERROR_INIT;
        struct ledger *l = NULL;
        int r = ledger_load(k->manager->runtime_directory, k->id, &l, &e);
        if (r == -ENOENT)
                return;
        if (r == 0 && !streq(l->digest, k->manager->plan->digest)) {
                ledger_free(l);
                r = mpart_error_set(&e, -ESTALE, "it is of another machine");
        }
        if (r < 0) {
                set_aside(k, e.text);
                return;
        }

        k->ledger = l;
        if (l->stage == LEDGER_RUNNING) {
                k->cmdline = l->cmdline && *l->cmdline ? strdup(l->cmdline) : NULL;
                k->boot_timestamp = l->boot_timestamp;
                kernel_keep_options(k);
                kernel_set_state(k, KERNEL_RUNNING, "%s", "");
                kernel_start_services(k);
                return;
        }
        const char *stage = ledger_stage_to_string(l->stage);
        r = kernel_give_back(k);
        if (r < 0)
                kernel_set_state(k, KERNEL_FAILED, "mpartd ended while it was %s; giving back: %s", stage,
                                strerror(-r));
        else
                kernel_set_state(k, KERNEL_STOPPING,
                                "mpartd ended while it was %s; what it had taken is given back", stage);
}
