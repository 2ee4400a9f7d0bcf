/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel-json.h"

#include <errno.h>

#include "macros.h"
#include "output.h"

int kernel_json_add(cJSON *o, const struct bus_kernel *k)
{
        bool added = json_add_u64(o, "id", k->id) == 0 && cJSON_AddStringToObject(o, "name", k->name) &&
                     cJSON_AddStringToObject(o, "state", k->state) &&
                     cJSON_AddStringToObject(o, "cause", k->cause) &&
                     cJSON_AddStringToObject(o, "reason", k->reason) &&
                     json_add_u64(o, "state_since", k->state_timestamp) == 0 &&
                     json_add_u64(o, "boot_time", k->boot_timestamp) == 0 &&
                     cJSON_AddStringToObject(o, "cpus", k->cpus) &&
                     json_add_u64(o, "cpus_online", k->cpus_online) == 0 &&
                     json_add_u64(o, "memory", k->memory) == 0 &&
                     cJSON_AddStringToObject(o, "backend", k->backend);
        return added ? 0 : -ENOMEM;
}

int kernel_json_print(cJSON *o, int r)
{
        _cleanup_free_ char *text = r == 0 && o ? json_format(o) : NULL;
        cJSON_Delete(o);
        if (text)
                print_document(text);
        return r < 0 ? r : text ? 0 : -ENOMEM;
}
