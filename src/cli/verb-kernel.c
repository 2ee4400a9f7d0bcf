/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>

#include "bus.h"
#include "default-initrd.h"
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
        size_t n, capacity;
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

/* Kernels that nobody waited for (--no-wait) are neither good nor bad. */
static int boot_result(const struct boot_watch *w, struct mpart_error *e)
{
        size_t n_failed = 0;
        const struct awaited *last = NULL;
        for (size_t i = 0; i < w->n; i++) {
                if (w->kernels[i].running || !w->kernels[i].settled)
                        continue;
                last = &w->kernels[i];
                n_failed++;
        }
        if (n_failed == 0)
                return 0;
        if (w->n == 1)
                return mpart_error_set(e, -EIO, "kernel %u does not run%s%s", last->id,
                                last->reason ? ": " : "", last->reason ? last->reason : "");
        return mpart_error_set(e, -EIO, "%zu of %zu kernels do not run", n_failed, w->n);
}

static int watch_kernel(struct boot_watch *w, struct awaited kernel)
{
        int r = grow_array(&w->kernels, &w->capacity, w->n + 1, sizeof(*w->kernels));
        if (r == 0)
                w->kernels[w->n++] = kernel;
        return r;
}

static bool is_watched(const struct boot_watch *w, unsigned id)
{
        for (size_t i = 0; i < w->n; i++)
                if (w->kernels[i].id == id)
                        return true;
        return false;
}

/* BootAll passes over kernels that it refuses: they count as not running. */
static int watch_refused(struct sd_bus *bus, struct boot_watch *w, struct mpart_error *e)
{
        _cleanup_kernels_ struct bus_kernels kernels = { 0 };
        int r = bus_list_kernels(bus, &kernels, e);
        for (size_t i = 0; i < kernels.n && r == 0; i++) {
                const struct bus_kernel *k = &kernels.items[i];
                if (k->id == 0 || bus_kernel_is_up(k) || is_watched(w, k->id))
                        continue;
                printf("kernel %u: refused (\"mpartctl boot %u\" tells why)\n", k->id, k->id);
                r = watch_kernel(w, (struct awaited){ .id = k->id, .settled = true });
        }
        return r;
}

static int request_boot(struct sd_bus *bus, bool all, unsigned id, const struct bus_boot_options *o,
                struct boot_watch *w, struct mpart_error *e)
{
        if (!all) {
                int r = bus_boot(bus, id, o, e);
                return r < 0 ? r : watch_kernel(w, (struct awaited){ .id = id });
        }
        _cleanup_free_ unsigned *ids = NULL;
        size_t n;
        int r = bus_boot_all(bus, o, &ids, &n, e);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n && r == 0; i++)
                r = watch_kernel(w, (struct awaited){ .id = ids[i] });
        return r < 0 ? r : watch_refused(bus, w, e);
}

/* Not where there is no plan: then nothing boots, and the daemon says so. */
static int make_fallback(struct sd_bus *bus, const char *image, char **ret, struct mpart_error *e)
{
        _cleanup_kernels_ struct bus_kernels kernels = { 0 };
        int r = bus_list_kernels(bus, &kernels, e);
        return r < 0 || kernels.n == 0 ? r : default_initrd(image, ret, e);
}

int verb_boot(const struct invocation *c, struct mpart_error *e)
{
        unsigned id = 0;
        bool all;
        int r = operand_kernel(c, &id, &all, e);
        if (r != 0)
                return r;
        if (option_given(c, OPTION_INITRD) && option_given(c, OPTION_NO_INITRD))
                return usage_error(e, "boot: --initrd and --no-initrd exclude each other");
        _cleanup_free_ char *image = NULL, *initrd = NULL, *fallback = NULL;
        r = option_path(c, OPTION_IMAGE, &image, e);
        if (r == 0)
                r = option_path(c, OPTION_INITRD, &initrd, e);
        if (r < 0)
                return r;

        _cleanup_(boot_watch_free) struct boot_watch watch = { 0 };
        struct bus_follow follow = { .changed = on_state, .done = all_settled, .data = &watch };
        _cleanup_bus_ struct sd_bus *bus = NULL;
        r = bus_open(&bus, e);
        if (r == 0 && !initrd && !option_given(c, OPTION_NO_INITRD))
                r = make_fallback(bus, image, &fallback, e);
        if (r == 0)
                r = bus_follow_start(bus, &follow, e);
        struct bus_boot_options options = {
                .image = image,
                .initrd = initrd,
                .default_initrd = fallback,
                .cmdline = c->value[OPTION_CMDLINE],
                .on_crash = c->value[OPTION_ON_CRASH],
                .on_hang = c->value[OPTION_ON_HANG],
                .on_reboot = c->value[OPTION_ON_REBOOT],
                .on_poweroff = c->value[OPTION_ON_POWEROFF],
                .no_dump = option_given(c, OPTION_NO_DUMP),
        };
        if (r == 0)
                r = request_boot(bus, all, id, &options, &watch, e);
        if (r < 0)
                return r;
        if (!option_given(c, OPTION_NO_WAIT))
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

/* The first kernel that is still up is the error. */
static int find_unstopped(struct sd_bus *bus, struct mpart_error *e)
{
        _cleanup_kernels_ struct bus_kernels kernels = { 0 };
        int r = bus_list_kernels(bus, &kernels, e);
        for (size_t i = 0; i < kernels.n && r == 0; i++) {
                const struct bus_kernel *k = &kernels.items[i];
                if (bus_kernel_is_up(k))
                        r = mpart_error_set(e, -EIO, "kernel %u is %s: %s", k->id, k->state, k->reason);
        }
        return r;
}

static int stop_all(struct sd_bus *bus, struct mpart_error *e)
{
        _cleanup_free_ unsigned *ids = NULL;
        size_t n = 0;
        int r = bus_stop_all(bus, &ids, &n, e);
        for (size_t i = 0; r == 0 && i < n; i++)
                printf("kernel %u: stopped\n", ids[i]);
        return r < 0 ? r : find_unstopped(bus, e);
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
