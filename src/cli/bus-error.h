/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files that talk on the bus. */
#pragma once

#include <systemd/sd-bus.h>

#include "error.h"

/* The daemon's sentence, or what stands in for it where there is no daemon to speak. */
int bus_call_failed(int r, const sd_bus_error *error, struct mpart_error *e);
