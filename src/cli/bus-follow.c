/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Waiting for kernels by the daemon's signals, never by asking again and again. */
#include <systemd/sd-bus.h>

#include "bus.h"
#include "macros.h"

#define KERNEL_PATH "/org/mpartd1/kernel/"
#define TICK_USEC UINT64_C(250000)

/* Reads what the signal says of a kernel's state; borrowed, "" where it says nothing. */
static int read_changes(sd_bus_message *m, struct bus_change *ret)
{
        const struct {
                const char *name, **ret;
        } wanted[] = {
                { "State", &ret->state },
                { "StateReason", &ret->reason },
                { "StateCause", &ret->cause },
        };
        const char *name;
        int r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = sd_bus_message_read(m, "s", &name);
                size_t i = 0;
                while (r >= 0 && i < ARRAY_SIZE(wanted) && !streq(name, wanted[i].name))
                        i++;
                if (r >= 0)
                        r = i < ARRAY_SIZE(wanted) ? sd_bus_message_read(m, "v", "s", wanted[i].ret)
                                                   : sd_bus_message_skip(m, "v");
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r;
}

static int on_properties_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        (void)error;
        struct bus_follow *f = userdata;
        const char *id = startswith(sd_bus_message_get_path(m), KERNEL_PATH), *interface;
        struct bus_change change = { .state = "", .reason = "", .cause = "" };
        if (!id || sd_bus_message_read(m, "s", &interface) < 0 || !streq(interface, BUS_KERNEL_INTERFACE))
                return 0;
        change.id = (unsigned)strtoul(id, NULL, 10);
        int r = read_changes(m, &change);
        if (r >= 0 && *change.state) /* it goes with its reason and its cause */
                f->changed(f->data, &change);
        return r;
}

static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        (void)error;
        struct bus_follow *f = userdata;
        const char *name, *old, *new;
        int r = sd_bus_message_read(m, "sss", &name, &old, &new);
        if (r >= 0 && !*new)
                f->lost = true;
        return r < 0 ? r : 0;
}

int bus_follow_start(struct sd_bus *bus, struct bus_follow *f, struct mpart_error *e)
{
        int r = sd_bus_match_signal(bus, NULL, BUS_NAME, NULL, "org.freedesktop.DBus.Properties",
                        "PropertiesChanged", on_properties_changed, f);
        if (r >= 0)
                r = sd_bus_add_match(bus, NULL,
                                "type='signal',sender='org.freedesktop.DBus',"
                                "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" BUS_NAME
                                "'",
                                on_owner_changed, f);
        if (r < 0)
                return mpart_error_set(e, r, "mpartd's signals cannot be followed: %s", strerror(-r));
        return 0;
}

int bus_follow_wait(struct sd_bus *bus, struct bus_follow *f, struct mpart_error *e)
{
        while (!f->done(f->data)) {
                if (f->lost)
                        return mpart_error_set(e, -ECONNRESET, "mpartd has ended");
                int r = sd_bus_process(bus, NULL);
                if (r == 0 && f->tick)
                        f->tick(f->data);
                if (r == 0)
                        r = sd_bus_wait(bus, f->tick ? TICK_USEC : UINT64_MAX);
                if (r < 0 && r != -EINTR)
                        return mpart_error_set(e, r, "the bus was lost: %s", strerror(-r));
        }
        return 0;
}
