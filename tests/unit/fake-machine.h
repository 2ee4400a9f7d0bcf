/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes the files of a machine that does not exist. */
#pragma once

#include "cpuset.h"
#include "machine.h"
#include "ranges.h"
#include "scratch.h"

#define FAKE_NODES_MAX 16

struct fake_memory {
        uint64_t start, end; /* end: first byte behind */
        unsigned node;
};

struct fake_machine {
        const struct fake_memory *memory; /* RAM as the firmware tells it; whole pages */
        size_t n_memory;
        unsigned n_nodes, cpus_per_node; /* CPU c is in node c / cpus_per_node */
        unsigned n_memory_only;          /* this many of the last nodes have no CPUs */
        uint64_t block_size;
        const char *cmdline;
        struct mpart_ranges withheld;       /* not RAM of the running kernel; borrowed */
        struct mpart_cpuset offline;        /* CPUs; borrowed */
        struct mpart_ranges offline_blocks; /* RAM in offline memory blocks; borrowed */
        uint64_t missing[FAKE_NODES_MAX];   /* bytes that zoneinfo tells too few of a node */
        bool no_srat, no_zoneinfo, no_firmware_map;
};

/* Proximity domain and APIC id: none is the number that Linux uses. */
static inline unsigned fake_domain(unsigned node)
{
        return 40 - node;
}
static inline unsigned fake_apic_id(unsigned cpu)
{
        return 2 * cpu + 16;
}

/* Distance from a node to another. */
static inline unsigned fake_distance(unsigned from, unsigned to)
{
        return from == to ? 10 : 20 + from + to;
}

void fake_machine_write(struct scratch *s, const struct fake_machine *f);

/* Two nodes that meet in the middle of a 128 MiB block; node 0 goes on behind node 1. */
extern const struct fake_machine fake_two_nodes;

/* The machine as the library reads it, which must not fail. The caller frees it. */
struct mpart_machine *fake_machine_read(const struct fake_machine *f);
#define _cleanup_machine_ __attribute__((cleanup(mpart_machine_freep)))

bool machine_has_note(const struct mpart_machine *m, const char *part);
/* The ranges of each node are those of the fake, and known to be exact. */
void assert_node_memory(const struct mpart_machine *m, const struct fake_machine *f);

/* An SRAT with the sum of its bytes put right; entries are appended. */
struct fake_srat {
        unsigned char data[8192];
        size_t size;
};
void fake_srat_begin(struct fake_srat *t, unsigned revision);
void fake_srat_cpu(struct fake_srat *t, unsigned domain, unsigned apic_id, bool enabled);
void fake_srat_x2apic(struct fake_srat *t, uint32_t domain, uint32_t x2apic_id, bool enabled);
void fake_srat_memory(struct fake_srat *t, uint32_t domain, uint64_t start, uint64_t size, unsigned flags);
void fake_srat_end(struct fake_srat *t);

/* Any bytes as a file. */
void fake_file(struct scratch *s, const char *path, const void *data, size_t size);
