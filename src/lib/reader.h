/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the readers of the machine share. Each reader fills its part of a struct mpart_machine from files
 * below a root directory descriptor; it returns 0 or a negative errno, and what is merely unknown becomes a
 * note. */
#pragma once

#include "machine.h"
#include "macros.h"

/* Adds one sentence to the notes. 0 or -ENOMEM. */
int machine_note(struct mpart_machine *m, const char *format, ...) _printf_(2, 3);

/* A cleared array of `n` elements, at least one, in *ret. 0 or -ENOMEM. */
int new_array(void *ret, size_t n, size_t size);

/* The decimal number N of a directory entry "<prefix>N" below `limit`; false for every other name. */
bool name_number(const char *name, const char *prefix, uint64_t limit, uint64_t *ret);

/* The value of a line "<name> <blanks>: <value>" as /proc/cpuinfo has it, or NULL. */
const char *field_value(const char *line, const char *name);

/* "0x1000-0x9efff, 0x100000-0x3e7fffff, ... (N ranges)": what a note shows of a set. Caller frees. NULL: out
 * of memory. */
char *ranges_describe(const struct mpart_ranges *s);

bool machine_is_x86_64(int root, const char *cpuinfo, bool live, bool *ret_certain);

/* Fills cpus[] except for the node of those CPUs that only a node directory tells. `cpuinfo` may be NULL. */
int cpus_read(int root, struct mpart_machine *m, const char *cpuinfo);
struct mpart_cpu *machine_cpu(struct mpart_machine *m, unsigned id);

/* Index in m->nodes, or SIZE_MAX. */
size_t machine_node_index(const struct mpart_machine *m, unsigned id);

int pci_read(int root, const char *root_path, struct mpart_machine *m);
int uarts_read(int root, struct mpart_machine *m);
enum mpart_apic_mode apic_mode_read(int root);

/* Compares the live machine with what libnuma sees; every difference becomes a note. */
int numa_compare(struct mpart_machine *m);

/* `ram`: of the firmware, or of iomem where it has no map; `srat` may be NULL. */
int machine_digest(const struct mpart_ranges *ram, const struct mpart_machine *m, const void *srat,
                size_t srat_size, char ret[static 65]);
