/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "default-initrd.h"
#include "macros.h"
#include "options.h"
#include "output.h"

/* What a request borrows from. */
struct request_parts {
        const char **adds, **modules;
        char *ssh_key, *wrap;
};

static void request_parts_free(struct request_parts *p)
{
        free(p->adds);
        free(p->modules);
        free(p->ssh_key);
        free(p->wrap);
}

static int read_request(const struct invocation *c, const char *kernel, struct request_parts *p,
                struct mpart_initrd_request *ret, struct mpart_error *e)
{
        size_t n_adds = 0, n_modules = 0;
        int r = option_path(c, OPTION_SSH_KEY, &p->ssh_key, e);
        if (r == 0)
                r = option_path(c, OPTION_WRAP, &p->wrap, e);
        if (r < 0)
                return r;
        if (option_values(c, OPTION_ADD, &p->adds, &n_adds) < 0 ||
                        option_values(c, OPTION_MODULE, &p->modules, &n_modules) < 0)
                return mpart_error_set(e, -ENOMEM, "out of memory");
        *ret = (struct mpart_initrd_request){
                .agent = agent_path(),
                .kernel = kernel,
                .modules = p->modules,
                .n_modules = n_modules,
                .adds = p->adds,
                .n_adds = n_adds,
                .ssh_key = p->ssh_key,
                .wrap = p->wrap,
        };
        return 0;
}

/* --add takes paths of this directory too; the library's are all absolute. */
static int absolute_adds(const char *const *adds, size_t n, char ***ret, struct mpart_error *e)
{
        char **words = calloc(n + 1, sizeof(*words));
        if (!words)
                return mpart_error_set(e, -ENOMEM, "out of memory");
        *ret = words;
        for (size_t i = 0; i < n; i++) {
                const char *colon = strchr(adds[i], ':');
                _cleanup_free_ char *from =
                                strndup(adds[i], colon ? (size_t)(colon - adds[i]) : strlen(adds[i]));
                _cleanup_free_ char *real = from ? realpath(from, NULL) : NULL;
                if (!real)
                        return mpart_error_set(e, -errno, "--add: %s cannot be found: %s",
                                        from ? from : adds[i], strerror(errno));
                if (asprintf(&words[i], "%s:%s", real, colon ? colon + 1 : from) < 0) {
                        words[i] = NULL;
                        return mpart_error_set(e, -ENOMEM, "out of memory");
                }
        }
        return 0;
}

static void free_words(char ***words)
{
        for (char **w = *words; w && *w; w++)
                free(*w);
        free(*words);
}

static int create(const struct mpart_initrd_request *request, const char *output, struct mpart_error *e)
{
        int r = initrd_write(request, output, e);
        struct stat st;
        if (r == 0 && stat(output, &st) == 0)
                printf("%s: %s\n", output, size_text((uint64_t)st.st_size).text);
        return r;
}

int verb_initrd(const struct invocation *c, struct mpart_error *e)
{
        if (!streq(c->operands[0], "create"))
                return usage_error(e, "initrd: what is \"%s\"? \"create\" is meant", c->operands[0]);
        struct utsname u;
        if (uname(&u) < 0)
                return mpart_error_set(e, -errno, "uname: %s", strerror(errno));
        const char *kernel = option_given(c, OPTION_KERNEL) ? c->value[OPTION_KERNEL] : u.release;
        bool modules = !streq(kernel, "none");
        if (strchr(kernel, '/') || *kernel == 0 || *kernel == '.')
                return usage_error(e,
                                "--kernel: \"%s\" is no kernel version (\"ls /lib/modules\" lists them)",
                                kernel);

        _cleanup_(request_parts_free) struct request_parts parts = { 0 };
        _cleanup_(free_words) char **adds = NULL;
        _cleanup_free_ char *output = NULL;
        struct mpart_initrd_request request;
        int r = read_request(c, modules ? kernel : NULL, &parts, &request, e);
        if (r == 0)
                r = absolute_adds(request.adds, request.n_adds, &adds, e);
        if (r < 0)
                return r;
        request.adds = (const char *const *)adds;
        if (option_given(c, OPTION_OUTPUT))
                output = strdup(c->value[OPTION_OUTPUT]);
        else if (asprintf(&output, "initrd-%s.img", kernel) < 0)
                output = NULL;
        if (!output)
                return mpart_error_set(e, -ENOMEM, "out of memory");
        request.compression = mpart_compression_of_file(output);
        return create(&request, output, e);
}
