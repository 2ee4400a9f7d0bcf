/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "fs.h"
#include "macros.h"
#include "options.h"
#include "plan-source.h"
#include "policy-options.h"

#define REQUEST_SIZE_LIMIT (16 * MiB)
#define USUAL_ROOM (64 * MiB) /* what a policy leaves for an image and a ramdisk where nothing is said */

void policy_done(struct chosen_policy *chosen)
{
        mpart_cpuset_free(&chosen->policy.primary_cpus);
        mpart_request_free(chosen->request);
}

static int policy_kind(const struct invocation *c, enum mpart_policy_kind *ret, struct mpart_error *e)
{
        static const struct {
                enum option_id option;
                enum mpart_policy_kind kind;
        } kinds[] = {
                { OPTION_PER_NUMA, MPART_POLICY_PER_NUMA },
                { OPTION_PER_CORE, MPART_POLICY_PER_CORE },
                { OPTION_PER_CPU, MPART_POLICY_PER_CPU },
                { OPTION_COUNT, MPART_POLICY_COUNT },
                { OPTION_NODES_PER_KERNEL, MPART_POLICY_NODES },
                { OPTION_REQUEST, MPART_POLICY_REQUEST },
        };
        size_t given = 0;
        *ret = MPART_POLICY_PER_NUMA;
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                if (!option_given(c, kinds[i].option))
                        continue;
                *ret = kinds[i].kind;
                given++;
        }
        return given > 1 ? usage_error(e, "plan: only one of --per-numa, --per-core, --per-cpu, --count, "
                                          "--nodes-per-kernel and --request can hold")
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

static int option_cpus(const struct invocation *c, enum option_id id, struct mpart_cpuset *ret,
                struct mpart_error *e)
{
        const char *text = c->value[id];
        if (!text)
                return 0;
        struct mpart_cpuset cpus = { 0 };
        int r = mpart_cpuset_parse_list(text, &cpus);
        if (r == -ENOMEM)
                return mpart_error_set(e, r, "out of memory");
        if (r < 0 || mpart_cpuset_is_empty(&cpus))
                return usage_error(e, "--%s: \"%s\" is not a list of CPUs such as 0-3,8", option_name(id),
                                text);
        mpart_cpuset_free(ret);
        *ret = cpus;
        return 0;
}

static int option_dialect(const struct invocation *c, enum mpart_dialect *ret, struct mpart_error *e)
{
        const char *text = c->value[OPTION_DIALECT];
        if (!text)
                return 0;
        enum mpart_dialect dialect = mpart_dialect_from_string(text);
        if ((int)dialect < 0)
                return usage_error(e, "--dialect: \"%s\" is neither linux nor popcorn", text);
        *ret = dialect;
        return 0;
}

/* The images and ramdisks that a request names need their room. Those of a captured machine are elsewhere.
 */
static int leave_room(const struct mpart_request *q, struct mpart_policy *policy, struct mpart_error *e)
{
        for (size_t i = 0; i < q->n_kernels; i++) {
                uint64_t image = 0, ramdisk = 0;
                int r = q->kernels[i].image ? image_room(q->kernels[i].image, &image, e) : 0;
                if (r == 0 && q->kernels[i].initrd)
                        r = ramdisk_room(q->kernels[i].initrd, &ramdisk, e);
                if (r < 0)
                        return mpart_error_prefix(e, r, "kernel %s", q->kernels[i].name);
                if (image > MAX(policy->image_size, USUAL_ROOM))
                        policy->image_size = image;
                if (ramdisk > MAX(policy->ramdisk_size, USUAL_ROOM))
                        policy->ramdisk_size = ramdisk;
        }
        return 0;
}

static int read_request(const struct invocation *c, struct chosen_policy *ret, struct mpart_error *e)
{
        const char *path = c->value[OPTION_REQUEST];
        _cleanup_free_ char *text = NULL;
        int r = read_input_at(AT_FDCWD, path, REQUEST_SIZE_LIMIT, &text, NULL, e);
        if (r < 0)
                return r;
        r = mpart_request_from_json(text, &ret->request, e);
        if (r < 0)
                return mpart_error_prefix(e, r, "%s", path);
        ret->policy = ret->request->policy;
        ret->policy.primary_cpus = (struct mpart_cpuset){ 0 };
        if (mpart_cpuset_copy(&ret->policy.primary_cpus, &ret->request->policy.primary_cpus) < 0)
                return mpart_error_set(e, -ENOMEM, "out of memory");
        return option_given(c, OPTION_ROOT) ? 0 : leave_room(ret->request, &ret->policy, e);
}

static int read_sizes(const struct invocation *c, struct mpart_policy *policy, struct mpart_error *e)
{
        int r = option_size(c, OPTION_ALIGNMENT, &policy->alignment, e);
        if (r == 0)
                r = option_size(c, OPTION_SHARED, &policy->shared_size, e);
        if (r == 0)
                r = option_size(c, OPTION_LOW_WINDOW, &policy->low_window, e);
        if (r == 0)
                r = option_size(c, OPTION_PRIMARY_MEMORY, &policy->primary_memory, e);
        if (r == 0)
                r = option_size(c, OPTION_IMAGE_SIZE, &policy->image_size, e);
        if (r == 0 && option_given(c, OPTION_IMAGE))
                r = image_room(c->value[OPTION_IMAGE], &policy->image_size, e);
        if (r == 0 && option_given(c, OPTION_INITRD))
                r = ramdisk_room(c->value[OPTION_INITRD], &policy->ramdisk_size, e);
        return r;
}

int policy_of(const struct invocation *c, struct chosen_policy *ret, struct mpart_error *e)
{
        if (option_given(c, OPTION_IMAGE) && option_given(c, OPTION_IMAGE_SIZE))
                return usage_error(e, "plan: only one of --image and --image-size can hold");
        enum mpart_policy_kind kind;
        int r = policy_kind(c, &kind, e);
        if (r == 0 && kind == MPART_POLICY_REQUEST)
                r = read_request(c, ret, e);
        ret->policy.kind = kind;
        if (r == 0)
                r = read_sizes(c, &ret->policy, e);
        if (r == 0)
                r = option_number(c, OPTION_COUNT, &ret->policy.count, e);
        if (r == 0)
                r = option_number(c, OPTION_NODES_PER_KERNEL, &ret->policy.nodes_per_kernel, e);
        if (r == 0)
                r = option_cpus(c, OPTION_PRIMARY_CPUS, &ret->policy.primary_cpus, e);
        return r != 0 ? r : option_dialect(c, &ret->policy.dialect, e);
}
