/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "bus.h"
#include "kernel-json.h"
#include "macros.h"
#include "options.h"
#include "output.h"

#define LOG_LINES 10
#define STATUS_VERSION 1

static void print_field(const char *name, const char *value)
{
        printf("%12s: %s\n", name, value && *value ? value : "-");
}

/* "failed (crash) since 2026-01-31 12:00:00" */
static void print_state(const struct bus_kernel *k)
{
        _cleanup_free_ char *text = NULL;
        text_add(&text, "%s", k->state);
        if (*k->cause && !streq(k->cause, "none"))
                text_add(&text, " (%s)", k->cause);
        if (k->state_timestamp)
                text_add(&text, " since %s", time_text(k->state_timestamp).text);
        print_field("State", text);
}

static void print_cpus(const struct bus_kernel *k)
{
        _cleanup_free_ char *text = NULL;
        text_add(&text, "%s", k->cpus);
        if (k->cpus_online)
                text_add(&text, " (%u in use)", k->cpus_online);
        print_field("CPUs", text);
}

static void print_since(const struct bus_kernel *k)
{
        struct timespec now;
        char text[96];
        if (k->boot_timestamp == 0)
                return;
        clock_gettime(CLOCK_REALTIME, &now);
        uint64_t up = (uint64_t)now.tv_sec - k->boot_timestamp / 1000000;
        snprintf(text, sizeof(text), "%s, up %" PRIu64 " d %02" PRIu64 ":%02" PRIu64 ":%02" PRIu64,
                        time_text(k->boot_timestamp).text, up / 86400, up / 3600 % 24, up / 60 % 60,
                        up % 60);
        print_field("Since", text);
}

static void print_stages(const struct bus_details *d)
{
        char text[160];
        if (d->stage_us[4] == 0)
                return;
        snprintf(text, sizeof(text),
                        "checked %.1f ms, CPUs taken %.1f ms, loaded %.1f ms, woken %.1f ms, came up %.1f ms",
                        (double)d->stage_us[0] / 1e3, (double)d->stage_us[1] / 1e3,
                        (double)d->stage_us[2] / 1e3, (double)d->stage_us[3] / 1e3,
                        (double)d->stage_us[4] / 1e3);
        print_field("Last boot", text);
}

/* The last words of its log, for those who may read it. */
static void print_log(struct sd_bus *bus, unsigned id)
{
        const struct bus_log_options options = { .lines = LOG_LINES };
        _cleanup_close_ int fd = -1;
        char block[4096];
        ssize_t n;
        if (bus_open_log(bus, id, &options, &fd, NULL) < 0)
                return;
        putchar('\n');
        while ((n = read(fd, block, sizeof(block))) > 0)
                fwrite(block, 1, (size_t)n, stdout);
}

static void print_kernel(const struct bus_kernel *k, const struct bus_details *d)
{
        printf("kernel %u (%s)\n", k->id, k->name);
        print_state(k);
        if (*k->reason)
                print_field("Reason", k->reason);
        print_since(k);
        print_field("Backend", k->backend);
        print_cpus(k);
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
        print_stages(d);
}

static int add_range(cJSON *array, const struct bus_memory *m)
{
        cJSON *o = cJSON_CreateObject();
        if (!o)
                return -ENOMEM;
        cJSON_AddItemToArray(array, o); /* cannot fail with both there */
        int r = json_add_u64(o, "start", m->start);
        if (r == 0)
                r = json_add_u64(o, "size", m->size);
        return r < 0 ? r : json_add_u64(o, "node", m->node);
}

static int fill_kernel(cJSON *o, const struct bus_kernel *k, const struct bus_details *d)
{
        static const char *const steps[] = { "check", "take_cpus", "load", "wake", "come_up" };
        cJSON *ranges, *pci, *times;
        if (!o || !cJSON_AddStringToObject(o, "format", "mpart-kernel") ||
                        json_add_u64(o, "version", STATUS_VERSION) < 0 || kernel_json_add(o, k) < 0 ||
                        !(ranges = cJSON_AddArrayToObject(o, "ranges")) ||
                        !(pci = cJSON_AddArrayToObject(o, "pci")) ||
                        !cJSON_AddStringToObject(o, "cmdline", d->cmdline) ||
                        !(times = cJSON_AddObjectToObject(o, "boot_steps_us")))
                return -ENOMEM;
        int r = 0;
        for (size_t i = 0; r == 0 && i < d->n_memory; i++)
                r = add_range(ranges, &d->memory[i]);
        for (char **p = d->pci; r == 0 && p && *p; p++)
                r = cJSON_AddItemToArray(pci, cJSON_CreateString(*p)) ? 0 : -ENOMEM;
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(steps); i++)
                r = json_add_u64(times, steps[i], d->stage_us[i]);
        return r;
}

static int show_kernel(struct sd_bus *bus, const struct bus_kernel *k, bool json, struct mpart_error *e)
{
        _cleanup_details_ struct bus_details details = { 0 };
        int r = bus_kernel_details(bus, k, &details, e);
        if (r < 0)
                return r;
        if (json) {
                cJSON *o = cJSON_CreateObject();
                return kernel_json_print(o, fill_kernel(o, k, &details));
        }
        print_kernel(k, &details);
        if (streq(k->state, "running") || streq(k->state, "failed"))
                print_log(bus, k->id);
        return 0;
}

static int status_of_kernel(struct sd_bus *bus, unsigned id, bool json, struct mpart_error *e)
{
        _cleanup_kernels_ struct bus_kernels kernels = { 0 };
        int r = bus_list_kernels(bus, &kernels, e);
        if (r < 0)
                return r;
        if (kernels.n == 0)
                return mpart_error_set(e, -ENOENT, NO_PLAN_TEXT);
        for (size_t i = 0; i < kernels.n; i++)
                if (kernels.items[i].id == id)
                        return show_kernel(bus, &kernels.items[i], json, e);
        return mpart_error_set(e, -ENOENT, "the plan has no kernel %u", id);
}

static int fill_plan(cJSON *o, const struct bus_manager *m)
{
        cJSON *lines;
        if (!o || !cJSON_AddStringToObject(o, "format", "mpart-status") ||
                        json_add_u64(o, "version", STATUS_VERSION) < 0 ||
                        !cJSON_AddStringToObject(o, "mpartd", m->version) ||
                        !cJSON_AddStringToObject(o, "machine", m->digest) ||
                        !cJSON_AddBoolToObject(o, "plan_in_effect", m->in_effect) ||
                        !(lines = cJSON_AddArrayToObject(o, "differences")))
                return -ENOMEM;
        char *rest = m->differences;
        for (char *line; (line = strsep(&rest, "\n"));)
                if (*line && !cJSON_AddItemToArray(lines, cJSON_CreateString(line)))
                        return -ENOMEM;
        return 0;
}

static void print_plan(const struct bus_manager *m)
{
        print_field("mpartd", m->version);
        print_field("Machine", m->digest);
        print_field("Plan", m->in_effect ? "in effect" : "not in effect");
        char *rest = m->differences;
        for (char *line; (line = strsep(&rest, "\n"));)
                if (*line)
                        printf("%14s%s\n", "", line);
}

static int status_of_plan(struct sd_bus *bus, bool json, struct mpart_error *e)
{
        _cleanup_manager_ struct bus_manager m = { 0 };
        int r = bus_manager_status(bus, &m, e);
        if (r < 0)
                return r;
        if (json) {
                cJSON *o = cJSON_CreateObject();
                return kernel_json_print(o, fill_plan(o, &m));
        }
        print_plan(&m);
        return 0;
}

int verb_status(const struct invocation *c, struct mpart_error *e)
{
        bool json = option_given(c, OPTION_JSON);
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
        return c->n_operands > 0 ? status_of_kernel(bus, id, json, e) : status_of_plan(bus, json, e);
}
