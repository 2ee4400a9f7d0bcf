/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "macros.h"
#include "plan-check.h"

static int check_name(const struct mpart_plan *plan, size_t i, struct mpart_error *e)
{
        const char *name = plan->kernels[i].name;

        if (!name || !name[0] || strlen(name) > 63)
                return mpart_error_set(e, -EBADMSG, "kernel %zu: its name has no or too many characters", i);
        for (const char *c = name; *c; c++)
                if (!islower((unsigned char)*c) && !isdigit((unsigned char)*c) && *c != '-' && *c != '_')
                        return mpart_error_set(e, -EBADMSG,
                                        "kernel %zu: a name has lower case letters, digits, '-' and '_' "
                                        "only",
                                        i);
        for (size_t j = 0; j < i; j++)
                if (streq(plan->kernels[j].name, name))
                        return mpart_error_set(
                                        e, -EBADMSG, "kernels %zu and %zu are both named %s", j, i, name);
        return 0;
}

/* All CPUs that a node claims, each once. */
static int collect_node_cpus(const struct mpart_plan *plan, struct mpart_cpuset *ret, struct mpart_error *e)
{
        for (size_t i = 0; i < plan->n_nodes; i++) {
                const struct mpart_plan_node *node = &plan->nodes[i];
                if (i > 0 && node->id <= plan->nodes[i - 1].id)
                        return mpart_error_set(e, -EBADMSG, "node %u: node ids must ascend", node->id);
                if (!node->distance)
                        return mpart_error_set(e, -EBADMSG, "node %u: it has no distances", node->id);
                if (mpart_cpuset_intersects(&node->cpus, ret))
                        return mpart_error_set(e, -EBADMSG, "node %u: another node has one of its CPUs too",
                                        node->id);
                if (mpart_cpuset_or(ret, &node->cpus) < 0)
                        return mpart_error_set(e, -ENOMEM, "out of memory");
        }
        return 0;
}

static int check_kernel_cpus(const struct mpart_plan_kernel *k, const struct mpart_cpuset *taken,
                const struct mpart_cpuset *of_nodes, struct mpart_error *e)
{
        if (mpart_cpuset_is_empty(&k->cpus))
                return mpart_error_set(e, -EBADMSG, "kernel %u: it has no CPU", k->id);
        if (!mpart_cpuset_has(&k->cpus, k->boot_cpu))
                return mpart_error_set(e, -EBADMSG, "kernel %u: boot CPU %u is not one of its CPUs", k->id,
                                k->boot_cpu);
        if (k->id == 0 && (!mpart_cpuset_has(&k->cpus, 0) || k->boot_cpu != 0))
                return mpart_error_set(e, -EBADMSG, "kernel 0: the primary must have CPU 0 and boot on it");
        MPART_CPUSET_FOREACH (cpu, &k->cpus) {
                if (mpart_cpuset_has(taken, (unsigned)cpu))
                        return mpart_error_set(e, -EBADMSG, "kernel %u: CPU %d belongs to another kernel",
                                        k->id, cpu);
                if (k->id != 0 && !mpart_cpuset_has(of_nodes, (unsigned)cpu))
                        return mpart_error_set(e, -EBADMSG, "kernel %u: no node has CPU %d", k->id, cpu);
        }
        return 0;
}

static int check_cpus(const struct mpart_plan *plan, struct mpart_error *e)
{
        _cleanup_cpuset_ struct mpart_cpuset of_nodes = { 0 }, taken = { 0 };
        int r = collect_node_cpus(plan, &of_nodes, e);

        for (size_t i = 0; r == 0 && i < plan->n_kernels; i++) {
                r = check_kernel_cpus(&plan->kernels[i], &taken, &of_nodes, e);
                if (r == 0 && mpart_cpuset_or(&taken, &plan->kernels[i].cpus) < 0)
                        return mpart_error_set(e, -ENOMEM, "out of memory");
        }
        if (r < 0)
                return r;
        mpart_cpuset_andnot(&of_nodes, &taken);
        if (!mpart_cpuset_is_empty(&of_nodes))
                return mpart_error_set(
                                e, -EBADMSG, "CPU %d belongs to no kernel", mpart_cpuset_first(&of_nodes));
        return 0;
}

/* "dddd:bb:dd.f", the domain of four to eight digits, as sysfs writes it. */
static bool valid_pci_address(const char *s)
{
        size_t digits = strspn(s, "0123456789abcdef");
        if (digits < 4 || digits > 8 || (digits > 4 && s[0] == '0'))
                return false;
        s += digits;
        return s[0] == ':' && strspn(s + 1, "0123456789abcdef") == 2 && s[3] == ':' &&
               (s[4] == '0' || s[4] == '1') && isxdigit((unsigned char)s[5]) &&
               !isupper((unsigned char)s[5]) && s[6] == '.' && s[7] >= '0' && s[7] <= '7' && s[8] == 0;
}

static int compare_addresses(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int check_pci(const struct mpart_plan *plan, struct mpart_error *e)
{
        _cleanup_free_ const char **all = NULL;
        size_t n = 0, capacity = 0;

        for (size_t i = 0; i < plan->n_kernels; i++)
                for (size_t j = 0; j < plan->kernels[i].n_pci; j++) {
                        const char *address = plan->kernels[i].pci[j];
                        if (!address || !valid_pci_address(address))
                                return mpart_error_set(e, -EBADMSG,
                                                "kernel %zu: \"%.32s\" is no address of a PCI function", i,
                                                address ? address : "");
                        if (grow_array(&all, &capacity, n + 1, sizeof(*all)) < 0)
                                return mpart_error_set(e, -ENOMEM, "out of memory");
                        all[n++] = address;
                }
        if (n > 0)
                qsort(all, n, sizeof(*all), compare_addresses);
        for (size_t i = 1; i < n; i++)
                if (streq(all[i - 1], all[i]))
                        return mpart_error_set(e, -EBADMSG, "PCI function %s is given away twice", all[i]);
        return 0;
}

static int check_line(unsigned id, const char *dialect, const char *line, struct mpart_error *e)
{
        if (!line)
                return mpart_error_set(e, -EBADMSG, "kernel %u: no command line (%s)", id, dialect);
        if (strlen(line) > MPART_COMMAND_LINE_MAX)
                return mpart_error_set(e, -EBADMSG,
                                "kernel %u: the command line (%s) has %zu characters, more than %d", id,
                                dialect, strlen(line), MPART_COMMAND_LINE_MAX);
        for (const char *c = line; *c; c++)
                if (!isprint((unsigned char)*c))
                        return mpart_error_set(e, -EBADMSG,
                                        "kernel %u: the command line (%s) has the unprintable character %d",
                                        id, dialect, (unsigned char)*c);
        return 0;
}

static int check_kernels(const struct mpart_plan *plan, struct mpart_error *e)
{
        if (plan->n_kernels == 0)
                return mpart_error_set(e, -EBADMSG, "the plan has no kernel");
        for (size_t i = 0; i < plan->n_kernels; i++) {
                const struct mpart_plan_kernel *k = &plan->kernels[i];
                if (k->id != i)
                        return mpart_error_set(e, -EBADMSG, "kernels[%zu]: its id must be %zu, not %u", i, i,
                                        k->id);
                int r = check_name(plan, i, e);
                if (r == 0)
                        r = check_line(k->id, "linux", k->cmdline_linux, e);
                if (r == 0)
                        r = check_line(k->id, "popcorn", k->cmdline_popcorn, e);
                if (r == 0)
                        r = check_boot_wishes(k, e);
                if (r < 0)
                        return r;
        }
        return 0;
}

int mpart_plan_check(const struct mpart_plan *plan, const struct mpart_machine *m, struct mpart_error *e)
{
        if (strspn(plan->digest, "0123456789abcdef") != 64)
                return mpart_error_set(e, -EBADMSG, "machine: the digest must be 64 hex digits");
        int r = check_kernels(plan, e);
        if (r == 0)
                r = check_order(plan, e);
        if (r == 0)
                r = check_policy(plan, e);
        if (r == 0)
                r = check_cpus(plan, e);
        if (r == 0)
                r = check_memory(plan, e);
        if (r == 0)
                r = check_pci(plan, e);
        if (r == 0 && m)
                r = check_machine_agrees(plan, m, e);
        return r;
}
