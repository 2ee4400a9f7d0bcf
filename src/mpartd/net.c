/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <unistd.h>

#include "fs.h"
#include "log.h"
#include "macros.h"
#include "net-bridge.h"
#include "net-port.h"
#include "net.h"
#include "netif.h"

/* What a running kernel has. */
struct link {
        unsigned kernel;
        int tap; /* the interface lives as long as this is open */
        struct physmem_map map;
        struct net_port *port;
};

struct net {
        struct net_config config;
        char *problem;
        char *hosts; /* path */
        struct net_bridge bridge;
        struct region_loop *loop; /* borrowed */
        struct link *links;
        size_t n, capacity;
};

int net_new(int root, const char *runtime_directory, struct region_loop *loop, struct net **ret)
{
        struct net *n = calloc(1, sizeof(*n));
        struct mpart_error e = MPART_ERROR_INIT;
        if (!n)
                return -ENOMEM;
        n->loop = loop;
        int r = net_bridge_init(&n->bridge, runtime_directory);
        if (r == 0 && asprintf(&n->hosts, "%s/hosts", runtime_directory) < 0) {
                n->hosts = NULL;
                r = -ENOMEM;
        }
        if (r == 0 && net_config_read(root, &n->config, &e) < 0)
                n->config = (struct net_config){ .enabled = false };
        if (r == 0)
                n->problem = strdup(e.text);
        if (!n->problem) {
                net_free(n);
                return -ENOMEM;
        }
        *ret = n;
        return 0;
}

const char *net_problem(const struct net *n)
{
        return n->problem;
}

static void close_link(struct link *l)
{
        net_port_free(l->port);
        close_fd(&l->tap);
        physmem_unmap(&l->map);
}

void net_free(struct net *n)
{
        if (!n)
                return;
        for (size_t i = 0; i < n->n; i++)
                close_link(&n->links[i]);
        net_bridge_destroy(&n->bridge);
        free(n->links);
        free(n->problem);
        free(n->hosts);
        free(n);
}

void net_describe(const struct net *n, unsigned kernel, struct mpart_shared_network *ret)
{
        if (net_config_describe(&n->config, kernel, ret, NULL) < 0)
                memset(ret, 0, sizeof(*ret));
}

static struct link *find_link(struct net *n, unsigned kernel)
{
        for (size_t i = 0; i < n->n; i++)
                if (n->links[i].kernel == kernel)
                        return &n->links[i];
        return NULL;
}

static int map_region(const struct physmem *mem, const struct mpart_plan_kernel *k, struct physmem_map *ret,
                struct mpart_error *e)
{
        struct claim claim;
        int r = claim_make(k, &claim);
        if (r < 0)
                return mpart_error_set(e, r, "out of memory");
        r = physmem_map(mem, &claim, k->shared.start, MPART_REGION_USER_OFFSET, true, ret, e);
        claim_free(&claim);
        return r;
}

static int open_tap(const struct net *n, unsigned kernel, int *ret, struct mpart_error *e)
{
        char name[IFNAMSIZ];
        uint8_t mac[6];
        snprintf(name, sizeof(name), "mpart%u", kernel);
        net_config_mac(kernel, true, mac);
        if (streq(name, n->config.bridge))
                return mpart_error_set(e, -EEXIST, "the bridge has the name of kernel %u's interface, %s",
                                kernel, name);
        _cleanup_close_ int fd = netif_tap_open(name);
        if (fd < 0)
                return mpart_error_set(e, fd, "/dev/net/tun: no interface %s can be made: %s%s", name,
                                strerror(-fd),
                                fd == -ENOENT || fd == -ENODEV ? " (does the kernel have the module tun?)"
                                                               : "");
        int r = netif_set_mac(name, mac);
        if (r == 0)
                r = netif_set_mtu(name, n->config.mtu);
        if (r == 0)
                r = netif_bridge_add_port(n->config.bridge, name);
        if (r == 0)
                r = netif_set_up(name);
        if (r < 0)
                return mpart_error_set(e, r, "the interface %s cannot join the bridge %s: %s", name,
                                n->config.bridge, strerror(-r));
        *ret = TAKE_FD(fd);
        return 0;
}

static int write_hosts(const struct net *n, const struct mpart_plan *plan, char **ret, struct mpart_error *e)
{
        int r = net_config_hosts(&n->config, plan, ret);
        if (r == 0)
                r = write_file_atomic(n->hosts, *ret, strlen(*ret), 0644);
        return r < 0 ? mpart_error_set(e, r, "%s cannot be written: %s", n->hosts, strerror(-r)) : 0;
}

static int open_link(struct net *n, const struct physmem *mem, const struct mpart_plan *plan, struct link *l,
                struct mpart_error *e)
{
        _cleanup_free_ char *hosts = NULL;
        uint8_t address[4];
        int r = net_config_address(&n->config, l->kernel, address, e);
        if (r == 0)
                r = write_hosts(n, plan, &hosts, e);
        if (r == 0)
                r = net_bridge_up(&n->bridge, &n->config, e);
        if (r == 0)
                r = map_region(mem, mpart_plan_kernel(plan, l->kernel), &l->map, e);
        if (r == 0)
                r = open_tap(n, l->kernel, &l->tap, e);
        if (r < 0)
                return r;
        r = net_port_new(n->loop, l->kernel, l->tap, l->map.data, hosts, &l->port);
        return r < 0 ? mpart_error_set(e, r, "no frames can be carried: %s", strerror(-r)) : 0;
}

int net_start(struct net *n, const struct physmem *mem, const struct mpart_plan *plan, unsigned kernel,
                struct mpart_error *e)
{
        const struct mpart_plan_kernel *planned = mpart_plan_kernel(plan, kernel);
        if (!n->config.enabled || find_link(n, kernel) || !planned ||
                        planned->shared.size < MPART_REGION_SIZE_MIN)
                return 0;
        int r = grow_array(&n->links, &n->capacity, n->n + 1, sizeof(*n->links));
        if (r < 0)
                return mpart_error_set(e, r, "out of memory");
        struct link l = { .kernel = kernel, .tap = -1 };
        r = open_link(n, mem, plan, &l, e);
        if (r < 0) {
                close_link(&l);
                net_tidy(n);
                return r;
        }
        n->links[n->n++] = l;
        return 0;
}

void net_stop(struct net *n, unsigned kernel)
{
        struct link *l = find_link(n, kernel);
        if (!l)
                return;
        close_link(l);
        *l = n->links[--n->n];
        net_tidy(n);
}

void net_tidy(struct net *n)
{
        struct mpart_error e = MPART_ERROR_INIT;
        if (n->n > 0)
                return;
        unlink(n->hosts);
        if (net_bridge_down(&n->bridge, &e) < 0)
                log_warning("%s", e.text);
}
