/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of a picture share. Coordinates are whole tenths of a pixel, so that no locale gets at
 * them. */
#pragma once

#include <stdio.h>

#include "macros.h"
#include "plan.h"

#define SVG_WIDTH 10000
#define SVG_MARGIN 200
#define SVG_LEFT 1500 /* of bars, CPUs and devices; labels stand before it */
#define SVG_RIGHT (SVG_WIDTH - SVG_MARGIN)

#define SVG_NOBODY SIZE_MAX /* in place of a kernel: memory that nobody owns */

struct svg {
        FILE *f;
        const struct mpart_plan *plan;
        const struct mpart_machine *m; /* or NULL */
        unsigned y;                    /* where the next part begins */
        size_t *cpu_owner;             /* kernel of each CPU number, SVG_NOBODY for none */
        size_t n_cpu_owner;
};

/* Width of a text of 11 pixels that surely suffices. */
static inline unsigned svg_text_width(size_t characters)
{
        return (unsigned)characters * 66;
}

void svg_definitions(struct svg *s); /* patterns and styles */
/* An outlined box in the colour of a kernel, with a tooltip. */
void svg_box(struct svg *s, unsigned x, unsigned y, unsigned width, unsigned height, size_t kernel,
                const char *title, ...) _printf_(7, 8);
/* `style` is a class of svg_definitions: "label", "small", "middle", "title". */
void svg_text(struct svg *s, unsigned x, unsigned y, const char *style, const char *format, ...)
                _printf_(5, 6);

struct svg_size {
        char text[32];
};
struct svg_size svg_size(uint64_t bytes); /* "1.5 GiB" */

void svg_memory(struct svg *s, const struct mpart_plan_node *node);
void svg_cpus(struct svg *s, const struct mpart_plan_node *node);
int svg_devices(struct svg *s, int node); /* of a node; -1: of no node of the plan. 0 or -ENOMEM */
