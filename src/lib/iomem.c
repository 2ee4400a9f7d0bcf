/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>

#include "iomem.h"
#include "macros.h"

struct line {
        uint64_t start, end; /* end: last byte, as the file has it */
        const char *name;
        size_t name_size;
        bool top_level; /* not inside the range of an earlier line */
};

void iomem_free(struct iomem *s)
{
        mpart_ranges_free(&s->ram);
        mpart_ranges_free(&s->kernel);
        mpart_ranges_free(&s->crash_kernel);
        mpart_ranges_free(&s->reserved);
}

static bool parse_hex(const char **p, uint64_t *ret)
{
        if (!isxdigit((unsigned char)**p))
                return false;
        char *end;
        errno = 0;
        *ret = strtoull(*p, &end, 16);
        *p = end;
        return errno == 0;
}

/* "  01000000-01e00eb0 : Kernel code" */
static bool parse_line(const char *p, size_t size, struct line *ret)
{
        const char *end = p + size, *begin = p;
        p += strspn(p, " \t");
        if (!parse_hex(&p, &ret->start) || *p++ != '-' || !parse_hex(&p, &ret->end))
                return false;
        if (!startswith(p, " : ") || p + 3 > end || ret->end < ret->start)
                return false;
        ret->top_level = begin[0] != ' ' && begin[0] != '\t';
        ret->name = p + 3;
        ret->name_size = (size_t)(end - ret->name);
        return true;
}

static bool is_named(const struct line *line, const char *name)
{
        return line->name_size == strlen(name) && startswith(line->name, name);
}

static bool is_kernel(const struct line *line)
{
        static const char *const names[] = { "Kernel code", "Kernel rodata", "Kernel data", "Kernel bss" };
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (is_named(line, names[i]))
                        return true;
        return false;
}

static int add_line(struct iomem *s, const struct line *line)
{
        /* Sets cannot hold the very last byte of the address space, which is no RAM anyway. */
        uint64_t size = line->end - line->start + (line->end < UINT64_MAX ? 1 : 0);
        if (startswith(line->name, "System RAM"))
                return mpart_ranges_add(&s->ram, line->start, size);
        if (is_kernel(line)) {
                uint64_t start = ALIGN_DOWN(line->start, MPART_PAGE_SIZE), end = line->start + size;
                return mpart_ranges_add(&s->kernel, start,
                                end > UINT64_MAX - MPART_PAGE_SIZE ? end - start
                                                                   : ALIGN_UP(end, MPART_PAGE_SIZE) - start);
        }
        if (line->top_level && is_named(line, "Reserved"))
                return mpart_ranges_add(&s->reserved, line->start, size);
        if (startswith(line->name, "Crash kernel"))
                return mpart_ranges_add(&s->crash_kernel, line->start, size);
        return 0;
}

int ram_trim(struct mpart_ranges *ram)
{
        int r = mpart_ranges_remove(ram, 0, MPART_PAGE_SIZE);
        if (r < 0)
                return r;
        mpart_ranges_align_inward(ram, MPART_PAGE_SIZE);
        return 0;
}

static int parse_lines(const char *text, struct iomem *s, bool *ret_hidden, struct mpart_error *e)
{
        unsigned number = 0, n_lines = 0, n_zero = 0;

        for (const char *p = text; *p;) {
                size_t size = strcspn(p, "\n");
                number++;
                if (size > 0) {
                        struct line line;
                        if (!parse_line(p, size, &line))
                                return mpart_error_set(e, -EBADMSG,
                                                "proc/iomem: line %u is not \"start-end : name\": \"%.*s\"",
                                                number, (int)MIN(size, (size_t)80), p);
                        n_lines++;
                        if (line.start == 0 && line.end == 0)
                                n_zero++;
                        else if (add_line(s, &line) < 0)
                                return mpart_error_set(e, -ENOMEM, "proc/iomem: out of memory");
                }
                p += size + (p[size] == '\n');
        }
        *ret_hidden = n_lines > 0 && n_zero == n_lines;
        return 0;
}

int iomem_parse(const char *text, struct iomem *ret, struct mpart_error *e)
{
        _cleanup_(iomem_free) struct iomem s = { 0 };
        bool hidden = false;

        int r = parse_lines(text, &s, &hidden, e);
        if (r < 0)
                return r;
        if (hidden)
                return mpart_error_set(e, -EPERM,
                                "proc/iomem: every address is zero: the kernel shows the memory map only to "
                                "root (CAP_SYS_ADMIN); read it as root");
        /* Lines of one stretch of RAM may meet in the middle of a page (the kernel splits them around data
         * of the boot loader), so they are joined before the edges are cut. */
        r = mpart_ranges_remove_all(&s.reserved, &s.ram);
        if (r == 0)
                r = ram_trim(&s.ram);
        if (r < 0)
                return mpart_error_set(e, r, "proc/iomem: out of memory");
        if (s.ram.n == 0)
                return mpart_error_set(e, -ENODATA, "proc/iomem: no line says \"System RAM\"");
        *ret = s;
        s = (struct iomem){ 0 };
        return 0;
}
