/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The native backend: an unmodified kernel on CPUs taken offline in the unmodified primary. Each function is
 * one step of a boot; all of them run in the job's thread and block. Whatever a step takes stands in the
 * ledger first; native_undo gives back all that the ledger names, youngest first. */
#pragma once

#include <stdatomic.h>

#include "boot.h"
#include "cpugate.h"
#include "ledger.h"
#include "shared-region.h"
#include "tsc.h"
#include "window.h"

#define NATIVE_RUNNING_TIMEOUT_SECONDS 60
#define NATIVE_REACHED_TIMEOUT_SECONDS 5

struct native {
        int root; /* "/" */
        struct physmem mem;
        struct cpugate cpus;
        struct window window;
        struct tsc_sample tsc;
};

/* One boot. The caller fills the upper part and frees all with native_boot_clear. */
struct native_boot {
        struct native *native;
        const struct mpart_plan *plan; /* unchanged while the boot lives */
        unsigned kernel;
        char *image_path, *initrd_path, *extra; /* initrd_path, extra: NULL for none */
        const struct mpart_machine *machine;    /* as read when the daemon started; NULL: read it again */
        uint64_t old_note; /* the one note of an earlier kernel in its memory; 0: there may be any */
        struct mpart_shared_network network; /* what the secondary is told of its interface */
        const atomic_bool *cancel;

        struct claim claim;
        char *image_data, *cmdline;
        int initrd_fd; /* -1: none */
        struct mpart_image image;
        struct mpart_boot_cpu *cpus; /* boot CPU first */
        unsigned *cpu_numbers;       /* same order */
        size_t n_cpus;
        struct mpart_boot *boot;
        uint64_t load_bytes, load_ns; /* what native_load wrote, and the time of the writing alone */
};

#define NATIVE_BOOT_INIT ((struct native_boot){ .initrd_fd = -1 })

int native_init(struct native *n, int root);
void native_destroy(struct native *n);

/* Every check, and the segments built. Takes nothing, writes nothing. */
int native_prepare(struct native_boot *b, struct mpart_error *e);
int native_take_cpus(struct native_boot *b, struct ledger *l, struct mpart_error *e);
/* Segments outside the low window; notes of earlier kernels in the memory are destroyed. */
int native_load(struct native_boot *b, struct mpart_error *e);
/* Waits for the low window, writes it, wakes the boot CPU, waits for our code to be reached. */
int native_start(struct native_boot *b, struct ledger *l, struct mpart_error *e);
/* Waits for the kernel's own VMCOREINFO; then frees the window. */
int native_wait_running(struct native_boot *b, struct ledger *l, struct mpart_error *e);

/* Stops what runs and gives back what is taken; goes on past a failure and returns the first one. */
int native_undo(struct native *n, const struct mpart_plan_kernel *kernel, struct ledger *l,
                struct mpart_error *e);

void native_boot_clear(struct native_boot *b);
