/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tells when a CPU comes online in the primary (kernel uevents through libudev; the only file that uses it).
 */
#pragma once

#include <systemd/sd-event.h>

struct cpu_monitor;
typedef void (*cpu_online_fn)(unsigned cpu, void *userdata);

int cpu_monitor_new(sd_event *event, cpu_online_fn f, void *userdata, struct cpu_monitor **ret);
void cpu_monitor_free(struct cpu_monitor *m); /* NULL is legal */
