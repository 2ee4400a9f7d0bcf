/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <systemd/sd-login.h>

#include "bus-internal.h"
#include "library.h"

/* clang-format off */
#define FUNCTIONS(X) \
        X(sd_bus_add_match) \
        X(sd_bus_call) \
        X(sd_bus_call_async) \
        X(sd_bus_call_method) \
        X(sd_bus_error_free) \
        X(sd_bus_error_has_name) \
        X(sd_bus_error_has_names_sentinel) \
        X(sd_bus_error_is_set) \
        X(sd_bus_flush_close_unref) \
        X(sd_bus_get_property) \
        X(sd_bus_get_property_string) \
        X(sd_bus_get_property_strv) \
        X(sd_bus_get_property_trivial) \
        X(sd_bus_match_signal) \
        X(sd_bus_message_append) \
        X(sd_bus_message_append_strv) \
        X(sd_bus_message_close_container) \
        X(sd_bus_message_enter_container) \
        X(sd_bus_message_exit_container) \
        X(sd_bus_message_get_bus) \
        X(sd_bus_message_get_errno) \
        X(sd_bus_message_get_error) \
        X(sd_bus_message_get_path) \
        X(sd_bus_message_new_method_call) \
        X(sd_bus_message_open_container) \
        X(sd_bus_message_read) \
        X(sd_bus_message_read_array) \
        X(sd_bus_message_set_allow_interactive_authorization) \
        X(sd_bus_message_skip) \
        X(sd_bus_message_unref) \
        X(sd_bus_open_system) \
        X(sd_bus_process) \
        X(sd_bus_slot_unref) \
        X(sd_bus_set_allow_interactive_authorization) \
        X(sd_bus_wait) \
        X(sd_pid_get_session)
/* clang-format on */
LIBRARY(library, "libsystemd.so.0", "libsystemd0", "talking to mpartd", FUNCTIONS);

int bus_library_load(struct mpart_error *e)
{
        return library_load(&library, e);
}
