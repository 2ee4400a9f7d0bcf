/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>

#include "boot-options.h"
#include "table.h"

static const char *const end_names[_KERNEL_END_MAX] = {
        [END_CRASH] = "crash",
        [END_HANG] = "hang",
        [END_REBOOT] = "reboot",
        [END_POWER_OFF] = "poweroff",
};
DEFINE_TABLE(kernel_end, enum kernel_end, end_names)

static const char *const action_names[_END_ACTION_MAX] = {
        [ACTION_DEFAULT] = "default",
        [ACTION_STOP] = "stop",
        [ACTION_RESTART] = "restart",
        [ACTION_PRESERVE] = "preserve",
};
DEFINE_TABLE(end_action, enum end_action, action_names)

void boot_options_init(struct boot_options *o)
{
        *o = (struct boot_options){ .dump = true, .limit_burst = 3, .limit_interval = 60 };
}

void boot_options_free(struct boot_options *o)
{
        free(o->image);
        free(o->initrd);
        free(o->default_initrd);
        free(o->cmdline);
        boot_options_init(o);
}

static int copy_string(char **to, const char *from)
{
        *to = from ? strdup(from) : NULL;
        return from && !*to ? -ENOMEM : 0;
}

int boot_options_copy(struct boot_options *to, const struct boot_options *from)
{
        struct boot_options copy = *from;
        copy.image = copy.initrd = copy.default_initrd = copy.cmdline = NULL;
        if (copy_string(&copy.image, from->image) < 0 || copy_string(&copy.initrd, from->initrd) < 0 ||
                        copy_string(&copy.default_initrd, from->default_initrd) < 0 ||
                        copy_string(&copy.cmdline, from->cmdline) < 0) {
                boot_options_free(&copy);
                return -ENOMEM;
        }
        *to = copy;
        return 0;
}

static int set_path(char **to, const char *name, const char *value, struct mpart_error *e)
{
        if (*value != '/')
                return mpart_error_set(e, -EINVAL, "option \"%s\" must be an absolute path, not \"%s\"",
                                name, value);
        free(*to);
        *to = strdup(value);
        return *to ? 0 : mpart_error_set(e, -ENOMEM, "out of memory");
}

static int set_action(struct boot_options *o, const char *name, const char *value, struct mpart_error *e)
{
        const char *cause = startswith(name, "on-");
        enum kernel_end end = cause ? kernel_end_from_string(cause) : _KERNEL_END_INVALID;
        if (end < 0)
                return -ENOENT;
        enum end_action action = end_action_from_string(value);
        if (action < 0)
                return mpart_error_set(e, -EINVAL,
                                "option \"%s\" must be stop, restart or preserve, not \"%s\"", name, value);
        o->on[end] = action;
        return 0;
}

int boot_options_set(struct boot_options *o, const char *name, const char *value, struct mpart_error *e)
{
        if (streq(name, "image"))
                return set_path(&o->image, name, value, e);
        if (streq(name, "initrd"))
                return set_path(&o->initrd, name, value, e);
        if (streq(name, "default-initrd"))
                return set_path(&o->default_initrd, name, value, e);
        if (!streq(name, "cmdline"))
                return set_action(o, name, value, e);
        free(o->cmdline);
        o->cmdline = strdup(value);
        return o->cmdline ? 0 : mpart_error_set(e, -ENOMEM, "out of memory");
}

int boot_options_set_stop_timeout(struct boot_options *o, uint64_t seconds, struct mpart_error *e)
{
        if (seconds == 0 || seconds > MPART_STOP_TIMEOUT_MAX)
                return mpart_error_set(e, -EINVAL, "option \"stop-timeout\" must be from 1 to %u seconds",
                                MPART_STOP_TIMEOUT_MAX);
        o->stop_timeout = (uint32_t)seconds;
        return 0;
}

void boot_options_decide(struct boot_options *o, const struct mpart_plan_kernel *planned)
{
        const enum mpart_restart restart = planned->restart;
        if (o->stop_timeout == 0)
                o->stop_timeout = planned->stop_timeout ? planned->stop_timeout : STOP_TIMEOUT_DEFAULT;
        for (int i = 0; i < _KERNEL_END_MAX; i++) {
                bool died = i == END_CRASH || i == END_HANG;
                bool again = restart == MPART_RESTART_ALWAYS || i == END_REBOOT ||
                             (restart == MPART_RESTART_ON_FAILURE && died);
                if (o->on[i] == ACTION_DEFAULT)
                        o->on[i] = again ? ACTION_RESTART : ACTION_STOP;
        }
}

int boot_options_to_json(const struct boot_options *o, cJSON *parent)
{
        cJSON *j = cJSON_AddObjectToObject(parent, "options");
        if (!j)
                return -ENOMEM;
        if ((o->image && !cJSON_AddStringToObject(j, "image", o->image)) ||
                        (o->initrd && !cJSON_AddStringToObject(j, "initrd", o->initrd)) ||
                        (o->default_initrd &&
                                        !cJSON_AddStringToObject(j, "default-initrd", o->default_initrd)) ||
                        (o->cmdline && !cJSON_AddStringToObject(j, "cmdline", o->cmdline)))
                return -ENOMEM;
        for (int i = 0; i < _KERNEL_END_MAX; i++) {
                char name[32];
                snprintf(name, sizeof(name), "on-%s", kernel_end_to_string((enum kernel_end)i));
                if (!cJSON_AddStringToObject(j, name, action_names[o->on[i]]))
                        return -ENOMEM;
        }
        if (!cJSON_AddBoolToObject(j, "dump", o->dump) ||
                        json_add_u64(j, "limit-burst", o->limit_burst) < 0 ||
                        json_add_u64(j, "limit-interval", o->limit_interval) < 0 ||
                        json_add_u64(j, "stop-timeout", o->stop_timeout) < 0)
                return -ENOMEM;
        return 0;
}

int boot_options_from_json(const cJSON *o, struct boot_options *ret, struct mpart_error *e)
{
        static const char *const names[] = { "image", "initrd", "default-initrd", "cmdline", "on-crash",
                "on-hang", "on-reboot", "on-poweroff" };
        const char *values[ARRAY_SIZE(names)] = { 0 };
        struct boot_options options;
        uint64_t burst = 0, interval = 0, timeout = STOP_TIMEOUT_DEFAULT; /* older ledgers tell none */
        struct json_field fields[ARRAY_SIZE(names) + 4] = {
                { "dump", JSON_BOOL, true, &options.dump },
                { "limit-burst", JSON_U64, true, &burst },
                { "limit-interval", JSON_U64, true, &interval },
                { "stop-timeout", JSON_U64, false, &timeout },
        };
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                fields[4 + i] = (struct json_field){ names[i], JSON_STRING, false, &values[i] };

        boot_options_init(&options);
        int r = json_dispatch(o, "options", fields, ARRAY_SIZE(fields), e);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(names); i++)
                if (values[i])
                        r = boot_options_set(&options, names[i], values[i], e);
        if (r < 0) {
                boot_options_free(&options);
                return r;
        }
        options.limit_burst = (uint32_t)MIN(burst, UINT64_C(1000000));
        options.limit_interval = (uint32_t)MIN(interval, UINT64_C(86400));
        options.stop_timeout = (uint32_t)MIN(timeout, (uint64_t)MPART_STOP_TIMEOUT_MAX);
        *ret = options;
        return 0;
}
