/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/kexec.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fs.h"
#include "kexec.h"
#include "macros.h"

#define KEXEC_TOOL "/usr/sbin/kexec"

static int open_boot_file(const char *path, struct mpart_error *e)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        return fd < 0 ? mpart_error_set(e, -errno, "%s cannot be opened: %s", path, strerror(errno)) : fd;
}

static int file_load(const struct kexec_request *request, struct mpart_error *e)
{
        _cleanup_close_ int image = open_boot_file(request->image, e);
        if (image < 0)
                return image;
        _cleanup_close_ int ramdisk = -1;
        if (request->ramdisk) {
                ramdisk = open_boot_file(request->ramdisk, e);
                if (ramdisk < 0)
                        return ramdisk;
        }
        unsigned long flags = ramdisk < 0 ? KEXEC_FILE_NO_INITRAMFS : 0;
        long r = syscall(SYS_kexec_file_load, image, ramdisk, strlen(request->cmdline) + 1, request->cmdline,
                        flags);
        return r < 0 ? mpart_error_set(e, -errno, "kexec_file_load of %s: %s", request->image,
                                       strerror(errno))
                     : 0;
}

/* Runs a program to its end. 0, or -EIO where it failed. */
static int run_program(char *const argv[], struct mpart_error *e)
{
        pid_t pid;
        int r = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
        if (r != 0)
                return mpart_error_set(e, -r, "%s cannot be started: %s", argv[0], strerror(r));
        int status;
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return mpart_error_set(e, -errno, "%s: %s", argv[0], strerror(errno));
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return 0;
        return mpart_error_set(e, -EIO, "%s failed", argv[0]);
}

static int tool_load(const struct kexec_request *request, struct mpart_error *e)
{
        _cleanup_free_ char *ramdisk = NULL, *cmdline = NULL;
        if (request->ramdisk && asprintf(&ramdisk, "--initrd=%s", request->ramdisk) < 0) {
                ramdisk = NULL;
                return -ENOMEM;
        }
        if (asprintf(&cmdline, "--command-line=%s", request->cmdline) < 0) {
                cmdline = NULL;
                return -ENOMEM;
        }
        char *argv[] = { (char[]){ KEXEC_TOOL }, (char[]){ "-c" }, (char[]){ "-l" }, (char *)request->image,
                cmdline, ramdisk, NULL };
        int r = run_program(argv, e);
        return r == -ENOENT ? mpart_error_set(e, r, "%s is missing: install kexec-tools", KEXEC_TOOL) : r;
}

/* What makes the kernel refuse every kexec, by name; 0 where nothing does. */
static int refusal(struct mpart_error *e)
{
        _cleanup_free_ char *lockdown = NULL;
        int64_t disabled = 0;
        if (read_line_at(AT_FDCWD, "/sys/kernel/security/lockdown", &lockdown) == 0 &&
                        !strstr(lockdown, "[none]"))
                return mpart_error_set(e, -EPERM,
                                "the kernel is locked down (%s in /sys/kernel/security/lockdown): kexec of "
                                "this "
                                "image is refused; switch Secure Boot off, or use \"mpartctl export grub\"",
                                lockdown);
        if (read_number_at(AT_FDCWD, "/proc/sys/kernel/kexec_load_disabled", 10, &disabled) == 0 && disabled)
                return mpart_error_set(e, -EPERM,
                                "kernel.kexec_load_disabled is set, which holds until the next boot: use "
                                "\"mpartctl export grub\" and reboot");
        return 0;
}

int kexec_load_primary(const struct kexec_request *request, struct mpart_error *e)
{
        int r = file_load(request, e);
        if (r != -ENOSYS && r != -EPERM && r != -ENOEXEC)
                return r;
        int refused = refusal(e);
        return refused < 0 ? refused : tool_load(request, e);
}

int kexec_start(struct mpart_error *e)
{
        char *argv[] = { (char[]){ "systemctl" }, (char[]){ "kexec" }, NULL };
        return run_program(argv, e);
}

static bool exists(int root, const char *path)
{
        return *path && faccessat(root, path, F_OK, 0) == 0;
}

/* The value of BOOT_IMAGE=, GRUB's device "(hd0,gpt2)" and leading slashes left out. */
static char *boot_image_word(const char *line)
{
        static const char key[] = "BOOT_IMAGE=";
        const char *word = line;
        while ((word = strstr(word, key)) && word != line && word[-1] != ' ')
                word += strlen(key);
        if (!word)
                return NULL;
        word += strlen(key);
        size_t n = strcspn(word, " \n");
        const char *end = word + n, *bracket = memchr(word, ')', n);
        if (*word == '(' && bracket)
                word = bracket + 1;
        while (*word == '/')
                word++;
        return strndup(word, (size_t)(end - word));
}

int kexec_find_image(
                int root, const char *running_line, const char *release, char **ret, struct mpart_error *e)
{
        /* a partition of its own for /boot makes GRUB's path start there */
        _cleanup_free_ char *named = boot_image_word(running_line), *in_boot = NULL, *by_release = NULL;
        if (asprintf(&in_boot, "boot/%s", named ? named : "") < 0) {
                in_boot = NULL;
                return -ENOMEM;
        }
        if (asprintf(&by_release, "boot/vmlinuz-%s", release) < 0) {
                by_release = NULL;
                return -ENOMEM;
        }
        if (named && exists(root, named))
                *ret = TAKE_PTR(named);
        else if (named && *named && exists(root, in_boot))
                *ret = TAKE_PTR(in_boot);
        else if (exists(root, by_release))
                *ret = TAKE_PTR(by_release);
        else
                return mpart_error_set(e, -ENOENT,
                                "the running kernel's image is not at /%s: name it by --kernel", by_release);
        return 0;
}

int kexec_find_ramdisk(int root, const char *release, char **ret)
{
        const struct {
                const char *before, *behind;
        } names[] = { { "initrd.img-", "" }, { "initramfs-", ".img" }, { "initrd-", "" } };
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                _cleanup_free_ char *path = NULL;
                if (asprintf(&path, "boot/%s%s%s", names[i].before, release, names[i].behind) < 0) {
                        path = NULL;
                        return -ENOMEM;
                }
                if (exists(root, path)) {
                        *ret = TAKE_PTR(path);
                        return 0;
                }
        }
        *ret = NULL;
        return 0;
}
