/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "bus.h"
#include "kernel-json.h"
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

static int fill_list(cJSON *o, const struct bus_kernels *kernels)
{
        cJSON *array = NULL, *item;
        if (!o || !cJSON_AddStringToObject(o, "format", "mpart-kernels") ||
                        json_add_u64(o, "version", LIST_VERSION) < 0 ||
                        !(array = cJSON_AddArrayToObject(o, "kernels")))
                return -ENOMEM;
        for (size_t i = 0; i < kernels->n; i++) {
                item = cJSON_CreateObject();
                if (!item)
                        return -ENOMEM;
                cJSON_AddItemToArray(array, item); /* cannot fail with both there */
                if (kernel_json_add(item, &kernels->items[i]) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int print_list_json(const struct bus_kernels *kernels)
{
        cJSON *o = cJSON_CreateObject();
        return kernel_json_print(o, fill_list(o, kernels));
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
