/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests: kernels named one by one, with what each is to have. The document: schemas/request.schema.json.
 * Sizes are bytes. */
#pragma once

#include "plan.h"

#define MPART_REQUEST_VERSION 1

/* Selects PCI functions; what is given must all hold. */
struct mpart_request_pci {
        char *address;         /* one function; NULL: any */
        uint32_t class;        /* prefix of the class code ... */
        unsigned class_digits; /* ... of so many hex digits (2, 4 or 6); 0: any class */
        int node;              /* -1: any */
};

struct mpart_request_kernel {
        char *name;
        /* Of these three: a list alone, a count, a node, or a count on a node. */
        struct mpart_cpuset cpus;
        unsigned cpu_count; /* 0: not said */
        int node;           /* -1: not said */

        uint64_t memory_min, memory_desired, memory_max; /* 0: not said */
        int memory_node;                                 /* all of it from this node; -1: nearest first */

        struct mpart_request_pci *pci;
        size_t n_pci;
        char *image, *initrd, *extra; /* NULL: not said */
        enum mpart_restart restart;
        struct mpart_cpuset after, requires; /* ids of other kernels: their places in the document, from 1 */
        bool notify;
};

struct mpart_request {
        struct mpart_policy
                        policy; /* kind REQUEST, options and what the primary keeps; request points here */
        struct mpart_request_kernel *kernels; /* in the order of the document: ids 1, 2, ... of the plan */
        size_t n_kernels;
};

/* Every unknown, missing, repeated or wrong field is a named error (-EINVAL). The caller frees. */
int mpart_request_from_json(const char *text, struct mpart_request **ret, struct mpart_error *e);
void mpart_request_free(struct mpart_request *request); /* NULL is legal */
static inline void mpart_request_freep(struct mpart_request **request)
{
        mpart_request_free(*request);
}
