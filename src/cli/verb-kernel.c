/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>

#include "boot-progress.h"
#include "bus.h"
#include "default-initrd.h"
#include "macros.h"
#include "options.h"
#include "output.h"

/* BootAll passes over kernels that it refuses: they count as not running. */
static int await_refused(struct sd_bus *bus, struct boot_progress *p, struct mpart_error *e)
{
        _cleanup_kernels_ struct bus_kernels kernels = { 0 };
        int r = bus_list_kernels(bus, &kernels, e);
        for (size_t i = 0; i < kernels.n && r == 0; i++) {
                const struct bus_kernel *k = &kernels.items[i];
                if (k->id != 0 && !bus_kernel_is_up(k) && !boot_progress_awaits(p, k->id))
                        r = boot_progress_refused(p, k->id);
        }
        return r;
}

static int request_boot(struct sd_bus *bus, bool all, unsigned id, const struct bus_boot_options *o,
                struct boot_progress *p, struct mpart_error *e)
{
        if (!all) {
                int r = bus_boot(bus, id, o, e);
                return r < 0 ? r : boot_progress_await(p, id);
        }
        _cleanup_free_ unsigned *ids = NULL;
        size_t n;
        int r = bus_boot_all(bus, o, &ids, &n, e);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n && r == 0; i++)
                r = boot_progress_await(p, ids[i]);
        return r < 0 ? r : await_refused(bus, p, e);
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

        _cleanup_(boot_progress_freep) struct boot_progress *progress = NULL;
        r = boot_progress_new(&progress);
        if (r < 0)
                return mpart_error_set(e, r, "out of memory");
        struct bus_follow follow = {
                .changed = boot_progress_changed,
                .tick = boot_progress_tick,
                .done = boot_progress_settled,
                .data = progress,
        };
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
                r = request_boot(bus, all, id, &options, progress, e);
        if (r < 0)
                return r;
        if (!option_given(c, OPTION_NO_WAIT))
                r = bus_follow_wait(bus, &follow, e);
        return r < 0 ? r : boot_progress_result(progress, e);
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
