/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "bus.h"
#include "json.h"
#include "macros.h"
#include "options.h"
#include "output.h"

#define LIST_VERSION 1

static const char *state_color(const char *state)
{
        if (streq(state, "running"))
                return "green";
        if (streq(state, "failed"))
                return "red";
        return streq(state, "inactive") ? NULL : "yellow";
}

static int print_list(const struct bus_kernels *kernels, struct mpart_error *e)
{
        static const struct column columns[] = { { "ID", true }, { "NAME", false }, { "STATE", false },
                { "CPUS", false }, { "MEMORY", true }, { "SINCE", false }, { "REASON", false } };
        _cleanup_(table_freep) struct table *t = table_new(columns, ARRAY_SIZE(columns), e);
        if (!t)
                return e->code;
        for (size_t i = 0; i < kernels->n; i++) {
                const struct bus_kernel *k = &kernels->items[i];
                table_row(t);
                table_cell(t, 0, "%u", k->id);
                table_cell(t, 1, "%s", k->name);
                table_cell(t, 2, "%s", k->state);
                table_color(t, 2, state_color(k->state));
                table_cell(t, 3, "%s", k->cpus);
                table_cell(t, 4, "%s", size_text(k->memory).text);
                table_cell(t, 5, "%s", time_text(k->boot_timestamp).text);
                table_cell(t, 6, "%s", k->reason);
        }
        return table_print(t, e);
}

static int add_kernel(cJSON *array, const struct bus_kernel *k)
{
        cJSON *o = cJSON_CreateObject();
        if (!o)
                return -ENOMEM;
        cJSON_AddItemToArray(array, o); /* cannot fail with both there */
        bool added = json_add_u64(o, "id", k->id) == 0 && cJSON_AddStringToObject(o, "name", k->name) &&
                     cJSON_AddStringToObject(o, "state", k->state) &&
                     cJSON_AddStringToObject(o, "reason", k->reason) &&
                     cJSON_AddStringToObject(o, "cpus", k->cpus) &&
                     json_add_u64(o, "memory", k->memory) == 0 &&
                     cJSON_AddStringToObject(o, "backend", k->backend);
        return added ? 0 : -ENOMEM;
}

static int print_list_json(const struct bus_kernels *kernels)
{
        _cleanup_json_ cJSON *o = cJSON_CreateObject();
        cJSON *array = NULL;
        if (!o || !cJSON_AddStringToObject(o, "format", "mpart-kernels") ||
                        json_add_u64(o, "version", LIST_VERSION) < 0 ||
                        !(array = cJSON_AddArrayToObject(o, "kernels")))
                return -ENOMEM;
        for (size_t i = 0; i < kernels->n; i++)
                if (add_kernel(array, &kernels->items[i]) < 0)
                        return -ENOMEM;
        _cleanup_free_ char *text = json_format(o);
        if (!text)
                return -ENOMEM;
        print_document(text);
        return 0;
}

int verb_list(const struct invocation *c, struct mpart_error *e)
{
        _cleanup_bus_ struct sd_bus *bus = NULL;
        int r = bus_open(&bus, e);
        if (r < 0)
                return r;
        _cleanup_kernels_ struct bus_kernels kernels = { 0 };
        r = bus_list_kernels(bus, &kernels, e);
        if (r < 0)
                return r;
        if (option_given(c, OPTION_JSON))
                return print_list_json(&kernels);
        if (kernels.n == 0) {
                tell(NO_PLAN_TEXT);
                return 0;
        }
        return print_list(&kernels, e);
}
