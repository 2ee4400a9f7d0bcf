/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The methods of org.mpartd1.Kernel that talk with its agent. */
#pragma once

#include <systemd/sd-bus.h>

int bus_open_console(sd_bus_message *call, void *userdata, sd_bus_error *error);
int bus_set_console_size(sd_bus_message *call, void *userdata, sd_bus_error *error);
int bus_exec(sd_bus_message *call, void *userdata, sd_bus_error *error);
