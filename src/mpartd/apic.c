/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include "apic.h"
#include "macros.h"

#define MSR_APIC_BASE 0x1b /* bit 11 enabled, bit 10 x2APIC, 12.. page address */
#define MSR_X2APIC_ICR 0x830
#define APIC_DEFAULT_BASE UINT64_C(0xfee00000)
#define APIC_BASE_MASK UINT64_C(0xffffff000)

#define REG_VERSION 0x30
#define REG_ICR_LOW 0x300
#define REG_ICR_HIGH 0x310
#define ICR_INIT 0xc500U /* INIT, assert, level triggered */
#define ICR_STARTUP 0x600U
#define ICR_RESCHEDULE 0x40fdU /* fixed, assert, vector 0xfd */
#define ICR_PENDING (1U << 12)
#define TRIES 8

static int open_msr(const struct physmem *mem, int flags)
{
        int fd = openat(mem->root, "dev/cpu/0/msr", flags | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

static volatile uint32_t *reg(struct apic *a, unsigned offset)
{
        return (volatile uint32_t *)((char *)a->page.data + offset);
}

static int open_x2apic(const struct physmem *mem, struct apic *a, struct mpart_error *e)
{
        a->x2apic = true;
        a->msr = open_msr(mem, O_RDWR);
        if (a->msr < 0)
                return mpart_error_set(e, a->msr,
                                "the CPUs are in x2APIC mode and /dev/cpu/0/msr cannot be opened: %s; load "
                                "the module msr "
                                "(modprobe msr)",
                                strerror(-a->msr));
        return 0;
}

int apic_open(const struct physmem *mem, struct apic *ret, struct mpart_error *e)
{
        struct apic a = { .msr = -1 };
        uint64_t base = 0;
        int r;

        _cleanup_close_ int msr = open_msr(mem, O_RDONLY);
        bool known = msr >= 0 && pread(msr, &base, sizeof(base), MSR_APIC_BASE) == sizeof(base);
        if (known && (base & 0xc00) == 0xc00) {
                r = open_x2apic(mem, &a, e);
        } else {
                uint64_t address =
                                known && (base & APIC_BASE_MASK) ? base & APIC_BASE_MASK : APIC_DEFAULT_BASE;
                r = physmem_map_apic(mem, address, &a.page, e);
                /* In x2APIC mode the page reads as all ones: without the module msr that is how we know. */
                if (r == 0 && *reg(&a, REG_VERSION) == UINT32_MAX) {
                        physmem_unmap(&a.page);
                        r = open_x2apic(mem, &a, e);
                }
        }
        if (r < 0)
                return r;
        *ret = a;
        return 0;
}

void apic_close(struct apic *a)
{
        physmem_unmap(&a->page);
        close_fd(&a->msr);
        *a = (struct apic){ .msr = -1 };
}

/* Delivery takes microseconds; 100 ms without it means that nobody delivers. */
static int wait_delivered(struct apic *a)
{
        struct timespec start, now;
        clock_gettime(CLOCK_MONOTONIC, &start);
        while (*reg(a, REG_ICR_LOW) & ICR_PENDING) {
                clock_gettime(CLOCK_MONOTONIC, &now);
                if ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 > 100)
                        return -ETIMEDOUT;
        }
        return 0;
}

/* One message, which in xAPIC mode is two writes; the destination register as it is right after them.
 *
 * Nothing may come between them: the handler of an interrupt that sends a message of its own leaves its
 * destination behind, and the command goes there: an INIT to a CPU of the primary, or of another kernel.
 * User space cannot hold interrupts off. As neighbouring instructions the writes leave an interrupt one
 * boundary, which a processor is at for a cycle or so (and QEMU never: it looks for interrupts between
 * blocks of instructions). To read the first register back before the second is written would make it worse:
 * what comes in while the slow read is under way is served right behind it. (Measured under QEMU on a busy
 * CPU: 9 of a million messages went elsewhere with the read in between, none without.) */
static uint32_t write_message(struct apic *a, uint32_t destination, uint32_t command)
{
        uint32_t after;
        __asm__ volatile(".balign 32\n\t" /* on one page */
                         "movl %[destination], %c[high](%[page])\n\t"
                         "movl %[command], %c[low](%[page])\n\t"
                         "movl %c[high](%[page]), %[after]"
                         : [after] "=&r"(after)
                         : [page] "r"(a->page.data), [destination] "r"(destination), [command] "r"(command),
                         [high] "i"(REG_ICR_HIGH), [low] "i"(REG_ICR_LOW)
                         : "memory");
        return after;
}

static pthread_mutex_t icr_lock = PTHREAD_MUTEX_INITIALIZER; /* all threads pinned to CPU 0 share its APIC */

/* What another message may have taken the destination of is sent again: twice does no harm. */
static int send_xapic(struct apic *a, uint32_t apic_id, uint32_t command)
{
        for (int i = 0; i < TRIES; i++) {
                int r = wait_delivered(a);
                if (r < 0)
                        return r;
                if (write_message(a, apic_id << 24, command) == apic_id << 24)
                        return wait_delivered(a);
        }
        return -EIO;
}

static int send(struct apic *a, uint32_t apic_id, uint32_t command)
{
        if (apic_id == (a->x2apic ? UINT32_MAX : 0xff)) /* all CPUs, those of the primary among them */
                return -EINVAL;
        if (a->x2apic) {
                uint64_t icr = (uint64_t)apic_id << 32 | command;
                return pwrite(a->msr, &icr, sizeof(icr), MSR_X2APIC_ICR) == sizeof(icr) ? 0 : -EIO;
        }
        if (apic_id > 0xff)
                return -ERANGE; /* xAPIC destinations have 8 bits */
        pthread_mutex_lock(&icr_lock);
        int r = send_xapic(a, apic_id, command);
        pthread_mutex_unlock(&icr_lock);
        return r;
}

int apic_send_init(struct apic *a, uint32_t apic_id)
{
        return send(a, apic_id, ICR_INIT);
}

int apic_send_reschedule(struct apic *a, uint32_t apic_id)
{
        return send(a, apic_id, ICR_RESCHEDULE);
}

int apic_send_sipi(struct apic *a, uint32_t apic_id, unsigned page)
{
        return page > 0xff ? -ERANGE : send(a, apic_id, ICR_STARTUP | page);
}

int apic_pin(struct apic_pin *ret)
{
        struct apic_pin pin = { .size = CPU_ALLOC_SIZE(MPART_CPU_LIMIT) };
        pin.old = CPU_ALLOC(MPART_CPU_LIMIT);
        if (!pin.old)
                return -ENOMEM;

        cpu_set_t zero;
        CPU_ZERO(&zero);
        CPU_SET(0, &zero);
        CPU_ZERO_S(pin.size, (cpu_set_t *)pin.old);
        if (sched_getaffinity(0, pin.size, pin.old) < 0 || sched_setaffinity(0, sizeof(zero), &zero) < 0) {
                int r = -errno;
                CPU_FREE(pin.old);
                return r;
        }
        *ret = pin;
        return 0;
}

void apic_unpin(struct apic_pin *pin)
{
        if (pin->old) {
                sched_setaffinity(0, pin->size, pin->old);
                CPU_FREE(pin->old);
        }
        *pin = (struct apic_pin){ 0 };
}
