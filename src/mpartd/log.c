/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-journal.h>

#include "log.h"

void log_line(int kernel, int priority, const char *format, ...)
{
        char text[1024];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);

        if (!getenv("JOURNAL_STREAM")) { /* set by systemd for its services */
                fprintf(stderr, "mpartd: %s\n", text);
        } else if (kernel == LOG_NO_KERNEL) {
                sd_journal_send("MESSAGE=%s", text, "PRIORITY=%d", priority, NULL);
        } else {
                sd_journal_send("MESSAGE=%s", text, "PRIORITY=%d", priority, "MPART_KERNEL=%d", kernel,
                                NULL);
        }
}
