/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <libkmod.h>
#include <stdio.h>
#include <unistd.h>

#include "library.h"
#include "macros.h"
#include "modules.h"

/* clang-format off */
#define FUNCTIONS(X) \
        X(kmod_list_next) \
        X(kmod_module_get_dependencies) \
        X(kmod_module_get_module) \
        X(kmod_module_get_name) \
        X(kmod_module_get_path) \
        X(kmod_module_get_softdeps) \
        X(kmod_module_new_from_lookup) \
        X(kmod_module_unref) \
        X(kmod_module_unref_list) \
        X(kmod_new) \
        X(kmod_unref)
/* clang-format on */
LIBRARY(library, "libkmod.so.2", "libkmod2", "finding the modules of a ramdisk", FUNCTIONS);

#define DEPTH_MAX 32 /* soft dependencies may form a ring */

/* What a resolution is made with. */
struct resolution {
        struct kmod_ctx *kmod;
        const char *release;
        struct module_list list;
};

static void unref_kmod(struct kmod_ctx **c)
{
        kmod_unref(*c);
}

static void unref_module(struct kmod_module **m)
{
        kmod_module_unref(*m);
}

static void unref_modules(struct kmod_list **l)
{
        kmod_module_unref_list(*l);
}

void module_list_free(struct module_list *l)
{
        for (size_t i = 0; i < l->n; i++) {
                free(l->items[i].name);
                free(l->items[i].path);
        }
        free(l->items);
        memset(l, 0, sizeof(*l));
}

static bool has_module(const struct module_list *l, const char *name)
{
        for (size_t i = 0; i < l->n; i++)
                if (streq(l->items[i].name, name))
                        return true;
        return false;
}

static int add_module(struct module_list *l, const char *name, const char *path)
{
        if (has_module(l, name))
                return 0;
        int r = grow_array(&l->items, &l->capacity, l->n + 1, sizeof(*l->items));
        if (r < 0)
                return r;
        struct module_file f = { strdup(name), strdup(path) };
        l->items[l->n++] = f;
        return f.name && f.path ? 0 : -ENOMEM;
}

static int resolve_module(struct resolution *s, struct kmod_module *m, unsigned depth);

static int resolve_each(struct resolution *s, struct kmod_list *list, unsigned depth)
{
        struct kmod_list *item;
        kmod_list_foreach(item, list)
        {
                _cleanup_(unref_module) struct kmod_module *m = kmod_module_get_module(item);
                int r = resolve_module(s, m, depth + 1);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int resolve_module(struct resolution *s, struct kmod_module *m, unsigned depth)
{
        const char *path = kmod_module_get_path(m);
        if (depth > DEPTH_MAX || !path) /* without a file: built in */
                return 0;
        struct kmod_list *before = NULL, *after = NULL;
        int r = kmod_module_get_softdeps(m, &before, &after);
        kmod_module_unref_list(after);
        if (r == 0)
                r = resolve_each(s, before, depth);
        kmod_module_unref_list(before);
        if (r < 0)
                return r;

        _cleanup_(unref_modules) struct kmod_list *needs = kmod_module_get_dependencies(m);
        r = resolve_each(s, needs, depth);
        return r < 0 ? r : add_module(&s->list, kmod_module_get_name(m), path);
}

static int resolve_name(struct resolution *s, const char *name, struct mpart_error *e)
{
        _cleanup_(unref_modules) struct kmod_list *found = NULL;
        int r = kmod_module_new_from_lookup(s->kmod, name, &found);
        if (r == 0 && !found)
                return mpart_error_set(e, -ENOENT, "kernel %s has no module %s", s->release, name);
        if (r == 0)
                r = resolve_each(s, found, 0);
        return r < 0 ? mpart_error_set(e, r, "module %s of kernel %s: %s", name, s->release, strerror(-r))
                     : 0;
}

static int open_kmod(
                const char *directory, const char *release, struct kmod_ctx **ret, struct mpart_error *e)
{
        _cleanup_free_ char *index = NULL;
        if (asprintf(&index, "%s/modules.dep.bin", directory) < 0) {
                index = NULL;
                return mpart_error_set(e, -ENOMEM, "out of memory");
        }
        if (access(directory, F_OK) < 0)
                return mpart_error_set(e, -ENOENT,
                                "%s is missing: install the modules of kernel %s (its linux-image package)",
                                directory, release);
        if (access(index, R_OK) < 0)
                return mpart_error_set(
                                e, -ENOENT, "%s is missing: make it with \"depmod %s\"", index, release);
        const char *no_config =
                        NULL; /* what this machine does with modules is not the secondary's business */
        *ret = kmod_new(directory, &no_config);
        return *ret ? 0 : mpart_error_set(e, -ENOMEM, "out of memory");
}

int module_list_resolve(const char *root, const char *release, const char *const *names, size_t n_names,
                struct module_list *ret, struct mpart_error *e)
{
        _cleanup_free_ char *directory = NULL;
        if (asprintf(&directory, "%s/lib/modules/%s", streq(root, "/") ? "" : root, release) < 0) {
                directory = NULL;
                return mpart_error_set(e, -ENOMEM, "out of memory");
        }
        int r = library_load(&library, e);
        if (r < 0)
                return r;
        _cleanup_(unref_kmod) struct kmod_ctx *kmod = NULL;
        r = open_kmod(directory, release, &kmod, e);
        if (r < 0)
                return r;
        struct resolution s = { .kmod = kmod, .release = release };
        for (size_t i = 0; r == 0 && i < n_names; i++)
                r = resolve_name(&s, names[i], e);
        if (r < 0) {
                module_list_free(&s.list);
                return r;
        }
        *ret = s.list;
        return 0;
}
