/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <libudev.h>

#include "cpu-monitor.h"
#include "macros.h"

struct cpu_monitor {
        struct udev *udev;
        struct udev_monitor *monitor;
        sd_event_source *source;
        cpu_online_fn f;
        void *userdata;
};

static int on_event(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        struct cpu_monitor *m = userdata;
        (void)source;
        (void)fd;
        (void)revents;

        struct udev_device *device = udev_monitor_receive_device(m->monitor);
        if (!device)
                return 0;
        const char *action = udev_device_get_action(device), *number = udev_device_get_sysnum(device);
        if (action && number && streq(action, "online"))
                m->f((unsigned)strtoul(number, NULL, 10), m->userdata);
        udev_device_unref(device);
        return 0;
}

int cpu_monitor_new(sd_event *event, cpu_online_fn f, void *userdata, struct cpu_monitor **ret)
{
        struct cpu_monitor *m = calloc(1, sizeof(*m));
        if (!m)
                return -ENOMEM;
        m->f = f;
        m->userdata = userdata;
        m->udev = udev_new();
        /* "kernel", not "udev": the events are wanted where no udevd runs, and before its rules. */
        m->monitor = m->udev ? udev_monitor_new_from_netlink(m->udev, "kernel") : NULL;
        int r = m->monitor ? 0 : -ENOMEM;
        if (r == 0)
                r = udev_monitor_filter_add_match_subsystem_devtype(m->monitor, "cpu", NULL);
        if (r >= 0)
                r = udev_monitor_enable_receiving(m->monitor);
        if (r >= 0)
                r = sd_event_add_io(
                                event, &m->source, udev_monitor_get_fd(m->monitor), EPOLLIN, on_event, m);
        if (r < 0) {
                cpu_monitor_free(m);
                return r;
        }
        *ret = m;
        return 0;
}

void cpu_monitor_free(struct cpu_monitor *m)
{
        if (!m)
                return;
        sd_event_source_disable_unref(m->source);
        if (m->monitor)
                udev_monitor_unref(m->monitor);
        if (m->udev)
                udev_unref(m->udev);
        free(m);
}
