/* SPDX-License-Identifier: GPL-2.0-or-later */
/* make-boot DIRECTORY: the boot of one secondary as files, for an emulator or a look. Prints one line per
 * segment, "segment ADDRESS SIZE FILE WHAT" ("-" for a segment of zeros), then the addresses of the boot. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "boot.h"
#include "fs.h"
#include "macros.h"

#define FILE_LIMIT (512 * MiB)
#define LIST_MAX 64

struct options {
        const char *kernel, *ramdisk, *cmdline;
        uint64_t low, pm_timer;
        struct mpart_plan_memory memory[LIST_MAX];
        size_t n_memory;
        struct mpart_boot_cpu cpus[LIST_MAX];
        size_t n_cpus;
};

static void usage(FILE *f)
{
        fprintf(f, "make-boot --kernel FILE [--ramdisk FILE] --cmdline TEXT --low ADDRESS [--pm-timer PORT]\n"
                   "          --memory START:SIZE[:NODE]... --cpu APIC-ID[:NODE]... DIRECTORY\n");
}

/* Reads up to `n` numbers, C notation, with colons between them. How many, or -EINVAL. */
static int parse_numbers(const char *text, uint64_t *ret, int n)
{
        for (int i = 0; i < n; i++) {
                char *end;
                errno = 0;
                ret[i] = strtoull(text, &end, 0);
                if (errno || end == text || (*end && *end != ':'))
                        return -EINVAL;
                if (!*end)
                        return i + 1;
                text = end + 1;
        }
        return -EINVAL;
}

static int add_memory(struct options *o, const char *text)
{
        uint64_t v[3] = { 0 };
        if (o->n_memory == LIST_MAX || parse_numbers(text, v, 3) < 2)
                return -EINVAL;
        o->memory[o->n_memory++] = (struct mpart_plan_memory){ v[0], v[1], (unsigned)v[2] };
        return 0;
}

static int add_cpu(struct options *o, const char *text)
{
        uint64_t v[2] = { 0 };
        if (o->n_cpus == LIST_MAX || parse_numbers(text, v, 2) < 1)
                return -EINVAL;
        o->cpus[o->n_cpus++] = (struct mpart_boot_cpu){ (uint32_t)v[0], (unsigned)v[1] };
        return 0;
}

static int parse_options(int argc, char **argv, struct options *o)
{
        static const struct option names[] = {
                { "kernel", required_argument, NULL, 'k' },
                { "ramdisk", required_argument, NULL, 'r' },
                { "cmdline", required_argument, NULL, 'c' },
                { "low", required_argument, NULL, 'l' },
                { "pm-timer", required_argument, NULL, 't' },
                { "memory", required_argument, NULL, 'm' },
                { "cpu", required_argument, NULL, 'p' },
                { NULL, 0, NULL, 0 },
        };
        int c, r = 0;
        while (r >= 0 && (c = getopt_long(argc, argv, "", names, NULL)) >= 0) {
                switch (c) {
                case 'k':
                        o->kernel = optarg;
                        break;
                case 'r':
                        o->ramdisk = optarg;
                        break;
                case 'c':
                        o->cmdline = optarg;
                        break;
                case 'l':
                        r = parse_numbers(optarg, &o->low, 1);
                        break;
                case 't':
                        r = parse_numbers(optarg, &o->pm_timer, 1);
                        break;
                case 'm':
                        r = add_memory(o, optarg);
                        break;
                case 'p':
                        r = add_cpu(o, optarg);
                        break;
                default:
                        r = -EINVAL;
                }
        }
        return r < 0 || !o->kernel || !o->cmdline || !o->n_memory || !o->n_cpus || optind != argc - 1
                               ? -EINVAL
                               : 0;
}

/* The end of the largest range, as a plan has it. */
static int place_shared(const struct options *o, struct mpart_range *ret, struct mpart_error *e)
{
        struct mpart_layout layout;
        int r = mpart_layout_make(o->memory, o->n_memory, 0, 0, MPART_SHARED_SIZE, &layout, e);
        if (r == 0)
                *ret = layout.shared;
        return r;
}

static int write_boot(const char *directory, const struct mpart_boot *boot)
{
        for (size_t i = 0; i < boot->n_segments; i++) {
                const struct mpart_segment *s = &boot->segments[i];
                _cleanup_free_ char *path = NULL;
                if (asprintf(&path, "%s/%02zu.bin", directory, i) < 0)
                        return -ENOMEM;
                if (s->data_size > 0) {
                        int r = write_file_atomic(path, s->data, s->data_size, 0644);
                        if (r < 0)
                                return r;
                }
                printf("segment 0x%" PRIx64 " 0x%" PRIx64 " %s %s\n", s->address, s->size,
                                s->data_size > 0 ? path : "-", s->what);
        }
        printf("start 0x%" PRIx64 "\nreached 0x%" PRIx64 "\nreset 0x%" PRIx64 "\n", boot->start_address,
                        boot->reached_address, boot->reset_address);
        return 0;
}

static int make(const struct options *o, const char *directory, struct mpart_error *e)
{
        _cleanup_free_ char *kernel = NULL, *ramdisk = NULL;
        _cleanup_(mpart_boot_freep) struct mpart_boot *boot = NULL;
        size_t kernel_size, ramdisk_size = 0;
        struct mpart_image image;

        int r = read_file_at(AT_FDCWD, o->kernel, FILE_LIMIT, &kernel, &kernel_size);
        if (r == 0 && o->ramdisk)
                r = read_file_at(AT_FDCWD, o->ramdisk, FILE_LIMIT, &ramdisk, &ramdisk_size);
        if (r < 0)
                return mpart_error_set(e, r, "cannot read kernel or ramdisk: %s", strerror(-r));
        r = mpart_image_probe(kernel, kernel_size, o->kernel, &image, e);
        if (r < 0)
                return r;

        struct mpart_plan_kernel kernels[2] = { { .id = 0 },
                { .id = 1,
                                .memory = (struct mpart_plan_memory *)o->memory,
                                .n_memory = o->n_memory,
                                .low_memory = { o->low, MPART_LOW_WINDOW_SIZE } } };
        const struct mpart_plan plan = { .kernels = kernels, .n_kernels = ARRAY_SIZE(kernels) };
        r = place_shared(o, &kernels[1].shared, e);
        if (r < 0)
                return r;
        const struct mpart_boot_request request = {
                .plan = &plan,
                .kernel = 1,
                .cpus = o->cpus,
                .n_cpus = o->n_cpus,
                .image = &image,
                .ramdisk = ramdisk,
                .ramdisk_size = ramdisk_size,
                .cmdline = o->cmdline,
                .pm_timer = (uint16_t)o->pm_timer,
        };
        r = mpart_boot_build(&request, &boot, e);
        if (r < 0)
                return r;
        printf("release %s\n", *image.release ? image.release : "-");
        r = write_boot(directory, boot);
        return r < 0 ? mpart_error_set(e, r, "cannot write to %s: %s", directory, strerror(-r)) : 0;
}

int main(int argc, char **argv)
{
        struct options o = { 0 };
        struct mpart_error e = MPART_ERROR_INIT;
        if (parse_options(argc, argv, &o) < 0) {
                usage(stderr);
                return 2;
        }
        if (make(&o, argv[optind], &e) < 0) {
                fprintf(stderr, "make-boot: %s\n", e.text);
                return 1;
        }
        return 0;
}
