/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between watch.c and watch-state.c: one watched kernel. */
#pragma once

#include <stdatomic.h>

#include "memview.h"
#include "watch.h"

#define WATCH_DETAIL_MAX 256

struct watch_report {
        uint32_t kernel;
        enum kernel_cause cause; /* CAUSE_NONE: it has not ended, cpus_online is the news */
        uint32_t cpus_online;
        uint64_t generation;
        char detail[WATCH_DETAIL_MAX];
};

struct watched {
        struct native *native;
        struct claim claim;
        struct cpugate_target *cpus; /* boot CPU first */
        size_t n_cpus;
        uint64_t generation; /* the boot's timestamp */
        int report_fd;
        atomic_bool reported;
        uint64_t reset_address;
        struct physmem_map end; /* the page of the reset register */
        /* The kernel's system_state where that is known; set by the slower thread, read by the other. */
        _Atomic(const volatile int *) system_state;

        /* watch-state.c alone, in the slower thread */
        uint64_t note; /* as memview_open */
        struct memview view;
        bool opened, tells_state;
        unsigned tries;       /* to open the memory */
        unsigned cpus_online; /* as last told */
        struct log_follower log;
        uint64_t jiffies, moved_ns,
                        asked_ns; /* CLOCK_MONOTONIC; asked_ns 0: no message was sent since it moved */
};

/* One look. True: the kernel has ended, or uses another number of CPUs than last told (CAUSE_NONE). */
bool watch_state_look(struct watched *x, enum kernel_cause *ret, char detail[static WATCH_DETAIL_MAX]);
