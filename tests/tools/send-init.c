/* SPDX-License-Identifier: GPL-2.0-or-later */
/* send-init APICID...: an INIT to each CPU behind the daemon's back, which stops it dead: how the tests make
 * a kernel hang. xAPIC mode, iomem=relaxed. For test machines alone. */
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

int main(int argc, char **argv)
{
        cpu_set_t zero;
        CPU_ZERO(&zero);
        CPU_SET(0, &zero);
        sched_setaffinity(0, sizeof(zero), &zero);

        int fd = open("/dev/mem", O_RDWR | O_SYNC);
        volatile uint32_t *apic = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0xfee00000);
        if (fd < 0 || apic == MAP_FAILED) {
                perror("/dev/mem");
                return 1;
        }
        for (int i = 1; i < argc; i++) {
                while (apic[0x300 / 4] & 1U << 12)
                        continue;
                apic[0x310 / 4] = (uint32_t)atoi(argv[i]) << 24;
                apic[0x300 / 4] = 0xc500;
        }
        return 0;
}
