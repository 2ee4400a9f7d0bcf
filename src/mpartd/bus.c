/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>

#include "bus.h"
#include "log.h"
#include "macros.h"
#include "manager.h"

int bus_kernel_path(unsigned id, char **ret)
{
        return asprintf(ret, BUS_KERNEL_PATH "/%u", id) < 0 ? -ENOMEM : 0;
}

static int find_kernel(sd_bus *bus, const char *path, const char *interface, void *userdata,
                void **ret_found, sd_bus_error *error)
{
        struct manager *m = userdata;
        (void)bus;
        (void)interface;
        (void)error;

        const char *number = startswith(path, BUS_KERNEL_PATH "/");
        char *end;
        if (!number || number[0] < '0' || number[0] > '9' || (number[0] == '0' && number[1]))
                return 0;
        unsigned long id = strtoul(number, &end, 10);
        struct kernel *k = *end ? NULL : manager_kernel(m, id);
        if (!k)
                return 0;
        *ret_found = k;
        return 1;
}

static int list_kernels(
                sd_bus *bus, const char *prefix, void *userdata, char ***ret_nodes, sd_bus_error *error)
{
        struct manager *m = userdata;
        (void)bus;
        (void)prefix;
        (void)error;

        char **nodes = calloc(m->n_kernels + 1, sizeof(*nodes));
        if (!nodes)
                return -ENOMEM;
        for (size_t i = 0; i < m->n_kernels; i++)
                if (bus_kernel_path(m->kernels[i]->id, &nodes[i]) < 0) {
                        while (i-- > 0)
                                free(nodes[i]);
                        free(nodes);
                        return -ENOMEM;
                }
        *ret_nodes = nodes;
        return 0;
}

int bus_start(struct manager *m)
{
        int r = sd_bus_open_system(&m->bus);
        if (r >= 0) /* systemd starts us again, with the bus that comes then */
                r = sd_bus_set_exit_on_disconnect(m->bus, true);
        if (r >= 0) /* calls that are open then are answered after the loop */
                r = sd_bus_set_close_on_exit(m->bus, false);
        if (r >= 0)
                r = sd_bus_add_object_manager(m->bus, NULL, BUS_PATH);
        if (r >= 0)
                r = sd_bus_add_object_vtable(
                                m->bus, NULL, BUS_PATH, BUS_MANAGER_INTERFACE, bus_manager_vtable, m);
        if (r >= 0)
                r = sd_bus_add_fallback_vtable(m->bus, NULL, BUS_KERNEL_PATH, BUS_KERNEL_INTERFACE,
                                bus_kernel_vtable, find_kernel, m);
        if (r >= 0)
                r = sd_bus_add_node_enumerator(m->bus, NULL, BUS_KERNEL_PATH, list_kernels, m);
        if (r >= 0)
                r = sd_bus_attach_event(m->bus, m->event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = sd_bus_request_name(m->bus, BUS_NAME, 0);
        return r;
}

static void warn_unsent(const char *what, int r)
{
        if (r < 0)
                log_warning("signal %s could not be sent: %s", what, strerror(-r));
}

void bus_manager_changed(struct manager *m)
{
        if (m->bus)
                warn_unsent("PropertiesChanged",
                                sd_bus_emit_properties_changed(m->bus, BUS_PATH, BUS_MANAGER_INTERFACE,
                                                "PlanInEffect", "PlanDifferences", "MachineDigest", NULL));
}

void bus_kernel_changed(struct kernel *k)
{
        _cleanup_free_ char *path = NULL;
        bus_inspect_kernel_changed(k);
        if (k->manager->bus && bus_kernel_path(k->id, &path) == 0)
                warn_unsent("PropertiesChanged",
                                sd_bus_emit_properties_changed(k->manager->bus, path, BUS_KERNEL_INTERFACE,
                                                "State", "StateReason", "StateCause", "StateTimestamp",
                                                "CpusOnline", "Cmdline", "BootTimestamp", "StageTimes",
                                                NULL));
}

void bus_kernel_property_changed(struct kernel *k, const char *property)
{
        _cleanup_free_ char *path = NULL;
        if (k->manager->bus && bus_kernel_path(k->id, &path) == 0)
                warn_unsent("PropertiesChanged", sd_bus_emit_properties_changed(k->manager->bus, path,
                                                                 BUS_KERNEL_INTERFACE, property, NULL));
}

void bus_kernel_added(struct kernel *k)
{
        _cleanup_free_ char *path = NULL;
        if (k->manager->bus && bus_kernel_path(k->id, &path) == 0)
                warn_unsent("InterfacesAdded", sd_bus_emit_interfaces_added(k->manager->bus, path,
                                                               BUS_KERNEL_INTERFACE, NULL));
}

void bus_kernel_removed(struct kernel *k)
{
        _cleanup_free_ char *path = NULL;
        if (k->manager->bus && bus_kernel_path(k->id, &path) == 0)
                warn_unsent("InterfacesRemoved", sd_bus_emit_interfaces_removed(k->manager->bus, path,
                                                                 BUS_KERNEL_INTERFACE, NULL));
}

static int read_variant(
                sd_bus_message *call, const char *key, const char *type, void *ret, sd_bus_error *error)
{
        const char *name = streq(type, "s")   ? "a string"
                           : streq(type, "b") ? "a boolean"
                                              : "a 32-bit number";
        if (sd_bus_message_read(call, "v", type, ret) < 0)
                return sd_bus_error_setf(
                                error, SD_BUS_ERROR_INVALID_ARGS, "option \"%s\" must be %s", key, name);
        return 0;
}

static int read_stop_timeout(
                sd_bus_message *call, const char *key, struct boot_options *o, sd_bus_error *error)
{
        struct mpart_error e = MPART_ERROR_INIT;
        uint32_t seconds;
        int r = read_variant(call, key, "u", &seconds, error);
        if (r < 0)
                return r;
        r = boot_options_set_stop_timeout(o, seconds, &e);
        return r < 0 ? sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, e.text) : 0;
}

int bus_read_options(sd_bus_message *call, bus_option_fn read, void *userdata, sd_bus_error *error)
{
        int r = sd_bus_message_enter_container(call, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(call, 'e', "sv")) > 0) {
                const char *key;
                r = sd_bus_message_read(call, "s", &key);
                if (r >= 0)
                        r = read(call, key, userdata, error);
                if (r >= 0)
                        r = sd_bus_message_exit_container(call);
        }
        return r < 0 ? r : sd_bus_message_exit_container(call);
}

static int read_boot_option(sd_bus_message *call, const char *key, void *userdata, sd_bus_error *error)
{
        struct boot_options *o = userdata;
        struct mpart_error e = MPART_ERROR_INIT;
        const char *value = NULL;
        int on;
        if (streq(key, "dump")) {
                int r = read_variant(call, key, "b", &on, error);
                if (r == 0)
                        o->dump = on;
                return r;
        }
        if (streq(key, "limit-burst"))
                return read_variant(call, key, "u", &o->limit_burst, error);
        if (streq(key, "limit-interval"))
                return read_variant(call, key, "u", &o->limit_interval, error);
        if (streq(key, "stop-timeout"))
                return read_stop_timeout(call, key, o, error);
        int r = read_variant(call, key, "s", &value, error);
        if (r < 0)
                return r;
        r = boot_options_set(o, key, value, &e);
        if (r == -ENOENT)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "unknown option \"%s\"", key);
        return r < 0 ? sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, e.text) : 0;
}

int bus_read_boot_options(sd_bus_message *call, struct boot_options *ret, sd_bus_error *error)
{
        struct boot_options o;
        boot_options_init(&o);
        int r = bus_read_options(call, read_boot_option, &o, error);
        if (r < 0) {
                boot_options_free(&o);
                return r;
        }
        *ret = o;
        return 0;
}

uint64_t bus_kernel_memory(const struct mpart_plan_kernel *k)
{
        uint64_t total = 0;
        for (size_t i = 0; i < k->n_memory; i++)
                total += k->memory[i].size;
        return total;
}

const char *bus_kernel_backend(const struct kernel *k)
{
        return k->id == 0 ? "primary" : "native";
}
