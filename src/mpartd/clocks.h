/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the primary knows of the machine's clocks, and a secondary cannot find out. `root`: the directory
 * that holds sys/. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Whether the primary keeps its time by the time stamp counter: it has then found it steady, by another
 * clock or by what the CPUs promise. A secondary has no other clock to compare it with; without this word
 * (tsc=reliable) a kernel on CPUs that promise less would keep a tick of 4 ms for ever and have no timers of
 * a finer grain (kernel/time/clocksource.c: CLOCK_SOURCE_VALID_FOR_HRES). */
bool clocks_tsc_is_good(int root);

/* I/O port of the ACPI PM timer by the primary's FADT (ACPI 6.5, 5.2.9); 0 where it has none, or it is no
 * I/O port. */
uint16_t clocks_pm_timer(int root);
