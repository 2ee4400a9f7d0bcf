/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plan document, written. Its fields: schemas/plan.schema.json. */
#include <errno.h>

#include "json.h"
#include "macros.h"
#include "order.h"
#include "plan.h"

/* Adds `item`, which the parent then owns; NULL or a failure is -ENOMEM. */
static int add_item(cJSON *parent, const char *name, cJSON *item)
{
        if (!item)
                return -ENOMEM;
        if (name ? cJSON_AddItemToObject(parent, name, item) : cJSON_AddItemToArray(parent, item))
                return 0;
        cJSON_Delete(item);
        return -ENOMEM;
}

static int add_string(cJSON *o, const char *name, const char *value)
{
        return cJSON_AddStringToObject(o, name, value) ? 0 : -ENOMEM;
}

static int add_cpus(cJSON *o, const char *name, const struct mpart_cpuset *cpus)
{
        _cleanup_free_ char *list = NULL;
        int r = mpart_cpuset_format_list(cpus, &list);
        return r < 0 ? r : add_string(o, name, list);
}

/* Only where it says something: zero and NULL are what is absent. */
static int add_optional_u64(cJSON *o, const char *name, uint64_t value)
{
        return value ? json_add_u64(o, name, value) : 0;
}

static int add_optional_string(cJSON *o, const char *name, const char *value)
{
        return value ? add_string(o, name, value) : 0;
}

/* {"start","size"} under `name`, or as an element where it is NULL. *ret may be NULL. */
static int add_range(cJSON *parent, const char *name, uint64_t start, uint64_t size, cJSON **ret)
{
        cJSON *o = cJSON_CreateObject();
        int r = add_item(parent, name, o);
        if (r == 0)
                r = json_add_u64(o, "start", start);
        if (r == 0)
                r = json_add_u64(o, "size", size);
        if (r == 0 && ret)
                *ret = o;
        return r;
}

static int add_node(cJSON *nodes, const struct mpart_plan *plan, const struct mpart_plan_node *node)
{
        cJSON *o = cJSON_CreateObject(), *memory, *distance;
        int r = add_item(nodes, NULL, o);
        if (r == 0)
                r = json_add_u64(o, "id", node->id);
        if (r == 0)
                r = add_cpus(o, "cpus", &node->cpus);
        if (r < 0)
                return r;
        memory = cJSON_AddArrayToObject(o, "memory");
        distance = cJSON_AddArrayToObject(o, "distance");
        if (!memory || !distance)
                return -ENOMEM;
        for (size_t i = 0; r == 0 && i < node->n_memory; i++)
                r = add_range(memory, NULL, node->memory[i].start, node->memory[i].size, NULL);
        for (size_t i = 0; r == 0 && i < plan->n_nodes; i++)
                r = add_item(distance, NULL, cJSON_CreateNumber(node->distance[i]));
        return r;
}

static int add_machine(cJSON *root, const struct mpart_plan *plan)
{
        cJSON *o = cJSON_AddObjectToObject(root, "machine");
        cJSON *nodes = o ? cJSON_AddArrayToObject(o, "nodes") : NULL;
        int r = nodes ? 0 : -ENOMEM;
        for (size_t i = 0; r == 0 && i < plan->n_nodes; i++)
                r = add_node(nodes, plan, &plan->nodes[i]);
        return r < 0 ? r : add_string(o, "digest", plan->digest);
}

static int add_choices(cJSON *o, const struct mpart_policy *p)
{
        int r = add_optional_u64(o, "count", p->count);
        if (r == 0)
                r = add_optional_u64(o, "nodes_per_kernel", p->nodes_per_kernel);
        if (r == 0)
                r = add_optional_u64(o, "low_window", p->low_window);
        if (r == 0 && p->dialect != MPART_DIALECT_LINUX)
                r = add_string(o, "dialect", mpart_dialect_to_string(p->dialect));
        if (r == 0 && !mpart_cpuset_is_empty(&p->primary_cpus))
                r = add_cpus(o, "primary_cpus", &p->primary_cpus);
        return r < 0 ? r : add_optional_u64(o, "primary_memory", p->primary_memory);
}

static int add_policy(cJSON *root, const struct mpart_policy *p)
{
        cJSON *o = cJSON_AddObjectToObject(root, "policy");
        int r = o ? add_string(o, "kind", mpart_policy_kind_to_string(p->kind)) : -ENOMEM;
        if (r == 0)
                r = json_add_u64(o, "alignment", p->alignment);
        if (r == 0)
                r = json_add_u64(o, "shared_size", p->shared_size);
        if (r == 0)
                r = json_add_u64(o, "image_size", p->image_size);
        if (r == 0)
                r = json_add_u64(o, "ramdisk_size", p->ramdisk_size);
        return r < 0 ? r : add_choices(o, p);
}

static int add_memory(cJSON *kernel, const struct mpart_plan_kernel *k)
{
        cJSON *memory = cJSON_AddArrayToObject(kernel, "memory");
        int r = memory ? 0 : -ENOMEM;
        for (size_t i = 0; r == 0 && i < k->n_memory; i++) {
                cJSON *o = NULL;
                r = add_range(memory, NULL, k->memory[i].start, k->memory[i].size, &o);
                if (r == 0)
                        r = json_add_u64(o, "node", k->memory[i].node);
        }
        return r;
}

static int add_pci_and_lines(cJSON *kernel, const struct mpart_plan_kernel *k)
{
        cJSON *pci = cJSON_AddArrayToObject(kernel, "pci");
        cJSON *lines = cJSON_AddObjectToObject(kernel, "cmdline");
        int r = pci && lines ? 0 : -ENOMEM;
        for (size_t i = 0; r == 0 && i < k->n_pci; i++)
                r = add_item(pci, NULL, cJSON_CreateString(k->pci[i]));
        if (r == 0)
                r = add_string(lines, "linux", k->cmdline_linux);
        return r < 0 ? r : add_string(lines, "popcorn", k->cmdline_popcorn);
}

static int add_boot_wishes(cJSON *o, const struct mpart_plan_kernel *k)
{
        int r = add_optional_string(o, "image", k->image);
        if (r == 0)
                r = add_optional_string(o, "initrd", k->initrd);
        if (r == 0)
                r = add_optional_string(o, "extra", k->extra);
        if (r == 0 && k->restart != MPART_RESTART_NEVER)
                r = add_string(o, "restart", mpart_restart_to_string(k->restart));
        return r < 0 ? r : plan_add_order(o, k);
}

static int add_kernel(cJSON *kernels, const struct mpart_plan_kernel *k)
{
        cJSON *o = cJSON_CreateObject();
        int r = add_item(kernels, NULL, o);
        if (r == 0)
                r = json_add_u64(o, "id", k->id);
        if (r == 0)
                r = add_string(o, "name", k->name);
        if (r == 0)
                r = add_cpus(o, "cpus", &k->cpus);
        if (r == 0)
                r = json_add_u64(o, "boot_cpu", k->boot_cpu);
        if (r == 0)
                r = add_memory(o, k);
        if (r == 0)
                r = add_range(o, "low_memory", k->low_memory.start, k->low_memory.size, NULL);
        if (r == 0)
                r = add_range(o, "shared", k->shared.start, k->shared.size, NULL);
        if (r == 0)
                r = json_add_u64(o, "load", k->load);
        if (r == 0)
                r = json_add_u64(o, "ramdisk", k->ramdisk);
        if (r == 0)
                r = add_pci_and_lines(o, k);
        return r < 0 ? r : add_boot_wishes(o, k);
}

static int add_unused(cJSON *unused, const struct mpart_plan_unused *u)
{
        cJSON *o = NULL;
        int r = add_range(unused, NULL, u->start, u->size, &o);
        if (r == 0)
                r = json_add_u64(o, "node", u->node);
        return r < 0 ? r : add_string(o, "reason", u->reason);
}

static int add_document(cJSON *root, const struct mpart_plan *plan)
{
        int r = add_string(root, "format", "mpart-plan");
        if (r == 0)
                r = json_add_u64(root, "version", MPART_PLAN_VERSION);
        if (r == 0)
                r = add_machine(root, plan);
        if (r == 0)
                r = add_policy(root, &plan->policy);
        if (r < 0)
                return r;
        cJSON *kernels = cJSON_AddArrayToObject(root, "kernels");
        cJSON *unused = cJSON_AddArrayToObject(root, "unused");
        if (!kernels || !unused)
                return -ENOMEM;
        for (size_t i = 0; r == 0 && i < plan->n_kernels; i++)
                r = add_kernel(kernels, &plan->kernels[i]);
        for (size_t i = 0; r == 0 && i < plan->n_unused; i++)
                r = add_unused(unused, &plan->unused[i]);
        return r;
}

int mpart_plan_to_json(const struct mpart_plan *plan, char **ret)
{
        cJSON *root = cJSON_CreateObject();
        if (!root)
                return -ENOMEM;
        int r = add_document(root, plan);
        _cleanup_free_ char *text = r == 0 ? json_format(root) : NULL;
        cJSON_Delete(root);
        if (r < 0)
                return r;

        char *line = NULL;
        if (!text || asprintf(&line, "%s\n", text) < 0)
                return -ENOMEM;
        *ret = line;
        return 0;
}
