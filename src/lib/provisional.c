/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>

#include "cmdline.h"
#include "macros.h"

const struct mpart_plan_kernel *mpart_plan_kernel(const struct mpart_plan *plan, unsigned id)
{
        return id < plan->n_kernels ? &plan->kernels[id] : NULL;
}

void mpart_cmdline_free(struct mpart_cmdline *c)
{
        mpart_cpuset_free(&c->consoles);
}

int mpart_cmdline_parse(const char *line, struct mpart_cmdline *ret, struct mpart_error *e)
{
        (void)e;
        for (const char *p = line; (p = strstr(p, "console=ttyS")); p++)
                mpart_cpuset_add(&ret->consoles, (unsigned)atoi(p + 12));
        return 0;
}
