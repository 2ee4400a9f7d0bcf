/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <stdio.h>

#include "json.h"
#include "kmem.h"
#include "macros.h"

#define PREFIX_MAX 40
#define ESCAPED 4 /* bytes of "\x00" */
#define REPLACEMENT "\xef\xbf\xbd"

/* In the C locale. */
static bool is_shown(unsigned char c)
{
        return (c >= ' ' && c <= '~') || (c >= '\t' && c <= '\r');
}

char *mpart_klog_format(const struct mpart_klog_record *r)
{
        char *out = malloc(PREFIX_MAX + ESCAPED * r->length + 2);
        if (!out)
                return NULL;
        int n = snprintf(out, PREFIX_MAX, "[%5" PRIu64 ".%06" PRIu64 "] ", r->time_ns / 1000000000,
                        r->time_ns % 1000000000 / 1000);
        char *p = out + n;
        for (size_t i = 0; i < r->length; i++) {
                unsigned char c = (unsigned char)r->text[i];
                if (is_shown(c))
                        *p++ = (char)c;
                else
                        p += snprintf(p, ESCAPED + 1, "\\x%02x", c);
        }
        *p++ = '\n';
        *p = 0;
        return out;
}

/* Bytes of the UTF-8 sequence at `s` (RFC 3629), 0 where it is none. */
static size_t utf8_length(const unsigned char *s, size_t left)
{
        size_t n = s[0] < 0x80   ? 1
                   : s[0] < 0xc2 ? 0
                   : s[0] < 0xe0 ? 2
                   : s[0] < 0xf0 ? 3
                   : s[0] < 0xf5 ? 4
                                 : 0;
        if (n == 0 || n > left)
                return 0;
        for (size_t i = 1; i < n; i++)
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
        bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
        bool beyond = (s[0] == 0xed && s[1] >= 0xa0) || (s[0] == 0xf4 && s[1] >= 0x90);
        return overlong || beyond ? 0 : n;
}

static char *make_utf8(const char *text, size_t length)
{
        char *out = malloc(length * strlen(REPLACEMENT) + 1), *p = out;
        if (!out)
                return NULL;
        for (size_t i = 0; i < length;) {
                size_t n = text[i] ? utf8_length((const unsigned char *)text + i, length - i) : 0;
                memcpy(p, n ? text + i : REPLACEMENT, n ? n : strlen(REPLACEMENT));
                p += n ? n : strlen(REPLACEMENT);
                i += n ? n : 1;
        }
        *p = 0;
        return out;
}

char *mpart_klog_format_json(const struct mpart_klog_record *r)
{
        _cleanup_free_ char *text = make_utf8(r->text, r->length);
        cJSON *o = cJSON_CreateObject();
        char *line = NULL, *out = NULL;
        /* What a damaged record claims may be too large for a number that JSON carries exactly. */
        if (text && o && json_add_u64(o, "seq", r->seq & ((UINT64_C(1) << 53) - 1)) == 0 &&
                        json_add_u64(o, "time_us", MIN(r->time_ns / 1000, UINT64_C(1) << 53)) == 0 &&
                        json_add_u64(o, "level", r->level) == 0 &&
                        json_add_u64(o, "facility", r->facility) == 0 &&
                        json_add_u64(o, "caller", r->caller) == 0 &&
                        cJSON_AddStringToObject(o, "text", text))
                line = cJSON_PrintUnformatted(o);
        cJSON_Delete(o);
        if (line && asprintf(&out, "%s\n", line) < 0)
                out = NULL;
        cJSON_free(line);
        return out;
}
