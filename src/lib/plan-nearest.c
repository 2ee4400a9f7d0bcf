/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What would fit instead of a policy that does not: found by planning, one number changed at a time. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "planner.h"

static bool fits(const struct mpart_machine *m, const struct mpart_policy *policy)
{
        _cleanup_(mpart_plan_freep) struct mpart_plan *plan = NULL;
        struct mpart_error ignored = MPART_ERROR_INIT;
        return planner_make(m, policy, &plan, &ignored) == 0;
}

/* The largest size in whole MiB below the one asked for with which the policy fits, `field` a member of it;
 * 0: none, or none was asked for. Less never fits worse, or else the answer is merely one that fits. */
static uint64_t largest_that_fits(
                const struct mpart_machine *m, struct mpart_policy *policy, uint64_t *field)
{
        uint64_t asked = *field, low = MiB, high = asked ? ALIGN_DOWN(asked - 1, MiB) : 0, found = 0;
        if (high < low)
                return 0;
        *field = low;
        if (fits(m, policy))
                found = low;
        while (found && low < high) {
                uint64_t middle = low + ALIGN_UP((high - low) / MiB, 2) / 2 * MiB;
                *field = middle;
                if (fits(m, policy))
                        found = low = middle;
                else
                        high = middle - MiB;
        }
        *field = asked;
        return found;
}

static bool nearest_memory(
                const struct mpart_machine *m, struct mpart_policy *policy, char *text, size_t size)
{
        uint64_t best = largest_that_fits(m, policy, &policy->primary_memory);
        if (best)
                snprintf(text, size, "--primary-memory %" PRIu64 "M", best / MiB);
        return best != 0;
}

static bool nearest_alignment(
                const struct mpart_machine *m, struct mpart_policy *policy, char *text, size_t size)
{
        struct mpart_policy p = *policy;
        while (p.alignment > MPART_ALIGNMENT) {
                p.alignment /= 2;
                if (!fits(m, &p))
                        continue;
                snprintf(text, size, "--alignment %" PRIu64 "M", p.alignment / MiB);
                return true;
        }
        return false;
}

static bool nearest_room(const struct mpart_machine *m, struct mpart_policy *policy, char *text, size_t size)
{
        uint64_t best = largest_that_fits(m, policy, &policy->ramdisk_size);
        if (best) {
                snprintf(text, size, "a ramdisk of %" PRIu64 " MiB", best / MiB);
                return true;
        }
        best = largest_that_fits(m, policy, &policy->image_size);
        if (best)
                snprintf(text, size, "--image-size %" PRIu64 "M", best / MiB);
        return best != 0;
}

static bool nearest_count(
                const struct mpart_machine *m, struct mpart_policy *policy, char *text, size_t size)
{
        struct mpart_policy p = *policy;
        uint64_t most = policy->kind == MPART_POLICY_COUNT ? MIN(policy->count, m->n_cpus + 1) : m->n_cpus;
        if (policy->kind == MPART_POLICY_REQUEST || policy->kind == MPART_POLICY_NODES)
                return false;

        p.kind = MPART_POLICY_COUNT;
        uint64_t low = 1, high = most - 1, found = 0;
        while (low <= high) {
                uint64_t middle = low + (high - low) / 2;
                p.count = (unsigned)middle;
                if (fits(m, &p)) {
                        found = middle;
                        low = middle + 1;
                } else
                        high = middle - 1;
        }
        if (found < 2)
                return false;
        snprintf(text, size, "--count %" PRIu64, found);
        return true;
}

static bool nearest_nodes(
                const struct mpart_machine *m, struct mpart_policy *policy, char *text, size_t size)
{
        struct mpart_policy p = *policy;
        if (policy->kind != MPART_POLICY_NODES)
                return false;
        while (p.nodes_per_kernel + 1 < m->n_nodes) {
                p.nodes_per_kernel++;
                if (!fits(m, &p))
                        continue;
                snprintf(text, size, "--nodes-per-kernel %u", p.nodes_per_kernel);
                return true;
        }
        return false;
}

void planner_tell_nearest(
                const struct mpart_machine *m, const struct mpart_policy *policy, struct mpart_error *e)
{
        static bool (*const ways[])(const struct mpart_machine *, struct mpart_policy *, char *, size_t) = {
                nearest_memory,
                nearest_alignment,
                nearest_room,
                nearest_count,
                nearest_nodes,
        };
        struct mpart_policy p = *policy; /* its CPU set stays the caller's */
        char nearest[64], text[sizeof(e->text)];

        if (strstr(e->text, "the nearest"))
                return;
        for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
                if (ways[i](m, &p, nearest, sizeof(nearest))) {
                        snprintf(text, sizeof(text), "%.640s; the nearest that fits: %s", e->text, nearest);
                        mpart_error_set(e, e->code, "%s", text);
                        return;
                }
}
