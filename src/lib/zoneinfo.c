/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>

#include "cpuset.h"
#include "iomem.h"
#include "macros.h"
#include "zoneinfo.h"

#define PAGES_MAX (UINT64_MAX / MPART_PAGE_SIZE)

void zoneinfo_free(struct zoneinfo *z)
{
        free(z->zones);
        *z = (struct zoneinfo){ 0 };
}

static bool parse_pages(const char *p, uint64_t *ret_bytes)
{
        p += strspn(p, " \t");
        if (!isdigit((unsigned char)*p))
                return false;
        errno = 0;
        uint64_t pages = strtoull(p, NULL, 10);
        if (errno || pages > PAGES_MAX)
                return false;
        *ret_bytes = pages * MPART_PAGE_SIZE;
        return true;
}

/* "Node 0, zone   Normal" begins a zone, "Node 0, per-node stats" does not. */
static bool parse_zone_head(const char *p, unsigned *ret_node)
{
        if (!isdigit((unsigned char)*p))
                return false;
        char *end;
        errno = 0;
        unsigned long node = strtoul(p, &end, 10);
        if (errno || node >= MPART_CPU_LIMIT || !startswith(end, ", zone"))
                return false;
        *ret_node = (unsigned)node;
        return true;
}

static int parse_line(const char *line, struct zoneinfo *z, size_t *capacity)
{
        const char *p = startswith(line, "Node ");
        if (p) {
                struct zone zone = { 0 };
                if (!parse_zone_head(p, &zone.node))
                        return 0;
                int r = grow_array(&z->zones, capacity, z->n + 1, sizeof(*z->zones));
                if (r < 0)
                        return r;
                z->zones[z->n++] = zone;
                return 0;
        }
        if (z->n == 0)
                return 0;

        struct zone *zone = &z->zones[z->n - 1];
        p = line + strspn(line, " \t");
        if (startswith(p, "present "))
                return parse_pages(p + strlen("present "), &zone->present) ? 0 : -EBADMSG;
        if (startswith(p, "start_pfn:"))
                return parse_pages(p + strlen("start_pfn:"), &zone->start) ? 0 : -EBADMSG;
        return 0;
}

int zoneinfo_parse(const char *text, struct zoneinfo *ret)
{
        _cleanup_(zoneinfo_free) struct zoneinfo z = { 0 };
        size_t capacity = 0;

        for (const char *p = text; *p;) {
                int r = parse_line(p, &z, &capacity);
                if (r < 0)
                        return r;
                p += strcspn(p, "\n");
                p += *p == '\n';
        }
        if (z.n == 0)
                return -EBADMSG;
        *ret = z;
        z = (struct zoneinfo){ 0 };
        return 0;
}

uint64_t zoneinfo_present(const struct zoneinfo *z, unsigned node)
{
        uint64_t sum = 0;
        for (size_t i = 0; i < z->n; i++)
                if (z->zones[i].node == node)
                        sum += z->zones[i].present;
        return sum;
}

uint64_t zoneinfo_start(const struct zoneinfo *z, unsigned node)
{
        uint64_t start = UINT64_MAX;
        for (size_t i = 0; i < z->n; i++)
                if (z->zones[i].node == node && z->zones[i].present > 0)
                        start = MIN(start, z->zones[i].start);
        return start;
}
