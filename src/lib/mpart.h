/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libmpart: plan the partitions of a machine and build what boots a kernel in each. The library never logs,
 * never exits, has no global state and knows no bus. Errors are negative errno; outputs are set only on
 * success. */
#pragma once

#include "boot.h"
#include "capture.h"
#include "cmdline.h"
#include "initrd.h"
#include "kmem.h"
#include "machine.h"
#include "plan-svg.h"
#include "plan.h"
#include "shm.h"
#include "vmcore.h"
