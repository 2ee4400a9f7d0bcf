/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON objects enter through one dispatch table: an unknown, duplicate, missing or wrongly typed field is an
 * error that names the field. On top of libcjson. */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "macros.h"

static inline void json_deletep(cJSON **o)
{
        cJSON_Delete(*o);
}
#define _cleanup_json_ _cleanup_(json_deletep)

enum json_type {
        JSON_STRING, /* const char **, borrowed from the tree */
        JSON_U64,    /* uint64_t *; whole numbers 0..2^53 only: beyond that a double is not exact */
        JSON_SIZE,   /* uint64_t *; as JSON_U64, or a string that parse_size() reads: "2G" */
        JSON_BOOL,   /* bool * */
        JSON_ARRAY,  /* const cJSON ** */
        JSON_OBJECT, /* const cJSON ** */
};

struct json_field {
        const char *name;
        enum json_type type;
        bool required;
        void *ret; /* as the type says; untouched where an optional field is absent */
};

/* Parses a text whole: anything but white space behind the value is an error that tells the line. The caller
 * frees *ret with cJSON_Delete. 0, -EINVAL or -ENOMEM. */
int json_parse(const char *text, cJSON **ret, struct mpart_error *e);

/* Reads the object `o`. `where` is what errors call it ("kernels[2]"). 0 or -EINVAL. */
int json_dispatch(const cJSON *o, const char *where, const struct json_field *fields, size_t n_fields,
                struct mpart_error *e);

/* Text of a tree: indented for people. The caller frees it with free(). NULL: out of memory. */
char *json_format(const cJSON *o);

/* Adds a whole number (at most 2^53). 0 or -ENOMEM. */
int json_add_u64(cJSON *o, const char *name, uint64_t value);
