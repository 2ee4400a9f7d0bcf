/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>

#include "macros.h"
#include "size.h"

int parse_size(const char *text, uint64_t *ret)
{
        if (!isdigit((unsigned char)*text))
                return -EINVAL;
        char *end;
        errno = 0;
        unsigned long long value = strtoull(text, &end, startswith(text, "0x") ? 16 : 10);
        if (errno)
                return -EINVAL;

        static const char units[] = "kmgt";
        const char *unit = *end ? strchr(units, tolower((unsigned char)*end)) : NULL;
        unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
        if (unit)
                end += startswith(end + 1, "iB") ? 3 : 1;
        if (*end || value > UINT64_MAX >> shift)
                return -EINVAL;
        *ret = (uint64_t)value << shift;
        return 0;
}
