/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who waits for whom when all kernels boot: in a request, in a plan, and for the checker. */
#include "plan-helpers.h"
#include "request.h"

#define FOUR_NODES                                                                                          \
        "node 0 cpus 0-1 memory " LOW ",1M-3G,4G-5G\nnode 1 cpus 2-3 memory 5G-9G\n"                        \
        "node 2 cpus 4-5 memory 9G-13G\nnode 3 cpus 6-7 memory 13G-17G\n"
#define REQUEST(a, b, c)                                                                                    \
        "{\"format\":\"mpart-request\",\"version\":1,\"kernels\":["                                         \
        "{\"name\":\"files\",\"node\":1" a "},{\"name\":\"db\",\"node\":2" b                                \
        "},{\"name\":\"web\",\"node\":3" c "}]}"
#define ORDERED                                                                                             \
        REQUEST(",\"notify\":true", ",\"requires\":[\"files\"]",                                            \
                        ",\"after\":[\"files\"],\"requires\":[\"db\",\"files\"]")

static int plan_of(const char *text, struct mpart_plan **ret, struct mpart_error *e)
{
        _cleanup_machine_ struct mpart_machine *m = build(FOUR_NODES);
        _cleanup_(mpart_request_freep) struct mpart_request *q = NULL;
        int r = mpart_request_from_json(text, &q, e);
        return r < 0 ? r : mpart_plan_make(m, &q->policy, ret, e);
}

static void assert_ids(const struct mpart_cpuset *ids, const char *wanted)
{
        _cleanup_free_ char *text = NULL;
        assert_int_equal(mpart_cpuset_format_list(ids, &text), 0);
        assert_string_equal(text, wanted);
}

static void test_round_trip(void **state)
{
        (void)state;
        _cleanup_plan_ struct mpart_plan *plan = NULL, *back = NULL;
        _cleanup_free_ char *text = NULL, *again = NULL;
        struct mpart_error e = MPART_ERROR_INIT;
        assert_int_equal(plan_of(ORDERED, &plan, &e), 0);
        assert_int_equal(mpart_plan_to_json(plan, &text), 0);
        assert_int_equal(mpart_plan_from_json(text, &back, &e), 0);
        assert_int_equal(mpart_plan_to_json(back, &again), 0);
        assert_string_equal(text, again);
        assert_ids(&back->kernels[1].requires, "");
        assert_ids(&back->kernels[2].requires, "1");
        assert_ids(&back->kernels[3].requires, "1-2");
        assert_ids(&back->kernels[2].after, "");
        assert_ids(&back->kernels[3].after, "1");
        assert_true(back->kernels[1].notify);
        assert_false(back->kernels[2].notify);
}

static void test_wrong_requests(void **state)
{
        (void)state;
        static const char *const wrong[][2] = {
                { REQUEST("", ",\"after\":[1]", ""),
                                "kernels[1]: field \"after\" must be an array of names" },
                { REQUEST("", "", ",\"requires\":[\"tape\"]"),
                                "kernels[2]: field \"requires\" names \"tape\"" },
                { REQUEST("", ",\"after\":[\"primary\"]", ""), "\"primary\", which is no kernel" },
                { REQUEST("", ",\"after\":[\"db\"]", ""), "names itself" },
                { REQUEST("", ",\"after\":\"files\"", ""), "after" },
                { REQUEST(",\"notify\":1", "", ""), "notify" },
                { REQUEST("", ",\"after\":[\"web\"]", ",\"requires\":[\"db\"]"),
                                "kernels[1]: by \"after\" and \"requires\" \"db\" would wait for ever" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
                struct mpart_plan *plan = NULL;
                struct mpart_error e = MPART_ERROR_INIT;
                if (plan_of(wrong[i][0], &plan, &e) != -EINVAL || !strstr(e.text, wrong[i][1]))
                        fail_msg("%s: \"%s\" does not say \"%s\"", wrong[i][0], e.text, wrong[i][1]);
                assert_null(plan);
        }
}

static void add(struct mpart_cpuset *ids, unsigned id)
{
        assert_int_equal(mpart_cpuset_add(ids, id), 0);
}

static void test_checker(void **state)
{
        (void)state;
        static const struct {
                unsigned kernel, other;
                bool requires;
                const char *text;
        } wrong[] = {
                { 0, 1, false, "the primary waits for no kernel" },
                { 1, 0, false, "kernel 1: it comes after kernel 0" },
                { 1, 1, true, "kernel 1: it requires kernel 1" },
                { 3, 4, false, "kernel 3: it comes after kernel 4" },
                { 1, 3, false, "kernel 1: it would wait for ever" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
                _cleanup_plan_ struct mpart_plan *plan = NULL;
                struct mpart_error e = MPART_ERROR_INIT;
                assert_int_equal(plan_of(ORDERED, &plan, &e), 0);
                assert_int_equal(mpart_plan_check(plan, NULL, &e), 0);
                struct mpart_plan_kernel *k = &plan->kernels[wrong[i].kernel];
                add(wrong[i].requires ? &k->requires : &k->after, wrong[i].other);
                assert_int_equal(mpart_plan_check(plan, NULL, &e), -EBADMSG);
                if (!strstr(e.text, wrong[i].text))
                        fail_msg("\"%s\" does not say \"%s\"", e.text, wrong[i].text);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_wrong_requests),
                cmocka_unit_test(test_checker),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
