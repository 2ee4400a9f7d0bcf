/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plan documents: what is read can be written, and reads as the same plan; and it can be drawn. */
#include "fuzz.h"
#include "macros.h"
#include "plan-svg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = input_text(data, size), *written = NULL, *again = NULL, *picture = NULL;
        _cleanup_(mpart_plan_freep) struct mpart_plan *plan = NULL, *same = NULL;
        struct mpart_error e = MPART_ERROR_INIT;
        if (mpart_plan_from_json(text, &plan, &e) < 0) {
                MUST(e.text[0] && !plan);
                return 0;
        }
        MUST(mpart_plan_to_json(plan, &written) == 0);
        MUST(mpart_plan_from_json(written, &same, &e) == 0);
        MUST(mpart_plan_to_json(same, &again) == 0 && streq(written, again));
        MUST(mpart_plan_to_svg(plan, NULL, &picture) == 0);
        return 0;
}
