/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <cjson/cJSON.h>

#include "plan-helpers.h"

#define MACHINE                                                                                             \
        TWO_NODES                                                                                           \
        "withheld 10G-11G\nunclaimed 3G-3100M\npci 0000:00:1f.2 8086:2922 010601\n"                         \
        "distance 10 21\ndistance 22 10\n"

static char *document(enum mpart_policy_kind kind)
{
        _cleanup_machine_ struct mpart_machine *m = build(MACHINE);
        struct mpart_policy policy = { .kind = kind, .count = 2, .nodes_per_kernel = 1 };
        _cleanup_plan_ struct mpart_plan *plan = make_plan(m, &policy);
        char *text = NULL;
        assert_int_equal(mpart_plan_to_json(plan, &text), 0);
        return text;
}

static void test_round_trip(void **state)
{
        (void)state;
        for (int kind = 0; kind < MPART_POLICY_REQUEST; kind++) { /* that one: test-request.c */
                _cleanup_free_ char *text = document((enum mpart_policy_kind)kind), *again = NULL;
                _cleanup_plan_ struct mpart_plan *plan = NULL;
                struct mpart_error e = MPART_ERROR_INIT;
                if (mpart_plan_from_json(text, &plan, &e) < 0)
                        fail_msg("%s", e.text);
                assert_int_equal(mpart_plan_to_json(plan, &again), 0);
                assert_string_equal(text, again);
                assert_int_equal(text[strlen(text) - 1], '\n');

                _cleanup_machine_ struct mpart_machine *m = build(MACHINE);
                assert_int_equal(mpart_plan_check(plan, m, NULL), 0);
        }
}

static void test_values(void **state)
{
        (void)state;
        _cleanup_free_ char *text = document(MPART_POLICY_PER_NUMA);
        _cleanup_plan_ struct mpart_plan *plan = NULL;
        assert_int_equal(mpart_plan_from_json(text, &plan, NULL), 0);
        assert_kernel(plan, 1, "node1 4-7 0x140000000+0x100000000@1");
        assert_int_equal(plan->nodes[1].distance[0], 22);
        assert_int_equal(plan->n_unused, 2);
        assert_int_equal(plan->unused[1].start, 10 * GiB);
        assert_int_equal(plan->policy.ramdisk_size, 64 * MiB);
        assert_string_equal(plan->kernels[0].pci[0], "0000:00:1f.2");
}

/* The document with the first occurrence of `from` replaced. */
static char *changed(const char *from, const char *to)
{
        _cleanup_free_ char *text = document(MPART_POLICY_PER_NUMA);
        const char *at = strstr(text, from);
        char *result = NULL;
        assert_non_null(at);
        assert_true(asprintf(&result, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) >= 0);
        return result;
}

static void test_wrong_documents(void **state)
{
        (void)state;
        static const struct {
                const char *from, *to, *text;
                int code;
        } cases[] = {
                { "{", "", "JSON", -EINVAL },
                { "\"format\":", "\"fromat\":", "\"fromat\"", -EINVAL },
                { "\"mpart-plan\"", "\"mpart-machine\"", "format", -EINVAL },
                { "\"version\":\t1", "\"version\":\t2", "version 2", -EINVAL },
                { "\"version\":\t1,", "", "\"version\" is missing", -EINVAL },
                { "\"version\":\t1", "\"version\":\t1, \"version\": 1", "twice", -EINVAL },
                { "\"per-numa\"", "\"per-socket\"", "per-socket", -EINVAL },
                { "\"digest\":\t\"", "\"digest\":\t\"00", "digest", -EINVAL },
                { "\"cpus\":\t\"0-3\"", "\"cpus\":\t\"0-x\"", "machine.nodes[0]", -EINVAL },
                { "\"distance\":\t[10, 21]", "\"distance\":\t[10]", "distance", -EINVAL },
                { "\"distance\":\t[10, 21]", "\"distance\":\t[10, 2.5]", "distance[1]", -EINVAL },
                { "\"distance\":\t[10, 21]", "\"distance\":\t[10, -1]", "distance[1]", -EINVAL },
                { "\"boot_cpu\":\t4", "\"boot_cpu\":\t4294967300", "kernels[1]", -EINVAL },
                { "\"boot_cpu\":\t4", "\"boot_cpu\":\t3", "boot CPU 3", -EBADMSG },
                { "\"low_memory\":\t{", "\"low_memory\":\t{\"x\":1,", "kernels[0].low_memory", -EINVAL },
                { "\"node\":\t0", "\"node\":\t\"0\"", "kernels[0].memory[0]", -EINVAL },
                { "\"0000:00:1f.2\"", "5", "pci[0]", -EINVAL },
                { "\"popcorn\":", "\"pop\":", "kernels[0].cmdline", -EINVAL },
                { "\"unused\":", "\"used\":", "\"used\"", -EINVAL },
                { "\"reason\":", "\"why\":", "unused[0]", -EINVAL },
                { "\"load\":\t0", "\"load\":\t-1", "\"load\"", -EINVAL },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_free_ char *text = changed(cases[i].from, cases[i].to);
                struct mpart_plan *plan = NULL;
                struct mpart_error e = MPART_ERROR_INIT;
                int r = mpart_plan_from_json(text, &plan, &e);
                if (r != cases[i].code || !strstr(e.text, cases[i].text))
                        fail_msg("case %zu (%s): %d \"%s\"", i, cases[i].to, r, e.text);
                assert_null(plan);
        }
}

/* A document cut anywhere is refused, and nothing is left behind. */
static void test_cut_documents(void **state)
{
        (void)state;
        _cleanup_free_ char *text = document(MPART_POLICY_PER_NUMA);
        size_t size = strlen(text);
        for (size_t n = 0; n + 2 < size; n += 7) {
                _cleanup_free_ char *part = strndup(text, n);
                struct mpart_plan *plan = NULL;
                assert_true(mpart_plan_from_json(part, &plan, NULL) < 0);
                assert_null(plan);
        }
}

/* Every value of the document is removed in turn; none may be missed or crash the reader. */
static void remove_each(cJSON *root, cJSON *parent)
{
        for (int i = 0; cJSON_IsObject(parent) && i < cJSON_GetArraySize(parent); i++) {
                cJSON *item = cJSON_GetArrayItem(parent, i);
                item = cJSON_DetachItemViaPointer(parent, item);
                _cleanup_free_ char *text = cJSON_PrintUnformatted(root);
                struct mpart_plan *plan = NULL;
                struct mpart_error e = MPART_ERROR_INIT;
                assert_int_equal(mpart_plan_from_json(text, &plan, &e), -EINVAL);
                assert_non_null(strstr(e.text, item->string));
                assert_true(cJSON_InsertItemInArray(parent, i, item) || cJSON_AddItemToArray(parent, item));
        }
        for (int i = 0; i < cJSON_GetArraySize(parent); i++)
                remove_each(root, cJSON_GetArrayItem(parent, i));
}

static void test_missing_fields(void **state)
{
        (void)state;
        _cleanup_free_ char *text = document(MPART_POLICY_PER_NUMA);
        cJSON *root = cJSON_Parse(text);
        assert_non_null(root);
        remove_each(root, root);
        cJSON_Delete(root);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_values),
                cmocka_unit_test(test_wrong_documents),
                cmocka_unit_test(test_cut_documents),
                cmocka_unit_test(test_missing_fields),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
