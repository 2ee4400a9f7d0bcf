/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI functions. The only file that knows libpci, which reads configuration space: the kernel's files tell
 * what a function is (with its corrections of broken devices), the header tells a bridge. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pci/pci.h>
#include <setjmp.h>
#include <unistd.h>

#include "fs.h"
#include "library.h"
#include "reader.h"

/* clang-format off */
#define FUNCTIONS(X) \
        X(pci_alloc) \
        X(pci_cleanup) \
        X(pci_free_dev) \
        X(pci_get_dev) \
        X(pci_init) \
        X(pci_read_block) \
        X(pci_set_param)
/* clang-format on */
LIBRARY(library, "libpci.so.3", "libpci3", "reading PCI configuration space", FUNCTIONS);

#define DIRECTORY "sys/bus/pci/devices"
#define CLASS_BRIDGE 0x06

/* libpci ends the process where it meets an error, unless its handler never returns. The handler gets no
 * context, so the way out is kept per thread. */
static _Thread_local jmp_buf *error_exit;

static void __attribute__((noreturn)) on_error(char *text, ...)
{
        (void)text;
        if (error_exit)
                longjmp(*error_exit, 1);
        abort(); /* not reached: libpci is called under PROTECTED alone */
}

static void ignore_message(char *text, ...)
{
        (void)text;
}

struct config_reader {
        struct pci_access *access; /* NULL: configuration space cannot be read */
};

static void config_close(struct config_reader *c)
{
        if (c->access)
                pci_cleanup(c->access);
        c->access = NULL;
}

static bool config_init(struct pci_access *access, char *path)
{
        jmp_buf exit_here;
        error_exit = &exit_here;
        bool ok = false;
        if (setjmp(exit_here) == 0) {
                access->error = on_error;
                access->warning = access->debug = ignore_message;
                access->method = PCI_ACCESS_SYS_BUS_PCI;
                if (pci_set_param(access, (char *)"sysfs.path", path) == 0) {
                        pci_init(access);
                        ok = true;
                }
        }
        error_exit = NULL;
        return ok;
}

static int config_open(struct config_reader *c, const char *root_path, struct mpart_machine *m)
{
        struct mpart_error e = MPART_ERROR_INIT;
        if (library_load(&library, &e) < 0)
                return machine_note(m, "PCI bridges are known by their class alone: %s", e.text);
        _cleanup_free_ char *path = NULL;
        if (asprintf(&path, "%s/sys/bus/pci", root_path) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        c->access = pci_alloc();
        if (c->access && !config_init(c->access, path))
                config_close(c);
        return 0;
}

/* Header type without the multi-function bit (PCI Local Bus 3.0 section 6.2.1), or -1. */
static int config_header_type(struct config_reader *c, const struct mpart_pci_function *f)
{
        if (!c->access)
                return -1;
        jmp_buf exit_here;
        struct pci_dev *volatile dev = NULL;
        volatile int type = -1;
        error_exit = &exit_here;
        if (setjmp(exit_here) == 0) {
                dev = pci_get_dev(c->access, (int)f->domain, (int)f->bus, (int)f->slot, (int)f->function);
                u8 header = 0xff;
                if (dev && pci_read_block(dev, PCI_HEADER_TYPE, &header, 1) && header != 0xff)
                        type = header & 0x7f;
        }
        error_exit = NULL;
        if (dev)
                pci_free_dev(dev);
        return type;
}

static bool parse_hex(const char **p, unsigned min_digits, unsigned max_digits, unsigned *ret)
{
        unsigned value = 0, n = 0;
        for (; n < max_digits && isxdigit((unsigned char)**p); n++, (*p)++)
                value = value * 16 +
                        (unsigned)(isdigit((unsigned char)**p) ? **p - '0' : tolower(**p) - 'a' + 10);
        *ret = value;
        return n >= min_digits;
}

/* "0000:00:1f.2"; the domain has more digits where the firmware's number does not fit. */
static bool parse_address(const char *name, struct mpart_pci_function *ret)
{
        const char *p = name;
        if (strlen(name) >= sizeof(ret->address) || !parse_hex(&p, 4, 7, &ret->domain) || *p++ != ':' ||
                        !parse_hex(&p, 2, 2, &ret->bus) || *p++ != ':' || !parse_hex(&p, 2, 2, &ret->slot) ||
                        *p++ != '.' || !parse_hex(&p, 1, 1, &ret->function) || *p)
                return false;
        memcpy(ret->address, name, strlen(name) + 1);
        return ret->slot < 32 && ret->function < 8;
}

static const char *last_component(const char *path)
{
        const char *slash = strrchr(path, '/');
        return slash ? slash + 1 : path;
}

/* Where a link points to; "" where there is none. */
static void read_link(int directory, const char *link, char *ret, size_t size)
{
        ssize_t n = readlinkat(directory, link, ret, size - 1);
        ret[MAX(n, (ssize_t)0)] = 0;
}

static int64_t read_value(int directory, const char *file, int64_t otherwise)
{
        int64_t value;
        return read_number_at(directory, file, 0, &value) == 0 ? value : otherwise;
}

/* The device directories nest as the buses do: .../0000:00:1c.0/0000:01:00.0. */
static void find_parent(int devices, struct mpart_pci_function *f)
{
        char target[1024];
        struct mpart_pci_function above = { 0 };
        read_link(devices, f->address, target, sizeof(target));
        char *slash = strrchr(target, '/');
        if (!slash)
                return;
        *slash = 0;
        if (parse_address(last_component(target), &above))
                memcpy(f->parent, above.address, sizeof(f->parent));
}

static void set_driver(struct mpart_pci_function *f, const char *name, size_t length)
{
        snprintf(f->driver, sizeof(f->driver), "%.*s", (int)MIN(length, sizeof(f->driver) - 1), name);
}

/* uevent tells in one file what vendor, device, class and the link to the driver tell (pci_uevent in
 * drivers/pci/pci-driver.c, with the same corrections of broken devices). False: not all of it. */
static bool read_uevent(int directory, struct mpart_pci_function *f)
{
        _cleanup_free_ char *text = NULL;
        bool has_class = false, has_ids = false;
        if (read_line_at(directory, "uevent", &text) < 0)
                return false;
        for (const char *p = text; *p; p += *p == '\n') {
                const char *value, *end = strchrnul(p, '\n');
                unsigned vendor, device;
                if ((value = startswith(p, "DRIVER=")))
                        set_driver(f, value, (size_t)(end - value));
                else if ((value = startswith(p, "PCI_CLASS=")))
                        has_class = parse_hex(&value, 1, 6, &f->class_code) && value == end;
                else if ((value = startswith(p, "PCI_ID=")) && parse_hex(&value, 1, 4, &vendor) &&
                                *value++ == ':' && parse_hex(&value, 1, 4, &device)) {
                        f->vendor = (uint16_t)vendor;
                        f->device = (uint16_t)device;
                        has_ids = true;
                }
                p = end;
        }
        return has_class && has_ids;
}

static void read_attributes(int directory, struct mpart_pci_function *f)
{
        char target[1024];
        f->vendor = (uint16_t)read_value(directory, "vendor", 0);
        f->device = (uint16_t)read_value(directory, "device", 0);
        f->class_code = (uint32_t)read_value(directory, "class", 0) & 0xffffff;
        read_link(directory, "driver", target, sizeof(target));
        set_driver(f, last_component(target), strlen(target));
}

static void read_function(int devices, struct config_reader *c, struct mpart_pci_function *f)
{
        char target[1024];
        uint64_t group;
        find_parent(devices, f);
        _cleanup_close_ int directory = openat(devices, f->address, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (directory < 0)
                return;
        if (!read_uevent(directory, f))
                read_attributes(directory, f);
        int64_t node = read_value(directory, "numa_node", -1);
        f->node = node >= 0 && node < MPART_CPU_LIMIT ? (int)node : -1;
        read_link(directory, "iommu_group", target, sizeof(target));
        if (name_number(last_component(target), "", INT32_MAX, &group))
                f->iommu_group = (int)group;
        f->is_bridge = f->class_code >> 16 == CLASS_BRIDGE ||
                       config_header_type(c, f) == PCI_HEADER_TYPE_BRIDGE;
}

/* /proc/bus/pci/devices, a line each: bus and devfn, vendor and device, then 17 columns; the driver last.
 * Domains are not told there, nor is much else. */
static bool parse_proc_line(const char *line, struct mpart_pci_function *f)
{
        const char *p = line;
        unsigned devfn, vendor, device;
        if (!parse_hex(&p, 2, 2, &f->bus) || !parse_hex(&p, 2, 2, &devfn) || *p++ != '\t' ||
                        !parse_hex(&p, 4, 4, &vendor) || !parse_hex(&p, 4, 4, &device))
                return false;
        f->slot = devfn >> 3;
        f->function = devfn & 7;
        f->vendor = (uint16_t)vendor;
        f->device = (uint16_t)device;
        snprintf(f->address, sizeof(f->address), "0000:%02x:%02x.%u", f->bus & 0xff, f->slot & 0x1f,
                        f->function);

        size_t size = strcspn(line, "\n"), driver = size;
        while (driver > 0 && !isspace((unsigned char)line[driver - 1]))
                driver--;
        if (driver > 0 && !isxdigit((unsigned char)line[driver]))
                set_driver(f, line + driver, size - driver);
        return true;
}

static int add_function(struct mpart_machine *m, size_t *capacity, struct mpart_pci_function **ret)
{
        int r = grow_array(&m->pci, capacity, m->n_pci + 1, sizeof(*m->pci));
        if (r < 0)
                return r;
        *ret = &m->pci[m->n_pci];
        **ret = (struct mpart_pci_function){ .node = -1, .iommu_group = -1 };
        return 0;
}

static int read_proc(int root, struct mpart_machine *m)
{
        _cleanup_free_ char *text = NULL;
        size_t capacity = 0;
        int r = read_file_at(root, "proc/bus/pci/devices", 0, &text, NULL);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        for (const char *p = text; *p;) {
                struct mpart_pci_function *f;
                r = add_function(m, &capacity, &f);
                if (r < 0)
                        return r;
                m->n_pci += parse_proc_line(p, f);
                p += strcspn(p, "\n");
                p += *p == '\n';
        }
        if (m->n_pci > 0)
                return machine_note(m, "PCI functions are known from proc/bus/pci/devices alone: without "
                                       "class, node, IOMMU group and bridge above");
        return 0;
}

static int compare_functions(const void *a, const void *b)
{
        const struct mpart_pci_function *x = a, *y = b;
        if (x->domain != y->domain)
                return x->domain < y->domain ? -1 : 1;
        unsigned i = x->bus << 8 | x->slot << 3 | x->function, k = y->bus << 8 | y->slot << 3 | y->function;
        return i < k ? -1 : i > k;
}

static int read_sysfs(int root, const char *root_path, struct mpart_machine *m, char **names, size_t n)
{
        _cleanup_(config_close) struct config_reader config = { 0 };
        _cleanup_close_ int devices = openat(root, DIRECTORY, O_PATH | O_DIRECTORY | O_CLOEXEC);
        size_t capacity = 0;
        int r = config_open(&config, root_path, m);
        for (size_t i = 0; i < n && r == 0; i++) {
                struct mpart_pci_function *f;
                r = add_function(m, &capacity, &f);
                if (r < 0)
                        break;
                if (!parse_address(names[i], f)) {
                        r = machine_note(m, "%s: \"%.40s\" is no address of a PCI function", DIRECTORY,
                                        names[i]);
                        continue;
                }
                read_function(devices, &config, f);
                m->n_pci++;
        }
        return r;
}

int pci_read(int root, const char *root_path, struct mpart_machine *m)
{
        char **names = NULL;
        size_t n = 0;
        int r = list_directory_at(root, DIRECTORY, &names, &n);
        if (r == -ENOMEM)
                return r;
        r = r < 0 ? read_proc(root, m) : read_sysfs(root, root_path, m, names, n);
        free_names(names, n);
        if (m->n_pci)
                qsort(m->pci, m->n_pci, sizeof(*m->pci), compare_functions);
        return r;
}
