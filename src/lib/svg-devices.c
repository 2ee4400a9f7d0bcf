/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPUs and PCI functions of a node as boxes in rows. */
#include <errno.h>

#include "svg.h"

#define CPU_WIDTH 270
#define CPU_HEIGHT 210
#define DEVICE_WIDTH 2010
#define DEVICE_HEIGHT 210
#define GAP 40
#define DEVICES_SHOWN 40 /* runs of functions; what is more is counted */

static const struct mpart_cpu *cpu_of(const struct svg *s, int id)
{
        return s->m ? mpart_machine_cpu(s->m, (unsigned)id) : NULL;
}

static void draw_cpu(struct svg *s, unsigned x, int id)
{
        size_t owner = (size_t)id < s->n_cpu_owner ? s->cpu_owner[id] : SVG_NOBODY;
        const struct mpart_cpu *cpu = cpu_of(s, id);
        svg_box(s, x, s->y, CPU_WIDTH, CPU_HEIGHT, owner, "CPU %d%s: %s", id,
                        cpu && !cpu->online ? " (offline)" : "",
                        owner == SVG_NOBODY ? "nobody's" : s->plan->kernels[owner].name);
        svg_text(s, x + CPU_WIDTH / 2, s->y + 148, "middle", "%d", id);
}

/* Core by core: the threads of one touch. */
void svg_cpus(struct svg *s, const struct mpart_plan_node *node)
{
        _cleanup_cpuset_ struct mpart_cpuset left = { 0 };
        unsigned x = SVG_LEFT;
        if (mpart_cpuset_copy(&left, &node->cpus) < 0)
                return;
        if (mpart_cpuset_is_empty(&left)) {
                svg_text(s, x, s->y + 150, "small", "no CPUs");
                s->y += 250;
                return;
        }
        for (int first; (first = mpart_cpuset_first(&left)) >= 0;) {
                const struct mpart_cpu *cpu = cpu_of(s, first);
                for (int id = first; id >= 0; id = mpart_cpuset_next(&left, (unsigned)id)) {
                        if (id != first && !(cpu && mpart_cpuset_has(&cpu->siblings, (unsigned)id)))
                                continue;
                        if (x + CPU_WIDTH > SVG_RIGHT) {
                                x = SVG_LEFT;
                                s->y += CPU_HEIGHT + GAP;
                        }
                        draw_cpu(s, x, id);
                        mpart_cpuset_remove(&left, (unsigned)id);
                        x += CPU_WIDTH;
                }
                x += GAP;
        }
        s->y += CPU_HEIGHT + 70;
}

/* PCI Code and ID Assignment Specification 1.11, section 1: base classes. */
static const char *class_name(uint32_t class_code)
{
        static const char *const names[] = { "device", "storage", "network", "display", "multimedia",
                "memory", "bridge", "communication", "system", "input", "docking", "processor", "serial bus",
                "wireless", "controller", "satellite", "encryption", "signal", "accelerator" };
        uint32_t base = class_code >> 16;
        return base < ARRAY_SIZE(names) ? names[base] : names[0];
}

static size_t owner_of(const struct svg *s, const char *address)
{
        for (size_t k = s->plan->n_kernels; k-- > 0;)
                for (size_t i = 0; i < s->plan->kernels[k].n_pci; i++)
                        if (streq(s->plan->kernels[k].pci[i], address))
                                return k;
        return SVG_NOBODY;
}

/* Functions of one model with one owner, one after the other, make one box. */
struct run {
        const struct mpart_pci_function *first, *last;
        size_t owner, n;
};

static bool continues(const struct run *run, const struct mpart_pci_function *f, size_t owner)
{
        return run->n > 0 && run->owner == owner && run->first->vendor == f->vendor &&
               run->first->device == f->device && run->first->domain == f->domain &&
               run->first->bus == f->bus;
}

static void draw_run(struct svg *s, unsigned *x, const struct run *run)
{
        const struct mpart_pci_function *f = run->first;
        char count[32] = "";
        if (*x + DEVICE_WIDTH > SVG_RIGHT) {
                *x = SVG_LEFT;
                s->y += DEVICE_HEIGHT + GAP;
        }
        if (run->n > 1)
                snprintf(count, sizeof(count), " (%zu)", run->n);
        svg_box(s, *x, s->y, DEVICE_WIDTH, DEVICE_HEIGHT, run->owner, "%s to %s, %04x:%04x: %s", f->address,
                        run->last->address, f->vendor, f->device,
                        run->owner == SVG_NOBODY ? "nobody's" : s->plan->kernels[run->owner].name);
        svg_text(s, *x + DEVICE_WIDTH / 2, s->y + 145, "middle", "%s %s%s", f->address,
                        class_name(f->class_code), count);
        *x += DEVICE_WIDTH + GAP;
}

static bool is_of(const struct svg *s, const struct mpart_pci_function *f, int node)
{
        for (size_t i = 0; f->node >= 0 && i < s->plan->n_nodes; i++)
                if (s->plan->nodes[i].id == (unsigned)f->node)
                        return f->node == node;
        return node < 0;
}

static int collect_runs(struct svg *s, int node, struct run **ret, size_t *ret_n, size_t *ret_bridges)
{
        _cleanup_free_ struct run *runs = NULL;
        size_t n = 0, capacity = 0, bridges = 0;
        for (size_t i = 0; s->m && i < s->m->n_pci; i++) {
                const struct mpart_pci_function *f = &s->m->pci[i];
                if (!is_of(s, f, node))
                        continue;
                bridges += f->is_bridge;
                if (f->is_bridge)
                        continue;
                size_t owner = owner_of(s, f->address);
                if (n == 0 || !continues(&runs[n - 1], f, owner)) {
                        if (grow_array(&runs, &capacity, n + 1, sizeof(*runs)) < 0)
                                return -ENOMEM;
                        runs[n++] = (struct run){ .first = f, .owner = owner };
                }
                runs[n - 1].last = f;
                runs[n - 1].n++;
        }
        *ret = TAKE_PTR(runs);
        *ret_n = n;
        *ret_bridges = bridges;
        return 0;
}

int svg_devices(struct svg *s, int node)
{
        _cleanup_free_ struct run *runs = NULL;
        size_t n, bridges, more = 0;
        unsigned x = SVG_LEFT;
        int r = collect_runs(s, node, &runs, &n, &bridges);
        if (r < 0 || n + bridges == 0)
                return r;
        if (node < 0)
                svg_text(s, SVG_MARGIN, s->y + 150, "label", "no node told");
        for (size_t i = 0; i < MIN(n, (size_t)DEVICES_SHOWN); i++)
                draw_run(s, &x, &runs[i]);
        if (n > 0)
                s->y += DEVICE_HEIGHT + GAP;
        for (size_t i = DEVICES_SHOWN; i < n; i++)
                more += runs[i].n;
        if (more > 0 || bridges > 0) {
                if (more > 0)
                        svg_text(s, SVG_LEFT, s->y + 100, "small", "and %zu more functions; %zu bridges",
                                        more, bridges);
                else
                        svg_text(s, SVG_LEFT, s->y + 100, "small", "and %zu bridge%s", bridges,
                                        bridges == 1 ? "" : "s");
                s->y += 170;
        }
        return 0;
}
