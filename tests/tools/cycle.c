/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cycle COUNT KERNEL IMAGE: boots a kernel by the bus, waits until it runs, stops it; COUNT times. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#define NAME "org.mpartd1"
#define KERNEL "org.mpartd1.Kernel"

struct cycle {
        sd_bus *bus;
        char path[64];
        bool running, failed;
};

static int on_change(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        struct cycle *c = userdata;
        char *state = NULL;
        (void)m;
        if (sd_bus_get_property_string(c->bus, NAME, c->path, KERNEL, "State", error, &state) < 0)
                return 0;
        c->running = strcmp(state, "running") == 0;
        c->failed = strcmp(state, "failed") == 0;
        free(state);
        return 0;
}

static int turn(struct cycle *c, const char *image, sd_bus_error *error)
{
        c->running = c->failed = false;
        int r = sd_bus_call_method(c->bus, NAME, c->path, KERNEL, "Boot", error, NULL, "a{sv}", 2, "image",
                        "s", image, "dump", "b", 0);
        while (r >= 0 && !c->running && !c->failed) {
                r = sd_bus_process(c->bus, NULL);
                if (r == 0)
                        r = sd_bus_wait(c->bus, UINT64_MAX);
        }
        if (r >= 0 && c->failed)
                return -1;
        return r < 0 ? r : sd_bus_call_method(c->bus, NAME, c->path, KERNEL, "Stop", error, NULL, NULL);
}

int main(int argc, char **argv)
{
        struct cycle c = { 0 };
        sd_bus_error error = SD_BUS_ERROR_NULL;
        if (argc != 4 || sd_bus_open_system(&c.bus) < 0)
                return 2;
        snprintf(c.path, sizeof(c.path), "/org/mpartd1/kernel/%s", argv[2]);
        int r = sd_bus_match_signal(c.bus, NULL, NAME, c.path, "org.freedesktop.DBus.Properties",
                        "PropertiesChanged", on_change, &c);
        int count = atoi(argv[1]), done = 0;
        for (; r >= 0 && done < count; done++)
                r = turn(&c, argv[3], &error);
        printf("%d\n", done);
        if (r < 0)
                fprintf(stderr, "cycle %d: %s\n", done, error.message ? error.message : "the kernel failed");
        return r < 0;
}
