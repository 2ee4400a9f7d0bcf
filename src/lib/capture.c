/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What goes into a capture is said in one table: a reader that reads one more file adds it there. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "capture-filter.h"
#include "capture.h"
#include "fs.h"
#include "reader.h"
#include "tarball.h"

#define PCI_DIRECTORY "sys/bus/pci/devices"
#define CONFIG_SIZE 64 /* a standard header (PCI Local Bus 3.0 section 6.1) */
#define CONFIG_HEADER_TYPE 14
#define TABLE_LIMIT MiB

enum what {
        TEXT,  /* a file, through a filter */
        BYTES, /* a file as it is */
        ENTRY, /* a directory, or a link, by its name alone */
};

/* "#" stands for a decimal number. Not here: SMBIOS, serial numbers, network addresses, host name, boot and
 * machine id, names of disks. The SRAT and SLIT name their maker, not the machine. */
static const struct {
        const char *pattern;
        enum what what;
        void (*filter)(const char *text, FILE *to);
} wanted[] = {
        { "proc/cmdline", TEXT, capture_cmdline },
        { "proc/cpuinfo", TEXT, capture_cpuinfo },
        { "proc/iomem", TEXT, capture_iomem },
        { "proc/zoneinfo", TEXT, capture_zoneinfo },
        { "proc/bus/pci/devices", TEXT, capture_proc_pci },
        { "proc/tty/driver/serial", TEXT, capture_serial },
        { "sys/class/tty/ttyS#/port", TEXT, capture_all },
        { "sys/class/tty/ttyS#/type", TEXT, capture_all },
        { "sys/devices/system/cpu/cpu#", ENTRY, NULL },
        { "sys/devices/system/cpu/cpu#/node#", ENTRY, NULL },
        { "sys/devices/system/cpu/cpu#/online", TEXT, capture_all },
        { "sys/devices/system/cpu/cpu#/topology/core_cpus_list", TEXT, capture_all },
        { "sys/devices/system/cpu/cpu#/topology/core_id", TEXT, capture_all },
        { "sys/devices/system/cpu/cpu#/topology/physical_package_id", TEXT, capture_all },
        { "sys/devices/system/cpu/cpu#/topology/thread_siblings", TEXT, capture_all },
        { "sys/devices/system/cpu/cpu#/topology/thread_siblings_list", TEXT, capture_all },
        { "sys/devices/system/cpu/modalias", TEXT, capture_modalias },
        { "sys/devices/system/cpu/online", TEXT, capture_all },
        { "sys/devices/system/cpu/present", TEXT, capture_all },
        { "sys/devices/system/memory/block_size_bytes", TEXT, capture_all },
        { "sys/devices/system/memory/memory#/state", TEXT, capture_all },
        { "sys/devices/system/node/node#", ENTRY, NULL },
        { "sys/devices/system/node/node#/cpu#", ENTRY, NULL },
        { "sys/devices/system/node/node#/cpulist", TEXT, capture_all },
        { "sys/devices/system/node/node#/cpumap", TEXT, capture_all },
        { "sys/devices/system/node/node#/distance", TEXT, capture_all },
        { "sys/devices/system/node/node#/meminfo", TEXT, capture_meminfo },
        { "sys/devices/system/node/node#/memory#", ENTRY, NULL },
        { "sys/devices/system/node/online", TEXT, capture_all },
        { "sys/firmware/acpi/tables/SLIT", BYTES, NULL },
        { "sys/firmware/acpi/tables/SRAT", BYTES, NULL },
        { "sys/firmware/memmap/#/end", TEXT, capture_all },
        { "sys/firmware/memmap/#/start", TEXT, capture_all },
        { "sys/firmware/memmap/#/type", TEXT, capture_all },
};

static const struct {
        const char *name;
        void (*filter)(const char *text, FILE *to);
} wanted_of_pci[] = {
        { "class", capture_all },
        { "device", capture_all },
        { "numa_node", capture_all },
        { "uevent", capture_uevent },
        { "vendor", capture_all },
};

struct capture {
        int root;
        struct tarball_item *items;
        size_t n, capacity;
};

static void capture_free(struct capture *c)
{
        close_fd(&c->root);
        for (size_t i = 0; i < c->n; i++) {
                free(c->items[i].path);
                free(c->items[i].data);
        }
        free(c->items);
}

/* Takes `data` over. */
static int add(struct capture *c, enum tarball_kind kind, const char *path, char *data, size_t size)
{
        _cleanup_free_ char *content = data, *copy = strdup(path);
        if (!copy || grow_array(&c->items, &c->capacity, c->n + 1, sizeof(*c->items)) < 0)
                return -ENOMEM;
        c->items[c->n++] = (struct tarball_item){
                .kind = kind, .path = TAKE_PTR(copy), .data = TAKE_PTR(content), .size = size
        };
        return 0;
}

static int add_text(struct capture *c, const char *path, void (*filter)(const char *text, FILE *to))
{
        _cleanup_free_ char *text = NULL, *kept = NULL;
        size_t size = 0;
        int r = read_file_at(c->root, path, 0, &text, NULL);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        FILE *f = open_memstream(&kept, &size);
        if (!f)
                return -ENOMEM;
        filter(text, f);
        return fclose(f) == 0 ? add(c, TARBALL_FILE, path, TAKE_PTR(kept), size) : -ENOMEM;
}

static int add_bytes(struct capture *c, const char *path)
{
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r = read_file_at(c->root, path, TABLE_LIMIT, &data, &size);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        return add(c, TARBALL_FILE, path, TAKE_PTR(data), size);
}

/* A link keeps its target; what else is there becomes a directory. */
static int add_entry(struct capture *c, const char *path)
{
        char target[1024];
        ssize_t n = readlinkat(c->root, path, target, sizeof(target) - 1);
        if (n < 0)
                return errno == EINVAL ? add(c, TARBALL_DIRECTORY, path, NULL, 0) : 0;
        target[n] = 0;
        char *copy = strdup(target);
        return copy ? add(c, TARBALL_LINK, path, copy, 0) : -ENOMEM;
}

static int add_found(struct capture *c, const char *path, size_t which)
{
        switch (wanted[which].what) {
        case TEXT:
                return add_text(c, path, wanted[which].filter);
        case BYTES:
                return add_bytes(c, path);
        case ENTRY:
                return add_entry(c, path);
        }
        return 0;
}

/* Adds what matches: `path` is sure, the pattern's rest from its first "#" on is not. */
static int add_matches(struct capture *c, const char *path, const char *rest, size_t which)
{
        const char *wild = strchr(rest, '#');
        _cleanup_free_ char *directory = NULL;
        if (asprintf(&directory, "%s%.*s", path, (int)(wild ? wild - rest : (long)strlen(rest)), rest) < 0) {
                directory = NULL;
                return -ENOMEM;
        }
        if (!wild)
                return add_found(c, directory, which);

        char *slash = strrchr(directory, '/');
        _cleanup_free_ char *prefix = strdup(slash + 1);
        char **names = NULL;
        size_t n = 0;
        *slash = 0;
        int r = prefix ? list_directory_at(c->root, directory, &names, &n) : -ENOMEM;
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        for (size_t i = 0; i < n && r == 0; i++) {
                uint64_t number;
                _cleanup_free_ char *found = NULL;
                if (!name_number(names[i], prefix, UINT64_MAX, &number))
                        continue;
                if (asprintf(&found, "%s/%s", directory, names[i]) < 0) {
                        found = NULL;
                        r = -ENOMEM;
                } else
                        r = add_matches(c, found, wild + 1, which);
        }
        free_names(names, n);
        return r;
}

/* Of configuration space the header's type alone, for which a reader looks; ids come from the other files.
 */
static int add_config(struct capture *c, const char *path)
{
        _cleanup_close_ int fd = openat(c->root, path, O_RDONLY | O_CLOEXEC);
        char type;
        if (fd < 0 || pread(fd, &type, 1, CONFIG_HEADER_TYPE) != 1)
                return 0;
        char *config = calloc(1, CONFIG_SIZE);
        if (!config)
                return -ENOMEM;
        config[CONFIG_HEADER_TYPE] = type;
        return add(c, TARBALL_FILE, path, config, CONFIG_SIZE);
}

/* A function's directory in sysfs is reached through a link whose target names the buses above it. */
static int add_function(struct capture *c, const char *name)
{
        static const char *const links[] = { "driver", "iommu_group" };
        char path[sizeof(PCI_DIRECTORY) + 80];
        snprintf(path, sizeof(path), PCI_DIRECTORY "/%.40s", name);
        int r = add_entry(c, path);
        for (size_t i = 0; i < ARRAY_SIZE(wanted_of_pci) && r == 0; i++) {
                snprintf(path, sizeof(path), PCI_DIRECTORY "/%.40s/%s", name, wanted_of_pci[i].name);
                r = add_text(c, path, wanted_of_pci[i].filter);
        }
        for (size_t i = 0; i < ARRAY_SIZE(links) && r == 0; i++) {
                snprintf(path, sizeof(path), PCI_DIRECTORY "/%.40s/%s", name, links[i]);
                r = add_entry(c, path);
        }
        snprintf(path, sizeof(path), PCI_DIRECTORY "/%.40s/config", name);
        return r < 0 ? r : add_config(c, path);
}

/* Where the archive holds the files of a function: in the directory that its link points to, since nothing
 * can be unpacked through a link. */
static int move_behind_links(struct capture *c, size_t first)
{
        if (first >= c->n || c->items[first].kind != TARBALL_LINK)
                return 0;
        struct tarball_item *link = &c->items[first];
        const char *target = startswith(link->data, "../../../");
        size_t n = strlen(link->path);
        if (!target)
                link->kind = TARBALL_DIRECTORY; /* not as sysfs has it: the files stay where they are */
        for (size_t i = first + 1; target && i < c->n; i++) {
                char *moved;
                if (asprintf(&moved, "sys/%s%s", target, c->items[i].path + n) < 0)
                        return -ENOMEM;
                free(c->items[i].path);
                c->items[i].path = moved;
        }
        return 0;
}

static int add_pci(struct capture *c)
{
        char **names = NULL;
        size_t n = 0;
        int r = list_directory_at(c->root, PCI_DIRECTORY, &names, &n);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        for (size_t i = 0; i < n && r == 0; i++) {
                size_t first = c->n;
                r = strlen(names[i]) < 16 ? add_function(c, names[i]) : 0;
                if (r == 0)
                        r = move_behind_links(c, first);
        }
        free_names(names, n);
        return r < 0 ? r : add(c, TARBALL_DIRECTORY, PCI_DIRECTORY, NULL, 0);
}

static int collect(struct capture *c)
{
        int r = 0;
        for (size_t i = 0; i < ARRAY_SIZE(wanted) && r == 0; i++)
                r = add_matches(c, "", wanted[i].pattern, i);
        return r < 0 ? r : add_pci(c);
}

int mpart_capture_write(const char *root, const char *file, struct mpart_error *e)
{
        _cleanup_(capture_free) struct capture c = { .root = open_root(root) };
        if (c.root < 0)
                return mpart_error_set(e, c.root, "%s: cannot be opened as the root of a machine: %s", root,
                                strerror(-c.root));
        int r = collect(&c);
        if (r < 0)
                return mpart_error_set(e, r, "%s cannot be captured: %s", root, strerror(-r));
        if (c.n <= 1)
                return mpart_error_set(
                                e, -ENODATA, "%s: no machine to be seen: nothing in proc and sys", root);
        return tarball_write(file, c.items, c.n, e);
}
