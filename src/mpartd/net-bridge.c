/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fs.h"
#include "json.h"
#include "macros.h"
#include "net-bridge.h"
#include "netif.h"

#define NFT "/usr/sbin/nft"
#define IP_FORWARD "/proc/sys/net/ipv4/ip_forward"

static int read_note(struct net_bridge *b)
{
        _cleanup_free_ char *text = NULL;
        const char *name = "";
        uint64_t made = 0;
        const struct json_field fields[] = {
                { "bridge", JSON_STRING, true, &name },
                { "made", JSON_U64, true, &made },
        };
        cJSON *o = NULL;
        int r = read_file_at(AT_FDCWD, b->note, MiB, &text, NULL);
        if (r == 0)
                r = json_parse(text, &o, NULL);
        if (r == 0)
                r = json_dispatch(o, "note", fields, ARRAY_SIZE(fields), NULL);
        if (r == 0 && netif_is_name(name)) {
                snprintf(b->name, sizeof(b->name), "%s", name);
                b->made = (unsigned)made;
        }
        cJSON_Delete(o);
        return r;
}

/* On disk before it is made. */
static int note(struct net_bridge *b, unsigned made, struct mpart_error *e)
{
        char text[128];
        int n = snprintf(text, sizeof(text), "{\"bridge\":\"%s\",\"made\":%u}\n", b->name, made);
        int r = made ? write_file_atomic(b->note, text, (size_t)n, 0644) : unlink(b->note) < 0 ? -errno : 0;
        if (r < 0 && r != -ENOENT)
                return mpart_error_set(e, r, "%s cannot be written: %s", b->note, strerror(-r));
        b->made = made;
        return 0;
}

int net_bridge_init(struct net_bridge *b, const char *runtime_directory)
{
        *b = (struct net_bridge){ 0 };
        if (asprintf(&b->note, "%s/network.json", runtime_directory) < 0) {
                b->note = NULL;
                return -ENOMEM;
        }
        read_note(b); /* none, or one that means nothing: nothing was made */
        return 0;
}

void net_bridge_destroy(struct net_bridge *b)
{
        free(b->note);
        b->note = NULL;
}

static int set_up_bridge(const struct net_config *c, struct mpart_error *e)
{
        static const uint8_t mac[6] = { 0x02, 'm', 0, 0, 0, 0 }; /* else it changes with the ports */
        uint8_t address[4];
        int r = net_config_address(c, 0, address, e);
        if (r < 0)
                return r;
        r = netif_set_mac(c->bridge, mac);
        if (r == 0)
                r = netif_set_address(c->bridge, address, c->prefix);
        if (r == 0)
                r = netif_set_up(c->bridge);
        return r < 0 ? mpart_error_set(e, r, "the bridge %s cannot be set up: %s", c->bridge, strerror(-r))
                     : 0;
}

static int make_bridge(struct net_bridge *b, const struct net_config *c, struct mpart_error *e)
{
        if (netif_exists(c->bridge)) {
                /* One of ours may have been left half made. */
                return b->made & NET_MADE_BRIDGE && streq(b->name, c->bridge) ? set_up_bridge(c, e) : 0;
        }
        snprintf(b->name, sizeof(b->name), "%s", c->bridge);
        int r = note(b, b->made | NET_MADE_BRIDGE, e);
        if (r < 0)
                return r;
        r = netif_bridge_add(c->bridge);
        if (r < 0)
                return mpart_error_set(e, r, "the bridge %s cannot be made: %s%s", c->bridge, strerror(-r),
                                r == -ENOPKG ? " (does the kernel have the module bridge?)" : "");
        return set_up_bridge(c, e);
}

/* Runs nft with `text` as its standard input. */
static int run_nft(const char *text, struct mpart_error *e)
{
        int ends[2] = { -1, -1 };
        if (pipe2(ends, O_CLOEXEC) < 0)
                return mpart_error_set(e, -errno, "pipe: %s", strerror(errno));
        int r = write_all(ends[1], text, strlen(text)); /* short: a pipe takes it whole */
        close(ends[1]);
        char *argv[] = { (char[]){ NFT }, (char[]){ "-f" }, (char[]){ "-" }, NULL };
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
        pid_t pid = -1;
        int status = 0;
        if (r == 0)
                r = -posix_spawn(&pid, argv[0], &actions, NULL, argv, environ);
        posix_spawn_file_actions_destroy(&actions);
        close(ends[0]);
        if (r < 0)
                return mpart_error_set(e, r, "%s cannot be run: %s%s", NFT, strerror(-r),
                                r == -ENOENT ? "; \"masquerade\" needs it: install nftables" : "");
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        return WIFEXITED(status) && WEXITSTATUS(status) == 0
                               ? 0
                               : mpart_error_set(e, -EIO, "%s refused the rules for masquerading", NFT);
}

static int masquerade(struct net_bridge *b, const struct net_config *c, struct mpart_error *e)
{
        _cleanup_free_ char *rules = NULL;
        int64_t forwards = 1;
        int r = note(b, b->made | NET_MADE_NFT, e);
        if (r < 0)
                return r;
        r = net_config_nft(c, &rules);
        r = r < 0 ? mpart_error_set(e, r, "out of memory") : run_nft(rules, e);
        if (r < 0)
                return r;
        read_number_at(AT_FDCWD, IP_FORWARD, 10, &forwards);
        if (forwards != 0)
                return 0;
        r = note(b, b->made | NET_MADE_FORWARDING, e);
        if (r < 0)
                return r;
        r = write_attribute_at(AT_FDCWD, IP_FORWARD, "1");
        return r < 0 ? mpart_error_set(e, r, IP_FORWARD ": %s", strerror(-r)) : 0;
}

int net_bridge_up(struct net_bridge *b, const struct net_config *c, struct mpart_error *e)
{
        int r = make_bridge(b, c, e);
        if (r < 0 || !c->masquerade || b->made & NET_MADE_NFT)
                return r;
        return masquerade(b, c, e);
}

int net_bridge_down(struct net_bridge *b, struct mpart_error *e)
{
        int first = 0, r;
        if (b->made == 0)
                return 0;
        if (b->made & NET_MADE_FORWARDING && (r = write_attribute_at(AT_FDCWD, IP_FORWARD, "0")) < 0)
                first = mpart_error_set(e, r, IP_FORWARD ": %s", strerror(-r));
        if (b->made & NET_MADE_NFT) {
                r = run_nft("table ip " NET_NFT_TABLE "\ndelete table ip " NET_NFT_TABLE "\n",
                                first ? NULL : e);
                first = first ? first : r;
        }
        if (b->made & NET_MADE_BRIDGE && netif_exists(b->name) && (r = netif_bridge_remove(b->name)) < 0)
                first = first ? first
                              : mpart_error_set(e, r, "the bridge %s cannot be removed: %s", b->name,
                                                strerror(-r));
        return first ? first : note(b, 0, e); /* what failed is tried again the next time */
}
