/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bus.h"
#include "fs.h"
#include "machine-source.h"
#include "macros.h"
#include "options.h"
#include "output.h"
#include "plan-bar.h"
#include "plan-source.h"

static int policy_kind(const struct invocation *c, enum mpart_policy_kind *ret, struct mpart_error *e)
{
        static const struct {
                enum option_id option;
                enum mpart_policy_kind kind;
        } kinds[] = {
                { OPTION_PER_NUMA, MPART_POLICY_PER_NUMA },
                { OPTION_PER_CORE, MPART_POLICY_PER_CORE },
                { OPTION_PER_CPU, MPART_POLICY_PER_CPU },
        };
        size_t given = 0;
        *ret = MPART_POLICY_PER_NUMA;
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                if (!option_given(c, kinds[i].option))
                        continue;
                *ret = kinds[i].kind;
                given++;
        }
        return given > 1 ? usage_error(e, "plan: only one of --per-numa, --per-core and --per-cpu can hold")
                         : 0;
}

static int image_room(const char *path, uint64_t *ret, struct mpart_error *e)
{
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r = read_boot_file(path, &data, &size, e);
        if (r < 0)
                return r;
        struct mpart_image image;
        r = mpart_image_probe(data, size, path, &image, e);
        if (r < 0)
                return r;
        *ret = image.init_size;
        return 0;
}

static int ramdisk_room(const char *path, uint64_t *ret, struct mpart_error *e)
{
        struct stat st;
        if (stat(path, &st) < 0)
                return mpart_error_set(e, -errno, "%s cannot be read: %s", path, strerror(errno));
        if (!S_ISREG(st.st_mode))
                return mpart_error_set(e, -EINVAL, "%s is no file", path);
        *ret = (uint64_t)st.st_size;
        return 0;
}

static int policy_of(const struct invocation *c, struct mpart_policy *ret, struct mpart_error *e)
{
        if (option_given(c, OPTION_IMAGE) && option_given(c, OPTION_IMAGE_SIZE))
                return usage_error(e, "plan: only one of --image and --image-size can hold");
        struct mpart_policy policy = { 0 };
        int r = policy_kind(c, &policy.kind, e);
        if (r == 0)
                r = option_size(c, OPTION_ALIGNMENT, &policy.alignment, e);
        if (r == 0)
                r = option_size(c, OPTION_SHARED, &policy.shared_size, e);
        if (r == 0)
                r = option_size(c, OPTION_IMAGE_SIZE, &policy.image_size, e);
        if (r == 0 && option_given(c, OPTION_IMAGE))
                r = image_room(c->value[OPTION_IMAGE], &policy.image_size, e);
        if (r == 0 && option_given(c, OPTION_INITRD))
                r = ramdisk_room(c->value[OPTION_INITRD], &policy.ramdisk_size, e);
        if (r == 0)
                *ret = policy;
        return r;
}

/* Adds up what a kernel has of each node: "1.9 GiB on node 1", a line each. */
static char *memory_per_node(const struct mpart_plan_kernel *k)
{
        char *text = NULL;
        for (size_t i = 0; i < k->n_memory; i++) {
                uint64_t total = 0;
                bool counted = false;
                for (size_t j = 0; j < k->n_memory; j++) {
                        if (k->memory[j].node != k->memory[i].node)
                                continue;
                        total += k->memory[j].size;
                        counted |= j < i;
                }
                if (!counted)
                        text_add(&text, "%s%s on node %u", text ? "\n" : "", size_text(total).text,
                                        k->memory[i].node);
        }
        return text;
}

static void address_cell(struct table *t, size_t column, uint64_t address)
{
        table_cell(t, column, address ? "0x%" PRIx64 : "-", address);
}

static int print_kernels(const struct mpart_plan *plan, struct mpart_error *e)
{
        static const struct column columns[] = { { "KERNEL", true }, { "NAME", false }, { "CPUS", false },
                { "MEMORY", false }, { "LOW", true }, { "LOAD", true }, { "RAMDISK", true } };
        _cleanup_(table_freep) struct table *t = table_new(columns, ARRAY_SIZE(columns));
        if (!t)
                return -ENOMEM;
        for (size_t i = 0; i < plan->n_kernels; i++) {
                const struct mpart_plan_kernel *k = &plan->kernels[i];
                _cleanup_free_ char *cpus = NULL, *memory = memory_per_node(k);
                int r = mpart_cpuset_format_list(&k->cpus, &cpus);
                if (r < 0)
                        return r;
                table_row(t);
                table_cell(t, 0, "%u", k->id);
                table_cell(t, 1, "%s", k->name);
                table_cell(t, 2, "%s", cpus);
                table_cell(t, 3, "%s", memory ? memory : "-");
                address_cell(t, 4, k->low_memory.start);
                address_cell(t, 5, k->load);
                address_cell(t, 6, k->ramdisk);
        }
        return table_print(t, e);
}

static int print_bars(const struct mpart_plan *plan)
{
        _cleanup_free_ char *bars = NULL;
        struct bar_style style = bar_style_of_terminal();
        int r = plan_bars(plan, &style, &bars);
        if (r == 0)
                printf("%s\n", bars);
        return r;
}

static int print_unused(const struct mpart_plan *plan, struct mpart_error *e)
{
        static const struct column columns[] = { { "UNUSED", false }, { "SIZE", true }, { "NODE", true },
                { "REASON", false } };
        _cleanup_(table_freep) struct table *t = table_new(columns, ARRAY_SIZE(columns));
        if (!t)
                return -ENOMEM;
        for (size_t i = 0; i < plan->n_unused; i++) {
                const struct mpart_plan_unused *u = &plan->unused[i];
                _cleanup_free_ char *range = NULL;
                text_add_range(&range, u->start, u->size);
                table_row(t);
                table_cell(t, 0, "%s", range ? range : "");
                table_cell(t, 1, "%s", size_text(u->size).text);
                table_cell(t, 2, "%u", u->node);
                table_cell(t, 3, "%s", u->reason);
        }
        putchar('\n');
        return table_print(t, e);
}

static int save(const char *document, struct mpart_error *e)
{
        _cleanup_bus_ struct sd_bus *bus = NULL;
        int r = bus_open(&bus, e);
        if (r == 0)
                r = bus_set_plan(bus, document, e);
        if (r < 0)
                return mpart_error_prefix(e, r, "the plan was not saved");
        tell("The plan is saved. It takes effect when the primary starts with its parameters: at once by "
             "\"mpartctl apply\", at the next boot by \"mpartctl export grub --install\".");
        return 0;
}

static int draw(const char *file, const struct mpart_plan *plan, const struct mpart_machine *m,
                struct mpart_error *e)
{
        _cleanup_free_ char *picture = NULL;
        int r = mpart_plan_to_svg(plan, m, &picture);
        if (r == 0)
                r = write_file_atomic(file, picture, strlen(picture), 0644);
        return r < 0 ? mpart_error_set(e, r, "%s cannot be written: %s", file, strerror(-r)) : 0;
}

static int show(const struct invocation *c, const struct mpart_plan *plan, const char *document,
                struct mpart_error *e)
{
        const char *output = c->value[OPTION_OUTPUT];
        if (output) {
                int r = write_file_atomic(output, document, strlen(document), 0644);
                return r < 0 ? mpart_error_set(e, r, "%s cannot be written: %s", output, strerror(-r)) : 0;
        }
        if (option_given(c, OPTION_JSON)) {
                print_document(document);
                return 0;
        }
        int r = isatty(STDOUT_FILENO) ? print_bars(plan) : 0;
        if (r == 0)
                r = print_kernels(plan, e);
        if (r == 0 && plan->n_unused > 0)
                r = print_unused(plan, e);
        return r;
}

int verb_plan(const struct invocation *c, struct mpart_error *e)
{
        const char *root = c->value[OPTION_ROOT];
        if (root && option_given(c, OPTION_SAVE))
                return usage_error(
                                e, "plan: --save is for the plan of this machine, not for one under --root");
        struct mpart_policy policy;
        int r = policy_of(c, &policy, e);
        if (r != 0)
                return r;

        _cleanup_(mpart_machine_freep) struct mpart_machine *m = NULL;
        r = machine_chosen(root, &m, e);
        if (r < 0)
                return r;
        _cleanup_(mpart_plan_freep) struct mpart_plan *plan = NULL;
        r = mpart_plan_make(m, &policy, &plan, e);
        if (r < 0)
                return r;
        _cleanup_free_ char *document = NULL;
        r = mpart_plan_to_json(plan, &document);
        if (r < 0)
                return r;

        r = show(c, plan, document, e);
        if (r == 0 && option_given(c, OPTION_SVG))
                r = draw(c->value[OPTION_SVG], plan, m, e);
        if (r < 0)
                return r;
        print_notes(m->notes, m->n_notes);
        print_notes(plan->notes, plan->n_notes);
        return option_given(c, OPTION_SAVE) ? save(document, e) : 0;
}
