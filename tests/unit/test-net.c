/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The network's configuration, and the carrying of frames. In place of a TAP stands a datagram socket: each
 * packet of it is a frame. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "frames.h"
#include "macros.h"
#include "net-config.h"
#include "net-port.h"
#include "netif.h"

#define VNET_HEADER 10

static void expect_refused(const char *text, const char *part)
{
        struct net_config c = { .prefix = 77 };
        struct mpart_error e = MPART_ERROR_INIT;
        assert_int_equal(net_config_parse(text, &c, &e), -EINVAL);
        if (!strstr(e.text, part))
                fail_msg("\"%s\" is not in: %s", part, e.text);
        assert_int_equal(c.prefix, 77);
}

#define START "{\"format\":\"mpart-network\",\"version\":1"

static void test_config(void **state)
{
        (void)state;
        struct net_config c;
        assert_int_equal(net_config_parse(START "}", &c, NULL), 0);
        assert_true(c.enabled && !c.masquerade);
        assert_string_equal(c.bridge, "mpart0");
        assert_int_equal(c.prefix, 24);
        assert_int_equal(net_config_parse(START
                                         ",\"network\":\"172.16.0.0/12\",\"mtu\":1500,\"bridge\":\"b\","
                                         "\"masquerade\":true,\"enabled\":false}",
                                         &c, NULL),
                        0);
        assert_true(!c.enabled && c.masquerade && c.mtu == 1500 && c.prefix == 12);
        assert_string_equal(c.bridge, "b");
        const uint8_t network[4] = { 172, 16, 0, 0 };
        assert_memory_equal(c.network, network, 4);

        expect_refused("{}", "format");
        expect_refused("{\"format\":\"mpart-network\",\"version\":2}", "version 1");
        expect_refused(START ",\"mtu\":10}", "mtu");
        expect_refused(START ",\"mtu\":70000}", "mtu");
        expect_refused(START ",\"bridge\":\"a/b\"}", "bridge");
        expect_refused(START ",\"bridge\":\"0123456789abcdef\"}", "bridge");
        expect_refused(START ",\"speed\":1}", "speed");
        static const char *const networks[] = { "", "10.1.2.0", "10.1.2.0/", "10.1.2.0/x", "10.1.2.0/24x",
                "10.1.2.1/24", "10.1.2.0/7", "10.1.2.0/31", "10.1.2/24", "300.1.2.0/24", "10.1.2.0/-8",
                "1000000000000000000000000.0.0.0/8" };
        for (size_t i = 0; i < ARRAY_SIZE(networks); i++) {
                char text[200];
                snprintf(text, sizeof(text), START ",\"network\":\"%s\"}", networks[i]);
                expect_refused(text, "network");
        }
}

static void test_addresses(void **state)
{
        (void)state;
        struct net_config c = net_config_default();
        struct mpart_error e = MPART_ERROR_INIT;
        uint8_t a[4] = { 0 }, mac[2][6];
        static const uint8_t third[4] = { 10, 1, 2, 4 }, last[4] = { 10, 1, 2, 254 };
        assert_int_equal(net_config_address(&c, 3, a, &e), 0);
        assert_memory_equal(a, third, 4);
        assert_int_equal(net_config_address(&c, 253, a, &e), 0);
        assert_memory_equal(a, last, 4);
        assert_int_equal(net_config_address(&c, 254, a, &e), -ERANGE);
        assert_non_null(strstr(e.text, "kernel 254"));

        net_config_mac(3, true, mac[0]);
        net_config_mac(3, false, mac[1]);
        assert_memory_not_equal(mac[0], mac[1], 6);
        assert_int_equal(mac[0][0] & 3, 2); /* local, for one receiver */

        struct mpart_shared_network n;
        assert_int_equal(net_config_describe(&c, 3, &n, NULL), 0);
        assert_string_equal(n.hostname, "mpart3");
        assert_int_equal(n.prefix, 24);
        assert_int_equal(n.flags, 0);
        assert_memory_equal(n.mac, mac[1], 6);
        c.enabled = false;
        assert_int_equal(net_config_describe(&c, 3, &n, NULL), 0);
        assert_int_equal(n.prefix, 0);
}

static void test_texts(void **state)
{
        (void)state;
        struct net_config c = net_config_default();
        struct mpart_plan_kernel kernels[] = { { .id = 0, .name = (char *)"primary" },
                { .id = 1, .name = (char *)"node1" } };
        struct mpart_plan plan = { .kernels = kernels, .n_kernels = 2 };
        _cleanup_free_ char *hosts = NULL, *nft = NULL;
        assert_int_equal(net_config_hosts(&c, &plan, &hosts), 0);
        assert_string_equal(hosts, "127.0.0.1 localhost\n::1 localhost\n10.1.2.1 mpart0 primary\n"
                                   "10.1.2.2 mpart1 node1\n");
        assert_int_equal(net_config_nft(&c, &nft), 0);
        assert_non_null(strstr(nft, "ip saddr 10.1.2.0/24 oifname != \"mpart0\" masquerade"));
}

/* A region as the daemon maps it, and the secondary's side of its network rings. */
struct peer {
        char *region;
        struct ring in, out; /* of the secondary: down, up */
        int tap, wire;       /* the two ends of what stands for the TAP */
};

static void attach(struct peer *p, struct ring *ring, enum mpart_shared_ring which, enum ring_side side)
{
        struct mpart_shared_ring_place place = mpart_shared_ring_place(which);
        ring_attach(ring, p->region + place.control, p->region + place.data, place.size, side);
}

static int set_up(void **state)
{
        static struct peer p;
        int ends[2], size = 1 << 20;
        p.region = mmap(NULL, MPART_REGION_USER_OFFSET, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                        -1, 0);
        assert_true(p.region != MAP_FAILED);
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
        for (int i = 0; i < 2; i++)
                setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
        p.tap = ends[0];
        p.wire = ends[1];
        attach(&p, &p.in, MPART_RING_NETWORK_DOWN, RING_CONSUMER);
        attach(&p, &p.out, MPART_RING_NETWORK_UP, RING_PRODUCER);
        *state = &p;
        return 0;
}

static int tear_down(void **state)
{
        struct peer *p = *state;
        close(p->tap);
        close(p->wire);
        munmap(p->region, MPART_REGION_USER_OFFSET);
        return 0;
}

static void make_frames(struct peer *p, struct frames *f)
{
        *f = (struct frames){ .tap = p->tap };
        attach(p, &f->in, MPART_RING_NETWORK_UP, RING_CONSUMER);
        attach(p, &f->out, MPART_RING_NETWORK_DOWN, RING_PRODUCER);
}

static void test_frames_both_ways(void **state)
{
        struct peer *p = *state;
        struct frames f;
        char frame[9000], got[FRAME_SIZE_MAX];
        uint32_t type, size;
        make_frames(p, &f);
        assert_int_equal(frames_serve(&f, true), 0);
        for (unsigned i = 0; i < 500; i++) { /* often enough for the rings to wrap */
                memset(frame, (int)i, sizeof(frame));
                assert_int_equal(ring_put(&p->out, FRAME_VNET, frame, sizeof(frame)), 0);
                assert_int_equal(send(p->wire, frame, sizeof(frame) - i, 0), sizeof(frame) - i);
                assert_int_equal(frames_serve(&f, true), 1);
                assert_int_equal(recv(p->wire, got, sizeof(got), 0), sizeof(frame));
                assert_memory_equal(got, frame, sizeof(frame));
                assert_int_equal(ring_get(&p->in, got, sizeof(got), &type, &size), 1);
                assert_int_equal(type, FRAME_VNET);
                assert_int_equal(size, sizeof(frame) - i);
                assert_memory_equal(got, frame, size);
        }
        assert_int_equal(f.n_in, 500);
        assert_int_equal(f.n_out, 500);
        /* A bare frame gets a header that asks for nothing. */
        assert_int_equal(ring_put(&p->out, FRAME_BARE, "bare", 4), 0);
        assert_int_equal(frames_serve(&f, true), 1);
        assert_int_equal(recv(p->wire, got, sizeof(got), 0), VNET_HEADER + 4);
        assert_memory_equal(got + VNET_HEADER, "bare", 4);
}

static void test_frames_when_nobody_takes_them(void **state)
{
        struct peer *p = *state;
        struct frames f;
        char frame[9000] = { 0 };
        make_frames(p, &f);
        for (unsigned i = 0; i < 100; i++) {
                send(p->wire, frame, sizeof(frame), 0);
                assert_true(frames_serve(&f, true) >= 0);
        }
        assert_true(f.out_is_full);
        assert_true(f.n_out > 10 && f.n_out < 30);
        for (unsigned i = 0; i < 10; i++) {
                ring_drop_all(&p->in);
                assert_true(frames_serve(&f, true) >= 0);
        }
        assert_false(f.out_is_full);
        assert_true(f.n_out > 30);
}

struct heard {
        uint32_t type, size;
        char text[16];
};

static void hear(void *userdata, uint32_t type, const void *data, uint32_t size)
{
        struct heard *h = userdata;
        h->type = type;
        h->size = size;
        memcpy(h->text, data, MIN(size + 1, (uint32_t)sizeof(h->text)));
}

static void test_other_records(void **state)
{
        struct peer *p = *state;
        struct frames f;
        struct heard heard = { 0 };
        make_frames(p, &f);
        assert_int_equal(ring_put(&p->out, FRAME_HOSTS, "names", 5), 0);
        assert_int_equal(frames_serve(&f, true), 1);
        assert_int_equal(f.n_refused, 1); /* nobody wants it */
        f.other = hear;
        f.userdata = &heard;
        assert_int_equal(ring_put(&p->out, FRAME_HOSTS, "names", 5), 0);
        assert_int_equal(frames_serve(&f, true), 1);
        assert_int_equal(heard.type, FRAME_HOSTS);
        assert_string_equal(heard.text, "names");
}

/* Whatever the peer writes over its rings: each call ends, and afterwards frames flow again. */
static void test_hostile_peer(void **state)
{
        struct peer *p = *state;
        struct frames f;
        char got[FRAME_SIZE_MAX];
        uint64_t seed = 1;
        make_frames(p, &f);
        for (unsigned i = 0; i < 20000; i++) {
                seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
                struct mpart_shared_ring_place up = mpart_shared_ring_place(MPART_RING_NETWORK_UP);
                uint64_t value = seed >> (seed % 64);
                size_t at = seed % 3 == 0 ? up.control + seed / 3 % 2 * 128
                                          : up.data + ALIGN_DOWN(seed / 5 % (up.size - 8), 8);
                memcpy(p->region + at, &value, sizeof(value));
                assert_true(frames_serve(&f, true) >= 0);
                while (recv(p->wire, got, sizeof(got), 0) >= 0)
                        ;
        }
        attach(p, &p->out, MPART_RING_NETWORK_UP, RING_PRODUCER);
        ring_republish(&f.in);
        frames_serve(&f, true);
        attach(p, &p->out, MPART_RING_NETWORK_UP, RING_PRODUCER);
        while (recv(p->wire, got, sizeof(got), 0) >= 0)
                ;
        assert_int_equal(ring_put(&p->out, FRAME_VNET, "fine again", 10), 0);
        assert_int_equal(frames_serve(&f, true), 1);
        assert_int_equal(recv(p->wire, got, sizeof(got), 0), 10);
        assert_memory_equal(got, "fine again", 10);
}

static void pause_ms(unsigned ms)
{
        struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };
        nanosleep(&t, NULL);
}

/* Waits at most 5 s for a packet. */
static ssize_t receive(int fd, void *to, size_t n)
{
        ssize_t got = -1;
        for (unsigned i = 0; i < 5000 && (got = recv(fd, to, n, 0)) < 0; i++)
                pause_ms(1);
        return got;
}

/* A TAP that nobody calls readable is not read; one that had to wait for room is. */
static void test_frames_unasked(void **state)
{
        struct peer *p = *state;
        struct frames f;
        char frame[9000] = { 0 };
        make_frames(p, &f);
        assert_int_equal(send(p->wire, "x", 1, 0), 1);
        assert_int_equal(frames_serve(&f, false), 0);
        assert_int_equal(frames_serve(&f, true), 1);
        while (!f.out_is_full) {
                send(p->wire, frame, sizeof(frame), 0);
                assert_true(frames_serve(&f, true) >= 0);
        }
        assert_int_equal(send(p->wire, "waits", 5, 0), 5);
        assert_int_equal(frames_serve(&f, false), 0);
        ring_drop_all(&p->in);
        assert_int_equal(frames_serve(&f, false), 1);
}

static void test_port(void **state)
{
        struct peer *p = *state;
        struct poller *poller = NULL;
        struct region_loop *loop = NULL;
        struct net_port *port = NULL;
        char got[1000];
        uint32_t type, size;
        int r = 0;
        assert_int_equal(poller_new("looks", REGION_REST_NS, false, &poller), 0);
        assert_int_equal(region_loop_new(poller, &loop), 0);
        assert_int_equal(net_port_new(loop, 3, p->tap, p->region, "hosts", &port), 0);
        assert_int_equal(ring_get(&p->in, got, sizeof(got), &type, &size), 1);
        assert_int_equal(type, FRAME_HOSTS);
        assert_memory_equal(got, "hosts", 5);

        pause_ms(200); /* it rests by now */
        assert_int_equal(ring_put(&p->out, FRAME_VNET, "up", 2), 0);
        assert_int_equal(receive(p->wire, got, sizeof(got)), 2);
        assert_int_equal(send(p->wire, "down", 4, 0), 4);
        for (unsigned i = 0; i < 5000 && (r = ring_get(&p->in, got, sizeof(got), &type, &size)) == 0; i++)
                pause_ms(1);
        assert_int_equal(r, 1);
        assert_memory_equal(got, "down", 4);

        net_port_free(port);
        assert_int_equal(ring_put(&p->out, FRAME_VNET, "late", 4), 0);
        pause_ms(50);
        assert_int_equal(recv(p->wire, got, sizeof(got), 0), -1);
        region_loop_free(loop);
        poller_free(poller);
}

static void test_interface_names(void **state)
{
        (void)state;
        assert_true(netif_is_name("mpart0"));
        assert_true(netif_is_name("012345678901234"));
        static const char *const bad[] = { "", ".", "..", "a b", "a/b", "a:b", "0123456789012345", "a\n" };
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_false(netif_is_name(bad[i]));
        assert_int_equal(netif_set_up("none-such"), -ENODEV);
        assert_false(netif_exists("none-such"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_config),
                cmocka_unit_test(test_addresses),
                cmocka_unit_test(test_texts),
                cmocka_unit_test(test_interface_names),
                cmocka_unit_test_setup_teardown(test_frames_both_ways, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_frames_when_nobody_takes_them, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_other_records, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_hostile_peer, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_frames_unasked, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_port, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
