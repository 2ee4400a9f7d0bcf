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

/* Loading images, typing a password, and a stop, which leaves user space up to an hour: longer than the
 * bus's own 25 seconds. */
#define BUS_SLOW_USEC (UINT64_C(4000) * 1000000)

/* sd_bus_call for what not everybody may: where polkit wants a password, it is asked for on the terminal.
 * ret_reply may be NULL. */
int bus_ask(struct sd_bus *bus, sd_bus_message *call, sd_bus_error *error, sd_bus_message **ret_reply);
/* Whether it is worth to ask once more, with the agent in *ret. */
bool bus_wants_password(const sd_bus_error *error, pid_t *ret);
