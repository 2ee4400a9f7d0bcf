/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plans: which kernel owns which CPUs, memory and devices. Planning is pure and deterministic: the same
 * machine and policy give the same plan, byte for byte. Addresses and sizes are bytes. */
#pragma once

#include "machine.h"

#define MPART_PLAN_VERSION 1
#define MPART_ALIGNMENT (UINT64_C(2) << 20)         /* of a secondary's memory: what a kernel needs */
#define MPART_SHARED_SIZE (UINT64_C(2) << 20)       /* default size of the shared region */
#define MPART_PRIMARY_LOW (UINT64_C(128) << 20)     /* RAM below this address stays with the primary */
#define MPART_LOW_START_SIZE (UINT64_C(64) << 10)   /* first half of a low window: our start code */
#define MPART_LOW_WINDOW_SIZE (UINT64_C(128) << 10) /* the whole: second half is RAM of the secondary */
#define MPART_COMMAND_LINE_MAX 2047                 /* characters, COMMAND_LINE_SIZE of x86 less the NUL */
#define MPART_KASLR_RUNS_MAX 4                      /* memmap= regions the decompressor's KASLR tracks */

enum mpart_policy_kind {
        MPART_POLICY_PER_NUMA, /* one kernel per node with CPUs */
        MPART_POLICY_PER_CORE, /* one kernel per core, SMT siblings together */
        MPART_POLICY_PER_CPU,  /* one kernel per hardware thread */
        MPART_POLICY_COUNT,    /* so many kernels, the primary counted, near-equal in CPUs */
        MPART_POLICY_NODES,    /* so many nodes a kernel, near ones together */
        MPART_POLICY_REQUEST,  /* as a request document says; the rest is the primary's */
        _MPART_POLICY_MAX,
        _MPART_POLICY_INVALID = -22,
};
const char *mpart_policy_kind_to_string(enum mpart_policy_kind kind); /* "per-numa", ... */
enum mpart_policy_kind mpart_policy_kind_from_string(const char *s);

/* Whose kernels will run: it decides how devices can be kept apart. */
enum mpart_dialect {
        MPART_DIALECT_LINUX,   /* stock kernels: whole PCI buses change hands */
        MPART_DIALECT_POPCORN, /* pci_dev_flags= masks single functions */
        _MPART_DIALECT_MAX,
        _MPART_DIALECT_INVALID = -22,
};
const char *mpart_dialect_to_string(enum mpart_dialect dialect); /* "linux", ... */
enum mpart_dialect mpart_dialect_from_string(const char *s);

/* What is to follow when a kernel ends by itself. */
enum mpart_restart {
        MPART_RESTART_NEVER,
        MPART_RESTART_ON_FAILURE,
        MPART_RESTART_ALWAYS,
        _MPART_RESTART_MAX,
        _MPART_RESTART_INVALID = -22,
};
const char *mpart_restart_to_string(enum mpart_restart restart); /* "never", "on-failure", "always" */
enum mpart_restart mpart_restart_from_string(const char *s);

struct mpart_request; /* request.h */

struct mpart_policy {
        enum mpart_policy_kind kind;
        uint64_t alignment;    /* power of two, >= MPART_ALIGNMENT; 0: default */
        uint64_t shared_size;  /* multiple of 2 MiB; 0: default */
        uint64_t image_size;   /* bytes a kernel needs from its load address on (init_size); 0: 64 MiB */
        uint64_t ramdisk_size; /* bytes; 0: 64 MiB */

        unsigned count;            /* of MPART_POLICY_COUNT, at least 1 */
        unsigned nodes_per_kernel; /* of MPART_POLICY_NODES, at least 1 */
        uint64_t low_window;       /* start of the low window, a multiple of 64 KiB; 0: the highest place */
        enum mpart_dialect dialect;
        struct mpart_cpuset primary_cpus;    /* what the primary has whatever else is said; CPU 0 always */
        uint64_t primary_memory;             /* bytes the primary must have at least */
        const struct mpart_request *request; /* of MPART_POLICY_REQUEST; borrowed, NULL within a plan */
};

struct mpart_plan_memory {
        uint64_t start, size;
        unsigned node;
};

struct mpart_plan_kernel {
        unsigned id; /* 0 is the primary */
        char *name;  /* "primary", "node2", "core5", "cpu7" */
        struct mpart_cpuset cpus;
        unsigned boot_cpu; /* 0 for the primary; lowest of its CPUs for a secondary */
        struct mpart_plan_memory
                        *memory; /* ascending; all it owns, shared region included, low memory not */
        size_t n_memory;
        struct mpart_range
                        low_memory; /* its low window; size 0 for the primary. Several may have the same */
        struct mpart_range
                        shared; /* part of its memory, at the end of its largest range; 0 for the primary */
        uint64_t load;          /* image, a multiple of 2 MiB; 0 for the primary */
        uint64_t ramdisk;       /* ramdisk of policy.ramdisk_size bytes, page aligned; 0 for the primary */
        char **pci;             /* addresses of the PCI functions it owns, ascending */
        size_t n_pci;
        char *cmdline_linux; /* dialect linux: for the primary the parameters to add, else the whole line */
        char *cmdline_popcorn; /* dialect popcorn */

        /* What a request said of a boot; NULL where it did not. */
        char *image, *initrd; /* files of the primary, absolute paths */
        char *extra;          /* further words, which the command lines end in */
        enum mpart_restart restart;
        /* What a boot of all kernels waits for: sets of ids, without 0 and without its own. */
        struct mpart_cpuset after;    /* until they run, or have failed to */
        struct mpart_cpuset requires; /* until they run; where one does not, this one is not booted */
        bool notify; /* others wait until its agent tells that user space is up; else until it runs */

        char **why; /* what decided its share, a sentence each; not part of the document */
        size_t n_why;
};

struct mpart_plan_unused {
        uint64_t start, size;
        unsigned node;
        char *reason;
};

struct mpart_plan_node {
        unsigned id;
        struct mpart_cpuset cpus;
        struct mpart_range *memory;
        size_t n_memory;
        unsigned *distance; /* to each node in the plan's order; n_nodes long */
};

struct mpart_plan {
        struct mpart_plan_node *nodes;
        size_t n_nodes;
        char digest[65]; /* of the machine */
        struct mpart_policy policy;
        struct mpart_plan_kernel *kernels; /* kernels[i].id == i */
        size_t n_kernels;
        struct mpart_plan_unused *unused;
        size_t n_unused;
        char **notes; /* what a reader should know, e.g. KASLR off; not part of the document */
        size_t n_notes;
};

/* Makes a plan and checks it with mpart_plan_check. -EINVAL: policy; -ENOSPC: does not fit, the text names
 * what binds and the nearest request that would fit, where there is one. The caller frees with
 * mpart_plan_free. */
int mpart_plan_make(const struct mpart_machine *m, const struct mpart_policy *policy,
                struct mpart_plan **ret, struct mpart_error *e);

/* Verifies a plan on its own terms and, where `m` is not NULL, against the machine (digest too: -ESTALE).
 * Shares no code with the planner. 0, or -EBADMSG with the first rule that is broken. */
int mpart_plan_check(const struct mpart_plan *plan, const struct mpart_machine *m, struct mpart_error *e);

void mpart_plan_free(struct mpart_plan *plan); /* NULL is legal */
static inline void mpart_plan_freep(struct mpart_plan **plan)
{
        mpart_plan_free(*plan);
}

/* NULL: no such kernel. */
const struct mpart_plan_kernel *mpart_plan_kernel(const struct mpart_plan *plan, unsigned id);

/* Installed RAM and who has it, in bytes. `installed` is the sum of the others. */
struct mpart_plan_account {
        uint64_t installed;   /* RAM of the firmware's map as far as the machine shows it */
        uint64_t primary;     /* kernel 0, and what no node claims: the running kernel uses that too */
        uint64_t secondaries; /* their low windows included, each once */
        uint64_t foreign;     /* withheld from the primary by a setting that is not ours */
        uint64_t unowned;
};
int mpart_plan_account(const struct mpart_plan *plan, const struct mpart_machine *m,
                struct mpart_plan_account *ret);
/* For people: why each kernel got what it got, and where each byte went that no secondary got. `plan` comes
 * from mpart_plan_make, `m` is the machine it was made for. The caller frees *ret. 0 or -ENOMEM. */
int mpart_plan_explain(const struct mpart_plan *plan, const struct mpart_machine *m, char **ret);

/* The plan document (schemas/plan.schema.json), ending in a newline; the caller frees it. */
int mpart_plan_to_json(const struct mpart_plan *plan, char **ret);
/* Reads a document; every unknown, missing, duplicate or wrong field is a named error (-EINVAL). The result
 * has also passed mpart_plan_check(plan, NULL). */
int mpart_plan_from_json(const char *text, struct mpart_plan **ret, struct mpart_error *e);

/* Where the parts of a boot lie in a kernel's memory. All in the largest range (the lowest of equals):
 *   load      first 2 MiB boundary of it
 *   ramdisk   page aligned, just below the boot area
 *   boot area MPART_BOOT_AREA_SIZE bytes just below the shared region: boot_params, command line, ACPI
 * tables, page tables; reserved in the secondary's e820 shared    at the end
 */
#define MPART_BOOT_AREA_SIZE (UINT64_C(2) << 20)
struct mpart_layout {
        uint64_t load, image_size;
        uint64_t ramdisk, ramdisk_size;
        struct mpart_range boot_area, shared;
};
/* 0, or -ENOSPC with what does not fit and how much is missing. */
int mpart_layout_make(const struct mpart_plan_memory *memory, size_t n_memory, uint64_t image_size,
                uint64_t ramdisk_size, uint64_t shared_size, struct mpart_layout *ret,
                struct mpart_error *e);
