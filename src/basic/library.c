/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dlfcn.h>
#include <errno.h>

#include "library.h"

/* Where the library is loaded already, this only counts. */
static void *library_handle(const struct library *l)
{
        return dlopen(l->file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
}

/* In order, the last one last: whoever sees it set sees all. */
static int find_functions(const struct library *l, void *handle, struct mpart_error *e)
{
        for (size_t i = 0; i < l->n_functions; i++) {
                const struct library_function *f = &l->functions[i];
                void *address = dlsym(handle, f->name);
                if (!address)
                        return mpart_error_set(e, -EOPNOTSUPP, "%s needs a newer %s: it has no function %s",
                                        l->purpose, l->file, f->name);
                __atomic_store_n(f->address, address, __ATOMIC_RELEASE);
        }
        return 0;
}

int library_load(const struct library *l, struct mpart_error *e)
{
        if (__atomic_load_n(l->functions[l->n_functions - 1].address, __ATOMIC_ACQUIRE))
                return 0;
        void *handle = library_handle(l);
        if (!handle)
                return mpart_error_set(e, -EOPNOTSUPP, "%s needs %s (Debian: %s): %s", l->purpose, l->file,
                                l->package, dlerror());
        int r = find_functions(l, handle, e);
        dlclose(handle);
        return r;
}

void *library_variable(const struct library *l, const char *name)
{
        void *handle = library_handle(l);
        void *address = handle ? dlsym(handle, name) : NULL;
        if (handle)
                dlclose(handle);
        return address;
}
