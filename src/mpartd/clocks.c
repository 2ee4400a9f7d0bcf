/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <endian.h>
#include <string.h>

#include "clocks.h"
#include "fs.h"
#include "macros.h"

#define FADT_LIMIT 4096
#define HEADER_LENGTH 4
#define PM_TIMER 76
#define PM_TIMER_END 80
#define FLAGS 112
#define HW_REDUCED (1U << 20)
#define X_PM_TIMER 208
#define X_PM_TIMER_ADDRESS 212
#define X_PM_TIMER_END 220
#define SYSTEM_IO 1

bool clocks_tsc_is_good(int root)
{
        _cleanup_free_ char *name = NULL;
        return read_line_at(root, "sys/devices/system/clocksource/clocksource0/current_clocksource",
                               &name) == 0 &&
               streq(name, "tsc");
}

static uint32_t number(const char *table, size_t offset)
{
        uint32_t v;
        memcpy(&v, table + offset, sizeof(v));
        return le32toh(v);
}

/* Of a table that has `size` bytes. The newer field counts where it is filled in. */
static uint64_t find_port(const char *t, size_t size)
{
        if (size >= FLAGS + 4 && (number(t, FLAGS) & HW_REDUCED))
                return 0;
        if (size >= X_PM_TIMER_END && (number(t, X_PM_TIMER_ADDRESS) || number(t, X_PM_TIMER_ADDRESS + 4)))
                return t[X_PM_TIMER] == SYSTEM_IO
                                       ? number(t, X_PM_TIMER_ADDRESS) |
                                                         (uint64_t)number(t, X_PM_TIMER_ADDRESS + 4) << 32
                                       : 0;
        return size >= PM_TIMER_END ? number(t, PM_TIMER) : 0;
}

uint16_t clocks_pm_timer(int root)
{
        _cleanup_free_ char *table = NULL;
        size_t size;
        if (read_file_at(root, "sys/firmware/acpi/tables/FACP", FADT_LIMIT, &table, &size) < 0)
                return 0;
        if (size < HEADER_LENGTH + 4 || memcmp(table, "FACP", 4) != 0)
                return 0;
        uint64_t port = find_port(table, MIN(size, (size_t)number(table, HEADER_LENGTH)));
        return port <= UINT16_MAX ? (uint16_t)port : 0;
}
