/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "fs.h"
#include "json.h"
#include "ledger.h"
#include "table.h"

#define FORMAT "mpart-ledger"
#define VERSION 1

static const char *const stage_names[_LEDGER_STAGE_MAX] = {
        [LEDGER_LOADING] = "loading",
        [LEDGER_BOOTING] = "booting",
        [LEDGER_RUNNING] = "running",
        [LEDGER_STOPPING] = "stopping",
        [LEDGER_UNSURE] = "unsure",
};
DEFINE_TABLE(ledger_stage, enum ledger_stage, stage_names)

static const char *const kind_names[_TAKEN_MAX] = {
        [TAKEN_CPU] = "cpu",
        [TAKEN_LOW] = "low-memory",
        [TAKEN_WOKEN] = "woken",
};
DEFINE_TABLE(taken_kind, enum taken_kind, kind_names)

int ledger_new(const char *directory, unsigned kernel, const char *digest, struct ledger **ret)
{
        _cleanup_(ledger_freep) struct ledger *l = calloc(1, sizeof(*l));
        if (!l || asprintf(&l->path, "%s/kernel-%u.json", directory, kernel) < 0)
                return -ENOMEM;
        l->kernel = kernel;
        boot_options_init(&l->options);
        snprintf(l->digest, sizeof(l->digest), "%s", digest);
        *ret = TAKE_PTR(l);
        return 0;
}

void ledger_free(struct ledger *l)
{
        if (!l)
                return;
        free(l->path);
        boot_options_free(&l->options);
        free(l->cmdline);
        free(l->taken);
        free(l);
}

static int entry_to_json(const struct taken *t, cJSON *array)
{
        cJSON *o = cJSON_CreateObject();
        if (!o || !cJSON_AddItemToArray(array, o) ||
                        !cJSON_AddStringToObject(o, "what", kind_names[t->kind]))
                return -ENOMEM;
        if (t->kind != TAKEN_CPU)
                return 0;
        int r = json_add_u64(o, "cpu", t->cpu);
        return r < 0 ? r : json_add_u64(o, "apic_id", t->apic_id);
}

static int to_json(const struct ledger *l, char **ret)
{
        _cleanup_json_ cJSON *o = cJSON_CreateObject();
        if (!o || !cJSON_AddStringToObject(o, "format", FORMAT) || json_add_u64(o, "version", VERSION) < 0 ||
                        json_add_u64(o, "kernel", l->kernel) < 0 ||
                        !cJSON_AddStringToObject(o, "digest", l->digest) ||
                        !cJSON_AddStringToObject(o, "stage", stage_names[l->stage]) ||
                        json_add_u64(o, "boot_timestamp", l->boot_timestamp) < 0 ||
                        json_add_u64(o, "vmcoreinfo", l->vmcoreinfo) < 0 ||
                        json_add_u64(o, "reset_address", l->reset_address) < 0 ||
                        boot_options_to_json(&l->options, o) < 0 ||
                        !cJSON_AddStringToObject(o, "cmdline", l->cmdline ? l->cmdline : ""))
                return -ENOMEM;
        cJSON *array = cJSON_AddArrayToObject(o, "taken");
        if (!array)
                return -ENOMEM;
        for (size_t i = 0; i < l->n_taken; i++)
                if (entry_to_json(&l->taken[i], array) < 0)
                        return -ENOMEM;
        *ret = json_format(o);
        return *ret ? 0 : -ENOMEM;
}

static int save(const struct ledger *l, struct mpart_error *e)
{
        _cleanup_free_ char *text = NULL;
        int r = to_json(l, &text);
        if (r == 0)
                r = write_file_atomic(l->path, text, strlen(text), 0644);
        if (r < 0)
                return mpart_error_set(e, r, "%s: cannot be written: %s", l->path, strerror(-r));
        return 0;
}

/* For tests: the daemon dies at the step that MPARTD_KILL_AT names, right after it is on disk. */
static void fault_point(const char *verb, const char *name)
{
        const char *wanted = getenv("MPARTD_KILL_AT");
        char step[64];
        if (!wanted)
                return;
        snprintf(step, sizeof(step), "%s-%s", verb, name);
        if (streq(step, wanted))
                kill(getpid(), SIGKILL);
}

int ledger_add(struct ledger *l, struct taken what)
{
        int r = grow_array(&l->taken, &l->capacity, l->n_taken + 1, sizeof(*l->taken));
        if (r == 0)
                l->taken[l->n_taken++] = what;
        return r;
}

int ledger_take(struct ledger *l, struct taken what, struct mpart_error *e)
{
        int r = ledger_add(l, what);
        if (r < 0)
                return mpart_error_set(e, r, "out of memory");
        r = save(l, e);
        if (r < 0)
                l->n_taken--;
        else
                fault_point("take", kind_names[what.kind]);
        return r;
}

int ledger_set_stage(struct ledger *l, enum ledger_stage stage, struct mpart_error *e)
{
        enum ledger_stage old = l->stage;
        l->stage = stage;
        int r = save(l, e);
        if (r < 0)
                l->stage = old;
        else
                fault_point("stage", stage_names[stage]);
        return r;
}

int ledger_drop(struct ledger *l, enum taken_kind kind, struct mpart_error *e)
{
        for (size_t i = l->n_taken; i-- > 0;)
                if (l->taken[i].kind == kind) {
                        memmove(l->taken + i, l->taken + i + 1, (l->n_taken - i - 1) * sizeof(*l->taken));
                        l->n_taken--;
                        break;
                }
        int r = save(l, e);
        if (r == 0)
                fault_point("drop", kind_names[kind]);
        return r;
}

const struct taken *ledger_last(const struct ledger *l)
{
        return l->n_taken ? &l->taken[l->n_taken - 1] : NULL;
}

int ledger_remove_file(const struct ledger *l)
{
        return unlink(l->path) < 0 && errno != ENOENT ? -errno : 0;
}

static int entry_from_json(const cJSON *o, size_t index, struct ledger *l, struct mpart_error *e)
{
        const char *what;
        uint64_t cpu = 0, apic_id = 0;
        char where[32];
        const struct json_field fields[] = {
                { "what", JSON_STRING, true, &what },
                { "cpu", JSON_U64, false, &cpu },
                { "apic_id", JSON_U64, false, &apic_id },
        };
        snprintf(where, sizeof(where), "taken[%zu]", index);
        int r = json_dispatch(o, where, fields, ARRAY_SIZE(fields), e);
        if (r < 0)
                return r;
        enum taken_kind kind = taken_kind_from_string(what);
        if (kind < 0 || cpu >= UINT32_MAX || apic_id > UINT32_MAX)
                return mpart_error_set(e, -EINVAL, "%s: what is \"%s\"?", where, what);
        return ledger_add(l, (struct taken){ kind, (unsigned)cpu, (uint32_t)apic_id });
}

static int from_json(const cJSON *o, struct ledger *l, struct mpart_error *e)
{
        const char *format, *digest, *stage, *cmdline;
        const cJSON *taken, *item, *options;
        uint64_t version, kernel;
        const struct json_field fields[] = {
                { "format", JSON_STRING, true, &format },
                { "version", JSON_U64, true, &version },
                { "kernel", JSON_U64, true, &kernel },
                { "digest", JSON_STRING, true, &digest },
                { "stage", JSON_STRING, true, &stage },
                { "boot_timestamp", JSON_U64, true, &l->boot_timestamp },
                { "vmcoreinfo", JSON_U64, true, &l->vmcoreinfo },
                { "reset_address", JSON_U64, true, &l->reset_address },
                { "options", JSON_OBJECT, true, &options },
                { "cmdline", JSON_STRING, true, &cmdline },
                { "taken", JSON_ARRAY, true, &taken },
        };
        int r = json_dispatch(o, "ledger", fields, ARRAY_SIZE(fields), e);
        if (r < 0)
                return r;
        if (!streq(format, FORMAT) || version != VERSION)
                return mpart_error_set(e, -EINVAL, "format %s version %u is not %s version %d", format,
                                (unsigned)version, FORMAT, VERSION);
        l->stage = ledger_stage_from_string(stage);
        if (kernel != l->kernel || l->stage < 0)
                return mpart_error_set(e, -EINVAL, "kernel %u in stage \"%s\"?", (unsigned)kernel, stage);
        snprintf(l->digest, sizeof(l->digest), "%s", digest);
        l->cmdline = strdup(cmdline);
        boot_options_free(&l->options);
        r = boot_options_from_json(options, &l->options, e);
        if (r < 0)
                return r;
        size_t i = 0;
        cJSON_ArrayForEach (item, taken) {
                r = entry_from_json(item, i++, l, e);
                if (r < 0)
                        return r;
        }
        return l->cmdline ? 0 : -ENOMEM;
}

int ledger_load(const char *directory, unsigned kernel, struct ledger **ret, struct mpart_error *e)
{
        _cleanup_(ledger_freep) struct ledger *l = NULL;
        _cleanup_free_ char *text = NULL;
        _cleanup_json_ cJSON *o = NULL;

        int r = ledger_new(directory, kernel, "", &l);
        if (r < 0)
                return r;
        r = read_file_at(AT_FDCWD, l->path, MiB, &text, NULL);
        if (r == -ENOENT)
                return r;
        if (r < 0)
                return mpart_error_set(e, -EBADMSG, "%s: cannot be read: %s", l->path, strerror(-r));
        r = json_parse(text, &o, e);
        if (r == 0)
                r = from_json(o, l, e);
        if (r < 0) {
                mpart_error_prefix(e, r, "%s", l->path);
                return -EBADMSG;
        }
        *ret = TAKE_PTR(l);
        return 0;
}
