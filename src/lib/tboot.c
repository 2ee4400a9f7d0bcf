/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "boot-internal.h"
#include "tboot.h"

#define VERSION 5
#define NOTHING_YET UINT32_MAX /* no TB_SHUTDOWN_ of Linux */
#define SHUTDOWN_REBOOT 0

struct tboot {
        uint8_t uuid[16];
        uint32_t version;
        uint32_t log_address;
        uint32_t shutdown_entry;
        uint32_t shutdown_type;
        uint8_t acpi[72]; /* for sleep states, which our ACPI tables have none of */
        uint32_t base;
        uint32_t size;
        uint8_t n_mac_regions;
        uint8_t mac_regions[32][12];
        uint8_t s3_key[64];
        uint8_t padding[3];
        uint32_t n_waiting; /* CPUs that wait for a SIPI */
} __attribute__((packed));
static_assert(offsetof(struct tboot, shutdown_type) == 28, "include/linux/tboot.h");
static_assert(offsetof(struct tboot, base) == 104, "include/linux/tboot.h");
static_assert(offsetof(struct tboot, n_waiting) == 564, "include/linux/tboot.h");
static_assert(sizeof(struct tboot) <= BOOT_AREA_RESET - BOOT_AREA_END, "the reset register is behind it");

/* {663C8DFF-E8B3-4B82-AABF-19EA4D057A08} */
static const uint8_t uuid[16] = { 0xff, 0x8d, 0x3c, 0x66, 0xb3, 0xe8, 0x82, 0x4b, 0xbf, 0xaa, 0x19, 0xea,
        0x4d, 0x05, 0x7a, 0x08 };

void tboot_fill(void *page, uint32_t base, uint32_t size, uint32_t entry, uint32_t others)
{
        struct tboot t = { .version = VERSION,
                .shutdown_entry = entry,
                .shutdown_type = NOTHING_YET,
                .base = base,
                .size = size,
                .n_waiting = others };
        memcpy(t.uuid, uuid, sizeof(uuid));
        memcpy(page, &t, sizeof(t));
}

bool tboot_restarts(const volatile void *page)
{
        const volatile struct tboot *t = page;
        for (size_t i = 0; i < sizeof(uuid); i++)
                if (t->uuid[i] != uuid[i])
                        return false;
        return t->shutdown_type == SHUTDOWN_REBOOT;
}

bool mpart_boot_asks_restart(const volatile void *page, uint64_t reset_address)
{
        const volatile uint8_t *byte = (const volatile uint8_t *)page + reset_address % BOOT_PAGE_SIZE;
        return *byte == MPART_RESET_VALUE || tboot_restarts(page);
}
