/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bar of a node's address space. */
#include <inttypes.h>

#include "svg.h"

#define BAR_HEIGHT 340
#define AXIS 130 /* of addresses, below the bar */
#define GAP 60   /* between two addresses */

struct scale {
        uint64_t start, end;
};

/* 128 bits: addresses times pixels. */
static unsigned at(const struct scale *c, uint64_t address)
{
        __extension__ typedef unsigned __int128 wide;
        wide span = c->end > c->start ? c->end - c->start : 1;
        return SVG_LEFT + (unsigned)((wide)(address - c->start) * (SVG_RIGHT - SVG_LEFT) / span);
}

static void extend(struct scale *c, uint64_t start, uint64_t size)
{
        c->start = MIN(c->start, start);
        c->end = MAX(c->end, start + size);
}

/* All that lies on the node: what the machine tells, and what the kernels have. */
static struct scale scale_of(const struct svg *s, const struct mpart_plan_node *node)
{
        struct scale c = { UINT64_MAX, 0 };
        for (size_t i = 0; i < node->n_memory; i++)
                extend(&c, node->memory[i].start, node->memory[i].size);
        for (size_t k = 0; k < s->plan->n_kernels; k++)
                for (size_t i = 0; i < s->plan->kernels[k].n_memory; i++) {
                        const struct mpart_plan_memory *r = &s->plan->kernels[k].memory[i];
                        if (r->node == node->id)
                                extend(&c, r->start, r->size);
                }
        return c;
}

static void draw_piece(struct svg *s, const struct scale *c, uint64_t start, uint64_t size, size_t kernel,
                const char *what)
{
        unsigned x = at(c, start), width = MAX(at(c, start + size) - x, 10U);
        svg_box(s, x, s->y, width, BAR_HEIGHT, kernel, "%s: 0x%" PRIx64 "-0x%" PRIx64 ", %s", what, start,
                        start + size - 1, svg_size(size).text);
}

static void label_piece(struct svg *s, const struct scale *c, const struct mpart_plan_kernel *k,
                const struct mpart_plan_memory *r)
{
        unsigned x = at(c, r->start), width = at(c, r->start + r->size) - x, middle = x + width / 2;
        size_t name = strlen(k->name), size = strlen(svg_size(r->size).text);
        if (width > svg_text_width(MAX(name, size))) {
                svg_text(s, middle, s->y + 150, "middle", "%s", k->name);
                svg_text(s, middle, s->y + 285, "middle", "%s", svg_size(r->size).text);
        } else if (width > svg_text_width(4))
                svg_text(s, middle, s->y + 210, "middle", "%u", k->id);
}

static void put_address(struct svg *s, const struct scale *c, uint64_t address, unsigned *free_from)
{
        char text[32];
        int n = snprintf(text, sizeof(text), "0x%" PRIx64, address);
        unsigned x = at(c, address), half = svg_text_width((size_t)n) * 9 / 22;
        unsigned left = MIN(MAX(x, SVG_LEFT + half), SVG_RIGHT - half) - half;
        if (left < *free_from)
                return;
        fprintf(s->f, "<path d=\"M%u %uv40\" stroke=\"#000\" stroke-width=\"5\"/>\n", x, s->y + BAR_HEIGHT);
        if (address == c->end)
                svg_text(s, SVG_RIGHT, s->y + BAR_HEIGHT + AXIS, "end", "%s", text);
        else
                svg_text(s, left, s->y + BAR_HEIGHT + AXIS, "small", "%s", text);
        *free_from = left + 2 * half + GAP;
}

static int compare_addresses(const void *a, const void *b)
{
        uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
        return x < y ? -1 : x > y;
}

static void put_addresses(struct svg *s, const struct scale *c, const struct mpart_plan_node *node)
{
        size_t n = 0, capacity = 0;
        _cleanup_free_ uint64_t *starts = NULL;
        for (size_t k = 0; k < s->plan->n_kernels; k++)
                for (size_t i = 0; i < s->plan->kernels[k].n_memory; i++) {
                        const struct mpart_plan_memory *r = &s->plan->kernels[k].memory[i];
                        if (r->node == node->id &&
                                        grow_array(&starts, &capacity, n + 1, sizeof(*starts)) == 0)
                                starts[n++] = r->start;
                }
        if (n)
                qsort(starts, n, sizeof(*starts), compare_addresses);

        /* The end first: it always finds room, and the others stop before it. */
        char text[32];
        int length = snprintf(text, sizeof(text), "0x%" PRIx64, c->end);
        unsigned end_from = SVG_RIGHT - svg_text_width((size_t)length) * 9 / 11 - GAP, free_from = 0;
        for (size_t i = 0; i < n; i++) {
                unsigned half = svg_text_width((size_t)length) * 9 / 22;
                if (at(c, starts[i]) + half < end_from)
                        put_address(s, c, starts[i], &free_from);
        }
        free_from = 0;
        put_address(s, c, c->end, &free_from);
}

void svg_memory(struct svg *s, const struct mpart_plan_node *node)
{
        struct scale c = scale_of(s, node);
        if (c.end <= c.start) {
                svg_text(s, SVG_LEFT, s->y + 150, "small", "no memory");
                s->y += 250;
                return;
        }
        fprintf(s->f, "<path d=\"M%u %uH%u\" stroke=\"#000\" stroke-width=\"5\"/>\n", SVG_LEFT,
                        s->y + BAR_HEIGHT, SVG_RIGHT);
        for (size_t i = 0; i < node->n_memory; i++)
                draw_piece(s, &c, node->memory[i].start, node->memory[i].size, SVG_NOBODY, "nobody's");
        for (size_t k = 0; k < s->plan->n_kernels; k++)
                for (size_t i = 0; i < s->plan->kernels[k].n_memory; i++) {
                        const struct mpart_plan_memory *r = &s->plan->kernels[k].memory[i];
                        if (r->node == node->id)
                                draw_piece(s, &c, r->start, r->size, k, s->plan->kernels[k].name);
                }
        for (size_t k = 0; k < s->plan->n_kernels; k++)
                for (size_t i = 0; i < s->plan->kernels[k].n_memory; i++)
                        if (s->plan->kernels[k].memory[i].node == node->id)
                                label_piece(s, &c, &s->plan->kernels[k], &s->plan->kernels[k].memory[i]);
        put_addresses(s, &c, node);
        s->y += BAR_HEIGHT + AXIS + 90;
}
