/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernels whose boot is awaited. A terminal shows each in a line that follows it; elsewhere each change is a
 * line. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "bus.h"

struct boot_progress;

int boot_progress_new(struct boot_progress **ret);
void boot_progress_free(struct boot_progress *p);
static inline void boot_progress_freep(struct boot_progress **p)
{
        boot_progress_free(*p);
}

/* 0 or -ENOMEM. */
int boot_progress_await(struct boot_progress *p, unsigned id);
/* A kernel that the daemon would not boot. */
int boot_progress_refused(struct boot_progress *p, unsigned id);
bool boot_progress_awaits(const struct boot_progress *p, unsigned id);

/* For struct bus_follow, whose data is the progress. */
void boot_progress_changed(void *data, const struct bus_change *change);
bool boot_progress_settled(const void *data);
void boot_progress_tick(void *data);

/* 0, or -EIO with the kernel that does not run. Those that nobody waited for are neither good nor bad. */
int boot_progress_result(const struct boot_progress *p, struct mpart_error *e);
