/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plan document, read. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "macros.h"
#include "order.h"
#include "plan-json.h"

#define WHERE_MAX 80
#define NO_MEMORY(e) mpart_error_set(e, -ENOMEM, "out of memory")

static int read_unsigned(
                const char *where, const char *field, uint64_t value, unsigned *ret, struct mpart_error *e)
{
        if (value > UINT32_MAX)
                return mpart_error_set(e, -EINVAL, "%s: field \"%s\" is too large", where, field);
        *ret = (unsigned)value;
        return 0;
}

static int read_range(const cJSON *o, const char *where, struct mpart_range *ret, struct mpart_error *e)
{
        const struct json_field fields[] = {
                { "start", JSON_U64, true, &ret->start },
                { "size", JSON_U64, true, &ret->size },
        };
        return json_dispatch(o, where, fields, ARRAY_SIZE(fields), e);
}

/* Room for the elements of an array, at least one, all zero. */
static void *allocate(const cJSON *array, size_t size)
{
        return calloc((size_t)MAX(cJSON_GetArraySize(array), 1), size);
}

static int read_node_memory(
                const cJSON *array, const char *where, struct mpart_plan_node *node, struct mpart_error *e)
{
        node->memory = allocate(array, sizeof(*node->memory));
        if (!node->memory)
                return NO_MEMORY(e);
        const cJSON *item;
        cJSON_ArrayForEach (item, array) {
                char place[WHERE_MAX];
                snprintf(place, sizeof(place), "%s.memory[%zu]", where, node->n_memory);
                int r = read_range(item, place, &node->memory[node->n_memory], e);
                if (r < 0)
                        return r;
                node->n_memory++;
        }
        return 0;
}

static int read_distances(const cJSON *array, const char *where, size_t n_nodes,
                struct mpart_plan_node *node, struct mpart_error *e)
{
        if ((size_t)cJSON_GetArraySize(array) != n_nodes)
                return mpart_error_set(
                                e, -EINVAL, "%s: field \"distance\" must have one number per node", where);
        node->distance = allocate(array, sizeof(*node->distance));
        if (!node->distance)
                return NO_MEMORY(e);
        size_t n = 0;
        const cJSON *item;
        cJSON_ArrayForEach (item, array) {
                double d = cJSON_IsNumber(item) ? item->valuedouble : -1;
                if (!(d >= 0 && d <= UINT32_MAX) || d != (double)(unsigned)d)
                        return mpart_error_set(
                                        e, -EINVAL, "%s: distance[%zu] must be a whole number", where, n);
                node->distance[n++] = (unsigned)d;
        }
        return 0;
}

static int read_node(const cJSON *o, size_t i, size_t n_nodes, struct mpart_plan_node *node,
                struct mpart_error *e)
{
        const cJSON *memory, *distance;
        const char *cpus;
        uint64_t id;
        const struct json_field fields[] = {
                { "id", JSON_U64, true, &id },
                { "cpus", JSON_STRING, true, &cpus },
                { "memory", JSON_ARRAY, true, &memory },
                { "distance", JSON_ARRAY, true, &distance },
        };
        char where[40];
        snprintf(where, sizeof(where), "machine.nodes[%zu]", i);

        int r = json_dispatch(o, where, fields, ARRAY_SIZE(fields), e);
        if (r == 0)
                r = read_unsigned(where, "id", id, &node->id, e);
        if (r == 0)
                r = plan_read_cpus(where, "cpus", cpus, &node->cpus, e);
        if (r == 0)
                r = read_node_memory(memory, where, node, e);
        return r < 0 ? r : read_distances(distance, where, n_nodes, node, e);
}

static int read_machine(const cJSON *o, struct mpart_plan *plan, struct mpart_error *e)
{
        const cJSON *nodes, *item;
        const char *digest;
        const struct json_field fields[] = {
                { "nodes", JSON_ARRAY, true, &nodes },
                { "digest", JSON_STRING, true, &digest },
        };
        int r = json_dispatch(o, "machine", fields, ARRAY_SIZE(fields), e);
        if (r < 0)
                return r;
        if (strlen(digest) != sizeof(plan->digest) - 1)
                return mpart_error_set(e, -EINVAL, "machine: field \"digest\" must be 64 hex digits");
        memcpy(plan->digest, digest, sizeof(plan->digest));

        size_t n = (size_t)cJSON_GetArraySize(nodes);
        plan->nodes = allocate(nodes, sizeof(*plan->nodes));
        if (!plan->nodes)
                return NO_MEMORY(e);
        cJSON_ArrayForEach (item, nodes) {
                plan->n_nodes++;
                r = read_node(item, plan->n_nodes - 1, n, &plan->nodes[plan->n_nodes - 1], e);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int read_kernel_memory(
                const cJSON *array, const char *where, struct mpart_plan_kernel *k, struct mpart_error *e)
{
        k->memory = allocate(array, sizeof(*k->memory));
        if (!k->memory)
                return NO_MEMORY(e);
        const cJSON *item;
        cJSON_ArrayForEach (item, array) {
                struct mpart_plan_memory *m = &k->memory[k->n_memory];
                uint64_t node = 0;
                const struct json_field fields[] = {
                        { "start", JSON_U64, true, &m->start },
                        { "size", JSON_U64, true, &m->size },
                        { "node", JSON_U64, true, &node },
                };
                char place[WHERE_MAX];
                snprintf(place, sizeof(place), "%s.memory[%zu]", where, k->n_memory);
                int r = json_dispatch(item, place, fields, ARRAY_SIZE(fields), e);
                if (r == 0)
                        r = read_unsigned(place, "node", node, &m->node, e);
                if (r < 0)
                        return r;
                k->n_memory++;
        }
        return 0;
}

static int read_pci(
                const cJSON *array, const char *where, struct mpart_plan_kernel *k, struct mpart_error *e)
{
        k->pci = allocate(array, sizeof(*k->pci));
        if (!k->pci)
                return NO_MEMORY(e);
        const cJSON *item;
        cJSON_ArrayForEach (item, array) {
                if (!cJSON_IsString(item))
                        return mpart_error_set(e, -EINVAL, "%s: pci[%zu] must be a string", where, k->n_pci);
                k->pci[k->n_pci] = strdup(item->valuestring);
                if (!k->pci[k->n_pci])
                        return NO_MEMORY(e);
                k->n_pci++;
        }
        return 0;
}

static int read_lines(const cJSON *o, const char *where, struct mpart_plan_kernel *k, struct mpart_error *e)
{
        const char *for_linux, *for_popcorn;
        const struct json_field fields[] = {
                { "linux", JSON_STRING, true, &for_linux },
                { "popcorn", JSON_STRING, true, &for_popcorn },
        };
        char place[WHERE_MAX];
        snprintf(place, sizeof(place), "%s.cmdline", where);
        int r = json_dispatch(o, place, fields, ARRAY_SIZE(fields), e);
        if (r < 0)
                return r;
        k->cmdline_linux = strdup(for_linux);
        k->cmdline_popcorn = strdup(for_popcorn);
        return k->cmdline_linux && k->cmdline_popcorn ? 0 : NO_MEMORY(e);
}

/* What the fields of a kernel hold before they are taken over. */
struct kernel_fields {
        uint64_t id, boot_cpu;
        const char *name, *cpus, *image, *initrd, *extra, *restart;
        const cJSON *memory, *low_memory, *shared, *pci, *cmdline, *after, *requires;
};

static int dispatch_kernel(const cJSON *o, const char *where, struct kernel_fields *f,
                struct mpart_plan_kernel *k, struct mpart_error *e)
{
        const struct json_field fields[] = {
                { "id", JSON_U64, true, &f->id },
                { "name", JSON_STRING, true, &f->name },
                { "cpus", JSON_STRING, true, &f->cpus },
                { "boot_cpu", JSON_U64, true, &f->boot_cpu },
                { "memory", JSON_ARRAY, true, &f->memory },
                { "low_memory", JSON_OBJECT, true, &f->low_memory },
                { "shared", JSON_OBJECT, true, &f->shared },
                { "load", JSON_U64, true, &k->load },
                { "ramdisk", JSON_U64, true, &k->ramdisk },
                { "pci", JSON_ARRAY, true, &f->pci },
                { "cmdline", JSON_OBJECT, true, &f->cmdline },
                { "image", JSON_STRING, false, &f->image },
                { "initrd", JSON_STRING, false, &f->initrd },
                { "extra", JSON_STRING, false, &f->extra },
                { "restart", JSON_STRING, false, &f->restart },
                { "after", JSON_ARRAY, false, &f->after },
                { "requires", JSON_ARRAY, false, &f->requires },
                { "notify", JSON_BOOL, false, &k->notify },
        };
        return json_dispatch(o, where, fields, ARRAY_SIZE(fields), e);
}

static int copy_optional(const char *from, char **to, struct mpart_error *e)
{
        *to = from ? strdup(from) : NULL;
        return from && !*to ? NO_MEMORY(e) : 0;
}

/* What a request said of the boot. */
static int read_boot_wishes(const struct kernel_fields *f, const char *where, struct mpart_plan_kernel *k,
                struct mpart_error *e)
{
        k->restart = f->restart ? mpart_restart_from_string(f->restart) : MPART_RESTART_NEVER;
        if ((int)k->restart < 0)
                return mpart_error_set(e, -EINVAL,
                                "%s: field \"restart\" must be never, on-failure or always, not \"%.32s\"",
                                where, f->restart);
        int r = copy_optional(f->image, &k->image, e);
        if (r == 0)
                r = copy_optional(f->initrd, &k->initrd, e);
        if (r == 0)
                r = copy_optional(f->extra, &k->extra, e);
        if (r == 0)
                r = plan_read_ids(f->after, where, "after", &k->after, e);
        return r < 0 ? r : plan_read_ids(f->requires, where, "requires", &k->requires, e);
}

static int read_kernel(const cJSON *o, size_t i, struct mpart_plan_kernel *k, struct mpart_error *e)
{
        struct kernel_fields f = { 0 };
        char where[32], low[WHERE_MAX], shared[WHERE_MAX];
        snprintf(where, sizeof(where), "kernels[%zu]", i);
        snprintf(low, sizeof(low), "%s.low_memory", where);
        snprintf(shared, sizeof(shared), "%s.shared", where);

        int r = dispatch_kernel(o, where, &f, k, e);
        if (r < 0)
                return r;
        k->name = strdup(f.name);
        if (!k->name)
                return NO_MEMORY(e);
        r = read_unsigned(where, "id", f.id, &k->id, e);
        if (r == 0)
                r = read_unsigned(where, "boot_cpu", f.boot_cpu, &k->boot_cpu, e);
        if (r == 0)
                r = plan_read_cpus(where, "cpus", f.cpus, &k->cpus, e);
        if (r == 0)
                r = read_kernel_memory(f.memory, where, k, e);
        if (r == 0)
                r = read_range(f.low_memory, low, &k->low_memory, e);
        if (r == 0)
                r = read_range(f.shared, shared, &k->shared, e);
        if (r == 0)
                r = read_pci(f.pci, where, k, e);
        if (r == 0)
                r = read_boot_wishes(&f, where, k, e);
        return r < 0 ? r : read_lines(f.cmdline, where, k, e);
}

static int read_kernels(const cJSON *array, struct mpart_plan *plan, struct mpart_error *e)
{
        plan->kernels = allocate(array, sizeof(*plan->kernels));
        if (!plan->kernels)
                return NO_MEMORY(e);
        const cJSON *item;
        cJSON_ArrayForEach (item, array) {
                plan->n_kernels++;
                int r = read_kernel(item, plan->n_kernels - 1, &plan->kernels[plan->n_kernels - 1], e);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int read_unused(const cJSON *array, struct mpart_plan *plan, struct mpart_error *e)
{
        plan->unused = allocate(array, sizeof(*plan->unused));
        if (!plan->unused)
                return NO_MEMORY(e);
        const cJSON *item;
        cJSON_ArrayForEach (item, array) {
                struct mpart_plan_unused *u = &plan->unused[plan->n_unused];
                const char *reason;
                uint64_t node;
                const struct json_field fields[] = {
                        { "start", JSON_U64, true, &u->start },
                        { "size", JSON_U64, true, &u->size },
                        { "node", JSON_U64, true, &node },
                        { "reason", JSON_STRING, true, &reason },
                };
                char where[WHERE_MAX];
                snprintf(where, sizeof(where), "unused[%zu]", plan->n_unused);
                int r = json_dispatch(item, where, fields, ARRAY_SIZE(fields), e);
                if (r == 0)
                        r = read_unsigned(where, "node", node, &u->node, e);
                if (r < 0)
                        return r;
                u->reason = strdup(reason);
                if (!u->reason)
                        return NO_MEMORY(e);
                plan->n_unused++;
        }
        return 0;
}

static int read_document(const cJSON *root, struct mpart_plan *plan, struct mpart_error *e)
{
        const char *format;
        uint64_t version;
        const cJSON *machine, *policy, *kernels, *unused;
        const struct json_field fields[] = {
                { "format", JSON_STRING, true, &format },
                { "version", JSON_U64, true, &version },
                { "machine", JSON_OBJECT, true, &machine },
                { "policy", JSON_OBJECT, true, &policy },
                { "kernels", JSON_ARRAY, true, &kernels },
                { "unused", JSON_ARRAY, true, &unused },
        };
        int r = json_dispatch(root, "plan", fields, ARRAY_SIZE(fields), e);
        if (r < 0)
                return r;
        if (!streq(format, "mpart-plan"))
                return mpart_error_set(e, -EINVAL,
                                "plan: field \"format\" must be \"mpart-plan\", not \"%.32s\"", format);
        if (version != MPART_PLAN_VERSION)
                return mpart_error_set(e, -EINVAL,
                                "plan: version %" PRIu64 " is not known, only %d; make the plan again",
                                version, MPART_PLAN_VERSION);
        r = read_machine(machine, plan, e);
        if (r == 0)
                r = plan_read_policy(policy, &plan->policy, e);
        if (r == 0)
                r = read_kernels(kernels, plan, e);
        return r < 0 ? r : read_unused(unused, plan, e);
}

static void delete_tree(cJSON **o)
{
        cJSON_Delete(*o);
}

int mpart_plan_from_json(const char *text, struct mpart_plan **ret, struct mpart_error *e)
{
        _cleanup_(delete_tree) cJSON *root = NULL;
        _cleanup_(mpart_plan_freep) struct mpart_plan *plan = calloc(1, sizeof(*plan));
        if (!plan)
                return NO_MEMORY(e);

        int r = json_parse(text, &root, e);
        if (r == 0)
                r = read_document(root, plan, e);
        if (r == 0)
                r = mpart_plan_check(plan, NULL, e);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(plan);
        return 0;
}
