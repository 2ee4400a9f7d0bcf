/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files behind bus.h share. */
#pragma once

#include <systemd/sd-bus.h>

#include "bus.h"

#define _cleanup_message_ _cleanup_(sd_bus_message_unrefp)
#define _cleanup_error_ _cleanup_(sd_bus_error_free)

/* Before the first call of sd-bus. */
int bus_library_load(struct mpart_error *e);

/* The daemon's sentence, or what stands in for it where there is no daemon to speak. */
int bus_failed(int r, const sd_bus_error *error, struct mpart_error *e);
int bus_misread(int r, struct mpart_error *e);
