/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists and masks: what is read comes back from what is written. */
#include "cpuset.h"
#include "fuzz.h"
#include "macros.h"

static void check(const struct mpart_cpuset *s)
{
        _cleanup_free_ char *list = NULL;
        _cleanup_cpuset_ struct mpart_cpuset again = { 0 };
        MUST(mpart_cpuset_format_list(s, &list) == 0);
        MUST(mpart_cpuset_parse_list(list, &again) == 0 && mpart_cpuset_equal(s, &again));
        size_t n = 0;
        MPART_CPUSET_FOREACH (cpu, s) {
                MUST(cpu < (int)MPART_CPU_LIMIT && mpart_cpuset_has(s, (unsigned)cpu));
                n++;
        }
        MUST(n == mpart_cpuset_count(s));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = input_text(data, size);
        _cleanup_cpuset_ struct mpart_cpuset list = { 0 }, mask = { 0 };
        if (mpart_cpuset_parse_list(text, &list) == 0)
                check(&list);
        if (mpart_cpuset_parse_mask(text, &mask) == 0)
                check(&mask);
        return 0;
}
