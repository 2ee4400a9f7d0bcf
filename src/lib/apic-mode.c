/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether the local APICs of the live machine are in x2APIC mode: they keep it for the kernels that start
 * later. */
#include <fcntl.h>
#include <unistd.h>

#include "reader.h"

/* IA32_APIC_BASE, Intel SDM volume 4 table 2-2. */
#define MSR_APIC_BASE 0x1b
#define APIC_BASE_ENABLED (UINT64_C(1) << 11)
#define APIC_BASE_X2APIC (UINT64_C(1) << 10)

enum mpart_apic_mode apic_mode_read(int root)
{
        _cleanup_close_ int fd = openat(root, "dev/cpu/0/msr", O_RDONLY | O_CLOEXEC);
        uint64_t value;
        if (fd < 0 || pread(fd, &value, sizeof(value), MSR_APIC_BASE) != (ssize_t)sizeof(value) ||
                        !(value & APIC_BASE_ENABLED))
                return MPART_APIC_MODE_UNKNOWN;
        return value & APIC_BASE_X2APIC ? MPART_APIC_MODE_X2APIC : MPART_APIC_MODE_XAPIC;
}
