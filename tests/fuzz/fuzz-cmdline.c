/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmdline.h"
#include "fuzz.h"
#include "macros.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = input_text(data, size);
        _cleanup_(mpart_cmdline_free) struct mpart_cmdline c = { 0 };
        struct mpart_error e = MPART_ERROR_INIT;
        if (mpart_cmdline_parse(text, &c, &e) < 0)
                MUST(e.text[0] && c.n_words == 0);
        return 0;
}
