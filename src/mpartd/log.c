/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#include "log.h"

#define FIELDS_MAX 5

/* Fields for the journal; MESSAGE and PRIORITY always. */
struct entry {
        char message[1040], priority[16], kernel[32], state[48], cause[48];
        struct iovec fields[FIELDS_MAX];
        int n;
};

static void add_field(struct entry *x, char *room, size_t size, const char *format, ...)
                __attribute__((format(printf, 4, 5)));
static void add_field(struct entry *x, char *room, size_t size, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        vsnprintf(room, size, format, args);
        va_end(args);
        x->fields[x->n++] = (struct iovec){ room, strlen(room) };
}

static void send_entry(int kernel, int priority, const char *state, const char *cause, const char *format,
                va_list args) __attribute__((format(printf, 5, 0)));
static void send_entry(int kernel, int priority, const char *state, const char *cause, const char *format,
                va_list args)
{
        struct entry x = { .n = 0 };
        char text[1024];
        vsnprintf(text, sizeof(text), format, args);
        if (!getenv("JOURNAL_STREAM")) { /* set by systemd for its services */
                fprintf(stderr, "mpartd: %s\n", text);
                return;
        }
        add_field(&x, x.message, sizeof(x.message), "MESSAGE=%s", text);
        add_field(&x, x.priority, sizeof(x.priority), "PRIORITY=%d", priority);
        if (kernel != LOG_NO_KERNEL)
                add_field(&x, x.kernel, sizeof(x.kernel), "MPART_KERNEL=%d", kernel);
        if (state) {
                add_field(&x, x.state, sizeof(x.state), "MPART_STATE=%s", state);
                add_field(&x, x.cause, sizeof(x.cause), "MPART_CAUSE=%s", cause);
        }
        sd_journal_sendv(x.fields, x.n);
}

void log_line(int kernel, int priority, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        send_entry(kernel, priority, NULL, NULL, format, args);
        va_end(args);
}

void log_state(unsigned kernel, int priority, const char *state, const char *cause, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        send_entry((int)kernel, priority, state, cause, format, args);
        va_end(args);
}
