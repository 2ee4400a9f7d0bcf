/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "boot-progress.h"
#include "macros.h"
#include "output.h"
#include "terminal.h"

struct awaited {
        unsigned id;
        bool settled, running;
        char *stage;    /* its state and the reason for it */
        char *reason;   /* why it does not run, once settled */
        double seconds; /* from the request until it settled */
};

struct boot_progress {
        struct awaited *kernels;
        size_t n, capacity;
        size_t drawn; /* lines on the terminal */
        bool terminal;
        double start;
};

static double now(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int boot_progress_new(struct boot_progress **ret)
{
        struct boot_progress *p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        p->terminal = isatty(STDOUT_FILENO);
        p->start = now();
        *ret = p;
        return 0;
}

void boot_progress_free(struct boot_progress *p)
{
        if (!p)
                return;
        for (size_t i = 0; i < p->n; i++) {
                free(p->kernels[i].stage);
                free(p->kernels[i].reason);
        }
        free(p->kernels);
        free(p);
}

static struct awaited *find(const struct boot_progress *p, unsigned id)
{
        for (size_t i = 0; i < p->n; i++)
                if (p->kernels[i].id == id)
                        return &p->kernels[i];
        return NULL;
}

bool boot_progress_awaits(const struct boot_progress *p, unsigned id)
{
        return find(p, id);
}

/* Cut to the terminal's width: a line that wraps would be two. */
static void draw_line(const struct awaited *k, double seconds, unsigned columns)
{
        char line[512];
        int n = snprintf(line, sizeof(line), "kernel %-3u %6.1f s  %s", k->id, seconds,
                        k->stage ? k->stage : "requested");
        size_t width = columns > 0 ? columns : 80;
        printf("%.*s\033[K\n", (int)MIN(MIN((size_t)MAX(n, 0), sizeof(line) - 1), width), line);
}

/* False: this is no terminal, or the lines do not fit on it. */
static bool draw(struct boot_progress *p)
{
        unsigned rows, columns;
        terminal_size(STDOUT_FILENO, &rows, &columns);
        if (!p->terminal || (rows > 0 && p->n >= rows))
                return false;
        if (p->drawn > 0)
                printf("\033[%zuA", p->drawn);
        for (size_t i = 0; i < p->n; i++) {
                const struct awaited *k = &p->kernels[i];
                draw_line(k, k->settled ? k->seconds : now() - p->start, columns);
        }
        p->drawn = p->n;
        fflush(stdout);
        return true;
}

static void show(struct boot_progress *p, const struct awaited *k)
{
        if (draw(p))
                return;
        printf("kernel %u: %s\n", k->id, k->stage);
        fflush(stdout);
}

void boot_progress_tick(void *data)
{
        draw(data);
}

static int add(struct boot_progress *p, struct awaited kernel)
{
        int r = grow_array(&p->kernels, &p->capacity, p->n + 1, sizeof(*p->kernels));
        if (r == 0)
                p->kernels[p->n++] = kernel;
        return r;
}

int boot_progress_await(struct boot_progress *p, unsigned id)
{
        return add(p, (struct awaited){ .id = id });
}

int boot_progress_refused(struct boot_progress *p, unsigned id)
{
        struct awaited k = { .id = id, .settled = true, .seconds = now() - p->start };
        if (asprintf(&k.stage, "refused (\"mpartctl boot %u\" tells why)", id) < 0)
                return -ENOMEM;
        int r = add(p, k);
        if (r < 0)
                free(k.stage);
        else
                show(p, &p->kernels[p->n - 1]);
        return r;
}

void boot_progress_changed(void *data, const struct bus_change *change)
{
        struct boot_progress *p = data;
        struct awaited *k = find(p, change->id);
        char *stage;
        if (!k || k->settled ||
                        asprintf(&stage, "%s%s%s", change->state, *change->reason ? ": " : "",
                                        change->reason) < 0)
                return;
        free(k->stage);
        k->stage = stage;
        k->running = streq(change->state, "running");
        bool waits = streq(change->cause, "waiting"); /* for its turn */
        bool ended = streq(change->state, "failed") || streq(change->state, "inactive");
        k->settled = k->running ||
                     (ended && !waits); /* stopped by someone else: it will not come up either */
        if (k->settled)
                k->seconds = now() - p->start;
        if (k->settled && !k->running)
                k->reason = strdup(*change->reason ? change->reason : change->state);
        show(p, k);
}

bool boot_progress_settled(const void *data)
{
        const struct boot_progress *p = data;
        for (size_t i = 0; i < p->n; i++)
                if (!p->kernels[i].settled)
                        return false;
        return true;
}

int boot_progress_result(const struct boot_progress *p, struct mpart_error *e)
{
        size_t n_failed = 0;
        const struct awaited *last = NULL;
        for (size_t i = 0; i < p->n; i++) {
                if (p->kernels[i].running || !p->kernels[i].settled)
                        continue;
                last = &p->kernels[i];
                n_failed++;
        }
        if (n_failed == 0)
                return 0;
        if (p->n == 1)
                return mpart_error_set(e, -EIO, "kernel %u does not run%s%s", last->id,
                                last->reason ? ": " : "", last->reason ? last->reason : "");
        return mpart_error_set(e, -EIO, "%zu of %zu kernels do not run", n_failed, p->n);
}
