/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of the native backend. */
#pragma once

#include "native.h"

int native_canceled(const struct native_boot *b, struct mpart_error *e); /* 0 or -ECANCELED */

/* load.c: writes the segments of the low window, or all others. */
int load_segments(struct native_boot *b, bool low, struct mpart_error *e);

/* notes.c: VMCOREINFO notes in a kernel's memory. One that an earlier kernel left would pass for the next
 * one's. */
int notes_destroy_all(struct native_boot *b, struct mpart_error *e);
/* The one at b->old_note: no other can be there. */
int notes_destroy_known(struct native_boot *b, struct mpart_error *e);
/* Waits until the kernel has written its own. *ret: its physical address. */
int notes_wait(struct native_boot *b, uint64_t *ret, struct mpart_error *e);

/* progress.c: how far a boot has come that has reached its start code and holds the low window; static text.
 */
const char *progress_of(struct native_boot *b);
