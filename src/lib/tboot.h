/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The page that a kernel shares with tboot, Intel's loader for a measured launch. Linux is told of it by
 * boot_params.tboot_addr (zero-page.rst, offset 0x058), believes it for its UUID alone, and calls it before
 * anything else when it restarts, halts, or ends a CPU (arch/x86/kernel/tboot.c: tboot_shutdown): it notes
 * why, maps tboot's code at its physical address, and jumps there. Nobody comes back from there, so nothing
 * that Linux tries afterwards can reset the machine. Layout: include/linux/tboot.h, version 5. Internal. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Fills a page, of zeros, for a kernel whose e820 table calls it reserved. `base`, `size`: tboot's code,
 * physical addresses in bytes, pages; `entry`: in it. `others`: how many CPUs the kernel has but for one: so
 * many are said to have ended, which it waits for when it switches the last of them off. */
void tboot_fill(void *page, uint32_t base, uint32_t size, uint32_t entry, uint32_t others);

/* Whether the kernel has gone there to restart. The page has been the kernel's to write. */
bool tboot_restarts(const volatile void *page);
