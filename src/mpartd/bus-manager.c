/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interface org.mpartd1.Manager. */
#include <errno.h>
#include <stdio.h>

#include "authorize.h"
#include "bus.h"
#include "macros.h"
#include "manager.h"
#include "sequence.h"

static int no_plan(sd_bus_error *error)
{
        return sd_bus_error_set(error, BUS_ERROR_NO_PLAN,
                        "no plan has been set; make one: mpartctl plan --per-numa --save");
}

static int get_plan(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        struct manager *m = userdata;
        _cleanup_free_ char *text = NULL;
        if (!m->plan)
                return no_plan(error);
        int r = mpart_plan_to_json(m->plan, &text);
        return r < 0 ? r : sd_bus_reply_method_return(call, "s", text);
}

static int set_plan(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        struct mpart_error e = MPART_ERROR_INIT;
        const char *text, *error_name;
        int r = authorize(userdata, call, MAY_SET_PLAN, NULL, error);
        if (r != 0)
                return r;
        r = sd_bus_message_read(call, "s", &text);
        if (r < 0)
                return r;
        if (manager_set_plan(userdata, text, &error_name, &e) < 0)
                return sd_bus_error_set(error, error_name, e.text);
        return sd_bus_reply_method_return(call, NULL);
}

static int append_kernel(sd_bus_message *reply, const struct kernel *k)
{
        _cleanup_free_ char *cpus = NULL, *path = NULL;
        int r = mpart_cpuset_format_list(&k->planned->cpus, &cpus);
        if (r == 0)
                r = bus_kernel_path(k->id, &path);
        if (r < 0)
                return r;
        return sd_bus_message_append(reply, "(usssstso)", k->id, k->planned->name,
                        kernel_state_to_string(k->state), k->reason, cpus, bus_kernel_memory(k->planned),
                        bus_kernel_backend(k), path);
}

static int list(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        struct manager *m = userdata;
        sd_bus_message *reply = NULL;
        (void)error;

        int r = sd_bus_message_new_method_return(call, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(usssstso)");
        for (size_t i = 0; r >= 0 && i < m->n_kernels; i++)
                r = append_kernel(reply, m->kernels[i]);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r;
}

static int read_kernel(sd_bus_message *call, struct manager *m, struct kernel **ret, sd_bus_error *error)
{
        uint32_t id;
        int r = sd_bus_message_read(call, "u", &id);
        if (r < 0)
                return r;
        if (!m->plan)
                return no_plan(error);
        *ret = manager_kernel(m, id);
        if (!*ret)
                return sd_bus_error_setf(error, BUS_ERROR_NO_SUCH_KERNEL,
                                "the plan has no kernel %u; it has 0 to %zu (mpartctl list)", id,
                                m->n_kernels - 1);
        return 0;
}

static int boot(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        struct kernel *k = NULL;
        int r = read_kernel(call, userdata, &k, error);
        return r == 0 ? bus_boot(call, k, error) : r;
}

static int stop(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        struct kernel *k = NULL;
        int r = read_kernel(call, userdata, &k, error);
        return r == 0 ? bus_stop(call, k, error) : r;
}

static int boot_all(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        struct manager *m = userdata;
        struct boot_options options;
        int r = authorize(m, call, MAY_BOOT_KERNELS, NULL, error);
        if (r != 0)
                return r;
        if (!m->plan)
                return no_plan(error);
        r = bus_read_boot_options(call, &options, error);
        if (r < 0)
                return r;
        struct pending *p = pending_new(call, true);
        if (p)
                sequence_boot(m->sequence, &options, p);
        boot_options_free(&options);
        return p ? 1 : -ENOMEM;
}

static int stop_all(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        struct manager *m = userdata;
        int r = authorize(m, call, MAY_BOOT_KERNELS, NULL, error);
        if (r != 0)
                return r;
        struct pending *p = pending_new(call, true);
        if (!p)
                return -ENOMEM;
        sequence_stop(m->sequence, p);
        return 1;
}

static int get_property(sd_bus *bus, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const struct manager *m = userdata;
        (void)bus;
        (void)path;
        (void)interface;
        (void)error;

        if (streq(property, "Version"))
                return sd_bus_message_append(reply, "s", MPART_VERSION);
        if (streq(property, "PlanInEffect"))
                return sd_bus_message_append(reply, "b", m->in_effect);
        if (streq(property, "PlanDifferences"))
                return sd_bus_message_append(reply, "s", m->differences);
        return sd_bus_message_append(reply, "s", m->machine ? m->machine->digest : "");
}

#define READ SD_BUS_VTABLE_UNPRIVILEGED

const sd_bus_vtable bus_manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_NAMES("GetPlan", "", , "s", SD_BUS_PARAM(plan), get_plan, READ),
        SD_BUS_METHOD_WITH_NAMES("SetPlan", "s", SD_BUS_PARAM(plan), "", , set_plan, ASKED),
        SD_BUS_METHOD_WITH_NAMES("ListKernels", "", , "a(usssstso)", SD_BUS_PARAM(kernels), list, READ),
        SD_BUS_METHOD_WITH_NAMES(
                        "Boot", "ua{sv}", SD_BUS_PARAM(id) SD_BUS_PARAM(options), "", , boot, ASKED),
        SD_BUS_METHOD_WITH_NAMES("Stop", "u", SD_BUS_PARAM(id), "", , stop, ASKED),
        SD_BUS_METHOD_WITH_NAMES(
                        "BootAll", "a{sv}", SD_BUS_PARAM(options), "au", SD_BUS_PARAM(ids), boot_all, ASKED),
        SD_BUS_METHOD_WITH_NAMES("StopAll", "", , "au", SD_BUS_PARAM(ids), stop_all, ASKED),
        SD_BUS_PROPERTY("Version", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("PlanInEffect", "b", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("PlanDifferences", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("MachineDigest", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_VTABLE_END,
};
