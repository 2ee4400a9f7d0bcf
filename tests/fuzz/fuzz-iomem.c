/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fuzz.h"
#include "iomem.h"
#include "macros.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = input_text(data, size);
        struct mpart_error e = MPART_ERROR_INIT;
        struct iomem map = { 0 };
        if (iomem_parse(text, &map, &e) < 0) {
                MUST(e.text[0] && map.ram.n == 0);
                return 0;
        }
        MUST(map.ram.n > 0);
        for (size_t i = 0; i < map.ram.n; i++) {
                MUST(map.ram.items[i].start % MPART_PAGE_SIZE == 0 &&
                                map.ram.items[i].size % MPART_PAGE_SIZE == 0);
                MUST(map.ram.items[i].start >= MPART_PAGE_SIZE && map.ram.items[i].size > 0);
        }
        iomem_free(&map);
        return 0;
}
