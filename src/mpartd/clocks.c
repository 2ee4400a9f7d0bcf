/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clocks.h"
#include "boot.h"
#include "fs.h"
#include "macros.h"

#define FADT_LIMIT 4096

bool clocks_tsc_is_good(int root)
{
        _cleanup_free_ char *name = NULL;
        return read_line_at(root, "sys/devices/system/clocksource/clocksource0/current_clocksource",
                               &name) == 0 &&
               streq(name, "tsc");
}

uint16_t clocks_pm_timer(int root)
{
        _cleanup_free_ char *table = NULL;
        size_t size;
        int r = read_file_at(root, "sys/firmware/acpi/tables/FACP", FADT_LIMIT, &table, &size);
        return r < 0 ? 0 : mpart_acpi_pm_timer(table, size);
}
