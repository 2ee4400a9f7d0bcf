/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Start and stop messages to other CPUs: INIT and SIPI through the local APIC (Intel SDM volume 3, 11.6
 * and 11.12). Only cpugate.c sends; it checks first. */
#pragma once

#include "physmem.h"

struct apic {
        bool x2apic;
        int msr; /* /dev/cpu/0/msr, -1 in xAPIC mode */
        struct physmem_map page;
};

/* Finds the mode that CPU 0 runs in and opens the way to its ICR. -EPERM with the parameter or module to
 * add. */
int apic_open(const struct physmem *mem, struct apic *ret, struct mpart_error *e);
void apic_close(struct apic *a);

/* The caller runs on CPU 0 (see apic_pin). -ETIMEDOUT: the APIC does not deliver. */
int apic_send_init(struct apic *a, uint32_t apic_id);
/* Vector 0xfd, RESCHEDULE_VECTOR of arch/x86/include/asm/irq_vectors.h. */
int apic_send_reschedule(struct apic *a, uint32_t apic_id);
int apic_send_sipi(
                struct apic *a, uint32_t apic_id, unsigned page); /* page: start address / 4096, below 256 */

/* Pins the calling thread to CPU 0, whose APIC answers; apic_unpin puts its affinity back. */
struct apic_pin {
        size_t size;
        void *old; /* cpu_set_t of `size` bytes */
};
int apic_pin(struct apic_pin *ret);
void apic_unpin(struct apic_pin *pin);
