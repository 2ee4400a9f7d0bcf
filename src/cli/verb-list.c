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
#define NO_PLAN_TEXT "there is no saved plan: make one with \"mpartctl plan --save\""

struct time_text {
        char text[32];
};

/* Local time, or "-" for a kernel that does not run. */
static struct time_text time_text(uint64_t usec)
{
        struct time_text t = { "-" };
        time_t seconds = (time_t)(usec / 1000000);
        struct tm tm;
        if (usec != 0 && localtime_r(&seconds, &tm))
                strftime(t.text, sizeof(t.text), "%Y-%m-%d %H:%M:%S", &tm);
        return t;
}

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
        _cleanup_(table_freep) struct table *t = table_new(columns, ARRAY_SIZE(columns));
        if (!t)
                return -ENOMEM;
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

static void delete_json(cJSON **o)
{
        cJSON_Delete(*o);
}

static int print_list_json(const struct bus_kernels *kernels)
{
        _cleanup_(delete_json) cJSON *o = cJSON_CreateObject();
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

static void print_field(const char *name, const char *value)
{
        printf("%12s: %s\n", name, value && *value ? value : "-");
}

static void print_kernel(const struct bus_kernel *k, const struct bus_details *d)
{
        printf("kernel %u (%s)\n", k->id, k->name);
        print_field("State", k->state);
        if (*k->reason)
                print_field("Reason", k->reason);
        print_field("Since", time_text(k->boot_timestamp).text);
        print_field("Backend", k->backend);
        print_field("CPUs", k->cpus);
        print_field("Memory", size_text(k->memory).text);
        for (size_t i = 0; i < d->n_memory; i++) {
                _cleanup_free_ char *range = NULL;
                text_add_range(&range, d->memory[i].start, d->memory[i].size);
                printf("%14s%s on node %u (%s)\n", "", range ? range : "", d->memory[i].node,
                                size_text(d->memory[i].size).text);
        }
        for (char **p = d->pci; p && *p; p++)
                print_field("PCI", *p);
        print_field("Command line", d->cmdline);
}

static int status_of_kernel(struct sd_bus *bus, unsigned id, struct mpart_error *e)
{
        _cleanup_kernels_ struct bus_kernels kernels = { 0 };
        int r = bus_list_kernels(bus, &kernels, e);
        if (r < 0)
                return r;
        size_t i = 0;
        while (i < kernels.n && kernels.items[i].id != id)
                i++;
        if (kernels.n == 0)
                return mpart_error_set(e, -ENOENT, NO_PLAN_TEXT);
        if (i == kernels.n)
                return mpart_error_set(e, -ENOENT, "the plan has no kernel %u", id);

        _cleanup_details_ struct bus_details details = { 0 };
        r = bus_kernel_details(bus, &kernels.items[i], &details, e);
        if (r == 0)
                print_kernel(&kernels.items[i], &details);
        return r;
}

static int status_of_plan(struct sd_bus *bus, struct mpart_error *e)
{
        _cleanup_manager_ struct bus_manager m = { 0 };
        int r = bus_manager_status(bus, &m, e);
        if (r < 0)
                return r;
        print_field("mpartd", m.version);
        print_field("Machine", m.digest);
        print_field("Plan", m.in_effect ? "in effect" : "not in effect");
        char *rest = m.differences;
        for (char *line; (line = strsep(&rest, "\n"));)
                if (*line)
                        printf("%14s%s\n", "", line);
        return 0;
}

int verb_status(const struct invocation *c, struct mpart_error *e)
{
        unsigned id;
        if (c->n_operands > 0) {
                int r = operand_kernel(c, &id, NULL, e);
                if (r != 0)
                        return r;
        }
        _cleanup_bus_ struct sd_bus *bus = NULL;
        int r = bus_open(&bus, e);
        if (r < 0)
                return r;
        return c->n_operands > 0 ? status_of_kernel(bus, id, e) : status_of_plan(bus, e);
}
