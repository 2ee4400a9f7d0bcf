/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>

#include "fs.h"
#include "macros.h"
#include "options.h"
#include "output.h"
#include "plan-source.h"

static int install(const char *text, struct mpart_error *e)
{
        const char *path = MPART_GRUB_DROPIN;
        int r = write_file_atomic(path, text, strlen(text), 0644);
        if (r < 0)
                return mpart_error_set(e, r, "%s cannot be written: %s", path, strerror(-r));
        tell("%s is written. It takes effect at the next boot after \"update-grub\" "
             "(or \"grub2-mkconfig -o /boot/grub2/grub.cfg\").",
                        path);
        return 0;
}

static int export_grub(const struct invocation *c, const struct mpart_plan *plan, struct mpart_error *e)
{
        _cleanup_free_ char *text = NULL;
        int r = mpart_grub_dropin(plan, &text, e);
        if (r < 0)
                return r;
        if (option_given(c, OPTION_INSTALL))
                return install(text, e);
        print_document(text);
        return 0;
}

static int export_plan(const struct invocation *c, const struct mpart_plan *plan, struct mpart_error *e)
{
        (void)c;
        _cleanup_free_ char *text = NULL;
        int r = mpart_plan_to_json(plan, &text);
        if (r < 0)
                return mpart_error_set(e, r, "the plan cannot be written: %s", strerror(-r));
        print_document(text);
        return 0;
}

static int export_cmdline(const struct invocation *c, const struct mpart_plan *plan, struct mpart_error *e)
{
        (void)c;
        const struct mpart_plan_kernel *primary = mpart_plan_kernel(plan, 0);
        if (!primary || !primary->cmdline_linux)
                return mpart_error_set(e, -ENODATA, "the plan has no parameters for the primary");
        print_document(primary->cmdline_linux);
        return 0;
}

int verb_export(const struct invocation *c, struct mpart_error *e)
{
        static const struct {
                const char *name;
                int (*export)(const struct invocation *c, const struct mpart_plan *plan,
                                struct mpart_error *e);
        } forms[] = { { "grub", export_grub }, { "plan", export_plan }, { "cmdline", export_cmdline } };

        size_t i = 0;
        while (i < ARRAY_SIZE(forms) && !streq(forms[i].name, c->operands[0]))
                i++;
        if (i == ARRAY_SIZE(forms))
                return usage_error(e, "export: \"%s\" is none of %s", c->operands[0], c->verb->operands);
        if (option_given(c, OPTION_INSTALL) && forms[i].export != export_grub)
                return usage_error(e, "export %s: --install is for grub only", forms[i].name);

        _cleanup_(mpart_plan_freep) struct mpart_plan *plan = NULL;
        int r = plan_chosen(c, &plan, e);
        return r < 0 ? r : forms[i].export(c, plan, e);
}
