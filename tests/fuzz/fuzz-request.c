/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Request documents: read, or refused with a sentence. */
#include "fuzz.h"
#include "macros.h"
#include "request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = input_text(data, size);
        _cleanup_(mpart_request_freep) struct mpart_request *request = NULL;
        struct mpart_error e = MPART_ERROR_INIT;
        if (mpart_request_from_json(text, &request, &e) < 0)
                MUST(e.text[0] && !request);
        return 0;
}
