/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>

#include "reader.h"
#include "sha256.h"

static char *describe(const struct mpart_ranges *ram, const struct mpart_machine *m)
{
        _cleanup_free_ char *text = NULL, *list = NULL;
        _cleanup_cpuset_ struct mpart_cpuset present = { 0 };
        size_t size = 0;
        for (size_t i = 0; i < m->n_cpus; i++)
                if (mpart_cpuset_add(&present, m->cpus[i].id) < 0)
                        return NULL;
        if (mpart_cpuset_format_list(&present, &list) < 0)
                return NULL;
        FILE *f = open_memstream(&text, &size);
        if (!f)
                return NULL;
        for (size_t i = 0; i < ram->n; i++)
                fprintf(f, "ram 0x%" PRIx64 "-0x%" PRIx64 "\n", ram->items[i].start,
                                mpart_range_end(ram->items[i]) - 1);
        fprintf(f, "cpus %s\n", list);
        return fclose(f) == 0 ? TAKE_PTR(text) : NULL;
}

int machine_digest(const struct mpart_ranges *ram, const struct mpart_machine *m, const void *srat,
                size_t srat_size, char ret[static 65])
{
        _cleanup_free_ char *text = describe(ram, m);
        if (!text)
                return -ENOMEM;
        const struct iovec parts[] = { { text, strlen(text) }, { (void *)srat, srat ? srat_size : 0 } };
        sha256_digits(parts, ARRAY_SIZE(parts), ret);
        return 0;
}
