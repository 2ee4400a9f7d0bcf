/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The collection of captured machines, which is not part of the sources: MPART_CORPUS names it, else it is
 * looked for beside them. */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* False, with a message, where it is not there. */
static inline bool corpus_path(const char *what, char *ret, size_t size)
{
        const char *corpus = getenv("MPART_CORPUS"), *source = getenv("MPART_SOURCE");
        if (corpus)
                snprintf(ret, size, "%s/%s", corpus, what);
        else
                snprintf(ret, size, "%s/../shared/corpus/%s", source ? source : ".", what);
        if (access(ret, R_OK) == 0)
                return true;
        fprintf(stderr, "skipped: no captured machines at %s (MPART_CORPUS names their directory)\n", ret);
        return false;
}
