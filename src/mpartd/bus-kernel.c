/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interface org.mpartd1.Kernel. */
#include <errno.h>

#include "authorize.h"
#include "bus-talk.h"
#include "bus.h"
#include "kernel-talk.h"
#include "macros.h"
#include "manager.h"

int bus_boot(sd_bus_message *call, struct kernel *k, sd_bus_error *error)
{
        struct boot_options options;
        int r = authorize(k->manager, call, MAY_BOOT_KERNELS, k, error);
        if (r == 0)
                r = bus_read_boot_options(call, &options, error);
        if (r != 0)
                return r;
        struct pending *p = pending_new(call, false);
        if (p)
                kernel_boot(k, &options, p);
        boot_options_free(&options);
        return p ? 1 : -ENOMEM;
}

int bus_stop(sd_bus_message *call, struct kernel *k, sd_bus_error *error)
{
        int r = authorize(k->manager, call, MAY_BOOT_KERNELS, k, error);
        if (r != 0)
                return r;
        struct pending *p = pending_new(call, false);
        if (!p)
                return -ENOMEM;
        kernel_stop(k, p);
        return 1;
}

static int boot(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        return bus_boot(call, userdata, error);
}

static int stop(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        return bus_stop(call, userdata, error);
}

#define GETTER(name)                                                                                        \
        static int name(sd_bus *bus, const char *path, const char *interface, const char *property,         \
                        sd_bus_message *reply, void *userdata, sd_bus_error *error)
#define UNUSED_GETTER_ARGUMENTS ((void)bus, (void)path, (void)interface, (void)property, (void)error)

static const char *string_property(const struct kernel *k, const char *property)
{
        if (streq(property, "Name"))
                return k->planned->name;
        if (streq(property, "State"))
                return kernel_state_to_string(k->state);
        if (streq(property, "StateReason"))
                return k->reason;
        if (streq(property, "StateCause"))
                return kernel_cause_to_string(k->cause);
        if (streq(property, "AgentState"))
                return talk_state_to_string(kernel_talk_state(k));
        if (streq(property, "Backend"))
                return bus_kernel_backend(k);
        return k->cmdline ? k->cmdline : k->planned->cmdline_linux; /* Cmdline */
}

GETTER(get_string)
{
        UNUSED_GETTER_ARGUMENTS;
        return sd_bus_message_append(reply, "s", string_property(userdata, property));
}

GETTER(get_id)
{
        const struct kernel *k = userdata;
        UNUSED_GETTER_ARGUMENTS;
        return sd_bus_message_append(reply, "u", k->id);
}

GETTER(get_timestamp)
{
        const struct kernel *k = userdata;
        uint64_t time = streq(property, "StateTimestamp") ? k->state_timestamp : k->boot_timestamp;
        UNUSED_GETTER_ARGUMENTS;
        return sd_bus_message_append(reply, "t", time);
}

GETTER(get_cpus_online)
{
        const struct kernel *k = userdata;
        UNUSED_GETTER_ARGUMENTS;
        return sd_bus_message_append(reply, "u", k->cpus_online);
}

GETTER(get_stage_times)
{
        const struct job_times *t = &((const struct kernel *)userdata)->times;
        UNUSED_GETTER_ARGUMENTS;
        return sd_bus_message_append(reply, "(ttttt)", t->prepare / 1000, t->take_cpus / 1000,
                        t->load / 1000, t->start / 1000, t->run / 1000);
}

GETTER(get_cpus)
{
        const struct kernel *k = userdata;
        _cleanup_free_ char *text = NULL;
        UNUSED_GETTER_ARGUMENTS;
        int r = mpart_cpuset_format_list(&k->planned->cpus, &text);
        return r < 0 ? r : sd_bus_message_append(reply, "s", text);
}

GETTER(get_memory)
{
        const struct mpart_plan_kernel *p = ((const struct kernel *)userdata)->planned;
        UNUSED_GETTER_ARGUMENTS;
        int r = sd_bus_message_open_container(reply, 'a', "(ttu)");
        for (size_t i = 0; r >= 0 && i < p->n_memory; i++)
                r = sd_bus_message_append(
                                reply, "(ttu)", p->memory[i].start, p->memory[i].size, p->memory[i].node);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

GETTER(get_pci)
{
        const struct mpart_plan_kernel *p = ((const struct kernel *)userdata)->planned;
        UNUSED_GETTER_ARGUMENTS;
        int r = sd_bus_message_open_container(reply, 'a', "s");
        for (size_t i = 0; r >= 0 && i < p->n_pci; i++)
                r = sd_bus_message_append(reply, "s", p->pci[i]);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

#define PROPERTY(name, type, getter)                                                                        \
        SD_BUS_PROPERTY(name, type, getter, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE)

const sd_bus_vtable bus_kernel_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_NAMES("Boot", "a{sv}", SD_BUS_PARAM(options), "", , boot, ASKED),
        SD_BUS_METHOD("Stop", "", "", stop, ASKED),
        SD_BUS_METHOD_WITH_NAMES("OpenLog", "a{sv}", SD_BUS_PARAM(options), "h", SD_BUS_PARAM(log),
                        bus_inspect_open_log, ASKED),
        SD_BUS_METHOD_WITH_NAMES("Dump", "h", SD_BUS_PARAM(file), "", , bus_inspect_dump, ASKED),
        SD_BUS_METHOD("CancelDump", "", "", bus_inspect_cancel_dump, ASKED),
        SD_BUS_SIGNAL_WITH_NAMES("DumpProgress", "tt", SD_BUS_PARAM(done) SD_BUS_PARAM(total), 0),
        SD_BUS_METHOD_WITH_NAMES("OpenConsole", "b", SD_BUS_PARAM(write), "h", SD_BUS_PARAM(fd),
                        bus_open_console, ASKED),
        SD_BUS_METHOD_WITH_NAMES("SetConsoleSize", "qq", SD_BUS_PARAM(rows) SD_BUS_PARAM(columns), "", ,
                        bus_set_console_size, ASKED),
        SD_BUS_METHOD_WITH_NAMES("Exec", "asa{sv}", SD_BUS_PARAM(argv) SD_BUS_PARAM(options), "hhhh",
                        SD_BUS_PARAM(stdin) SD_BUS_PARAM(stdout) SD_BUS_PARAM(stderr) SD_BUS_PARAM(control),
                        bus_exec, ASKED),
        PROPERTY("Id", "u", get_id),
        PROPERTY("Name", "s", get_string),
        PROPERTY("State", "s", get_string),
        PROPERTY("StateReason", "s", get_string),
        PROPERTY("StateCause", "s", get_string),
        PROPERTY("StateTimestamp", "t", get_timestamp),
        PROPERTY("AgentState", "s", get_string),
        PROPERTY("Cpus", "s", get_cpus),
        PROPERTY("CpusOnline", "u", get_cpus_online),
        PROPERTY("Memory", "a(ttu)", get_memory),
        PROPERTY("Pci", "as", get_pci),
        PROPERTY("Cmdline", "s", get_string),
        PROPERTY("Backend", "s", get_string),
        PROPERTY("BootTimestamp", "t", get_timestamp),
        PROPERTY("StageTimes", "(ttttt)", get_stage_times),
        SD_BUS_VTABLE_END,
};
