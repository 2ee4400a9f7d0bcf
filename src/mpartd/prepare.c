/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All that is checked and built before a boot takes anything. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "clocks.h"
#include "fs.h"
#include "macros.h"
#include "native.h"
#include "region.h"

#define FILE_LIMIT (4 * GiB)

static int check_lockdown(int root, struct mpart_error *e)
{
        _cleanup_free_ char *text = NULL;
        int r = read_line_at(root, "sys/kernel/security/lockdown", &text);
        if (r < 0 || strstr(text, "[none]")) /* absent: no lockdown in this kernel */
                return 0;
        return mpart_error_set(e, -EPERM,
                        "the primary is locked down (/sys/kernel/security/lockdown: %s): /dev/mem is "
                        "closed; switch Secure Boot off, or leave out lockdown=",
                        text);
}

static int check_cpu(const struct native_boot *b, const struct mpart_machine *m, unsigned cpu,
                struct mpart_boot_cpu *ret, struct mpart_error *e)
{
        const struct mpart_cpu *c = mpart_machine_cpu(m, cpu);
        if (cpu == 0)
                return mpart_error_set(e, -EBUSY, "CPU 0 stays with the primary");
        if (!c)
                return mpart_error_set(e, -ENODEV, "CPU %u is not present", cpu);
        if (cpugate_is_online(&b->native->cpus, cpu) != 1)
                return mpart_error_set(e, -EBUSY,
                                "CPU %u is offline in the primary: somebody else uses it, or it was "
                                "switched off; bring it back first (echo 1 > /sys/devices/system/cpu/cpu%u/online)",
                                cpu, cpu);
        if (c->apic_id == MPART_APIC_ID_UNKNOWN)
                return mpart_error_set(e, -ENODATA, "CPU %u: /proc/cpuinfo does not tell its APIC id", cpu);
        *ret = (struct mpart_boot_cpu){ c->apic_id, c->node < 0 ? 0 : (unsigned)c->node };
        return 0;
}

static int collect_cpus(struct native_boot *b, const struct mpart_plan_kernel *k,
                const struct mpart_machine *m, struct mpart_error *e)
{
        size_t n = mpart_cpuset_count(&k->cpus);
        b->cpus = calloc(n, sizeof(*b->cpus));
        b->cpu_numbers = calloc(n, sizeof(*b->cpu_numbers));
        if (!b->cpus || !b->cpu_numbers)
                return mpart_error_set(e, -ENOMEM, "out of memory");

        b->cpu_numbers[b->n_cpus++] = k->boot_cpu;
        MPART_CPUSET_FOREACH (cpu, &k->cpus) {
                if ((unsigned)cpu != k->boot_cpu)
                        b->cpu_numbers[b->n_cpus++] = (unsigned)cpu;
        }
        for (size_t i = 0; i < n; i++) {
                int r = check_cpu(b, m, b->cpu_numbers[i], &b->cpus[i], e);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* What the daemon read at its start will do where it tells the APIC ids; of CPUs that were offline then it
 * does not. */
static bool knows_apic_ids(const struct mpart_machine *m, const struct mpart_cpuset *cpus)
{
        MPART_CPUSET_FOREACH (cpu, cpus) {
                const struct mpart_cpu *c = mpart_machine_cpu(m, (unsigned)cpu);
                if (c && c->apic_id == MPART_APIC_ID_UNKNOWN)
                        return false;
        }
        return true;
}

static int check_machine(struct native_boot *b, const struct mpart_plan_kernel *k, struct mpart_error *e)
{
        _cleanup_(mpart_machine_freep) struct mpart_machine *again = NULL;
        const struct mpart_machine *m = b->machine;
        if (!m || !knows_apic_ids(m, &k->cpus)) {
                int r = mpart_machine_read("/", &again, e);
                if (r < 0)
                        return r;
                m = again;
        }
        if (!streq(m->digest, b->plan->digest))
                return mpart_error_set(e, -ESTALE,
                                "the plan was made for another machine; make a new one (mpartctl plan --save)");
        int r = collect_cpus(b, k, m, e);
        if (r == 0)
                r = check_lockdown(b->native->root, e);
        if (r == 0)
                r = physmem_check(&b->native->mem, &b->claim, e);
        if (r == 0)
                r = cpugate_check(&b->native->cpus, e);
        return r;
}

static int make_cmdline(struct native_boot *b, const struct mpart_plan_kernel *k, struct mpart_error *e)
{
        char region[REGION_WORD_MAX];
        region_word(k, region);
        int n = asprintf(&b->cmdline, "%s tsc_early_khz=%u%s%s%s%s", k->cmdline_linux,
                        tsc_khz_since(b->native->tsc),
                        clocks_tsc_is_good(b->native->root) ? " tsc=reliable" : "", region,
                        b->extra && *b->extra ? " " : "", b->extra ? b->extra : "");
        if (n < 0) {
                b->cmdline = NULL;
                return mpart_error_set(e, -ENOMEM, "out of memory");
        }
        return 0;
}

static int open_initrd(struct native_boot *b, uint64_t *ret_size, struct mpart_error *e)
{
        struct stat st;
        if (!b->initrd_path)
                return 0;
        b->initrd_fd = open(b->initrd_path, O_RDONLY | O_CLOEXEC);
        if (b->initrd_fd < 0 || fstat(b->initrd_fd, &st) < 0)
                return mpart_error_set(e, -errno, "%s: %s", b->initrd_path, strerror(errno));
        if (!S_ISREG(st.st_mode))
                return mpart_error_set(e, -EINVAL, "%s: not a regular file", b->initrd_path);
        *ret_size = (uint64_t)st.st_size;
        return 0;
}

int native_prepare(struct native_boot *b, struct mpart_error *e)
{
        const struct mpart_plan_kernel *k = mpart_plan_kernel(b->plan, b->kernel);
        size_t image_size;
        uint64_t initrd_size = 0;

        int r = claim_make(k, &b->claim);
        if (r < 0)
                return mpart_error_set(e, r, "out of memory");
        r = check_machine(b, k, e);
        if (r == 0)
                r = read_input_at(AT_FDCWD, b->image_path, FILE_LIMIT, &b->image_data, &image_size, e);
        if (r == 0)
                r = mpart_image_probe(b->image_data, image_size, b->image_path, &b->image, e);
        if (r == 0)
                r = open_initrd(b, &initrd_size, e);
        if (r == 0)
                r = make_cmdline(b, k, e);
        if (r < 0)
                return r;

        const struct mpart_boot_request request = {
                .plan = b->plan,
                .kernel = b->kernel,
                .cpus = b->cpus,
                .n_cpus = b->n_cpus,
                .image = &b->image,
                .ramdisk_size = initrd_size,
                .cmdline = b->cmdline,
                .pm_timer = clocks_pm_timer(b->native->root),
        };
        return mpart_boot_build(&request, &b->boot, e);
}
