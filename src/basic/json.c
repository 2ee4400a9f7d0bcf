/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "json.h"
#include "macros.h"
#include "size.h"

#define EXACT_LIMIT 9007199254740992.0 /* 2^53 */

static unsigned line_of(const char *text, const char *at)
{
        unsigned line = 1;
        for (; text < at && *text; text++)
                if (*text == '\n')
                        line++;
        return line;
}

int json_parse(const char *text, cJSON **ret, struct mpart_error *e)
{
        const char *end = NULL;
        cJSON *o = cJSON_ParseWithOpts(text, &end, 0);
        if (!o)
                return mpart_error_set(e, -EINVAL, "not JSON: syntax error in line %u",
                                line_of(text, end ? end : text));
        while (isspace((unsigned char)*end))
                end++;
        if (*end) {
                unsigned line = line_of(text, end);
                cJSON_Delete(o);
                return mpart_error_set(e, -EINVAL, "not JSON: text behind the value in line %u", line);
        }
        *ret = o;
        return 0;
}

static const struct json_field *find_field(const char *name, const struct json_field *fields, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (streq(fields[i].name, name))
                        return &fields[i];
        return NULL;
}

static bool store_number(const cJSON *value, uint64_t *ret)
{
        double d = value->valuedouble;
        if (!cJSON_IsNumber(value) || d < 0 || d > EXACT_LIMIT || floor(d) != d)
                return false;
        *ret = (uint64_t)d;
        return true;
}

/* Stores one value; NULL where it fits, else the type that was wanted. */
static const char *store(const cJSON *value, const struct json_field *field)
{
        switch (field->type) {
        case JSON_STRING:
                if (!cJSON_IsString(value))
                        return "a string";
                *(const char **)field->ret = value->valuestring;
                return NULL;
        case JSON_U64:
                return store_number(value, field->ret) ? NULL : "a whole number from 0 to 2^53";
        case JSON_SIZE:
                if (cJSON_IsString(value) ? parse_size(value->valuestring, field->ret) == 0
                                          : store_number(value, field->ret))
                        return NULL;
                return "a size: bytes, or a string such as \"2G\"";
        case JSON_BOOL:
                if (!cJSON_IsBool(value))
                        return "true or false";
                *(bool *)field->ret = cJSON_IsTrue(value);
                return NULL;
        case JSON_ARRAY:
                if (!cJSON_IsArray(value))
                        return "an array";
                break;
        case JSON_OBJECT:
                if (!cJSON_IsObject(value))
                        return "an object";
                break;
        }
        *(const cJSON **)field->ret = value;
        return NULL;
}

int json_dispatch(const cJSON *o, const char *where, const struct json_field *fields, size_t n_fields,
                struct mpart_error *e)
{
        if (!cJSON_IsObject(o))
                return mpart_error_set(e, -EINVAL, "%s: must be an object", where);

        const cJSON *value;
        cJSON_ArrayForEach (value, o) {
                const struct json_field *field = find_field(value->string, fields, n_fields);
                if (!field)
                        return mpart_error_set(e, -EINVAL, "%s: unknown field \"%s\"", where, value->string);
                if (cJSON_GetObjectItemCaseSensitive(o, value->string) != value)
                        return mpart_error_set(e, -EINVAL, "%s: field \"%s\" stands there twice", where,
                                        value->string);
                const char *wanted = store(value, field);
                if (wanted)
                        return mpart_error_set(e, -EINVAL, "%s: field \"%s\" must be %s", where,
                                        value->string, wanted);
        }
        for (size_t i = 0; i < n_fields; i++)
                if (fields[i].required && !cJSON_GetObjectItemCaseSensitive(o, fields[i].name))
                        return mpart_error_set(
                                        e, -EINVAL, "%s: field \"%s\" is missing", where, fields[i].name);
        return 0;
}

char *json_format(const cJSON *o)
{
        return cJSON_Print(o);
}

int json_add_u64(cJSON *o, const char *name, uint64_t value)
{
        /* As text: cJSON's own numbers print large values with an exponent. */
        char text[24];
        snprintf(text, sizeof(text), "%" PRIu64, value);
        return cJSON_AddRawToObject(o, name, text) ? 0 : -ENOMEM;
}
