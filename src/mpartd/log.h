/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon's log: the journal, with MPART_KERNEL=<id> on lines about one kernel; standard error elsewhere.
 */
#pragma once

#include <syslog.h>

#define LOG_NO_KERNEL (-1)

void log_line(int kernel, int priority, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* A change of a kernel's state: MPART_STATE= and MPART_CAUSE= beside MPART_KERNEL=. */
void log_state(unsigned kernel, int priority, const char *state, const char *cause, const char *format, ...)
                __attribute__((format(printf, 5, 6)));

#define log_info(...) log_line(LOG_NO_KERNEL, LOG_INFO, __VA_ARGS__)
#define log_notice(...) log_line(LOG_NO_KERNEL, LOG_NOTICE, __VA_ARGS__)
#define log_warning(...) log_line(LOG_NO_KERNEL, LOG_WARNING, __VA_ARGS__)
#define log_error(...) log_line(LOG_NO_KERNEL, LOG_ERR, __VA_ARGS__)
