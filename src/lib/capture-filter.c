/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>

#include "capture-filter.h"
#include "reader.h"

/* Calls `line` with each line and its length, newline left out. */
static void each_line(const char *text, FILE *to, void (*line)(const char *p, size_t n, FILE *to))
{
        for (const char *p = text; *p; p += *p == '\n') {
                size_t n = strcspn(p, "\n");
                line(p, n, to);
                p += n;
        }
}

static void put(const char *p, size_t n, FILE *to)
{
        fwrite(p, 1, n, to);
}

static void put_line(const char *p, size_t n, FILE *to)
{
        put(p, n, to);
        putc('\n', to);
}

/* One of the words, a NULL behind the last, that the text begins with. */
static bool begins_with(const char *p, const char *const *words)
{
        for (; *words; words++)
                if (startswith(p, *words))
                        return true;
        return false;
}

void capture_all(const char *text, FILE *to)
{
        fputs(text, to);
}

/* Names of devices are of no use; that something is there is. */
static void iomem_line(const char *p, size_t n, FILE *to)
{
        static const char *const kept[] = { "System RAM", "Reserved", "reserved", "Soft Reserved", "Kernel ",
                "Crash kernel", "ACPI ", "Persistent Memory", "Unusable memory", "RAM buffer", NULL };
        const char *name = memmem(p, n, " : ", 3);
        if (!name || begins_with(name + 3, kept))
                put_line(p, n, to);
        else {
                put(p, (size_t)(name + 3 - p), to);
                fputs("device\n", to);
        }
}

void capture_iomem(const char *text, FILE *to)
{
        each_line(text, to, iomem_line);
}

static void cpuinfo_line(const char *p, size_t n, FILE *to)
{
        static const char *const kept[] = { "physical id", "core id", "apicid", NULL };
        if (startswith(p, "processor"))
                putc('\n', to);
        if (startswith(p, "processor") || begins_with(p, kept))
                put_line(p, n, to);
        else if (field_value(p, "flags") &&
                        (memmem(p, n, " lm ", 4) || (n > 3 && !memcmp(p + n - 3, " lm", 3))))
                fputs("flags\t\t: lm\n", to);
}

void capture_cpuinfo(const char *text, FILE *to)
{
        if (*text)
                putc('\n', to); /* no flags at all tell that this is another processor; no text tells nothing
                                 */
        each_line(text, to, cpuinfo_line);
}

/* Words are separated by blanks outside double quotes, as next_arg() in lib/cmdline.c reads them. */
void capture_cmdline(const char *text, FILE *to)
{
        static const char *const kept[] = { "mpart.", "memmap=", "mem=", "console=ttyS",
                "crashkernel=", "numa=", "nr_cpus=", "maxcpus=", "possible_cpus=", "isolcpus=", "hugepages",
                "efi_fake_mem=", NULL };
        for (const char *p = text; *p;) {
                bool quoted = false;
                size_t n = 0;
                for (; p[n] && (quoted || !isspace((unsigned char)p[n])); n++)
                        quoted ^= p[n] == '"';
                if (n > 0 && begins_with(p, kept) && !memchr(p, '"', n)) {
                        put(p, n, to);
                        putc(' ', to);
                }
                p += n;
                p += strspn(p, " \t\n");
        }
        putc('\n', to);
}

static void zoneinfo_line(const char *p, size_t n, FILE *to)
{
        static const char *const kept[] = { "Node ", "present ", "spanned ", "managed ",
                "start_pfn:", NULL };
        if (begins_with(p + strspn(p, " \t"), kept))
                put_line(p, n, to);
}

void capture_zoneinfo(const char *text, FILE *to)
{
        each_line(text, to, zoneinfo_line);
}

static void meminfo_line(const char *p, size_t n, FILE *to)
{
        if (memmem(p, n, "MemTotal:", 9))
                put_line(p, n, to);
}

void capture_meminfo(const char *text, FILE *to)
{
        each_line(text, to, meminfo_line);
}

static void serial_line(const char *p, size_t n, FILE *to)
{
        const char *irq = memmem(p, n, " irq:", 5);
        if (isdigit((unsigned char)*p))
                put_line(p, irq ? (size_t)(irq - p) : n, to);
}

void capture_serial(const char *text, FILE *to)
{
        each_line(text, to, serial_line);
}

/* "cpu:type:x86,ven0000fam0006mod0055:feature:,0000,...": the model and its features stay away. */
void capture_modalias(const char *text, FILE *to)
{
        put_line(text, strcspn(text, ",\n"), to);
}

static void uevent_line(const char *p, size_t n, FILE *to)
{
        static const char *const kept[] = { "DRIVER=", "PCI_CLASS=", "PCI_ID=", NULL };
        if (begins_with(p, kept))
                put_line(p, n, to);
}

void capture_uevent(const char *text, FILE *to)
{
        each_line(text, to, uevent_line);
}

/* Address and ids, and the driver in the last column: interrupt and bus addresses between them stay away. */
static void proc_pci_line(const char *p, size_t n, FILE *to)
{
        size_t ids = strcspn(p, "\t\n"), driver = n;
        if (p[ids] != '\t')
                return;
        ids += 1 + strcspn(p + ids + 1, "\t\n");
        while (driver > ids && !isspace((unsigned char)p[driver - 1]))
                driver--;
        put(p, ids, to);
        putc('\t', to);
        if (driver > ids && driver < n && !isxdigit((unsigned char)p[driver]))
                put(p + driver, n - driver, to);
        putc('\n', to);
}

void capture_proc_pci(const char *text, FILE *to)
{
        each_line(text, to, proc_pci_line);
}
