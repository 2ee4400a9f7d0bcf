/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "bus.h"
#include "fs.h"
#include "machine-source.h"
#include "macros.h"
#include "options.h"
#include "plan-source.h"

#define PLAN_SIZE_LIMIT (16 * MiB)
#define BOOT_FILE_LIMIT (4 * GiB)

int read_boot_file(const char *path, char **ret, size_t *ret_size, struct mpart_error *e)
{
        return read_input_at(AT_FDCWD, path, BOOT_FILE_LIMIT, ret, ret_size, e);
}

static int plan_from_file(const char *path, struct mpart_plan **ret, struct mpart_error *e)
{
        _cleanup_free_ char *text = NULL;
        int r = read_input_at(AT_FDCWD, path, PLAN_SIZE_LIMIT, &text, NULL, e);
        if (r < 0)
                return r;
        r = mpart_plan_from_json(text, ret, e);
        return r < 0 ? mpart_error_prefix(e, r, "%s", path) : 0;
}

static int plan_from_daemon(struct mpart_plan **ret, struct mpart_error *e)
{
        _cleanup_bus_ struct sd_bus *bus = NULL;
        int r = bus_open(&bus, e);
        if (r < 0)
                return r;
        _cleanup_free_ char *text = NULL;
        r = bus_get_plan(bus, &text, e);
        if (r < 0)
                return r;
        r = mpart_plan_from_json(text, ret, e);
        return r < 0 ? mpart_error_prefix(e, r, "the plan that mpartd gave") : 0;
}

int plan_saved(struct mpart_plan **ret, struct mpart_error *e)
{
        int r = plan_from_daemon(ret, e);
        if (r != BUS_NO_DAEMON)
                return r;
        r = plan_from_file(MPART_STATE_DIR "/plan.json", ret, e);
        if (r == -ENOENT)
                return mpart_error_set(
                                e, r, "there is no saved plan: make one with \"mpartctl plan --save\"");
        return r;
}

static int plan_of_root(const char *root, struct mpart_plan **ret, struct mpart_error *e)
{
        _cleanup_(mpart_machine_freep) struct mpart_machine *m = NULL;
        int r = machine_chosen(root, &m, e);
        if (r < 0)
                return r;
        struct mpart_policy policy = { .kind = MPART_POLICY_PER_NUMA };
        return mpart_plan_make(m, &policy, ret, e);
}

static int check_against_root(const struct mpart_plan *plan, const char *root, struct mpart_error *e)
{
        _cleanup_(mpart_machine_freep) struct mpart_machine *m = NULL;
        int r = machine_chosen(root, &m, e);
        return r < 0 ? r : mpart_plan_check(plan, m, e);
}

int plan_chosen(const struct invocation *c, struct mpart_plan **ret, struct mpart_error *e)
{
        const char *file = c->value[OPTION_PLAN], *root = c->value[OPTION_ROOT];
        if (!file && !root)
                return plan_saved(ret, e);
        if (!file)
                return plan_of_root(root, ret, e);

        _cleanup_(mpart_plan_freep) struct mpart_plan *plan = NULL;
        int r = plan_from_file(file, &plan, e);
        if (r == 0 && root)
                r = check_against_root(plan, root, e);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(plan);
        return 0;
}
