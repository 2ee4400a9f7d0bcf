/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machines for tests, from a few lines of text. Sizes take K, M, G; ranges are START-END, END behind them:
 *
 *     node ID cpus LIST memory RANGE,RANGE...     "-" for no CPUs or no memory; each field must be there
 *     distance N N N...          one line per node, in the order of ids; else 10 and 20
 *     core LIST                  CPUs that are one core; else each is its own
 *     homeless LIST              CPUs that no node claims
 *     offline LIST
 *     pci ADDRESS VENDOR:DEVICE CLASS [node N] [group N] [behind ADDRESS]     hex, class of six digits
 *     unclaimed RANGE,...        RAM of no node
 *     withheld RANGE,...  crash RANGE,...  ours RANGE,...
 *     uarts LIST    consoles LIST    apic xapic|x2apic
 *     digest TEXT                64 digits; else made of the lines about nodes and CPUs
 *
 * Empty lines and lines that start with # are passed over. */
#pragma once

#include "machine.h"

/* NULL: the text is wrong; the line is printed to standard error. The caller frees it with
 * mpart_machine_free. */
struct mpart_machine *machine_from_text(const char *text);
#define _cleanup_machine_ __attribute__((cleanup(mpart_machine_freep)))
