/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "bus.h"
#include "fs.h"
#include "machine-source.h"
#include "macros.h"
#include "options.h"
#include "output.h"
#include "plan-bar.h"
#include "policy-options.h"

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
        _cleanup_(table_freep) struct table *t = table_new(columns, ARRAY_SIZE(columns), e);
        if (!t)
                return e->code;
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
        _cleanup_(table_freep) struct table *t = table_new(columns, ARRAY_SIZE(columns), e);
        if (!t)
                return e->code;
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

static int print_explanation(const struct mpart_plan *plan, const struct mpart_machine *m)
{
        _cleanup_free_ char *text = NULL;
        int r = mpart_plan_explain(plan, m, &text);
        if (r == 0)
                printf("\n%s", text);
        return r;
}

/* On a machine that runs with a plan of ours: what the next start of the primary would change. */
static int print_changes(const struct mpart_plan *plan, const struct mpart_machine *m)
{
        _cleanup_free_ char *text = NULL;
        int r = m->withheld_ours.n > 0 ? mpart_plan_restart_changes(plan, m, &text) : 0;
        if (r > 0)
                printf("\na restart with this plan changes what the running primary leaves to others:\n%s",
                                text);
        else if (text)
                puts("\nthe running primary already leaves exactly this to others");
        return MIN(r, 0);
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

static int show(const struct invocation *c, const struct mpart_plan *plan, const struct mpart_machine *m,
                const char *document, struct mpart_error *e)
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
        if (r == 0 && option_given(c, OPTION_EXPLAIN))
                r = print_explanation(plan, m);
        return r < 0 ? r : print_changes(plan, m);
}

int verb_plan(const struct invocation *c, struct mpart_error *e)
{
        const char *root = c->value[OPTION_ROOT];
        if (root && option_given(c, OPTION_SAVE))
                return usage_error(
                                e, "plan: --save is for the plan of this machine, not for one under --root");
        if (option_given(c, OPTION_EXPLAIN) &&
                        (option_given(c, OPTION_JSON) || option_given(c, OPTION_OUTPUT)))
                return usage_error(e, "plan: --explain goes with the table, not with --json or --output");
        _cleanup_(policy_done) struct chosen_policy chosen = { 0 };
        int r = policy_of(c, &chosen, e);
        if (r != 0)
                return r;

        _cleanup_(mpart_machine_freep) struct mpart_machine *m = NULL;
        r = machine_chosen(root, &m, e);
        if (r < 0)
                return r;
        _cleanup_(mpart_plan_freep) struct mpart_plan *plan = NULL;
        r = mpart_plan_make(m, &chosen.policy, &plan, e);
        if (r < 0)
                return r;
        _cleanup_free_ char *document = NULL;
        r = mpart_plan_to_json(plan, &document);
        if (r < 0)
                return r;

        r = show(c, plan, m, document, e);
        if (r == 0 && option_given(c, OPTION_SVG))
                r = draw(c->value[OPTION_SVG], plan, m, e);
        if (r < 0)
                return r;
        print_notes(m->notes, m->n_notes);
        print_notes(plan->notes, plan->n_notes);
        return option_given(c, OPTION_SAVE) ? save(document, e) : 0;
}
