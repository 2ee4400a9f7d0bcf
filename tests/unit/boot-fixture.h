/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small kernel images that have all that a loader reads, and a plan to boot them by. */
#pragma once

#include <asm/bootparam.h>

#include "boot.h"

#define FIXTURE_SETUP 2560 /* bytes of a bzImage before its protected-mode part: 1 + 4 sectors */
#define FIXTURE_CODE 8192  /* bytes of that part */
#define FIXTURE_INIT_SIZE 0x900000
#define FIXTURE_RELEASE "6.1.0-1-test"
#define FIXTURE_HEADER 0x1f1 /* of the setup header in a bzImage */

/* Both return malloc'ed bytes; byte i of the code of a bzImage is (uint8_t)(i * 7 + 1). */
uint8_t *fixture_bzimage(size_t *ret_size);
/* Two PT_LOADs: text of 4096 bytes at 0x1000000, data of 16 bytes and 0x2000 in memory at 0x1200000; entry
 * at 0x1000040, physical. */
uint8_t *fixture_vmlinux(size_t *ret_size);

/* Kernel 1 of a plan of two: a low window at 0x10000; 256 MiB at 4 GiB on node 1 and 1 GiB at 8 GiB on node
 * 3; CPUs with APIC ids 6 (boot), 2, 300. Members may be changed after fixture_init. */
struct fixture {
        struct mpart_plan_node nodes[3];
        unsigned distance[3][3];
        struct mpart_plan_memory memory[2];
        struct mpart_plan_kernel kernels[2];
        struct mpart_plan plan;
        struct mpart_boot_cpu cpus[3];
        struct mpart_image image;
        uint8_t *bytes; /* of the image */
        uint8_t ramdisk[5000];
        struct mpart_boot_request request;
};
void fixture_init(struct fixture *f);
void fixture_done(struct fixture *f);
