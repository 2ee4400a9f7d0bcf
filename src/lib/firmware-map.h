/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /sys/firmware/memmap: the map the firmware handed over, before any parameter of the command line changed
 * it (Documentation/ABI/testing/sysfs-firmware-memmap). */
#pragma once

#include "ranges.h"

/* RAM of the firmware: what no entry of another type overlays, byte for byte as told. 0; -ENODATA: no map,
 * or no RAM in it; another errno: an entry cannot be read. */
int firmware_map_read(int root, struct mpart_ranges *ret);
