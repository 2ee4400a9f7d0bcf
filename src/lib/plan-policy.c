/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>

#include "planner.h"

#define DEFAULT_IMAGE_SIZE (64 * MiB)
#define DEFAULT_RAMDISK_SIZE (64 * MiB)
#define SIZE_LIMIT (UINT64_C(1) << 52) /* of a physical address on x86-64 */

int planner_resolve_policy(
                const struct mpart_policy *policy, struct mpart_policy *ret, struct mpart_error *e)
{
        struct mpart_policy p = *policy;

        if (!mpart_policy_kind_to_string(p.kind))
                return mpart_error_set(e, -EINVAL, "policy: unknown kind %d", (int)p.kind);
        p.alignment = p.alignment ? p.alignment : MPART_ALIGNMENT;
        p.shared_size = p.shared_size ? p.shared_size : MPART_SHARED_SIZE;
        p.image_size = p.image_size ? p.image_size : DEFAULT_IMAGE_SIZE;
        p.ramdisk_size = p.ramdisk_size ? p.ramdisk_size : DEFAULT_RAMDISK_SIZE;

        if (p.alignment < MPART_ALIGNMENT || p.alignment > SIZE_LIMIT || (p.alignment & (p.alignment - 1)))
                return mpart_error_set(e, -EINVAL,
                                "policy: the alignment must be a power of two of at least 2 MiB, not "
                                "%" PRIu64 " bytes",
                                p.alignment);
        if (p.shared_size % MPART_ALIGNMENT || p.shared_size > SIZE_LIMIT)
                return mpart_error_set(e, -EINVAL,
                                "policy: the size of the shared region must be a multiple of 2 MiB, not "
                                "%" PRIu64 " bytes",
                                p.shared_size);
        if (p.image_size > SIZE_LIMIT || p.ramdisk_size > SIZE_LIMIT)
                return mpart_error_set(e, -EINVAL, "policy: %s of %" PRIu64 " bytes fits no machine",
                                p.image_size > SIZE_LIMIT ? "an image" : "a ramdisk",
                                MAX(p.image_size, p.ramdisk_size));
        *ret = p;
        return 0;
}
