/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "macros.h"
#include "options.h"
#include "output.h"
#include "plan-source.h"

static int choose_popcorn(const struct invocation *c, bool *ret, struct mpart_error *e)
{
        const char *dialect = c->value[OPTION_DIALECT];
        *ret = dialect && streq(dialect, "popcorn");
        if (!dialect || *ret || streq(dialect, "linux"))
                return 0;
        return usage_error(e, "--dialect: \"%s\" is neither linux nor popcorn", dialect);
}

int verb_cmdline(const struct invocation *c, struct mpart_error *e)
{
        unsigned id = 0;
        bool popcorn;
        int r = choose_popcorn(c, &popcorn, e);
        if (r == 0 && c->n_operands > 0 && !streq(c->operands[0], "primary"))
                r = parse_kernel_id(c->operands[0], &id, e);
        if (r != 0)
                return r;

        _cleanup_(mpart_plan_freep) struct mpart_plan *plan = NULL;
        r = plan_chosen(c, &plan, e);
        if (r < 0)
                return r;
        const struct mpart_plan_kernel *k = mpart_plan_kernel(plan, id);
        if (!k)
                return mpart_error_set(e, -ENOENT, "the plan has no kernel %u: its kernels are 0 to %zu", id,
                                plan->n_kernels - 1);
        const char *line = popcorn ? k->cmdline_popcorn : k->cmdline_linux;
        if (!line)
                return mpart_error_set(e, -ENODATA, "the plan has no %s command line for kernel %u",
                                popcorn ? "popcorn" : "linux", id);
        print_document(line);
        return 0;
}
