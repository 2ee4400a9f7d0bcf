/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sizes as people write them. */
#pragma once

#include <stdint.h>

/* "2M", "2MiB", "4096", "0x1000": bytes. 0 or -EINVAL; *ret untouched on failure. */
int parse_size(const char *text, uint64_t *ret);
