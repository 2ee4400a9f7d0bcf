/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kmem-tool COMMAND FILE START:SIZE[:OFFSET]...: looks into the memory of a kernel that lies in a file
 * (FILE's offset is the physical address unless OFFSET says otherwise). Commands: log, log-json, follow
 * (what is new, twice a second, until it is killed), state, find=NAME[,NAME...], vmcore=OUT. Times go to
 * standard error. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "macros.h"
#include "vmcore.h"

#define RANGES_MAX 16
#define NAMES_MAX 16
#define FOLLOW_PAUSE_USEC 500000

static uint64_t now_us(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int map_range(int fd, const char *text, struct mpart_kmem_range *ret)
{
        char *end;
        uint64_t start = strtoull(text, &end, 0), size = *end == ':' ? strtoull(end + 1, &end, 0) : 0;
        uint64_t offset = *end == ':' ? strtoull(end + 1, &end, 0) : start;
        void *data = *end || !size ? MAP_FAILED : mmap(NULL, size, PROT_READ, MAP_SHARED, fd, (off_t)offset);
        if (data == MAP_FAILED)
                return -EINVAL;
        *ret = (struct mpart_kmem_range){ start, size, data };
        return 0;
}

static int print_record(void *data, const struct mpart_klog_record *record)
{
        char *(*format)(const struct mpart_klog_record *) =
                        data ? mpart_klog_format_json : mpart_klog_format;
        _cleanup_free_ char *line = format(record);
        if (line)
                fputs(line, stdout);
        return line ? 0 : -ENOMEM;
}

static int show_log(const struct mpart_kmem *k, bool json, struct mpart_error *e)
{
        uint64_t seq = 0;
        return mpart_klog_read(k, &seq, 0, print_record, json ? stdout : NULL, e);
}

static int follow(const struct mpart_kmem *k, struct mpart_error *e)
{
        int r;
        for (uint64_t seq = 0;
                        (r = mpart_klog_read(k, &seq, MPART_KLOG_FINAL, print_record, NULL, e)) == 0;) {
                fflush(stdout);
                usleep(FOLLOW_PAUSE_USEC);
        }
        return r;
}

static int show_state(struct mpart_kmem *k, struct mpart_error *e)
{
        struct mpart_kstate s;
        int r = mpart_kstate_read(k, &s, e);
        if (r < 0)
                return r;
        printf("release=%s page_offset=0x%" PRIx64 " five_levels=%" PRIu64 "\n", k->info.release,
                        k->page_offset, k->info.five_levels);
        if (s.found)
                printf("system_state=%d panic_cpu=%d jiffies=%" PRIu64 "\n", s.system_state, s.panic_cpu,
                                s.jiffies);
        else
                printf("unknown\n");
        return 0;
}

static int find(const struct mpart_kmem *k, char *list, struct mpart_error *e)
{
        const char *names[NAMES_MAX];
        uint64_t found[NAMES_MAX];
        size_t n = 0;
        for (char *name = strtok(list, ","); name && n < NAMES_MAX; name = strtok(NULL, ","))
                names[n++] = name;
        int r = mpart_kallsyms_find(k, names, n, found, e);
        for (size_t i = 0; r >= 0 && i < n; i++)
                printf("%s=0x%" PRIx64 "\n", names[i], found[i]);
        return r < 0 ? r : 0;
}

static int dump(const struct mpart_kmem *k, const char *path, struct mpart_error *e)
{
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        return fd < 0 ? mpart_error_set(e, -errno, "%s: %s", path, strerror(errno))
                      : mpart_vmcore_write(k, fd, NULL, NULL, e);
}

static int run(struct mpart_kmem *k, char *command, struct mpart_error *e)
{
        char *value = strchr(command, '=');
        if (value)
                *value++ = 0;
        if (streq(command, "log") || streq(command, "log-json"))
                return show_log(k, streq(command, "log-json"), e);
        if (streq(command, "follow"))
                return follow(k, e);
        if (streq(command, "state"))
                return show_state(k, e);
        if (value && streq(command, "find"))
                return find(k, value, e);
        if (value && streq(command, "vmcore"))
                return dump(k, value, e);
        return mpart_error_set(e, -EINVAL, "unknown command %s", command);
}

int main(int argc, char **argv)
{
        struct mpart_kmem_range ranges[RANGES_MAX];
        size_t n = 0;
        _cleanup_close_ int fd = argc < 4 ? -1 : open(argv[2], O_RDONLY | O_CLOEXEC);
        for (int i = 3; i < argc && n < RANGES_MAX && fd >= 0; i++, n++)
                if (map_range(fd, argv[i], &ranges[n]) < 0)
                        n = RANGES_MAX;
        if (fd < 0 || n >= RANGES_MAX) {
                fprintf(stderr, "kmem-tool COMMAND FILE START:SIZE[:OFFSET]...\n");
                return 2;
        }

        struct mpart_error e = MPART_ERROR_INIT;
        _cleanup_(mpart_kmem_freep) struct mpart_kmem *k = NULL;
        uint64_t start = now_us();
        int r = mpart_kmem_open(ranges, n, 0, &k, &e);
        uint64_t opened = now_us();
        if (r == 0)
                r = run(k, argv[1], &e);
        if (r < 0) {
                fprintf(stderr, "kmem-tool: %s\n", *e.text ? e.text : strerror(-r));
                return 1;
        }
        fflush(stdout);
        fprintf(stderr, "open_us=%" PRIu64 " run_us=%" PRIu64 "\n", opened - start, now_us() - opened);
        return 0;
}
