/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A method call that is answered later, when one kernel (Boot, Stop) or several (BootAll) have got so far.
 */
#pragma once

#include <stdbool.h>
#include <systemd/sd-bus.h>

#define BUS_ERROR_NO_PLAN "org.mpartd1.Error.NoPlan"
#define BUS_ERROR_INVALID_PLAN "org.mpartd1.Error.InvalidPlan"
#define BUS_ERROR_FOREIGN_MACHINE "org.mpartd1.Error.ForeignMachine"
#define BUS_ERROR_NO_SUCH_KERNEL "org.mpartd1.Error.NoSuchKernel"
#define BUS_ERROR_WRONG_STATE "org.mpartd1.Error.WrongState"
#define BUS_ERROR_REFUSED "org.mpartd1.Error.Refused"
#define BUS_ERROR_FAILED "org.mpartd1.Error.Failed"

struct pending;

/* Holds a reference of the call. `lists_ids`: the reply is the array of ids that succeeded. NULL: out of
 * memory. */
struct pending *pending_new(sd_bus_message *call, bool lists_ids);
struct pending *pending_ref(struct pending *p);

/* Each reference ends in exactly one of these (NULL is legal). With the last one the reply goes out: the
 * first error where nothing succeeded. */
void pending_succeed(struct pending *p, unsigned kernel);
void pending_fail(struct pending *p, const char *error_name, const char *text);
void pending_release(struct pending *p); /* neither */
