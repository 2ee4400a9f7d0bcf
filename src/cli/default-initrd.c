/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "boot.h"
#include "default-initrd.h"
#include "fs.h"
#include "macros.h"
#include "output.h"
#include "plan-source.h"

#define KEYS MPART_CONFIG_DIR "/authorized_keys"
#define RELEASE_MAX 72

const char *agent_path(void)
{
        const char *named = getenv("MPART_AGENT");
        return named && *named ? named : MPART_AGENT;
}

int initrd_write(const struct mpart_initrd_request *request, const char *path, struct mpart_error *e)
{
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r = mpart_initrd_build(request, &data, &size, e);
        if (r < 0)
                return r;
        r = write_file_atomic(path, data, size, 0600);
        return r < 0 ? mpart_error_set(e, r, "%s cannot be written: %s", path, strerror(-r)) : 0;
}

/* A vmlinux tells its release in the banner that it prints first: "Linux version 6.1.0-13 (...". */
static void banner_release(const struct mpart_image *image, char *ret, size_t size)
{
        static const char banner[] = "Linux version ";
        assert(image->data);
        const char *at = memmem(image->data, image->size, banner, sizeof(banner) - 1);
        const char *end = (const char *)image->data + image->size;
        size_t n = 0;
        for (at = at ? at + sizeof(banner) - 1 : end; at + n < end && n < size - 1 && at[n] > ' '; n++)
                ret[n] = at[n];
        ret[n] = 0;
}

static int image_release(const char *path, char *ret, size_t size, struct mpart_error *e)
{
        _cleanup_free_ char *data = NULL;
        size_t data_size;
        struct mpart_image image = { 0 };
        int r = read_boot_file(path, &data, &data_size, e);
        if (r == 0)
                r = mpart_image_probe(data, data_size, path, &image, e);
        if (r < 0)
                return r;
        if (*image.release)
                snprintf(ret, size, "%s", image.release);
        else
                banner_release(&image, ret, size);
        if (*ret && !strchr(ret, '/'))
                return 0;
        return mpart_error_set(e, -EINVAL,
                        "%s does not tell its version, so its modules are unknown: give --initrd or "
                        "--no-initrd",
                        path);
}

static int choose_release(const char *image, char *ret, size_t size, struct mpart_error *e)
{
        if (image)
                return image_release(image, ret, size, e);
        struct utsname u;
        if (uname(&u) < 0)
                return mpart_error_set(e, -errno, "uname: %s", strerror(errno));
        snprintf(ret, size, "%s", u.release);
        return 0;
}

static bool is_older(const struct stat *st, const char *than)
{
        struct stat other;
        if (stat(than, &other) < 0) /* whoever makes it will tell, or does without */
                return false;
        return st->st_mtim.tv_sec != other.st_mtim.tv_sec ? st->st_mtim.tv_sec < other.st_mtim.tv_sec
                                                          : st->st_mtim.tv_nsec < other.st_mtim.tv_nsec;
}

static bool is_fresh(const char *path, const char *release)
{
        char modules[RELEASE_MAX + 64];
        struct stat st;
        snprintf(modules, sizeof(modules), "/lib/modules/%s/modules.dep.bin", release);
        static const char keys[] = KEYS,
                          directory[] = MPART_CONFIG_DIR; /* the directory: keys that are gone */
        const char *const inputs[] = { agent_path(), "/proc/self/exe", "/bin/busybox", modules, keys,
                directory };
        if (stat(path, &st) < 0)
                return false;
        for (size_t i = 0; i < ARRAY_SIZE(inputs); i++)
                if (is_older(&st, inputs[i]))
                        return false;
        return true;
}

int default_initrd(const char *image, char **ret, struct mpart_error *e)
{
        char release[RELEASE_MAX] = "";
        _cleanup_free_ char *path = NULL;
        int r = choose_release(image, release, sizeof(release), e);
        if (r < 0)
                return r;
        if (asprintf(&path, MPART_STATE_DIR "/initrd-%s.img", release) < 0) {
                path = NULL;
                return mpart_error_set(e, -ENOMEM, "out of memory");
        }
        bool fresh = is_fresh(path, release);
        if (!fresh && geteuid() != 0)
                return mpart_error_set(e, -EPERM,
                                "%s is to be made anew, which root alone can (--initrd names another ramdisk, "
                                "--no-initrd does without)",
                                path);
        if (!fresh) {
                const struct mpart_initrd_request request = {
                        .agent = agent_path(),
                        .kernel = release,
                        .ssh_key = access(KEYS, F_OK) == 0 ? KEYS : NULL,
                };
                tell("making a ramdisk for kernel %s: %s", release, path);
                r = initrd_write(&request, path, e);
                if (r < 0)
                        return mpart_error_prefix(e, r,
                                        "no default ramdisk (--initrd names one, --no-initrd does without)");
        }
        *ret = TAKE_PTR(path);
        return 0;
}
