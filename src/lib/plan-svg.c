/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "plan-svg.h"
#include "svg.h"

#define LEGEND_COLUMNS 3
#define LEGEND_WIDTH ((SVG_RIGHT - SVG_MARGIN) / LEGEND_COLUMNS)
#define LEGEND_HEIGHT 220
#define LEGEND_TEXT 40 /* characters that fit beside a box */

static uint64_t memory_of(const struct mpart_plan_kernel *k)
{
        uint64_t sum = 0;
        for (size_t i = 0; i < k->n_memory; i++)
                sum += k->memory[i].size;
        return sum;
}

static uint64_t memory_of_node(const struct mpart_plan_node *node)
{
        uint64_t sum = 0;
        for (size_t i = 0; i < node->n_memory; i++)
                sum += node->memory[i].size;
        return sum;
}

static int find_owners(struct svg *s)
{
        for (size_t k = 0; k < s->plan->n_kernels; k++)
                MPART_CPUSET_FOREACH (id, &s->plan->kernels[k].cpus) {
                        size_t capacity = s->n_cpu_owner, need = (size_t)id + 1;
                        if (need > capacity) {
                                if (grow_array(&s->cpu_owner, &capacity, need, sizeof(*s->cpu_owner)) < 0)
                                        return -ENOMEM;
                                for (size_t i = s->n_cpu_owner; i < capacity; i++)
                                        s->cpu_owner[i] = SVG_NOBODY;
                                s->n_cpu_owner = capacity;
                        }
                        s->cpu_owner[id] = k;
                }
        return 0;
}

static void draw_title(struct svg *s)
{
        uint64_t memory = 0;
        size_t cpus = 0;
        for (size_t i = 0; i < s->plan->n_nodes; i++) {
                memory += memory_of_node(&s->plan->nodes[i]);
                cpus += mpart_cpuset_count(&s->plan->nodes[i].cpus);
        }
        svg_text(s, SVG_MARGIN, 300, "title", "%zu kernel%s on %zu node%s, %zu CPU%s, %s",
                        s->plan->n_kernels, s->plan->n_kernels == 1 ? "" : "s", s->plan->n_nodes,
                        s->plan->n_nodes == 1 ? "" : "s", cpus, cpus == 1 ? "" : "s", svg_size(memory).text);
        svg_text(s, SVG_MARGIN, 480, "small",
                        "machine %.12s; each bar is the address space of one node, to its own scale",
                        s->plan->digest);
        s->y = 620;
}

static int draw_kernel(struct svg *s, size_t k, unsigned x, unsigned y)
{
        const struct mpart_plan_kernel *kernel = &s->plan->kernels[k];
        _cleanup_free_ char *cpus = NULL;
        int r = mpart_cpuset_format_list(&kernel->cpus, &cpus);
        if (r < 0)
                return r;
        char text[256];
        int n = snprintf(text, sizeof(text), "%s: %s, CPU %s", kernel->name,
                        svg_size(memory_of(kernel)).text, cpus);
        svg_box(s, x, y, 300, 170, k, "kernel %zu: %s, CPU %s", k, kernel->name, cpus);
        svg_text(s, x + 150, y + 125, "middle", "%zu", k);
        if (n > LEGEND_TEXT)
                svg_text(s, x + 350, y + 125, "small", "%.*s...", LEGEND_TEXT - 3, text);
        else
                svg_text(s, x + 350, y + 125, "small", "%s", text);
        return 0;
}

static int draw_legend(struct svg *s)
{
        size_t n = s->plan->n_kernels, rows = (n + LEGEND_COLUMNS) / LEGEND_COLUMNS;
        for (size_t k = 0; k <= n; k++) { /* the last one is nobody */
                unsigned x = SVG_MARGIN + (unsigned)(k / rows) * LEGEND_WIDTH;
                unsigned y = s->y + (unsigned)(k % rows) * LEGEND_HEIGHT;
                if (k == n) {
                        svg_box(s, x, y, 300, 170, SVG_NOBODY, "nobody's memory");
                        svg_text(s, x + 350, y + 125, "small", "nobody's: kept free, or too small to use");
                        break;
                }
                int r = draw_kernel(s, k, x, y);
                if (r < 0)
                        return r;
        }
        s->y += (unsigned)rows * LEGEND_HEIGHT + 100;
        return 0;
}

static int draw_node(struct svg *s, const struct mpart_plan_node *node)
{
        fprintf(s->f, "<g id=\"node%u\">\n<path d=\"M%u %uH%u\" stroke=\"#999\" stroke-width=\"5\"/>\n",
                        node->id, SVG_MARGIN, s->y, SVG_RIGHT);
        s->y += 90;
        svg_text(s, SVG_MARGIN, s->y + 150, "label", "node %u", node->id);
        if (node->n_memory > 0)
                svg_text(s, SVG_MARGIN, s->y + 290, "small", "%s", svg_size(memory_of_node(node)).text);
        svg_memory(s, node);
        svg_text(s, SVG_MARGIN, s->y + 148, "small", "%zu CPU%s", mpart_cpuset_count(&node->cpus),
                        mpart_cpuset_count(&node->cpus) == 1 ? "" : "s");
        svg_cpus(s, node);
        int r = svg_devices(s, (int)node->id);
        s->y += 60;
        fputs("</g>\n", s->f);
        return r;
}

static int draw(struct svg *s)
{
        int r = find_owners(s);
        if (r < 0)
                return r;
        svg_definitions(s);
        draw_title(s);
        r = draw_legend(s);
        for (size_t i = 0; i < s->plan->n_nodes && r == 0; i++)
                r = draw_node(s, &s->plan->nodes[i]);
        return r < 0 ? r : svg_devices(s, -1);
}

int mpart_plan_to_svg(const struct mpart_plan *plan, const struct mpart_machine *m, char **ret)
{
        _cleanup_free_ char *body = NULL;
        size_t size = 0;
        struct svg s = { .f = open_memstream(&body, &size), .plan = plan, .m = m };
        if (!s.f)
                return -ENOMEM;
        int r = draw(&s);
        free(s.cpu_owner);
        if (fclose(s.f) != 0)
                return -ENOMEM;
        if (r < 0)
                return r;
        unsigned height = s.y + SVG_MARGIN;
        char *text;
        if (asprintf(&text,
                            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" "
                            "viewBox=\"0 0 %u %u\">\n<path d=\"M0 0H%uV%uH0Z\" fill=\"#fff\"/>\n%s</svg>\n",
                            SVG_WIDTH / 10, height / 10, SVG_WIDTH, height, SVG_WIDTH, height, body) < 0)
                return -ENOMEM;
        *ret = text;
        return 0;
}
