/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "fs.h"
#include "irqbalance.h"
#include "json.h"
#include "log.h"
#include "macros.h"

#define NS_PER_SECOND UINT64_C(1000000000)
#define REQUEST_MAX 500 /* irqbalance reads no more */
#define SLEEP_MAX 86400

struct irqbalance {
        sd_event *event;
        char *run, *note;           /* directory of the socket; file of what is known */
        struct mpart_cpuset wanted; /* to be left out for our sake */
        bool changed;               /* since irqbalance was told last */
        bool started;               /* `wanted` is this daemon's word */

        /* Of the irqbalance that was asked last; "" none. */
        char socket[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
        struct mpart_cpuset own; /* bans that are not for our sake */
        uint64_t sleep;          /* seconds between its turns */
        uint64_t until;          /* CLOCK_MONOTONIC, seconds: before that its answer may hold bans of ours */
        bool told;               /* bans of ours are in force */

        int fd; /* -1: idle */
        sd_event_source *source;
        bool asking; /* for its bans; else telling it */
        char answer[4096];
        size_t n_answer;
};

static int find_socket(const struct irqbalance *i, char path[static sizeof(i->socket)])
{
        char **names;
        size_t n;
        int r = list_directory_at(AT_FDCWD, i->run, &names, &n);
        if (r < 0)
                return r;
        r = -ENOENT;
        for (size_t k = 0; k < n; k++) {
                size_t length = strlen(names[k]);
                if (!startswith(names[k], "irqbalance") || length < 5 ||
                                !streq(names[k] + length - 5, ".sock"))
                        continue;
                int size = snprintf(path, sizeof(i->socket), "%s/%s", i->run, names[k]);
                r = (size_t)size < sizeof(i->socket) ? 0 : -ENAMETOOLONG;
        }
        free_names(names, n);
        return r;
}

static void hang_up(struct irqbalance *i)
{
        i->source = sd_event_source_disable_unref(i->source);
        close_fd(&i->fd);
}

static void write_note(const struct irqbalance *i)
{
        _cleanup_free_ char *own = NULL, *text = NULL;
        int r = mpart_cpuset_format_list(&i->own, &own);
        if (r == 0 && asprintf(&text,
                                      "{\"socket\":\"%s\",\"own\":\"%s\",\"sleep\":%" PRIu64
                                      ",\"until\":%" PRIu64 ",\"told\":%s}\n",
                                      i->socket, own, i->sleep, i->until, i->told ? "true" : "false") < 0) {
                text = NULL;
                r = -ENOMEM;
        }
        if (r == 0)
                r = write_file_atomic(i->note, text, strlen(text), 0644);
        if (r < 0)
                log_warning("%s: %s; bans of irqbalance may stay changed", i->note, strerror(-r));
}

static void delete_json(cJSON **o)
{
        cJSON_Delete(*o);
}

/* None, or one that means nothing: nothing was asked. */
static void read_note(struct irqbalance *i)
{
        _cleanup_(delete_json) cJSON *o = NULL;
        _cleanup_free_ char *text = NULL;
        const char *socket, *own;
        const struct json_field fields[] = {
                { "socket", JSON_STRING, true, &socket },
                { "own", JSON_STRING, true, &own },
                { "sleep", JSON_U64, true, &i->sleep },
                { "until", JSON_U64, true, &i->until },
                { "told", JSON_BOOL, true, &i->told },
        };
        if (read_file_at(AT_FDCWD, i->note, MiB, &text, NULL) == 0 && json_parse(text, &o, NULL) == 0 &&
                        json_dispatch(o, "note", fields, ARRAY_SIZE(fields), NULL) == 0 &&
                        mpart_cpuset_parse_list(own, &i->own) == 0)
                snprintf(i->socket, sizeof(i->socket), "%s", socket);
}

static int on_socket(sd_event_source *source, int fd, uint32_t revents, void *userdata);

/* One request; irqbalance closes the connection when it has seen to it. */
static int request(struct irqbalance *i, const char *path, const char *text)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        i->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        int r = i->fd < 0 ? -errno : 0;
        if (r == 0 && connect(i->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
                r = -errno;
        if (r == 0 && send(i->fd, text, strlen(text), MSG_NOSIGNAL) < 0)
                r = -errno;
        if (r == 0)
                r = sd_event_add_io(i->event, &i->source, i->fd, EPOLLIN, on_socket, i);
        i->n_answer = 0;
        if (r < 0)
                hang_up(i);
        return MIN(r, 0);
}

static int tell(struct irqbalance *i)
{
        _cleanup_cpuset_ struct mpart_cpuset all = { 0 };
        _cleanup_free_ char *list = NULL;
        char text[REQUEST_MAX];
        int r = mpart_cpuset_copy(&all, &i->own);
        if (r == 0)
                r = mpart_cpuset_or(&all, &i->wanted);
        if (r == 0)
                r = mpart_cpuset_format_list(&all, &list);
        if (r < 0)
                return r;
        int n = snprintf(
                        text, sizeof(text), "settings cpus %s", mpart_cpuset_is_empty(&all) ? "NULL" : list);
        if ((size_t)n >= sizeof(text))
                return -E2BIG;
        i->asking = false;
        i->changed = false;
        i->told = !mpart_cpuset_is_empty(&i->wanted);
        i->until = now_ns() / NS_PER_SECOND + 2 * i->sleep; /* a turn may be under way */
        write_note(i);                                      /* before it is done */
        return request(i, i->socket, text);
}

static int ask(struct irqbalance *i, const char *path)
{
        snprintf(i->socket, sizeof(i->socket), "%s", path);
        i->asking = true;
        i->told = false;
        i->until = 0;
        return request(i, path, "setup");
}

static int take_answer(struct irqbalance *i)
{
        static const char first[] = "SLEEP ", last[] = "BANNED ";
        struct mpart_cpuset own = { 0 };
        char *end;
        i->answer[i->n_answer] = 0;
        const char *mask = strstr(i->answer, last), *seconds = startswith(i->answer, first);
        if (!mask || !seconds)
                return -EBADMSG;
        uint64_t sleep = strtoull(seconds, &end, 10);
        if (end == seconds || sleep > SLEEP_MAX)
                return -EBADMSG;
        int r = mpart_cpuset_parse_mask(mask + strlen(last), &own);
        if (r < 0)
                return r;
        mpart_cpuset_free(&i->own);
        i->own = own;
        i->sleep = sleep;
        return 0;
}

static void give_up(struct irqbalance *i, int error)
{
        i->changed = false;
        log_info("%s: %s; irqbalance goes on as it is", i->socket, strerror(-error));
}

/* Does what is to be done next, unless a request is under way. */
static void go_on(struct irqbalance *i)
{
        char path[sizeof(i->socket)] = "";
        if (i->fd >= 0 || !i->changed)
                return;
        int r = find_socket(i, path);
        bool same = r == 0 && streq(path, i->socket);
        if (r < 0 || (mpart_cpuset_is_empty(&i->wanted) && !(same && i->told))) {
                i->changed = i->told = false; /* none, or one that never heard of us: nothing to put back */
                return;
        }
        r = same && (i->told || now_ns() / NS_PER_SECOND < i->until) ? tell(i) : ask(i, path);
        if (r < 0)
                give_up(i, r);
}

static int on_socket(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        struct irqbalance *i = userdata;
        (void)source;
        (void)revents;
        ssize_t n = recv(fd, i->answer + i->n_answer, sizeof(i->answer) - 1 - i->n_answer, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n > 0) {
                i->n_answer += (size_t)n;
                if (i->n_answer < sizeof(i->answer) - 1)
                        return 0;
        }
        hang_up(i);
        if (i->asking) {
                int r = take_answer(i);
                if (r == 0)
                        r = tell(i);
                if (r < 0)
                        give_up(i, r);
        }
        go_on(i);
        return 0;
}

int irqbalance_new(sd_event *event, const char *run, const char *directory, struct irqbalance **ret)
{
        struct irqbalance *i = calloc(1, sizeof(*i));
        if (!i)
                return -ENOMEM;
        i->event = event;
        i->fd = -1;
        i->run = strdup(run);
        if (!i->run || asprintf(&i->note, "%s/irqbalance.json", directory) < 0) {
                i->note = NULL;
                irqbalance_free(i);
                return -ENOMEM;
        }
        read_note(i);
        *ret = i;
        return 0;
}

void irqbalance_free(struct irqbalance *i)
{
        if (!i)
                return;
        hang_up(i);
        mpart_cpuset_free(&i->wanted);
        mpart_cpuset_free(&i->own);
        free(i->run);
        free(i->note);
        free(i);
}

int irqbalance_leave_out(struct irqbalance *i, const struct mpart_cpuset *cpus)
{
        if (i->started && mpart_cpuset_equal(cpus, &i->wanted))
                return 0;
        int r = mpart_cpuset_copy(&i->wanted, cpus);
        if (r < 0)
                return r;
        i->started = i->changed = true;
        go_on(i);
        return 0;
}
