/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "macros.h"
#include "output.h"
#include "plan-bar.h"

#define WIDTH_MAX 96
#define WIDTH_MIN 16
#define LABELS 26 /* columns beside the bar */
#define HOLE (-2)
#define NOBODY (-1)

struct bar_style bar_style_of_terminal(void)
{
        static const char *const variables[] = { "LC_ALL", "LC_CTYPE", "LANG" };
        struct bar_style style = { .color = color_wanted(), .columns = 80 };
        struct winsize size;
        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
                style.columns = size.ws_col;
        for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
                const char *value = getenv(variables[i]);
                if (!value || !*value)
                        continue;
                style.utf8 = strcasestr(value, "utf-8") || strcasestr(value, "utf8");
                break;
        }
        return style;
}

struct cells {
        uint64_t start, end;
        unsigned n;
        int kernel[WIDTH_MAX];
        uint64_t most[WIDTH_MAX]; /* bytes of the cell's kernel in it */
};

static uint64_t edge(const struct cells *c, unsigned i)
{
        return c->start + (c->end - c->start) / c->n * i + (c->end - c->start) % c->n * i / c->n;
}

/* A cell shows who has most of it. */
static void fill(struct cells *c, uint64_t start, uint64_t size, int kernel)
{
        for (unsigned i = 0; i < c->n; i++) {
                uint64_t from = MAX(start, edge(c, i)), to = MIN(start + size, edge(c, i + 1));
                if (from >= to || to - from < c->most[i])
                        continue;
                c->most[i] = to - from;
                c->kernel[i] = kernel;
        }
}

static bool fill_node(struct cells *c, const struct mpart_plan *plan, const struct mpart_plan_node *node)
{
        if (node->n_memory == 0)
                return false;
        c->start = node->memory[0].start;
        c->end = mpart_range_end(node->memory[node->n_memory - 1]);
        for (unsigned i = 0; i < c->n; i++) {
                c->kernel[i] = HOLE;
                c->most[i] = 0;
        }
        for (size_t i = 0; i < node->n_memory; i++)
                for (unsigned k = 0; k < c->n; k++)
                        if (c->kernel[k] == HOLE && node->memory[i].start < edge(c, k + 1) &&
                                        mpart_range_end(node->memory[i]) > edge(c, k))
                                c->kernel[k] = NOBODY;
        for (size_t k = 0; k < plan->n_kernels; k++)
                for (size_t i = 0; i < plan->kernels[k].n_memory; i++)
                        if (plan->kernels[k].memory[i].node == node->id)
                                fill(c, plan->kernels[k].memory[i].start, plan->kernels[k].memory[i].size,
                                                (int)k);
        return true;
}

/* The nearest of 256 colours to those of the picture. */
static int color_of(int kernel)
{
        static const int colors[] = { 214, 74, 36, 227, 25, 166, 175 };
        return kernel == 0 ? 250 : colors[(size_t)(kernel - 1) % ARRAY_SIZE(colors)];
}

/* One stretch of equal cells, the kernel's number in its middle where it fits. */
static void put_stretch(FILE *f, int kernel, unsigned n, const struct bar_style *style)
{
        static const struct {
                const char *full, *nobody, *hole;
        } characters[] = { { "#", "x", "." }, { "\u2588", "\u2591", "\u00b7" } };
        char number[16] = "";
        int length = kernel >= 0 ? snprintf(number, sizeof(number), "%d", kernel) : 0;
        unsigned label = (unsigned)length <= n ? (unsigned)length : 0, before = (n - label) / 2;
        const char *cell = kernel >= 0      ? characters[style->utf8].full
                           : kernel == HOLE ? characters[style->utf8].hole
                                            : characters[style->utf8].nobody;
        bool colored = style->color && kernel >= 0;
        if (colored)
                fprintf(f, "\033[38;5;%dm", color_of(kernel));
        for (unsigned i = 0; i < before; i++)
                fputs(cell, f);
        if (label > 0 && colored)
                fprintf(f, "\033[38;5;%d;48;5;%dm%s\033[0;38;5;%dm", color_of(kernel) == 25 ? 231 : 16,
                                color_of(kernel), number, color_of(kernel));
        else if (label > 0)
                fputs(number, f);
        for (unsigned i = before + label; i < n; i++)
                fputs(cell, f);
        if (colored)
                fputs("\033[0m", f);
}

static void put_node(FILE *f, const struct mpart_plan *plan, const struct mpart_plan_node *node,
                const struct bar_style *style)
{
        struct cells c = { .n = MIN(MAX(style->columns, LABELS + WIDTH_MIN) - LABELS, WIDTH_MAX) };
        uint64_t total = 0;
        if (!fill_node(&c, plan, node))
                return;
        for (size_t i = 0; i < node->n_memory; i++)
                total += node->memory[i].size;
        fprintf(f, "node %-4u ", node->id);
        for (unsigned i = 0, n; i < c.n; i += n) {
                for (n = 1; i + n < c.n && c.kernel[i + n] == c.kernel[i];)
                        n++;
                put_stretch(f, c.kernel[i], n, style);
        }
        fprintf(f, " %s\n", size_text(total).text);
}

int plan_bars(const struct mpart_plan *plan, const struct bar_style *style, char **ret)
{
        size_t size = 0;
        FILE *f = open_memstream(ret, &size);
        if (!f)
                return -ENOMEM;
        for (size_t i = 0; i < plan->n_nodes; i++)
                put_node(f, plan, &plan->nodes[i], style);
        return fclose(f) == 0 ? 0 : -ENOMEM;
}
