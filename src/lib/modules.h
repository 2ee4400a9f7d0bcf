/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernel modules and what they depend on; modules.c is the only user of libkmod. */
#pragma once

#include <stddef.h>

#include "error.h"

struct module_file {
        char *name; /* as the kernel calls it: "tun" */
        char *path; /* file, compressed or not */
};

struct module_list {
        struct module_file *items; /* in the order in which they can be loaded */
        size_t n, capacity;
};
void module_list_free(struct module_list *l); /* leaves the empty list */

/* The modules `names` of the kernel `release` under `root`, each behind its dependencies, none twice; one
 * that is built into the kernel is left out. -ENOENT with what is missing. */
int module_list_resolve(const char *root, const char *release, const char *const *names, size_t n_names,
                struct module_list *ret, struct mpart_error *e);
