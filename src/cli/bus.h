/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The client side of org.mpartd1. All of mpartctl's talk on the bus goes through here; what an error of the
 * daemon says is the sentence in *e. */
#pragma once

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

struct sd_bus;

#define BUS_NAME "org.mpartd1"
#define BUS_KERNEL_INTERFACE "org.mpartd1.Kernel"
#define BUS_NO_DAEMON (-EHOSTUNREACH) /* no system bus, or no mpartd on it and none can be started */

int bus_open(struct sd_bus **ret, struct mpart_error *e);
void bus_closep(struct sd_bus **bus);
#define _cleanup_bus_ __attribute__((cleanup(bus_closep)))

/* The plan document; the caller frees it. */
int bus_get_plan(struct sd_bus *bus, char **ret, struct mpart_error *e);
int bus_set_plan(struct sd_bus *bus, const char *plan, struct mpart_error *e);

struct bus_kernel {
        unsigned id;
        char *name, *state, *reason, *cpus, *backend, *path;
        uint64_t memory;         /* bytes */
        uint64_t boot_timestamp; /* CLOCK_REALTIME in microseconds, 0: not running */
};
struct bus_kernels {
        struct bus_kernel *items; /* ascending by id */
        size_t n, capacity;
};
/* A secondary that holds CPUs: on its way up or down, or running. */
bool bus_kernel_is_up(const struct bus_kernel *k);
int bus_list_kernels(struct sd_bus *bus, struct bus_kernels *ret, struct mpart_error *e);
void bus_kernels_free(struct bus_kernels *k);
#define _cleanup_kernels_ __attribute__((cleanup(bus_kernels_free)))

/* What ListKernels does not tell of a kernel. */
struct bus_memory {
        uint64_t start, size; /* bytes */
        unsigned node;
};
struct bus_details {
        uint64_t stage_us[5]; /* checks, CPUs, loading, waking, coming up; zeros: not known */
        char *cmdline;
        char **pci; /* addresses, behind the last one NULL */
        struct bus_memory *memory;
        size_t n_memory, memory_capacity;
};
int bus_kernel_details(struct sd_bus *bus, const struct bus_kernel *k, struct bus_details *ret,
                struct mpart_error *e);
void bus_details_free(struct bus_details *d);
#define _cleanup_details_ __attribute__((cleanup(bus_details_free)))

struct bus_manager {
        char *version, *digest, *differences;
        bool in_effect;
};
int bus_manager_status(struct sd_bus *bus, struct bus_manager *ret, struct mpart_error *e);
void bus_manager_free(struct bus_manager *m);
#define _cleanup_manager_ __attribute__((cleanup(bus_manager_free)))

struct bus_boot_options {
        const char *image, *initrd; /* absolute paths; NULL: the daemon's default */
        const char *default_initrd; /* where neither `initrd` nor the plan names one; NULL: none */
        const char *cmdline;        /* words to append, or NULL */
        const char *on_crash, *on_hang, *on_reboot,
                        *on_poweroff; /* stop, restart, preserve; NULL: default */
        bool no_dump;
};
int bus_boot(struct sd_bus *bus, unsigned id, const struct bus_boot_options *o, struct mpart_error *e);
/* The ids whose boot was accepted; the caller frees *ret. */
int bus_boot_all(struct sd_bus *bus, const struct bus_boot_options *o, unsigned **ret, size_t *ret_n,
                struct mpart_error *e);
int bus_stop(struct sd_bus *bus, unsigned id, struct mpart_error *e);
/* The ids of the kernels that are stopped now; the caller frees *ret. */
int bus_stop_all(struct sd_bus *bus, unsigned **ret, size_t *ret_n, struct mpart_error *e);

struct bus_log_options {
        bool follow, json;
        uint64_t lines; /* 0: all */
};
/* The end of a pipe that the log comes out of. */
int bus_open_log(struct sd_bus *bus, unsigned id, const struct bus_log_options *o, int *ret,
                struct mpart_error *e);

struct bus_dump_watch {
        void (*progress)(void *data, uint64_t done, uint64_t total); /* bytes */
        void *data;
        const volatile sig_atomic_t *canceled; /* not 0: the dump is to end */
};
/* Returns when the dump is whole in `fd`, or has ended otherwise. */
int bus_dump(struct sd_bus *bus, unsigned id, int fd, const struct bus_dump_watch *watch,
                struct mpart_error *e);

/* The stream of a kernel's console; what is sent is typed where it `writes`. The caller closes *ret_fd. */
int bus_console(struct sd_bus *bus, unsigned id, bool writes, int *ret_fd, struct mpart_error *e);
int bus_console_size(
                struct sd_bus *bus, unsigned id, unsigned rows, unsigned columns, struct mpart_error *e);

struct bus_exec {
        char **words; /* ends in NULL */
        bool tty;
        unsigned rows, columns;
};
/* Standard input, output, error and control of the command (Exec in org.mpartd1.xml); the caller closes
 * them. */
int bus_exec(struct sd_bus *bus, unsigned id, const struct bus_exec *x, int ret_fds[static 4],
                struct mpart_error *e);

/* Changes of kernels' states, in order, as the daemon tells them. */
struct bus_follow {
        void (*changed)(void *data, unsigned id, const char *state, const char *reason);
        bool (*done)(const void *data);
        void *data;
        bool lost; /* the daemon has gone */
};
/* Begins to listen. Call it before what causes the changes, so that none is missed. `f` lives as long as the
 * bus. */
int bus_follow_start(struct sd_bus *bus, struct bus_follow *f, struct mpart_error *e);
/* Sleeps and reports until f->done. 0; -ECONNRESET where the daemon goes meanwhile. */
int bus_follow_wait(struct sd_bus *bus, struct bus_follow *f, struct mpart_error *e);
