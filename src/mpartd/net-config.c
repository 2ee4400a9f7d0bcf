/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>

#include "fs.h"
#include "json.h"
#include "macros.h"
#include "net-config.h"
#include "netif.h"

#define MTU_MIN 576U
#define MTU_MAX 65535U
#define MTU_DEFAULT 9000U /* segments of TCP go through whole whatever it is */

struct net_config net_config_default(void)
{
        return (struct net_config){
                .enabled = true,
                .bridge = "mpart0",
                .network = { 10, 1, 2, 0 },
                .prefix = 24,
                .mtu = MTU_DEFAULT,
        };
}

static uint32_t host_mask(unsigned prefix)
{
        return UINT32_MAX >> prefix;
}

static int parse_network(const char *text, struct net_config *c, struct mpart_error *e)
{
        char address[INET_ADDRSTRLEN] = "", *end = NULL;
        const char *slash = strchr(text, '/');
        size_t n = slash ? (size_t)(slash - text) : 0;
        struct in_addr in;
        if (n > 0 && n < sizeof(address))
                memcpy(address, text, n);
        unsigned long prefix = slash && isdigit((unsigned char)slash[1]) ? strtoul(slash + 1, &end, 10) : 0;
        if (inet_pton(AF_INET, address, &in) != 1 || !end || *end || prefix < 8 || prefix > 30)
                return mpart_error_set(e, -EINVAL,
                                "field \"network\": \"%s\" is not a network such as 10.1.2.0/24, with a "
                                "prefix of "
                                "8 to 30 bits",
                                text);
        if (ntohl(in.s_addr) & host_mask((unsigned)prefix))
                return mpart_error_set(
                                e, -EINVAL, "field \"network\": %s has bits set behind its prefix", text);
        memcpy(c->network, &in, 4);
        c->prefix = (unsigned)prefix;
        return 0;
}

static int check_fields(const char *format, uint64_t version, const char *bridge, uint64_t mtu,
                struct mpart_error *e)
{
        if (!streq(format, "mpart-network") || version != 1)
                return mpart_error_set(e, -EINVAL, "not a document of format \"mpart-network\", version 1");
        if (!netif_is_name(bridge))
                return mpart_error_set(
                                e, -EINVAL, "field \"bridge\": \"%s\" is no name of an interface", bridge);
        if (mtu < MTU_MIN || mtu > MTU_MAX)
                return mpart_error_set(e, -EINVAL, "field \"mtu\": %llu is not between %u and %u",
                                (unsigned long long)mtu, MTU_MIN, MTU_MAX);
        return 0;
}

int net_config_parse(const char *text, struct net_config *ret, struct mpart_error *e)
{
        struct net_config c = net_config_default();
        const char *format = "", *bridge = c.bridge, *network = NULL;
        uint64_t version = 0, mtu = c.mtu;
        const struct json_field fields[] = {
                { "format", JSON_STRING, true, &format },
                { "version", JSON_U64, true, &version },
                { "enabled", JSON_BOOL, false, &c.enabled },
                { "bridge", JSON_STRING, false, &bridge },
                { "network", JSON_STRING, false, &network },
                { "mtu", JSON_U64, false, &mtu },
                { "masquerade", JSON_BOOL, false, &c.masquerade },
        };
        cJSON *o = NULL;
        int r = json_parse(text, &o, e);
        if (r < 0)
                return r;
        r = json_dispatch(o, "the document", fields, ARRAY_SIZE(fields), e);
        if (r == 0)
                r = check_fields(format, version, bridge, mtu, e);
        if (r == 0 && network)
                r = parse_network(network, &c, e);
        if (r == 0) {
                c.mtu = (unsigned)mtu;
                if (bridge != c.bridge)
                        snprintf(c.bridge, sizeof(c.bridge), "%s", bridge);
                *ret = c;
        }
        cJSON_Delete(o);
        return r;
}

int net_config_read(int root, struct net_config *ret, struct mpart_error *e)
{
        _cleanup_free_ char *text = NULL;
        int r = read_file_at(root, NET_CONFIG_FILE, MiB, &text, NULL);
        if (r == -ENOENT || r == -ENOTDIR) {
                *ret = net_config_default();
                return 0;
        }
        if (r < 0)
                return mpart_error_set(e, r, "/" NET_CONFIG_FILE " cannot be read: %s", strerror(-r));
        r = net_config_parse(text, ret, e);
        return r < 0 ? mpart_error_prefix(e, r, "/" NET_CONFIG_FILE) : 0;
}

int net_config_address(
                const struct net_config *c, unsigned kernel, uint8_t ret[static 4], struct mpart_error *e)
{
        uint32_t network, limit = host_mask(c->prefix); /* the last address is for broadcasts */
        memcpy(&network, c->network, 4);
        if (kernel >= limit - 1)
                return mpart_error_set(e, -ERANGE,
                                "kernel %u has no address in %u.%u.%u.%u/%u: choose a larger network in "
                                "/" NET_CONFIG_FILE,
                                kernel, c->network[0], c->network[1], c->network[2], c->network[3],
                                c->prefix);
        uint32_t address = htonl(ntohl(network) + kernel + 1);
        memcpy(ret, &address, 4);
        return 0;
}

void net_config_mac(unsigned kernel, bool primary_side, uint8_t ret[static 6])
{
        const uint8_t mac[6] = { 0x02, 'm', primary_side ? 1 : 2, (uint8_t)(kernel >> 16),
                (uint8_t)(kernel >> 8), (uint8_t)kernel };
        memcpy(ret, mac, sizeof(mac));
}

int net_config_describe(const struct net_config *c, unsigned kernel, struct mpart_shared_network *ret,
                struct mpart_error *e)
{
        struct mpart_shared_network n = { .prefix = (uint8_t)c->prefix, .mtu = (uint16_t)c->mtu };
        if (!c->enabled) {
                memset(ret, 0, sizeof(*ret));
                return 0;
        }
        int r = net_config_address(c, kernel, n.address, e);
        if (r == 0)
                r = net_config_address(c, 0, n.gateway, e);
        if (r < 0)
                return r;
        n.flags = c->masquerade ? 1 : 0;
        net_config_mac(kernel, false, n.mac);
        snprintf(n.hostname, sizeof(n.hostname), "mpart%u", kernel);
        *ret = n;
        return 0;
}

static void print_host(FILE *f, const uint8_t a[static 4], unsigned kernel, const char *name)
{
        fprintf(f, "%u.%u.%u.%u mpart%u%s%s\n", a[0], a[1], a[2], a[3], kernel, name ? " " : "",
                        name ? name : "");
}

int net_config_hosts(const struct net_config *c, const struct mpart_plan *plan, char **ret)
{
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        fputs("127.0.0.1 localhost\n::1 localhost\n", f);
        for (size_t i = 0; i < plan->n_kernels; i++) {
                uint8_t address[4];
                if (net_config_address(c, plan->kernels[i].id, address, NULL) == 0)
                        print_host(f, address, plan->kernels[i].id, plan->kernels[i].name);
        }
        if (fclose(f) != 0) {
                free(text);
                return -ENOMEM;
        }
        *ret = text;
        return 0;
}

int net_config_nft(const struct net_config *c, char **ret)
{
        const uint8_t *n = c->network;
        char *text = NULL;
        /* the first line makes the second one good where there is no such table yet */
        if (asprintf(&text,
                            "table ip " NET_NFT_TABLE "\n"
                            "delete table ip " NET_NFT_TABLE "\n"
                            "table ip " NET_NFT_TABLE " {\n"
                            "  chain postrouting {\n"
                            "    type nat hook postrouting priority srcnat;\n"
                            "    ip saddr %u.%u.%u.%u/%u oifname != \"%s\" masquerade\n"
                            "  }\n"
                            "}\n",
                            n[0], n[1], n[2], n[3], c->prefix, c->bridge) < 0)
                return -ENOMEM;
        *ret = text;
        return 0;
}
