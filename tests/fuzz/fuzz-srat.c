/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table as it is, and once more with its length and checksum put right, to get past the first checks. */
#include "fuzz.h"
#include "macros.h"
#include "srat.h"

static void parse(const uint8_t *data, size_t size)
{
        struct mpart_error e = MPART_ERROR_INIT;
        struct srat s = { 0 };
        if (srat_parse(data, size, &s, &e) < 0) {
                MUST(e.text[0] && s.n_domains == 0);
                return;
        }
        for (size_t i = 0; i < s.n_memory; i++)
                MUST(s.memory[i].size > 0 && s.memory[i].start + s.memory[i].size >= s.memory[i].start);
        for (size_t i = 0; i < s.n_domains; i++)
                for (size_t k = 0; k < i; k++)
                        MUST(s.domains[i] != s.domains[k]);
        srat_free(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        parse(data, size);
        if (size < 48 || size > UINT16_MAX)
                return 0;
        _cleanup_free_ uint8_t *table = (uint8_t *)input_text(data, size);
        uint32_t length = (uint32_t)size;
        uint8_t sum = 0;
        memcpy(table, "SRAT", 4);
        memcpy(table + 4, &length, sizeof(length));
        table[9] = 0;
        for (size_t i = 0; i < size; i++)
                sum = (uint8_t)(sum + table[i]);
        table[9] = (uint8_t)-sum;
        parse(table, size);
        return 0;
}
