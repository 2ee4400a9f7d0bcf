/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "error.h"

#undef mpart_error_set

static void mark_cut(struct mpart_error *e, int length)
{
        if (length >= (int)sizeof(e->text))
                memcpy(e->text + sizeof(e->text) - 4, "...", 4);
}

int mpart_error_set(struct mpart_error *e, int code, const char *format, ...)
{
        if (!e)
                return code;

        va_list args;
        va_start(args, format);
        int n = vsnprintf(e->text, sizeof(e->text), format, args);
        va_end(args);

        mark_cut(e, n);
        e->code = code;
        return code;
}

int mpart_error_prefix(struct mpart_error *e, int code, const char *format, ...)
{
        if (!e)
                return code;

        char prefix[sizeof(e->text)], whole[sizeof(e->text)];
        va_list args;
        va_start(args, format);
        vsnprintf(prefix, sizeof(prefix), format, args);
        va_end(args);

        int n = snprintf(whole, sizeof(whole), "%.300s: %s", prefix, e->text);
        memcpy(e->text, whole, sizeof(whole));
        mark_cut(e, n);
        if (e->code == 0)
                e->code = code;
        return e->code;
}
