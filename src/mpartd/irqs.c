/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "fs.h"
#include "irqs.h"
#include "json.h"
#include "log.h"
#include "macros.h"

static char *state_path(const char *directory)
{
        char *path = NULL;
        return asprintf(&path, "%s/irqs.json", directory) < 0 ? NULL : path;
}

static void affinity_path(const char *irq, char path[64])
{
        snprintf(path, 64, "proc/irq/%.16s/smp_affinity_list", irq);
}

static int collect(int root, cJSON *o)
{
        char **names;
        size_t n;
        int r = list_directory_at(root, "proc/irq", &names, &n);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n && r == 0; i++) {
                char path[64];
                _cleanup_free_ char *list = NULL;
                affinity_path(names[i], path);
                if (!isdigit((unsigned char)names[i][0]) || read_line_at(root, path, &list) < 0)
                        continue;
                r = cJSON_AddStringToObject(o, names[i], list) ? 0 : -ENOMEM;
        }
        free_names(names, n);
        return r;
}

int irqs_save(int root, const char *directory)
{
        _cleanup_free_ char *path = state_path(directory), *text = NULL;
        _cleanup_json_ cJSON *o = cJSON_CreateObject();
        if (!path || !o)
                return -ENOMEM;
        if (access(path, F_OK) == 0)
                return 0;
        int r = collect(root, o);
        if (r < 0)
                return r;
        text = json_format(o);
        return text ? write_file_atomic(path, text, strlen(text), 0644) : -ENOMEM;
}

static void put_back(int root, const char *irq, const char *wanted)
{
        char path[64];
        _cleanup_free_ char *now = NULL;
        affinity_path(irq, path);
        if (read_line_at(root, path, &now) < 0 || streq(now, wanted))
                return;
        int r = write_attribute_at(root, path, wanted);
        if (r < 0)
                log_info("interrupt %s stays on CPUs %s, it was on %s: %s", irq, now, wanted, strerror(-r));
}

void irqs_restore(int root, const char *directory)
{
        _cleanup_free_ char *path = state_path(directory), *text = NULL;
        _cleanup_json_ cJSON *o = NULL;
        struct mpart_error e = MPART_ERROR_INIT;
        if (!path || read_file_at(AT_FDCWD, path, 0, &text, NULL) < 0)
                return;
        if (json_parse(text, &o, &e) < 0) {
                log_warning("%s: %s; interrupt affinities stay as they are", path, e.text);
        } else {
                const cJSON *item;
                cJSON_ArrayForEach (item, o)
                        if (cJSON_IsString(item))
                                put_back(root, item->string, item->valuestring);
        }
        unlink(path);
}
