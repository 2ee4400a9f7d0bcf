/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Enumerations with names: enums end in _X_MAX and have _X_INVALID = -EINVAL. */
#pragma once

#include "macros.h"

/* Defines PREFIX_to_string (NULL: no such value) and PREFIX_from_string (-EINVAL: no such name) over an
 * array of names indexed by the values. */
#define DEFINE_TABLE(prefix, type, names)                                                                   \
        const char *prefix##_to_string(type value)                                                          \
        {                                                                                                   \
                return (int)value >= 0 && (size_t)value < ARRAY_SIZE(names) ? (names)[value] : NULL;        \
        }                                                                                                   \
        type prefix##_from_string(const char *s)                                                            \
        {                                                                                                   \
                for (size_t i = 0; i < ARRAY_SIZE(names); i++)                                              \
                        if (streq((names)[i], s))                                                           \
                                return (type)i;                                                             \
                return (type)-22; /* -EINVAL */                                                             \
        }
