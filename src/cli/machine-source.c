/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <sys/stat.h>

#include "machine-source.h"

static bool is_archive(const char *root)
{
        struct stat st;
        return root && stat(root, &st) == 0 && S_ISREG(st.st_mode);
}

int machine_chosen(const char *root, struct mpart_machine **ret, struct mpart_error *e)
{
        return is_archive(root) ? mpart_capture_read(root, ret, e)
                                : mpart_machine_read(root ? root : "/", ret, e);
}

int machine_seen(const char *root, struct mpart_machine **ret, struct mpart_error *e)
{
        return is_archive(root) ? mpart_capture_look(root, ret, e)
                                : mpart_machine_look(root ? root : "/", ret, e);
}
