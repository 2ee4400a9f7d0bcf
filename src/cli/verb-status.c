/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "bus.h"
#include "json.h"
#include "macros.h"
#include "options.h"
#include "output.h"

#define LOG_LINES 10

static void print_field(const char *name, const char *value)
{
        printf("%12s: %s\n", name, value && *value ? value : "-");
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
        print_field("State", k->state);
        if (*k->reason)
                print_field("Reason", k->reason);
        print_since(k);
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
        print_stages(d);
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
        if (r < 0)
                return r;
        print_kernel(&kernels.items[i], &details);
        if (streq(kernels.items[i].state, "running") || streq(kernels.items[i].state, "failed"))
                print_log(bus, id);
        return 0;
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
