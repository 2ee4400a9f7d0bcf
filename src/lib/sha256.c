/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <sys/types.h>

#include <sha2.h>

#include "sha256.h"

void sha256_digits(const struct iovec *parts, size_t n, char ret[static SHA256_DIGITS + 1])
{
        SHA2_CTX context;
        SHA256Init(&context);
        for (size_t i = 0; i < n; i++)
                SHA256Update(&context, parts[i].iov_base, parts[i].iov_len);
        SHA256End(&context, ret);
}
