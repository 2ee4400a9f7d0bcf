/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A fuzz target is one file that defines LLVMFuzzerTestOneInput (llvm.org/docs/LibFuzzer.html). */
#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold of every input; a failure is a crash that the fuzzer keeps. */
#define MUST(condition)                                                                                     \
        do {                                                                                                \
                if (!(condition))                                                                           \
                        abort();                                                                            \
        } while (0)

/* The input as a string of its own, so that a read behind it is found. */
static inline char *input_text(const uint8_t *data, size_t size)
{
        char *text = malloc(size + 1);
        MUST(text);
        memcpy(text, data, size);
        text[size] = 0;
        return text;
}
