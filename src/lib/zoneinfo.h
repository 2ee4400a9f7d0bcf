/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /proc/zoneinfo: how many pages of RAM the kernel found for each zone of each node. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct zone {
        unsigned node;
        uint64_t start;   /* first byte; meaningless where nothing is present */
        uint64_t present; /* bytes of RAM, offline memory blocks not among them */
};

struct zoneinfo {
        struct zone *zones;
        size_t n;
};

void zoneinfo_free(struct zoneinfo *z);
int zoneinfo_parse(const char *text, struct zoneinfo *ret); /* 0, -EBADMSG or -ENOMEM */

uint64_t zoneinfo_present(const struct zoneinfo *z, unsigned node); /* 0 for a node without zones */
uint64_t zoneinfo_start(const struct zoneinfo *z, unsigned node);   /* UINT64_MAX: nothing present */
