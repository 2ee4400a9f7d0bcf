/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "machine-source.h"
#include "macros.h"
#include "options.h"
#include "output.h"

int verb_capture(const struct invocation *c, struct mpart_error *e)
{
        const char *root = c->value[OPTION_ROOT], *file = c->operands[0];
        _cleanup_(mpart_machine_freep) struct mpart_machine *m = NULL;
        struct mpart_error why = MPART_ERROR_INIT;
        int r = machine_chosen(root, &m, &why);
        if (r == -EPERM) /* addresses are hidden: such a capture cannot be planned */
                return mpart_error_set(e, r, "%s", why.text);
        int written = mpart_capture_write(root ? root : "/", file, e);
        if (written < 0)
                return written;
        if (r < 0)
                tell("note: this machine cannot be planned: %s", why.text);
        tell("%s holds what planning reads of this machine: \"mpartctl plan --root %s\" plans it anywhere.",
                        file, file);
        return 0;
}
