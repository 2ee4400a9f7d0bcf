/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests: the document, the CPUs and memory they give, PCI functions, and the checker's view of all that.
 */
#include "plan-helpers.h"
#include "request.h"

#define _cleanup_request_ _cleanup_(mpart_request_freep)
#define REQUEST(rest) "{\"format\":\"mpart-request\",\"version\":1," rest "}"
#define KERNELS(list) REQUEST("\"kernels\":[" list "]")
#define KERNEL(rest) KERNELS("{\"name\":\"a\"," rest "}")

#define MACHINE                                                                                             \
        "node 0 cpus 0-3 memory " LOW ",1M-3G,4G-5G\nnode 1 cpus 4-7 memory 5G-9G\n"                        \
        "node 2 cpus 8-11 memory 9G-13G\ncore 4,6\ncore 5,7\n"                                              \
        "distance 10 20 30\ndistance 20 10 15\ndistance 30 15 10\n"                                         \
        "pci 0000:00:00.0 8086:29c0 060000\npci 0000:00:1f.2 8086:2922 010601 group 7\n"                    \
        "pci 0000:20:00.0 1b36:000c 060400 node 1\n"                                                        \
        "pci 0000:21:00.0 1b36:0010 010802 node 1 group 17\npci 0000:40:00.0 1b36:000c 060400 node 1\n"     \
        "pci 0000:41:00.0 8086:10d3 020000 node 1 group 15\n"                                               \
        "pci 0000:41:00.1 8086:10d3 020000 node 1 group 15\npci 0000:80:00.0 1b36:000c 060400 node 2\n"     \
        "pci 0000:81:01.0 8086:100e 020000 node 2 group 11\n"                                               \
        "pci 0000:81:02.0 8086:100e 020000 node 2 group 12\npci 0000:90:00.0 8086:0a54 010802 group 17\n"

static struct mpart_request *read_request(const char *text)
{
        struct mpart_request *q = NULL;
        struct mpart_error e = MPART_ERROR_INIT;
        if (mpart_request_from_json(text, &q, &e) < 0)
                fail_msg("%s: %s", text, e.text);
        return q;
}

static struct mpart_plan *plan_of(const struct mpart_machine *m, const char *text)
{
        _cleanup_request_ struct mpart_request *q = read_request(text);
        return make_plan(m, &q->policy);
}

static void assert_refused(const char *text, int code, const char *what)
{
        _cleanup_machine_ struct mpart_machine *m = build(MACHINE);
        _cleanup_request_ struct mpart_request *q = read_request(text);
        assert_plan_refused(m, &q->policy, code, what);
}

static void assert_wrong(const char *text, const char *what)
{
        struct mpart_request *q = NULL;
        struct mpart_error e = MPART_ERROR_INIT;
        assert_int_equal(mpart_request_from_json(text, &q, &e), -EINVAL);
        assert_null(q);
        if (!strstr(e.text, what))
                fail_msg("%s: \"%s\" does not say \"%s\"", text, e.text, what);
}

static void test_document(void **state)
{
        (void)state;
        _cleanup_request_ struct mpart_request *q = read_request(REQUEST(
                        "\"primary\":{\"cpus\":\"0-1\",\"memory\":\"2G\"},\"options\":{\"dialect\":\"popcorn\","
                        "\"low_window\":\"0x50000\"},\"kernels\":[{\"name\":\"a\",\"cpu_count\":2,\"node\":1,"
                        "\"memory\":{\"min\":4096,\"max\":\"1GiB\"},\"pci\":[{\"address\":\"41:00.1\"},"
                        "{\"class\":\"0108\",\"node\":0}],\"restart\":\"on-failure\",\"stop_timeout\":5}]"));
        assert_int_equal(q->policy.kind, MPART_POLICY_REQUEST);
        assert_ptr_equal(q->policy.request, q);
        assert_int_equal(q->policy.primary_memory, 2 * GiB);
        assert_int_equal(q->policy.low_window, 0x50000);
        assert_int_equal(q->policy.dialect, MPART_DIALECT_POPCORN);
        const struct mpart_request_kernel *k = &q->kernels[0];
        assert_int_equal(k->cpu_count, 2);
        assert_int_equal(k->node, 1);
        assert_int_equal(k->memory_min, 4096);
        assert_int_equal(k->memory_max, GiB);
        assert_int_equal(k->memory_node, -1);
        assert_string_equal(k->pci[0].address, "0000:41:00.1");
        assert_int_equal(k->pci[0].node, -1);
        assert_int_equal(k->pci[1].class, 0x0108);
        assert_int_equal(k->pci[1].class_digits, 4);
        assert_int_equal(k->restart, MPART_RESTART_ON_FAILURE);
        assert_int_equal(k->stop_timeout, 5);
}

static void test_wrong_documents(void **state)
{
        (void)state;
        assert_wrong("", "not JSON");
        assert_wrong("[]", "object");
        assert_wrong(REQUEST("\"kernel\":[]"), "unknown field \"kernel\"");
        assert_wrong("{\"format\":\"mpart-plan\",\"version\":1,\"kernels\":[]}", "mpart-request");
        assert_wrong("{\"format\":\"mpart-request\",\"version\":2,\"kernels\":[]}", "version 2");
        assert_wrong(REQUEST("\"options\":{\"dialect\":\"c\"},\"kernels\":[]"), "dialect");
        assert_wrong(REQUEST("\"primary\":{\"cpus\":\"x\"},\"kernels\":[]"), "primary: field \"cpus\"");
        assert_wrong(KERNELS("{\"cpu_count\":1}"), "\"name\" is missing");
        assert_wrong(KERNELS("{\"name\":\"primary\",\"cpu_count\":1}"), "not \"primary\"");
        assert_wrong(KERNELS("{\"name\":\"A\",\"cpu_count\":1}"), "lower case");
        assert_wrong(KERNELS("{\"name\":\"a\",\"node\":1},{\"name\":\"a\",\"node\":2}"), "named \"a\" too");
        assert_wrong(KERNEL("\"image\":\"/x\""), "give \"cpus\"");
        assert_wrong(KERNEL("\"cpus\":\"1\",\"node\":1"), "give \"cpus\"");
        assert_wrong(KERNEL("\"cpus\":\"\""), "list of CPUs");
        assert_wrong(KERNEL("\"cpu_count\":0"), "from 1 to");
        assert_wrong(KERNEL("\"node\":3000000000"), "too large");
        assert_wrong(KERNEL("\"node\":1,\"memory\":{\"size\":1,\"min\":1}"), "stands alone");
        assert_wrong(KERNEL("\"node\":1,\"memory\":{\"min\":2,\"max\":1}"), "descend");
        assert_wrong(KERNEL("\"node\":1,\"memory\":{\"desired\":2,\"max\":1}"), "descend");
        assert_wrong(KERNEL("\"node\":1,\"memory\":{\"size\":\"2Q\"}"), "a size");
        assert_wrong(KERNEL("\"node\":1,\"memory\":{\"size\":-1}"), "a size");
        assert_wrong(KERNEL("\"node\":1,\"pci\":[{}]"), "kernels[0].pci[0]");
        assert_wrong(KERNEL("\"node\":1,\"pci\":[{\"address\":\"41:00\"}]"), "address");
        assert_wrong(KERNEL("\"node\":1,\"pci\":[{\"class\":\"010\"}]"), "hex digits");
        assert_wrong(KERNEL("\"node\":1,\"image\":\"boot\""), "absolute");
        assert_wrong(KERNEL("\"node\":1,\"extra\":\"a\\nb\""), "unprintable");
        assert_wrong(KERNEL("\"node\":1,\"restart\":\"sometimes\""), "restart");
        assert_wrong(KERNEL("\"node\":1,\"stop_timeout\":0"), "from 1 to 3600");
        assert_wrong(KERNEL("\"node\":1,\"stop_timeout\":3601"), "from 1 to 3600");
}

static void test_cpus(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m = build(MACHINE);
        /* A count takes whole cores of a node that is not the primary's; a node what lists and counts leave.
         */
        _cleanup_plan_ struct mpart_plan *plan =
                        plan_of(m, KERNELS("{\"name\":\"rest\",\"node\":2},"
                                           "{\"name\":\"two\",\"cpu_count\":2},"
                                           "{\"name\":\"one\",\"cpus\":\"9\"},"
                                           "{\"name\":\"on\",\"node\":2,\"cpu_count\":1}"));
        static const char *const wanted[] = { "0-3,5,7", "10-11", "4,6", "9", "8" };
        for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
                _cleanup_free_ char *cpus = NULL;
                assert_int_equal(mpart_cpuset_format_list(&plan->kernels[i].cpus, &cpus), 0);
                assert_string_equal(cpus, wanted[i]);
        }
        _cleanup_plan_ struct mpart_plan *three =
                        plan_of(m, KERNEL("\"cpu_count\":3,\"memory\":{\"node\":1}"));
        assert_kernel(three, 1, "a 4-6 0x180000000+0xc0000000@1");
        _cleanup_plan_ struct mpart_plan *wide =
                        plan_of(m, KERNEL("\"cpu_count\":6,\"memory\":{\"size\":\"3G\"}"));
        assert_kernel(wide, 1, "a 4-9 0x1c0000000+0x80000000@1 0x300000000+0x40000000@2");

        assert_refused(KERNEL("\"cpus\":\"2,12\""), -ENOSPC,
                        "no such CPU; the nearest that fits: \"cpus\": \"2\"");
        assert_refused(KERNEL("\"cpus\":\"0\""), -ENOSPC,
                        "always the primary's; no CPU of its list is free");
        assert_refused(KERNELS("{\"name\":\"a\",\"cpus\":\"1\"},{\"name\":\"b\",\"cpus\":\"1-2\"}"), -ENOSPC,
                        "kernel a asks for it too; the nearest that fits: \"cpus\": \"2\"");
        assert_refused(REQUEST("\"primary\":{\"cpus\":\"4\"},\"kernels\":[{\"name\":\"a\",\"cpus\":\"4-5\"}]"),
                        -ENOSPC, "the primary is to keep it");
        assert_refused(KERNEL("\"cpu_count\":12"), -ENOSPC, "\"cpu_count\": 11");
        assert_refused(KERNEL("\"cpu_count\":5,\"node\":1"), -ENOSPC, "\"cpu_count\": 4");
        assert_refused(KERNEL("\"node\":7"), -ENOSPC, "no node 7");
        assert_refused(KERNELS("{\"name\":\"a\",\"cpus\":\"4-7\"},{\"name\":\"b\",\"node\":1}"), -ENOSPC,
                        "node 1 has no CPU");
}

static uint64_t bytes_of(const struct mpart_plan *plan, unsigned id)
{
        uint64_t total = 0;
        for (size_t i = 0; i < plan->kernels[id].n_memory; i++)
                total += plan->kernels[id].memory[i].size;
        return total;
}

static void test_memory(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m = build(MACHINE);
        /* Both want more than half of node 1: the small wish first, the rest equally; then up to the most.
         */
        _cleanup_plan_ struct mpart_plan *plan = plan_of(m,
                        KERNELS("{\"name\":\"a\",\"cpus\":\"4\",\"memory\":{\"desired\":\"3G\",\"node\":1}},"
                                "{\"name\":\"b\",\"cpus\":\"5\",\"memory\":{\"desired\":\"3G\",\"node\":1}},"
                                "{\"name\":\"c\",\"cpus\":\"6\",\"memory\":{\"desired\":\"1G\",\"node\":1}}"));
        assert_int_equal(bytes_of(plan, 3), GiB);
        assert_int_equal(bytes_of(plan, 1), 1536 * MiB);
        assert_int_equal(bytes_of(plan, 2), 1536 * MiB);

        _cleanup_plan_ struct mpart_plan *share = plan_of(m, KERNEL("\"cpus\":\"4-6\""));
        assert_int_equal(bytes_of(share, 1), 3 * GiB);
        _cleanup_plan_ struct mpart_plan *odd =
                        plan_of(m, KERNEL("\"node\":1,\"memory\":{\"size\":\"1025M\"}"));
        assert_int_equal(bytes_of(odd, 1), 1026 * MiB);
        _cleanup_plan_ struct mpart_plan *most =
                        plan_of(m, KERNEL("\"node\":1,\"memory\":{\"min\":\"1G\",\"max\":\"6G\"}"));
        assert_kernel(most, 1, "a 4-7 0x140000000+0x100000000@1 0x2c0000000+0x80000000@2");

        assert_refused(KERNEL("\"node\":1,\"memory\":{\"size\":\"5G\",\"node\":1}"), -ENOSPC,
                        "on node 1, where the primary and other kernels leave 4096 MiB; the nearest that fits: 4096");
        assert_refused(KERNEL("\"node\":1,\"memory\":{\"size\":\"10M\"}"), -ENOSPC,
                        "the nearest that fits: 132 MiB");
        assert_refused(KERNEL("\"node\":1,\"memory\":{\"node\":9}"), -ENOSPC, "no node 9");
        assert_refused(KERNEL("\"node\":1,\"memory\":{\"size\":\"20G\"}"), -ENOSPC,
                        "the nearest that fits: ");
        assert_refused(REQUEST("\"primary\":{\"memory\":\"20G\"},\"kernels\":[{\"name\":\"a\",\"node\":1}]"),
                        -ENOSPC, "the primary is to keep 20480 MiB");
        assert_refused(REQUEST("\"primary\":{\"memory\":\"12200M\"},\"kernels\":[{\"name\":\"a\",\"node\":1}]"),
                        -ENOSPC, " MiB for the primary");
}

static void assert_pci(const struct mpart_plan *plan, unsigned id, const char *wanted)
{
        char text[512] = "";
        for (size_t i = 0; i < plan->kernels[id].n_pci; i++)
                snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "",
                                plan->kernels[id].pci[i] + 5);
        assert_string_equal(text, wanted);
}

static void test_pci(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m = build(MACHINE);
        _cleanup_plan_ struct mpart_plan *plan = plan_of(m,
                        KERNELS("{\"name\":\"a\",\"cpus\":\"4\",\"pci\":[{\"address\":\"41:00.1\"}]},"
                                "{\"name\":\"b\",\"cpus\":\"5\",\"pci\":[{\"class\":\"0108\",\"node\":1}]},"
                                "{\"name\":\"c\",\"cpus\":\"6\",\"pci\":[{\"node\":2}]}"));
        assert_pci(plan, 1, "41:00.0 41:00.1");
        assert_pci(plan, 2, "21:00.0 90:00.0"); /* one IOMMU group */
        assert_pci(plan, 3, "81:01.0 81:02.0");
        assert_pci(plan, 0, "00:00.0 00:1f.2 20:00.0 40:00.0 80:00.0");
        assert_non_null(strstr(plan->kernels[1].cmdline_linux, "pci=lastbus=0,noearly"));

        /* By class what cannot be parted is left alone and told; by address it is refused. */
        _cleanup_plan_ struct mpart_plan *disks =
                        plan_of(m, KERNEL("\"cpus\":\"4\",\"pci\":[{\"class\":\"01\"}]"));
        assert_pci(disks, 1, "21:00.0 90:00.0");
        assert_true(has_note(disks, "PCI function 0000:00:1f.2 stays with the primary"));
        assert_refused(KERNEL("\"cpus\":\"4\",\"pci\":[{\"address\":\"00:1f.2\"}]"), -EBUSY,
                        "0000:00:00.0 is on the same bus");
        assert_refused(KERNEL("\"cpus\":\"4\",\"pci\":[{\"address\":\"81:01.0\"}]"), -EBUSY,
                        "the nearest that fits: both");
        assert_refused(KERNEL("\"cpus\":\"4\",\"pci\":[{\"address\":\"80:00.0\"}]"), -EBUSY, "bridge");
        assert_refused(KERNEL("\"cpus\":\"4\",\"pci\":[{\"address\":\"99:00.0\"}]"), -EINVAL,
                        "no PCI function");
        assert_refused(KERNEL("\"cpus\":\"4\",\"pci\":[{\"class\":\"0c\"}]"), -EBUSY, "pci[0] selects 0");
        assert_refused(KERNELS("{\"name\":\"a\",\"cpus\":\"4\",\"pci\":[{\"address\":\"21:00.0\"}]},"
                               "{\"name\":\"b\",\"cpus\":\"5\",\"pci\":[{\"address\":\"90:00.0\"}]}"),
                        -EBUSY, "both ask for 0000:90:00.0");
}

/* Popcorn's kernels mask single functions: a bus may be shared, equal ids take the slot. */
static void test_pci_of_popcorn(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m = build(MACHINE);
#define POPCORN(list) REQUEST("\"options\":{\"dialect\":\"popcorn\"},\"kernels\":[" list "]")
        _cleanup_plan_ struct mpart_plan *plan = plan_of(
                        m, POPCORN("{\"name\":\"a\",\"cpus\":\"4\",\"pci\":[{\"address\":\"81:01.0\"}]}"));
        assert_pci(plan, 1, "81:01.0");
        assert_non_null(strstr(plan->kernels[1].cmdline_popcorn,
                        "pci_dev_flags=0x8086:0x2922:b,0x1b36:0x0010:b,0x8086:0x10d3:b,0x8086:0x100e:2.0:b,"
                        "0x8086:0x0a54:b "));
        assert_non_null(strstr(plan->kernels[0].cmdline_popcorn, "pci_dev_flags=0x8086:0x100e:1.0:b "));

        _cleanup_machine_ struct mpart_machine *twins = build(MACHINE "pci 0000:a1:01.0 8086:100e 020000\n");
        _cleanup_request_ struct mpart_request *q = read_request(
                        POPCORN("{\"name\":\"a\",\"cpus\":\"4\",\"pci\":[{\"address\":\"81:01.0\"}]}"));
        assert_plan_refused(twins, &q->policy, -ENOTUNIQ, "same ids, slot and function");
}

#define FULL                                                                                                \
        REQUEST("\"primary\":{\"cpus\":\"1\",\"memory\":\"1G\"},\"options\":{\"low_window\":\"0x50000\"},"  \
                "\"kernels\":[{\"name\":\"a\",\"node\":1,\"pci\":[{\"address\":\"41:00.0\"}],"              \
                "\"image\":\"/i\",\"initrd\":\"/r\",\"extra\":\"x y\",\"restart\":\"always\",\"stop_timeout\":90}]")

static void test_round_trip(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m = build(MACHINE);
        _cleanup_plan_ struct mpart_plan *plan = plan_of(m, FULL), *back = NULL;
        _cleanup_free_ char *text = NULL, *again = NULL;
        struct mpart_error e = MPART_ERROR_INIT;
        assert_int_equal(mpart_plan_to_json(plan, &text), 0);
        assert_int_equal(mpart_plan_from_json(text, &back, &e), 0);
        assert_int_equal(mpart_plan_to_json(back, &again), 0);
        assert_string_equal(text, again);
        const struct mpart_plan_kernel *k = &back->kernels[1];
        assert_string_equal(k->image, "/i");
        assert_string_equal(k->initrd, "/r");
        assert_string_equal(k->extra, "x y");
        assert_int_equal(k->restart, MPART_RESTART_ALWAYS);
        assert_int_equal(k->stop_timeout, 90);
        assert_int_equal(back->policy.low_window, 0x50000);
        assert_int_equal(back->policy.primary_memory, GiB);
        assert_true(mpart_cpuset_has(&back->policy.primary_cpus, 1));
}

/* The same request on the machine that runs with its plan. */
static void test_replanning(void **state)
{
        (void)state;
        _cleanup_machine_ struct mpart_machine *m = build(MACHINE),
                                               *after = build(MACHINE "ours 0x50000-0x70000,5G-9G\n");
        _cleanup_plan_ struct mpart_plan *a = plan_of(m, FULL), *b = plan_of(after, FULL);
        _cleanup_free_ char *x = NULL, *y = NULL, *none = NULL;
        assert_int_equal(mpart_plan_to_json(a, &x), 0);
        assert_int_equal(mpart_plan_to_json(b, &y), 0);
        assert_string_equal(x, y);
        assert_int_equal(mpart_plan_restart_changes(b, after, &none), 0);
}

static void replace(char **s, const char *with)
{
        free(*s);
        *s = strdup(with);
}

#define MUTATION(name, statement)                                                                           \
        static void name(struct mpart_plan *p)                                                              \
        {                                                                                                   \
                statement;                                                                                  \
        }
MUTATION(keep_cpu, assert_int_equal(mpart_cpuset_add(&p->policy.primary_cpus, 5), 0))
MUTATION(keep_memory, p->policy.primary_memory = 40 * GiB)
MUTATION(window, p->policy.low_window = 0x60000)
MUTATION(stray_count, p->policy.count = 2)
MUTATION(wrong_count, p->policy.kind = MPART_POLICY_COUNT; p->policy.count = 3)
MUTATION(stray_nodes, p->policy.nodes_per_kernel = 1)
MUTATION(too_few_nodes, p->policy.kind = MPART_POLICY_NODES; p->policy.nodes_per_kernel = 1;
                mpart_cpuset_free(&p->policy.primary_cpus))
MUTATION(no_dialect, p->policy.dialect = _MPART_DIALECT_MAX)
MUTATION(no_restart, p->kernels[1].restart = _MPART_RESTART_MAX)
MUTATION(long_stop, p->kernels[1].stop_timeout = MPART_STOP_TIMEOUT_MAX + 1)
MUTATION(relative_image, replace(&p->kernels[1].image, "i"))
MUTATION(relative_initrd, replace(&p->kernels[1].initrd, "r"))
MUTATION(other_extra, replace(&p->kernels[1].extra, "z"))
MUTATION(half_extra, replace(&p->kernels[1].extra, ",8 x y"))
MUTATION(primary_restart, p->kernels[0].restart = MPART_RESTART_ALWAYS)
MUTATION(lost_function, free(p->kernels[1].pci[1]); p->kernels[1].n_pci = 1)
MUTATION(bridge, replace(&p->kernels[1].pci[0], "0000:80:00.0"); p->kernels[0].n_pci = 0)
MUTATION(half_bus, replace(&p->kernels[1].pci[0], "0000:81:01.0");
                replace(&p->kernels[1].pci[1], "0000:90:00.0"); p->kernels[0].n_pci = 0)
MUTATION(half_group, p->policy.dialect = MPART_DIALECT_POPCORN;
                replace(&p->kernels[1].pci[0], "0000:21:00.0");
                replace(&p->kernels[1].pci[1], "0000:81:01.0"); p->kernels[0].n_pci = 0)

static void test_mutations(void **state)
{
        (void)state;
        static const struct {
                void (*apply)(struct mpart_plan *plan);
                const char *text;
        } mutations[] = {
                { keep_cpu, "keeps CPU 5" },
                { keep_memory, "at least" },
                { window, "not where the policy says" },
                { stray_count, "count" },
                { wrong_count, "its policy says 3" },
                { stray_nodes, "nodes_per_kernel" },
                { too_few_nodes, "more than 1 nodes" },
                { no_dialect, "dialect" },
                { no_restart, "restart" },
                { long_stop, "stop_timeout is 3601 s" },
                { relative_image, "image" },
                { relative_initrd, "ramdisk" },
                { other_extra, "does not end in" },
                { half_extra, "does not end in" },
                { primary_restart, "the primary has no image" },
                { lost_function, "0000:41:00.1, which is on the same bus" },
                { bridge, "bridge" },
                { half_bus, "0000:81:02.0, which is on the same bus" },
                { half_group, "0000:90:00.0, which is in the same IOMMU group" },
        };
        _cleanup_machine_ struct mpart_machine *m = build(MACHINE);
        for (size_t i = 0; i < ARRAY_SIZE(mutations); i++) {
                _cleanup_plan_ struct mpart_plan *plan = plan_of(m, FULL);
                struct mpart_error e = MPART_ERROR_INIT;
                size_t n_pci = plan->kernels[0].n_pci;
                mutations[i].apply(plan);
                int r = mpart_plan_check(plan, m, &e);
                if (plan->kernels[0].n_pci == 0)
                        plan->kernels[0].n_pci = n_pci;
                if (r != -EBADMSG || !strstr(e.text, mutations[i].text))
                        fail_msg("mutation %zu (\"%s\"): %d \"%s\"", i, mutations[i].text, r, e.text);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_document),
                cmocka_unit_test(test_wrong_documents),
                cmocka_unit_test(test_cpus),
                cmocka_unit_test(test_memory),
                cmocka_unit_test(test_pci),
                cmocka_unit_test(test_pci_of_popcorn),
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_replanning),
                cmocka_unit_test(test_mutations),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
