/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "fs.h"
#include "json.h"
#include "macros.h"
#include "record.h"

#define FORMAT "mpart-kernel-state"
#define VERSION 1

static char *path_of(const char *directory, unsigned kernel)
{
        char *path = NULL;
        return asprintf(&path, "%s/state-%u.json", directory, kernel) < 0 ? NULL : path;
}

static void delete_json(cJSON **o)
{
        cJSON_Delete(*o);
}

static int to_json(const struct kernel_record *r, char **ret)
{
        _cleanup_(delete_json) cJSON *o = cJSON_CreateObject();
        if (!o || !cJSON_AddStringToObject(o, "format", FORMAT) || json_add_u64(o, "version", VERSION) < 0 ||
                        json_add_u64(o, "kernel", r->kernel) < 0 ||
                        !cJSON_AddStringToObject(o, "digest", r->digest) ||
                        !cJSON_AddStringToObject(o, "state", kernel_state_to_string(r->state)) ||
                        !cJSON_AddStringToObject(o, "cause", kernel_cause_to_string(r->cause)) ||
                        !cJSON_AddStringToObject(o, "reason", r->reason ? r->reason : "") ||
                        json_add_u64(o, "timestamp", r->timestamp) < 0 ||
                        json_add_u64(o, "boot_timestamp", r->boot_timestamp) < 0 ||
                        !cJSON_AddBoolToObject(o, "holds", r->holds) ||
                        !cJSON_AddBoolToObject(o, "ending", r->ending) ||
                        json_add_u64(o, "old_note", r->old_note) < 0 ||
                        json_add_u64(o, "restarts", r->restarts) < 0 ||
                        json_add_u64(o, "restarts_since", r->restarts_since) < 0)
                return -ENOMEM;
        *ret = json_format(o);
        return *ret ? 0 : -ENOMEM;
}

int record_save(const char *directory, const struct kernel_record *r)
{
        _cleanup_free_ char *path = path_of(directory, r->kernel), *text = NULL;
        int result = path ? to_json(r, &text) : -ENOMEM;
        return result < 0 ? result : write_file_atomic(path, text, strlen(text), 0644);
}

static int check(struct kernel_record *r, unsigned kernel, const char *format, uint64_t version,
                struct mpart_error *e)
{
        if (!streq(format, FORMAT) || version != VERSION)
                return mpart_error_set(e, -EINVAL, "format %s version %llu is not %s version %d", format,
                                (unsigned long long)version, FORMAT, VERSION);
        if (r->kernel != kernel)
                return mpart_error_set(e, -EINVAL, "it is of kernel %u", r->kernel);
        if ((int)r->state < 0 || (int)r->cause < 0)
                return mpart_error_set(e, -EINVAL, "no such %s", (int)r->state < 0 ? "state" : "cause");
        return 0;
}

static int from_json(const cJSON *o, unsigned wanted, struct kernel_record *ret, struct mpart_error *e)
{
        const char *format, *digest, *state, *cause, *reason;
        uint64_t version, kernel, restarts;
        struct kernel_record r = { 0 };
        const struct json_field fields[] = {
                { "format", JSON_STRING, true, &format },
                { "version", JSON_U64, true, &version },
                { "kernel", JSON_U64, true, &kernel },
                { "digest", JSON_STRING, true, &digest },
                { "state", JSON_STRING, true, &state },
                { "cause", JSON_STRING, true, &cause },
                { "reason", JSON_STRING, true, &reason },
                { "timestamp", JSON_U64, true, &r.timestamp },
                { "boot_timestamp", JSON_U64, true, &r.boot_timestamp },
                { "holds", JSON_BOOL, true, &r.holds },
                { "ending", JSON_BOOL, true, &r.ending },
                { "old_note", JSON_U64, true, &r.old_note },
                { "restarts", JSON_U64, true, &restarts },
                { "restarts_since", JSON_U64, true, &r.restarts_since },
        };
        int result = json_dispatch(o, "state", fields, ARRAY_SIZE(fields), e);
        if (result < 0)
                return result;
        r.kernel = (unsigned)MIN(kernel, (uint64_t)UINT32_MAX);
        r.restarts = (unsigned)MIN(restarts, (uint64_t)UINT32_MAX);
        r.state = kernel_state_from_string(state);
        r.cause = kernel_cause_from_string(cause);
        snprintf(r.digest, sizeof(r.digest), "%s", digest);
        result = check(&r, wanted, format, version, e);
        if (result < 0)
                return result;
        r.reason = strdup(reason);
        if (!r.reason)
                return mpart_error_set(e, -ENOMEM, "out of memory");
        *ret = r;
        return 0;
}

int record_load(const char *directory, unsigned kernel, struct kernel_record *ret, struct mpart_error *e)
{
        _cleanup_free_ char *path = path_of(directory, kernel), *text = NULL;
        _cleanup_(delete_json) cJSON *o = NULL;
        if (!path)
                return mpart_error_set(e, -ENOMEM, "out of memory");
        int r = read_file_at(AT_FDCWD, path, MiB, &text, NULL);
        if (r == -ENOENT)
                return r;
        if (r < 0)
                return mpart_error_set(e, -EBADMSG, "%s: cannot be read: %s", path, strerror(-r));
        r = json_parse(text, &o, e);
        if (r == 0)
                r = from_json(o, kernel, ret, e);
        if (r < 0) {
                mpart_error_prefix(e, r, "%s", path);
                return -EBADMSG;
        }
        return 0;
}

void record_free(struct kernel_record *r)
{
        free(r->reason);
        *r = (struct kernel_record){ 0 };
}

int record_remove(const char *directory, unsigned kernel)
{
        _cleanup_free_ char *path = path_of(directory, kernel);
        if (!path)
                return -ENOMEM;
        return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

void runtime_set_aside(
                const char *directory, const char *kind, unsigned kernel, char ret[static RUNTIME_PATH_MAX])
{
        char from[RUNTIME_PATH_MAX];
        snprintf(from, sizeof(from), "%s/%s-%u.json", directory, kind, kernel);
        snprintf(ret, RUNTIME_PATH_MAX, "%s/%s-%u.json.bad", directory, kind, kernel);
        rename(from, ret);
}
