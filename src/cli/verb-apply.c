/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bus.h"
#include "fs.h"
#include "kexec.h"
#include "macros.h"
#include "options.h"
#include "output.h"
#include "plan-source.h"

/* Secondaries would go down with the primary, mid-write. */
static int refuse_running_kernels(struct mpart_error *e)
{
        _cleanup_bus_ struct sd_bus *bus = NULL;
        _cleanup_kernels_ struct bus_kernels kernels = { 0 };
        int r = bus_open(&bus, e);
        if (r == 0)
                r = bus_list_kernels(bus, &kernels, e);
        if (r == BUS_NO_DAEMON) /* nobody could have booted one */
                return 0;
        for (size_t i = 0; i < kernels.n && r == 0; i++) {
                const struct bus_kernel *k = &kernels.items[i];
                if (bus_kernel_is_up(k))
                        r = mpart_error_set(e, -EBUSY,
                                        "kernel %u is %s: stop it first (\"mpartctl stop all\")", k->id,
                                        k->state);
        }
        return r;
}

static int check_plan(const struct mpart_plan *plan, struct mpart_error *e)
{
        _cleanup_(mpart_machine_freep) struct mpart_machine *m = NULL;
        int r = mpart_machine_read("/", &m, e);
        if (r == 0)
                r = mpart_plan_check(plan, m, e);
        return r < 0 ? mpart_error_prefix(e, r, "the saved plan cannot be applied") : 0;
}

static int new_command_line(const char *running, char **ret, struct mpart_error *e)
{
        _cleanup_(mpart_plan_freep) struct mpart_plan *plan = NULL;
        int r = plan_saved(&plan, e);
        if (r == 0 && geteuid() == 0) /* only root sees the memory map; who is not may look (--dry-run) */
                r = check_plan(plan, e);
        return r < 0 ? r : mpart_cmdline_for_primary(running, plan, ret, e);
}

/* What a kexec is made of. */
struct restart {
        char *image, *ramdisk, *cmdline; /* ramdisk NULL: none */
};

static void restart_free(struct restart *r)
{
        free(r->image);
        free(r->ramdisk);
        free(r->cmdline);
}

/* A path below the root directory as an absolute one; NULL stays NULL. */
static int from_root(const char *path, char **ret)
{
        if (path && asprintf(ret, "/%s", path) < 0) {
                *ret = NULL;
                return -ENOMEM;
        }
        return 0;
}

/* The files that the options name, else the running kernel's. A kernel of the user's choice has no ramdisk
 * but the one he names. */
static int choose_files(
                const struct invocation *c, const char *running, struct restart *ret, struct mpart_error *e)
{
        struct utsname name;
        _cleanup_close_ int root = open_root("/");
        if (root < 0 || uname(&name) < 0)
                return root < 0 ? root : -errno;

        _cleanup_free_ char *image = NULL, *ramdisk = NULL;
        int r = option_path(c, OPTION_KERNEL, &ret->image, e);
        if (r == 0)
                r = option_path(c, OPTION_INITRD, &ret->ramdisk, e);
        if (r == 0 && !ret->image && !ret->ramdisk)
                r = kexec_find_ramdisk(root, name.release, &ramdisk);
        if (r == 0 && !ret->image)
                r = kexec_find_image(root, running, name.release, &image, e);
        if (r == 0)
                r = from_root(image, &ret->image);
        return r == 0 ? from_root(ramdisk, &ret->ramdisk) : r;
}

static int prepare(const struct invocation *c, struct restart *ret, struct mpart_error *e)
{
        _cleanup_free_ char *running = NULL;
        int r = read_line_at(AT_FDCWD, "/proc/cmdline", &running);
        if (r < 0)
                return mpart_error_set(e, r, "/proc/cmdline cannot be read: %s", strerror(-r));
        r = choose_files(c, running, ret, e);
        return r < 0 ? r : new_command_line(running, &ret->cmdline, e);
}

static int confirm(const struct invocation *c, struct mpart_error *e)
{
        if (option_given(c, OPTION_YES))
                return 0;
        if (!isatty(STDIN_FILENO))
                return mpart_error_set(e, -ECANCELED, "nobody can be asked whether to restart: give --yes");
        fputs("This restarts the machine's primary kernel now. Go on? [y/N] ", stderr);
        int answer = getchar();
        if (answer == 'y' || answer == 'Y')
                return 0;
        return mpart_error_set(e, -ECANCELED, "nothing was changed");
}

int verb_apply(const struct invocation *c, struct mpart_error *e)
{
        bool dry_run = option_given(c, OPTION_DRY_RUN);
        if (!dry_run && geteuid() != 0)
                return mpart_error_set(
                                e, -EPERM, "only root may load a kernel (--dry-run shows what would be)");

        _cleanup_(restart_free) struct restart restart = { 0 };
        int r = prepare(c, &restart, e);
        if (r < 0)
                return r;
        if (dry_run) {
                printf("kernel: %s\nramdisk: %s\ncommand line: %s\n", restart.image,
                                restart.ramdisk ? restart.ramdisk : "none", restart.cmdline);
                return 0;
        }

        r = refuse_running_kernels(e);
        if (r == 0)
                r = confirm(c, e);
        struct kexec_request request = {
                .image = restart.image, .ramdisk = restart.ramdisk, .cmdline = restart.cmdline
        };
        if (r == 0)
                r = kexec_load_primary(&request, e);
        if (r < 0)
                return r;
        tell("%s is loaded; systemd stops the services and starts it.", restart.image);
        return kexec_start(e);
}
