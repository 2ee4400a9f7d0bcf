/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System Resource Affinity Table (ACPI 6.5 section 5.2.16): which proximity domain CPUs and memory are in.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

struct srat_cpu {
        uint32_t apic_id, domain;
};

struct srat_memory {
        uint64_t start, size; /* bytes; size > 0; may cover holes and hot-plug room */
        uint32_t domain;
        bool hotplug;
};

/* Enabled entries alone, in the order of the table. */
struct srat {
        struct srat_cpu *cpus;
        size_t n_cpus;
        struct srat_memory *memory;
        size_t n_memory;
        uint32_t *domains; /* each once, in the order in which Linux numbers nodes by them */
        size_t n_domains;
};

void srat_free(struct srat *s);

/* 0; -EBADMSG with what is wrong at which offset; -ENOMEM. Bytes behind the table's length are ignored. */
int srat_parse(const void *data, size_t size, struct srat *ret, struct mpart_error *e);
