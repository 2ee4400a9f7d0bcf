/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One machine as planning sees it: CPUs, nodes with their exact memory, PCI functions. Read once, then
 * constant.
 *
 * Every reader takes a root directory, so that a captured machine is read as the live one is. Addresses and
 * sizes are bytes. Sources: Documentation/ABI/stable/sysfs-devices-node,
 * Documentation/admin-guide/cputopology.rst, Documentation/ABI/testing/sysfs-devices-memory, ACPI 6.5
 * section 5.2.16 (SRAT). */
#pragma once

#include <stdio.h>

#include "cpuset.h"
#include "error.h"
#include "ranges.h"

#define MPART_APIC_ID_UNKNOWN UINT32_MAX

struct mpart_cpu {
        unsigned id;                  /* logical CPU number in the primary */
        int node;                     /* node id, -1 unknown */
        uint32_t apic_id;             /* MPART_APIC_ID_UNKNOWN where the CPU is offline */
        int package, core;            /* topology/physical_package_id, core_id; -1 unknown */
        struct mpart_cpuset siblings; /* threads of its core, itself among them */
        bool online;
};

struct mpart_node {
        unsigned id;
        struct mpart_cpuset cpus;   /* present CPUs, offline ones included */
        struct mpart_ranges memory; /* RAM of the node, 4 KiB aligned; RAM withheld for a plan of ours
                                       included */
        bool exact;                 /* the sum agrees with zoneinfo; false: only what is certain is listed */
};

struct mpart_pci_function {
        char address[16]; /* "0000:00:1f.2"; domains of five digits occur */
        unsigned domain, bus, slot, function;
        uint16_t vendor, device;
        uint32_t class_code; /* 24 bits: class, subclass, programming interface */
        int node;            /* -1: none told */
        int iommu_group;     /* -1: none */
        bool is_bridge;      /* header type 1, or class 06xx */
        char parent[16];     /* address of the bridge above it, "" on a root bus */
        char driver[32];     /* bound driver in the primary, "" none */
};

enum mpart_apic_mode {
        MPART_APIC_MODE_UNKNOWN, /* captured machine, or not root */
        MPART_APIC_MODE_XAPIC,
        MPART_APIC_MODE_X2APIC,
};

struct mpart_machine {
        bool x86_64;
        bool live;              /* read from "/" */
        struct mpart_cpu *cpus; /* ascending by id; the present ones */
        size_t n_cpus;
        struct mpart_node *nodes; /* ascending by id; every node with CPUs or memory */
        size_t n_nodes;
        unsigned *distance;             /* n_nodes x n_nodes in the order of `nodes`; 0 where not told */
        struct mpart_pci_function *pci; /* ascending by address */
        size_t n_pci;

        struct mpart_ranges ram;          /* union of the nodes' memory plus what no node claims */
        struct mpart_ranges kernel;       /* code, rodata, data and bss of the running kernel */
        struct mpart_ranges crash_kernel; /* its crash kernel reservation */
        struct mpart_ranges
                        withheld_ours; /* RAM that the running command line withholds for a plan of ours */
        struct mpart_ranges withheld;  /* RAM of the firmware map withheld by anybody else: never planned */
        unsigned *uarts;               /* N of each /dev/ttySN that has a legacy 16550 port; ascending */
        size_t n_uarts;
        struct mpart_cpuset consoles; /* N of each console=ttySN of the running kernel */
        enum mpart_apic_mode apic_mode;

        /* SHA-256 in hex of what a restart with other parameters leaves as it is: the firmware's RAM map
         * (the iomem RAM where there is none), the present CPUs and the SRAT. Tells one machine from
         * another. */
        char digest[65];

        char **notes; /* what could not be seen or did not agree, one sentence each */
        size_t n_notes;
};

/* Reads the machine under `root` ("/" is the live one). What is merely unknown becomes a note; what makes
 * planning impossible is an error: not x86-64 (-EOPNOTSUPP), memory map hidden from an ordinary user
 * (-EPERM), no memory map
 * (-ENODATA), unreadable root. The caller frees with mpart_machine_free. */
int mpart_machine_read(const char *root, struct mpart_machine **ret, struct mpart_error *e);

/* As above, but only what an ordinary user sees is demanded: memory may be missing, with a note that says
 * so. */
int mpart_machine_look(const char *root, struct mpart_machine **ret, struct mpart_error *e);

void mpart_machine_free(struct mpart_machine *m); /* NULL is legal */
static inline void mpart_machine_freep(struct mpart_machine **m)
{
        mpart_machine_free(*m);
}

const struct mpart_cpu *mpart_machine_cpu(
                const struct mpart_machine *m, unsigned id); /* NULL: not present */
const struct mpart_node *mpart_machine_node(
                const struct mpart_machine *m, unsigned id); /* NULL: no such node */
/* Distance between two node ids; 10 to itself, 20 to others where the machine does not tell. */
unsigned mpart_machine_distance(const struct mpart_machine *m, unsigned from, unsigned to);

/* The machine as JSON text: {"format":"mpart-machine","version":1,...}; the caller frees it. NULL: out of
 * memory. */
char *mpart_machine_to_json(const struct mpart_machine *m);
