/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The request document, read. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

#include "json.h"
#include "macros.h"
#include "order.h"
#include "request.h"

#define WHERE_MAX 80
#define NO_MEMORY(e) mpart_error_set(e, -ENOMEM, "out of memory")
#define NOT_GIVEN UINT64_MAX

void mpart_request_free(struct mpart_request *request)
{
        if (!request)
                return;
        for (size_t i = 0; i < request->n_kernels; i++) {
                struct mpart_request_kernel *k = &request->kernels[i];
                free(k->name);
                mpart_cpuset_free(&k->cpus);
                for (size_t j = 0; j < k->n_pci; j++)
                        free(k->pci[j].address);
                free(k->pci);
                free(k->image);
                free(k->initrd);
                free(k->extra);
                mpart_cpuset_free(&k->after);
                mpart_cpuset_free(&k->requires);
        }
        free(request->kernels);
        mpart_cpuset_free(&request->policy.primary_cpus);
        free(request);
}

static int copy_string(const char *from, char **to, struct mpart_error *e)
{
        if (!from)
                return 0;
        *to = strdup(from);
        return *to ? 0 : NO_MEMORY(e);
}

static int read_cpus(const char *where, const char *text, struct mpart_cpuset *ret, struct mpart_error *e)
{
        int r = text ? mpart_cpuset_parse_list(text, ret) : 0;
        if (r == -ENOMEM)
                return NO_MEMORY(e);
        if (r < 0 || (text && mpart_cpuset_is_empty(ret)))
                return mpart_error_set(e, -EINVAL,
                                "%s: field \"cpus\" must be a list of CPUs such as \"0-3,8\"", where);
        return 0;
}

/* A node id, or -1 where it was not given. */
static int read_node(const char *where, uint64_t value, int *ret, struct mpart_error *e)
{
        if (value != NOT_GIVEN && value > INT_MAX)
                return mpart_error_set(e, -EINVAL, "%s: field \"node\" is too large", where);
        *ret = value == NOT_GIVEN ? -1 : (int)value;
        return 0;
}

static int read_memory(
                const cJSON *o, const char *where, struct mpart_request_kernel *k, struct mpart_error *e)
{
        uint64_t size = 0, node = NOT_GIVEN;
        const struct json_field fields[] = {
                { "size", JSON_SIZE, false, &size },
                { "min", JSON_SIZE, false, &k->memory_min },
                { "desired", JSON_SIZE, false, &k->memory_desired },
                { "max", JSON_SIZE, false, &k->memory_max },
                { "node", JSON_U64, false, &node },
        };
        char place[WHERE_MAX];
        snprintf(place, sizeof(place), "%.40s.memory", where);
        int r = json_dispatch(o, place, fields, ARRAY_SIZE(fields), e);
        if (r < 0)
                return r;
        if (size && (k->memory_min || k->memory_desired || k->memory_max))
                return mpart_error_set(e, -EINVAL, "%s: \"size\" stands alone, without min, desired and max",
                                place);
        if (size)
                k->memory_min = k->memory_desired = k->memory_max = size;
        uint64_t most = k->memory_max ? k->memory_max : UINT64_MAX;
        uint64_t desired = k->memory_desired ? k->memory_desired : most;
        if (k->memory_min > desired || k->memory_min > most || (k->memory_desired && desired > most))
                return mpart_error_set(e, -EINVAL, "%s: min, desired and max must not descend", place);
        return read_node(place, node, &k->memory_node, e);
}

/* 2, 4 or 6 hex digits of a class code. */
static int read_class(
                const char *where, const char *text, struct mpart_request_pci *ret, struct mpart_error *e)
{
        size_t n = text ? strlen(text) : 0;
        if (!text)
                return 0;
        if (strspn(text, "0123456789abcdefABCDEF") != n || (n != 2 && n != 4 && n != 6))
                return mpart_error_set(e, -EINVAL,
                                "%s: field \"class\" must be 2, 4 or 6 hex digits: \"0108\" is NVMe", where);
        ret->class = (uint32_t)strtoul(text, NULL, 16);
        ret->class_digits = (unsigned)n;
        return 0;
}

/* A hexadecimal number of at most `digits` digits and the character behind it. */
static bool take_hex(const char **p, size_t digits, char behind, unsigned *ret)
{
        size_t n = strspn(*p, "0123456789abcdefABCDEF");
        if (n == 0 || n > digits || (*p)[n] != behind)
                return false;
        *ret = (unsigned)strtoul(*p, NULL, 16);
        *p += n + (behind != 0);
        return true;
}

/* The address in the form that sysfs has: in lower case, with the domain. */
static int read_address(
                const char *where, const char *text, struct mpart_request_pci *ret, struct mpart_error *e)
{
        unsigned domain = 0, bus, slot, function;
        if (!text)
                return 0;
        bool with_domain = strchr(text, ':') != strrchr(text, ':');
        if ((with_domain && !take_hex(&text, 8, ':', &domain)) || !take_hex(&text, 2, ':', &bus) ||
                        !take_hex(&text, 2, '.', &slot) || !take_hex(&text, 1, 0, &function))
                return mpart_error_set(e, -EINVAL,
                                "%s: field \"address\" must be that of a PCI function, such as \"0000:03:00.0\"",
                                where);
        return asprintf(&ret->address, "%04x:%02x:%02x.%x", domain, bus, slot, function) < 0 ? NO_MEMORY(e)
                                                                                             : 0;
}

static int read_selector(
                const cJSON *o, const char *where, struct mpart_request_pci *ret, struct mpart_error *e)
{
        const char *address = NULL, *class = NULL;
        uint64_t node = NOT_GIVEN;
        const struct json_field fields[] = {
                { "address", JSON_STRING, false, &address },
                { "class", JSON_STRING, false, &class },
                { "node", JSON_U64, false, &node },
        };
        int r = json_dispatch(o, where, fields, ARRAY_SIZE(fields), e);
        if (r < 0)
                return r;
        if (!address && !class && node == NOT_GIVEN)
                return mpart_error_set(
                                e, -EINVAL, "%s: give an address, a class or a node to select by", where);
        r = read_address(where, address, ret, e);
        if (r == 0)
                r = read_class(where, class, ret, e);
        return r < 0 ? r : read_node(where, node, &ret->node, e);
}

static int read_pci(
                const cJSON *array, const char *where, struct mpart_request_kernel *k, struct mpart_error *e)
{
        k->pci = calloc((size_t)MAX(cJSON_GetArraySize(array), 1), sizeof(*k->pci));
        if (!k->pci)
                return NO_MEMORY(e);
        const cJSON *item;
        cJSON_ArrayForEach (item, array) {
                char place[WHERE_MAX];
                snprintf(place, sizeof(place), "%.40s.pci[%zu]", where, k->n_pci);
                int r = read_selector(item, place, &k->pci[k->n_pci++], e);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* What the fields of a kernel hold before they are taken over. */
struct kernel_fields {
        const char *name, *cpus, *image, *initrd, *extra, *restart;
        uint64_t cpu_count, node;
        const cJSON *memory, *pci;
};

static int check_cpu_fields(const char *where, const struct kernel_fields *f, struct mpart_error *e)
{
        if (f->cpus ? f->cpu_count != NOT_GIVEN || f->node != NOT_GIVEN
                    : f->cpu_count == NOT_GIVEN && f->node == NOT_GIVEN)
                return mpart_error_set(e, -EINVAL,
                                "%s: give \"cpus\" (a list) alone, or \"cpu_count\", \"node\" or both",
                                where);
        if (f->cpu_count != NOT_GIVEN && (f->cpu_count == 0 || f->cpu_count > MPART_CPU_LIMIT))
                return mpart_error_set(e, -EINVAL, "%s: field \"cpu_count\" must be from 1 to %u", where,
                                MPART_CPU_LIMIT);
        return 0;
}

static int check_name(const char *where, const char *name, struct mpart_error *e)
{
        size_t n = strlen(name);
        if (n > 0 && n < 64 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") == n &&
                        !streq(name, "primary"))
                return 0;
        return mpart_error_set(e, -EINVAL,
                        "%s: field \"name\" must be 1 to 63 lower case letters, digits, '-' and '_', and not "
                        "\"primary\"",
                        where);
}

static int check_path(const char *where, const char *field, const char *path, struct mpart_error *e)
{
        if (!path || (path[0] == '/' && strlen(path) < PATH_MAX))
                return 0;
        return mpart_error_set(e, -EINVAL, "%s: field \"%s\" must be an absolute path", where, field);
}

static int check_texts(const char *where, const struct kernel_fields *f, struct mpart_error *e)
{
        int r = check_name(where, f->name, e);
        if (r == 0)
                r = check_path(where, "image", f->image, e);
        if (r == 0)
                r = check_path(where, "initrd", f->initrd, e);
        for (const char *c = f->extra; r == 0 && c && *c; c++)
                if (!isprint((unsigned char)*c))
                        r = mpart_error_set(e, -EINVAL, "%s: field \"extra\" has an unprintable character",
                                        where);
        if (r == 0 && f->restart && (int)mpart_restart_from_string(f->restart) < 0)
                r = mpart_error_set(e, -EINVAL,
                                "%s: field \"restart\" must be \"never\", \"on-failure\" or \"always\"",
                                where);
        return r;
}

static int take_fields(const struct kernel_fields *f, const char *where, struct mpart_request_kernel *k,
                struct mpart_error *e)
{
        k->cpu_count = f->cpu_count == NOT_GIVEN ? 0 : (unsigned)f->cpu_count;
        k->restart = f->restart ? mpart_restart_from_string(f->restart) : MPART_RESTART_NEVER;
        int r = copy_string(f->name, &k->name, e);
        if (r == 0)
                r = read_cpus(where, f->cpus, &k->cpus, e);
        if (r == 0)
                r = read_node(where, f->node, &k->node, e);
        if (r == 0 && f->memory)
                r = read_memory(f->memory, where, k, e);
        if (r == 0 && f->pci)
                r = read_pci(f->pci, where, k, e);
        if (r == 0)
                r = copy_string(f->image, &k->image, e);
        if (r == 0)
                r = copy_string(f->initrd, &k->initrd, e);
        if (r == 0 && f->extra && f->extra[0])
                r = copy_string(f->extra, &k->extra, e);
        return r;
}

static int read_kernel(
                const cJSON *o, const char *where, struct mpart_request_kernel *k, struct mpart_error *e)
{
        struct kernel_fields f = { .cpu_count = NOT_GIVEN, .node = NOT_GIVEN };
        const cJSON *later; /* names of other kernels: request_read_order, once all are known */
        const struct json_field fields[] = {
                { "name", JSON_STRING, true, &f.name },
                { "cpus", JSON_STRING, false, &f.cpus },
                { "cpu_count", JSON_U64, false, &f.cpu_count },
                { "node", JSON_U64, false, &f.node },
                { "memory", JSON_OBJECT, false, &f.memory },
                { "pci", JSON_ARRAY, false, &f.pci },
                { "image", JSON_STRING, false, &f.image },
                { "initrd", JSON_STRING, false, &f.initrd },
                { "extra", JSON_STRING, false, &f.extra },
                { "restart", JSON_STRING, false, &f.restart },
                { "after", JSON_ARRAY, false, &later },
                { "requires", JSON_ARRAY, false, &later },
                { "notify", JSON_BOOL, false, &k->notify },
        };
        k->node = k->memory_node = -1;
        int r = json_dispatch(o, where, fields, ARRAY_SIZE(fields), e);
        if (r == 0)
                r = check_cpu_fields(where, &f, e);
        if (r == 0)
                r = check_texts(where, &f, e);
        return r < 0 ? r : take_fields(&f, where, k, e);
}

static int read_kernels(const cJSON *array, struct mpart_request *q, struct mpart_error *e)
{
        q->kernels = calloc((size_t)MAX(cJSON_GetArraySize(array), 1), sizeof(*q->kernels));
        if (!q->kernels)
                return NO_MEMORY(e);
        const cJSON *item;
        cJSON_ArrayForEach (item, array) {
                char where[WHERE_MAX / 2];
                struct mpart_request_kernel *k = &q->kernels[q->n_kernels];
                snprintf(where, sizeof(where), "kernels[%zu]", q->n_kernels++);
                int r = read_kernel(item, where, k, e);
                if (r < 0)
                        return r;
                for (size_t i = 0; i + 1 < q->n_kernels; i++)
                        if (streq(q->kernels[i].name, k->name))
                                return mpart_error_set(e, -EINVAL, "%s: kernels[%zu] is named \"%s\" too",
                                                where, i, k->name);
        }
        return request_read_order(array, q, e);
}

static int read_primary(const cJSON *o, struct mpart_policy *policy, struct mpart_error *e)
{
        const char *cpus = NULL;
        const struct json_field fields[] = {
                { "cpus", JSON_STRING, false, &cpus },
                { "memory", JSON_SIZE, false, &policy->primary_memory },
        };
        int r = o ? json_dispatch(o, "primary", fields, ARRAY_SIZE(fields), e) : 0;
        return r < 0 ? r : read_cpus("primary", cpus, &policy->primary_cpus, e);
}

static int read_options(const cJSON *o, struct mpart_policy *policy, struct mpart_error *e)
{
        const char *dialect = "linux";
        const struct json_field fields[] = {
                { "alignment", JSON_SIZE, false, &policy->alignment },
                { "shared_size", JSON_SIZE, false, &policy->shared_size },
                { "image_size", JSON_SIZE, false, &policy->image_size },
                { "ramdisk_size", JSON_SIZE, false, &policy->ramdisk_size },
                { "low_window", JSON_SIZE, false, &policy->low_window },
                { "dialect", JSON_STRING, false, &dialect },
        };
        int r = o ? json_dispatch(o, "options", fields, ARRAY_SIZE(fields), e) : 0;
        if (r < 0)
                return r;
        policy->dialect = mpart_dialect_from_string(dialect);
        return (int)policy->dialect >= 0
                               ? 0
                               : mpart_error_set(e, -EINVAL,
                                                 "options: field \"dialect\" must be \"linux\" or \"popcorn\"");
}

static int read_document(const cJSON *root, struct mpart_request *q, struct mpart_error *e)
{
        const char *format;
        uint64_t version;
        const cJSON *primary = NULL, *options = NULL, *kernels;
        const struct json_field fields[] = {
                { "format", JSON_STRING, true, &format },
                { "version", JSON_U64, true, &version },
                { "primary", JSON_OBJECT, false, &primary },
                { "options", JSON_OBJECT, false, &options },
                { "kernels", JSON_ARRAY, true, &kernels },
        };
        int r = json_dispatch(root, "request", fields, ARRAY_SIZE(fields), e);
        if (r < 0)
                return r;
        if (!streq(format, "mpart-request"))
                return mpart_error_set(e, -EINVAL,
                                "request: field \"format\" must be \"mpart-request\", not \"%.32s\"",
                                format);
        if (version != MPART_REQUEST_VERSION)
                return mpart_error_set(e, -EINVAL, "request: version %" PRIu64 " is not known, only %d",
                                version, MPART_REQUEST_VERSION);
        r = read_primary(primary, &q->policy, e);
        if (r == 0)
                r = read_options(options, &q->policy, e);
        return r < 0 ? r : read_kernels(kernels, q, e);
}

static void delete_tree(cJSON **o)
{
        cJSON_Delete(*o);
}

int mpart_request_from_json(const char *text, struct mpart_request **ret, struct mpart_error *e)
{
        _cleanup_(delete_tree) cJSON *root = NULL;
        _cleanup_(mpart_request_freep) struct mpart_request *q = calloc(1, sizeof(*q));
        if (!q)
                return NO_MEMORY(e);

        q->policy.kind = MPART_POLICY_REQUEST;
        q->policy.request = q;
        int r = json_parse(text, &root, e);
        if (r == 0)
                r = read_document(root, q, e);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(q);
        return 0;
}
