/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <time.h>

#include "bus.h"
#include "json.h"
#include "macros.h"
#include "options.h"

static void print_time(void)
{
        char text[32];
        time_t now = time(NULL);
        struct tm parts;
        localtime_r(&now, &parts);
        strftime(text, sizeof(text), "%F %T", &parts);
        printf("%s ", text);
}

static void print_change(void *data, const struct bus_change *change)
{
        bool caused = *change->cause && !streq(change->cause, "none");
        (void)data;
        print_time();
        printf("kernel %u: %s%s%s%s%s%s\n", change->id, change->state, caused ? " (" : "",
                        caused ? change->cause : "", caused ? ")" : "", *change->reason ? ": " : "",
                        change->reason);
        fflush(stdout);
}

static void print_change_json(void *data, const struct bus_change *change)
{
        (void)data;
        cJSON *o = cJSON_CreateObject();
        char *text = NULL;
        if (o && json_add_u64(o, "time", (uint64_t)time(NULL)) == 0 &&
                        json_add_u64(o, "id", change->id) == 0 &&
                        cJSON_AddStringToObject(o, "state", change->state) &&
                        cJSON_AddStringToObject(o, "cause", change->cause) &&
                        cJSON_AddStringToObject(o, "reason", change->reason))
                text = cJSON_PrintUnformatted(o);
        if (text)
                puts(text);
        fflush(stdout);
        free(text);
        cJSON_Delete(o);
}

static bool never(const void *data)
{
        (void)data;
        return false;
}

int verb_monitor(const struct invocation *c, struct mpart_error *e)
{
        bool json = option_given(c, OPTION_JSON);
        struct bus_follow follow = { .changed = json ? print_change_json : print_change, .done = never };
        _cleanup_bus_ struct sd_bus *bus = NULL;
        int r = bus_open(&bus, e);
        if (r == 0)
                r = bus_follow_start(bus, &follow, e);
        return r < 0 ? r : bus_follow_wait(bus, &follow, e);
}
