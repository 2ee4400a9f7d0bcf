/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>

#include "bus.h"
#include "log.h"
#include "macros.h"
#include "manager.h"

static const char usage[] =
                "Usage: mpartd [--root DIR]\n"
                "Tracks the kernels of this machine's partitions on the system bus (org.mpartd1).\n"
                "\n"
                "  --root DIR   look at the captured machine in DIR; nothing can be booted on it\n"
                "  --version\n"
                "  --help\n";

/* 0: go on with *ret_root; 1: done; -EINVAL: usage. */
static int parse_arguments(int argc, char **argv, const char **ret_root)
{
        static const struct option options[] = {
                { "root", required_argument, NULL, 'r' },
                { "version", no_argument, NULL, 'v' },
                { "help", no_argument, NULL, 'h' },
                { 0 },
        };
        for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) >= 0;)
                switch (c) {
                case 'r':
                        *ret_root = optarg;
                        break;
                case 'v':
                        puts("mpartd " MPART_VERSION);
                        return 1;
                case 'h':
                        fputs(usage, stdout);
                        return 1;
                default:
                        return -EINVAL;
                }
        if (optind < argc) {
                fprintf(stderr, "mpartd: what is \"%s\"? See mpartd --help\n", argv[optind]);
                return -EINVAL;
        }
        return 0;
}

static int add_signals(sd_event *event)
{
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        int r = sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL); /* the loop ends */
        return r < 0 ? r : sd_event_add_signal(event, NULL, SIGINT, NULL, NULL);
}

static int serve(const char *root)
{
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(manager_freep) struct manager *m = NULL;
        struct mpart_error e = MPART_ERROR_INIT;

        int r = sd_event_default(&event);
        if (r >= 0)
                r = add_signals(event);
        if (r < 0) {
                log_error("the event loop cannot be set up: %s", strerror(-r));
                return r;
        }
        r = manager_new(root, event, &m, &e);
        if (r < 0) {
                log_error("%s", e.text);
                return r;
        }
        r = bus_start(m);
        if (r < 0) {
                log_error("the name " BUS_NAME " cannot be had on the system bus: %s", strerror(-r));
                return r;
        }
        manager_recover(m);
        sd_notify(false, "READY=1");
        r = sd_event_loop(event);
        sd_notify(false, "STOPPING=1");
        return r;
}

int main(int argc, char **argv)
{
        const char *root = "/";
        int r = parse_arguments(argc, argv, &root);
        if (r != 0)
                return r < 0 ? 2 : 0;
        /* The room of a kernel image goes back to the system with the image: without a fixed threshold glibc
         * learns the size and keeps it (mallopt(3), M_MMAP_THRESHOLD). */
        mallopt(M_MMAP_THRESHOLD, MiB);
        return serve(root) != 0; /* positive: the bus went away */
}
