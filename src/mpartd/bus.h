/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bus objects. Their interface is org.mpartd1.xml. A method without SD_BUS_VTABLE_UNPRIVILEGED is for
 * root alone (sd-bus refuses others); those with it are open to everybody, or begin with authorize(). */
#pragma once

#include <systemd/sd-bus.h>

#include "kernel.h"

#define BUS_NAME "org.mpartd1"
#define BUS_PATH "/org/mpartd1"
#define BUS_KERNEL_PATH "/org/mpartd1/kernel"
#define BUS_MANAGER_INTERFACE "org.mpartd1.Manager"
#define BUS_KERNEL_INTERFACE "org.mpartd1.Kernel"

/* Registers the objects and asks for the name. */
int bus_start(struct manager *m);

/* Signals. Nothing happens while there is no bus. */
void bus_manager_changed(struct manager *m);
void bus_kernel_changed(struct kernel *k);
void bus_kernel_property_changed(struct kernel *k, const char *property);
void bus_kernel_added(struct kernel *k);
void bus_kernel_removed(struct kernel *k);

/* Logs and dumps being read end where there is no kernel to look into any more, and with the daemon. */
void bus_inspect_kernel_changed(const struct kernel *k);
void bus_inspect_end(struct manager *m);
int bus_inspect_open_log(sd_bus_message *call, void *userdata, sd_bus_error *error);
int bus_inspect_dump(sd_bus_message *call, void *userdata, sd_bus_error *error);
int bus_inspect_cancel_dump(sd_bus_message *call, void *userdata, sd_bus_error *error);

/* Shared by bus-manager.c and bus-kernel.c. */
extern const sd_bus_vtable bus_manager_vtable[];
extern const sd_bus_vtable bus_kernel_vtable[];
int bus_kernel_path(unsigned id, char **ret);
/* Boot and Stop of one kernel, from its options on, if any. The call is answered when the job has ended. */
int bus_boot(sd_bus_message *call, struct kernel *k, sd_bus_error *error);
int bus_stop(sd_bus_message *call, struct kernel *k, sd_bus_error *error);
/* Reads an a{sv}: `read` is called at the value of each key, and reads it. */
typedef int (*bus_option_fn)(sd_bus_message *call, const char *key, void *userdata, sd_bus_error *error);
int bus_read_options(sd_bus_message *call, bus_option_fn read, void *userdata, sd_bus_error *error);
/* Reads the a{sv} of a boot; the caller frees *ret. -EINVAL with *error set. */
int bus_read_boot_options(sd_bus_message *call, struct boot_options *ret, sd_bus_error *error);
uint64_t bus_kernel_memory(const struct mpart_plan_kernel *k); /* bytes */
const char *bus_kernel_backend(const struct kernel *k);
