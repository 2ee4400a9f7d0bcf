/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>

#include "bus.h"
#include "macros.h"
#include "options.h"
#include "output.h"

/* A kernel whose boot is awaited. */
struct awaited {
        unsigned id;
        bool settled, running;
        char *reason; /* why it does not run, once settled */
};

struct boot_watch {
        struct awaited *kernels;
        size_t n;
};

static void boot_watch_free(struct boot_watch *w)
{
        for (size_t i = 0; i < w->n; i++)
                free(w->kernels[i].reason);
        free(w->kernels);
}

static void on_state(void *data, unsigned id, const char *state, const char *reason)
{
        struct boot_watch *w = data;
        for (size_t i = 0; i < w->n; i++) {
                struct awaited *k = &w->kernels[i];
                if (k->id != id || k->settled)
                        continue;
                printf("kernel %u: %s%s%s\n", id, state, *reason ? ": " : "", reason);
                fflush(stdout);
                k->running = streq(state, "running");
                /* stopped by someone else: it will not come up either */
                k->settled = k->running || streq(state, "failed") || streq(state, "inactive");
                if (k->settled && !k->running)
                        k->reason = strdup(*reason ? reason : state);
        }
}

static bool all_settled(const void *data)
{
        const struct boot_watch *w = data;
        for (size_t i = 0; i < w->n; i++)
                if (!w->kernels[i].settled)
                        return false;
        return true;
}

static int boot_result(const struct boot_watch *w, struct mpart_error *e)
{
        size_t n_failed = 0;
        const struct awaited *last = NULL;
        for (size_t i = 0; i < w->n; i++) {
                if (w->kernels[i].running)
                        continue;
                last = &w->kernels[i];
                n_failed++;
        }
        if (n_failed == 0)
                return 0;
        if (w->n == 1)
                return mpart_error_set(e, -EIO, "kernel %u does not run: %s", last->id,
                                last->reason ? last->reason : "");
        return mpart_error_set(e, -EIO, "%zu of %zu kernels do not run", n_failed, w->n);
}

static int watch_kernels(struct boot_watch *w, const unsigned *ids, size_t n)
{
        w->kernels = calloc(n ? n : 1, sizeof(*w->kernels));
        if (!w->kernels)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                w->kernels[i].id = ids[i];
        w->n = n;
        return 0;
}

static int request_boot(struct sd_bus *bus, bool all, unsigned id, const struct bus_boot_options *o,
                struct boot_watch *w, struct mpart_error *e)
{
        if (!all) {
                int r = bus_boot(bus, id, o, e);
                return r < 0 ? r : watch_kernels(w, &id, 1);
        }
        _cleanup_free_ unsigned *ids = NULL;
        size_t n;
        int r = bus_boot_all(bus, o, &ids, &n, e);
        return r < 0 ? r : watch_kernels(w, ids, n);
}

int verb_boot(const struct invocation *c, struct mpart_error *e)
{
        unsigned id = 0;
        bool all;
        int r = operand_kernel(c, &id, &all, e);
        if (r != 0)
                return r;
        _cleanup_free_ char *image = NULL, *initrd = NULL;
        r = option_path(c, OPTION_IMAGE, &image, e);
        if (r == 0)
                r = option_path(c, OPTION_INITRD, &initrd, e);
        if (r < 0)
                return r;

        _cleanup_(boot_watch_free) struct boot_watch watch = { 0 };
        struct bus_follow follow = { .changed = on_state, .done = all_settled, .data = &watch };
        _cleanup_bus_ struct sd_bus *bus = NULL;
        r = bus_open(&bus, e);
        if (r == 0)
                r = bus_follow_start(bus, &follow, e);
        struct bus_boot_options options = {
                .image = image, .initrd = initrd, .cmdline = c->value[OPTION_CMDLINE]
        };
        if (r == 0)
                r = request_boot(bus, all, id, &options, &watch, e);
        if (r < 0 || option_given(c, OPTION_NO_WAIT))
                return r;

        r = bus_follow_wait(bus, &follow, e);
        return r < 0 ? r : boot_result(&watch, e);
}

static int stop_one(struct sd_bus *bus, unsigned id, struct mpart_error *e)
{
        int r = bus_stop(bus, id, e);
        if (r == 0)
                printf("kernel %u: stopped\n", id);
        return r;
}

/* Goes on behind a kernel that does not stop; the first error is the result. */
static int stop_all(struct sd_bus *bus, struct mpart_error *e)
{
        _cleanup_kernels_ struct bus_kernels kernels = { 0 };
        int result = bus_list_kernels(bus, &kernels, e);
        for (size_t i = 0; i < kernels.n; i++) {
                if (!bus_kernel_is_up(&kernels.items[i]))
                        continue;
                struct mpart_error error = MPART_ERROR_INIT;
                int r = stop_one(bus, kernels.items[i].id, &error);
                if (r < 0 && result == 0)
                        result = mpart_error_set(e, r, "kernel %u: %s", kernels.items[i].id, error.text);
        }
        return result;
}

int verb_stop(const struct invocation *c, struct mpart_error *e)
{
        unsigned id = 0;
        bool all;
        int r = operand_kernel(c, &id, &all, e);
        if (r != 0)
                return r;
        _cleanup_bus_ struct sd_bus *bus = NULL;
        r = bus_open(&bus, e);
        if (r < 0)
                return r;
        return all ? stop_all(bus, e) : stop_one(bus, id, e);
}
