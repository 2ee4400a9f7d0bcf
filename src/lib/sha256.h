/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SHA-256 (FIPS 180-4); sha256.c is the only user of libmd. */
#pragma once

#include <stddef.h>
#include <sys/uio.h>

#define SHA256_DIGITS 64

/* The hash of the parts behind one another, in hexadecimal. */
void sha256_digits(const struct iovec *parts, size_t n, char ret[static SHA256_DIGITS + 1]);
