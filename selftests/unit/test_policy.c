/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The policy evaluator, feature by feature: who is meant, what is decided by what, how sides are joined, and which rules
 * follow. What holds for any set whatever is in test_policy_oracle.c.
 *
 * Each test writes a small world. Two ends stand for all: a source `web` and a destination `db`.
 */
#include "selftests/unit/unit.h"

#include <errno.h>

#include "lib/error.h"
#include "policy/policy.h"
#include "selftests/unit/policy_oracle.h"

#define VNI 7
#define TCP 6
#define UDP 17
#define ICMP 1
#define GRE 47

/* Names for what has only an id. */
enum { WEB = 1, DB = 2, ALICE = 11, BOB = 12 };
enum { FRONT = 101, BACK = 102, ALL = 103, LONE = 104 };

#define LIST(type, ...) (const type[]){__VA_ARGS__}, sizeof((const type[]){__VA_ARGS__}) / sizeof(type)
#define WHO(...) {LIST(struct policy_item, __VA_ARGS__), false}
#define ALL_BUT(...) {LIST(struct policy_item, __VA_ARGS__), true}
#define ANYBODY WHO({.kind = ITEM_ANY})
#define NODE(n) {.kind = ITEM_NODE, .id = (n)}
#define GROUP(g) {.kind = ITEM_GROUP, .id = (g)}
#define ACCOUNT(a) {.kind = ITEM_ACCOUNT, .id = (a)}
#define RANGE(l, h) {.kind = ITEM_RANGE, .low = {{10, 0, 0, (l)}}, .high = {{10, 0, 0, (h)}}}
#define IN_VNET(v) {.kind = ITEM_VNET, .vni = (v)}
#define SERVICES(...) .services = (const struct policy_service[]){__VA_ARGS__}, .service_count = \
	sizeof((const struct policy_service[]){__VA_ARGS__}) / sizeof(struct policy_service)

static const struct policy_identity web = {VNI, {{10, 0, 0, 1}}, WEB, ALICE, {FRONT}, 1};
static const struct policy_identity db = {VNI, {{10, 0, 0, 2}}, DB, BOB, {BACK}, 1};

/* FRONT and BACK are in ALL. */
static const struct policy_group groups[] = {
	{.id = FRONT, .name = "front"},
	{.id = BACK, .name = "back"},
	{.id = ALL, .name = "all", .children = (const uint64_t[]){FRONT, BACK}, .child_count = 2},
	{.id = LONE, .name = "lone"},
};

static const struct policy_vnet strict = {VNI, DEFAULT_DENY, DEFAULT_ALLOW, AGREE_BOTH};
static const struct policy_vnet open_vnet = {VNI, DEFAULT_ALLOW, DEFAULT_ALLOW, AGREE_BOTH};

static struct policy_set *set_of(const struct policy_vnet *vnet, const struct policy_group *with, size_t with_count,
	const struct policy *policies, size_t count)
{
	struct oracle_world world = {vnet, 1, with, with_count, policies, count};
	struct policy_set *set = oracle_set(&world);
	char message[200] = "";

	CU_ASSERT_PTR_NOT_NULL_FATAL(set);
	CU_ASSERT_EQUAL(policy_set_seal(set, message), 0);
	UNIT_STRING_EQUAL(message, "");
	return set;
}

/* What one side of a world with these policies and the usual groups says when `source` sends to db. */
static struct policy_answer answer_to(const struct policy_vnet *vnet, enum policy_side side,
	const struct policy_identity *source, enum policy_cast cast, const struct policy *policies, size_t count)
{
	struct policy_set *set = set_of(vnet, groups, ARRAY_LEN(groups), policies, count);
	struct policy_answer answer;

	policy_answer(set, side, source, &db, cast, TCP, 80, &answer);
	policy_set_free(set);
	return answer;
}

#define ANSWER_IN(policies) answer_to(&strict, SIDE_IN, &web, CAST_UNICAST, policies, ARRAY_LEN(policies))

static bool decision_is(const struct policy_decision *decision, bool allow, enum policy_by by, uint32_t policy,
	uint64_t group)
{
	if (decision && decision->allow == allow && decision->by == by && decision->policy == policy &&
		decision->group == group)
		return true;
	if (decision)
		printf("\n    got: %s by %d, policy %u, group %llu\n", decision->allow ? "allow" : "deny", decision->by,
			decision->policy, (unsigned long long)decision->group);
	return false;
}

/* ---- building */

static void ids(void)
{
	CU_ASSERT_NOT_EQUAL(policy_id("web"), 0);
	CU_ASSERT_NOT_EQUAL(policy_id("web"), policy_id("Web"));
	CU_ASSERT_NOT_EQUAL(policy_id(""), 0);
	/* The same on every host and in every version: it is in passports. */
	CU_ASSERT_EQUAL(policy_id("web"), UINT64_C(WEB_ID));
}

/* Changes one thing of a policy that would do. */
#define REFUSED(change)                                                                                                \
	do {                                                                                                           \
		struct policy_service service = {false, TCP, 80, 90};                                                  \
		struct policy_item item = NODE(WEB);                                                                   \
		struct policy policy = {.id = 5,                                                                       \
			.vni = VNI,                                                                                    \
			.target = {&item, 1, false},                                                                   \
			.peer = {&item, 1, false},                                                                     \
			.services = &service,                                                                          \
			.service_count = 1};                                                                           \
                                                                                                                       \
		change;                                                                                                \
		CU_ASSERT_EQUAL(policy_set_policy(set, &policy), -EINVAL);                                             \
	} while (0)

static void refusals(void)
{
	struct policy_set *set = policy_set_new();

	CU_ASSERT_PTR_NOT_NULL_FATAL(set);
	REFUSED(policy.id = 0);
	REFUSED(policy.vni = 0);
	REFUSED(policy.vni = VNI_MAX + 1);
	REFUSED(policy.side = (enum policy_side)2);
	REFUSED(policy.casts = 8);
	REFUSED(memset(policy.name, 'x', sizeof(policy.name)));
	REFUSED(policy.services = NULL);
	REFUSED(policy.target.items = NULL);
	REFUSED(service.low = 91);
	REFUSED(service.any = true);
	REFUSED(service = ((struct policy_service){.any = true, .high = 1024}));
	REFUSED(service = ((struct policy_service){false, ICMP, 256, 300}));
	REFUSED(item.id = 0);
	REFUSED(item.kind = (enum policy_item_kind)17);
	REFUSED((item = (struct policy_item)RANGE(2, 1)));
	REFUSED((item = (struct policy_item)IN_VNET(0)));
	REFUSED((item = (struct policy_item)GROUP(0)));
	REFUSED((item = (struct policy_item)ACCOUNT(0)));

	CU_ASSERT_EQUAL(policy_set_vnet(set, &(struct policy_vnet){0, DEFAULT_DENY, DEFAULT_DENY, AGREE_BOTH}), -EINVAL);
	CU_ASSERT_EQUAL(policy_set_vnet(set, &(struct policy_vnet){1, DEFAULT_UNSET, DEFAULT_DENY, AGREE_BOTH}),
		-EINVAL);
	CU_ASSERT_EQUAL(policy_set_vnet(set, &(struct policy_vnet){1, DEFAULT_DENY, DEFAULT_UNSET, AGREE_BOTH}),
		-EINVAL);
	CU_ASSERT_EQUAL(policy_set_vnet(set, &(struct policy_vnet){1, DEFAULT_DENY, DEFAULT_DENY, 2}), -EINVAL);
	CU_ASSERT_EQUAL(policy_set_vnet(set, &(struct policy_vnet){1, 5, DEFAULT_DENY, AGREE_BOTH}), -EINVAL);
	CU_ASSERT_EQUAL(policy_set_group(set, &(struct policy_group){.id = 0}), -EINVAL);
	CU_ASSERT_EQUAL(policy_set_group(set, &(struct policy_group){.id = 1, .default_in = 5}), -EINVAL);
	CU_ASSERT_EQUAL(policy_set_group(set, &(struct policy_group){.id = 1, .child_count = 1}), -EINVAL);
	policy_set_free(set);
	policy_set_free(NULL);
}

static void twice(void)
{
	struct policy_set *set = policy_set_new();
	struct policy policy = {.id = 5, .vni = VNI, .target = ANYBODY, .peer = ANYBODY};
	char message[200] = "";

	CU_ASSERT_PTR_NOT_NULL_FATAL(set);
	CU_ASSERT_EQUAL(policy_set_vnet(set, &strict), 0);
	CU_ASSERT_EQUAL(policy_set_vnet(set, &open_vnet), -EEXIST);
	CU_ASSERT_EQUAL(policy_set_group(set, &groups[0]), 0);
	CU_ASSERT_EQUAL(policy_set_group(set, &groups[0]), -EEXIST);
	CU_ASSERT_EQUAL(policy_set_policy(set, &policy), 0);
	CU_ASSERT_EQUAL(policy_set_policy(set, &policy), -EEXIST);
	CU_ASSERT_EQUAL(policy_set_seal(set, message), 0);
	CU_ASSERT_EQUAL(policy_set_seal(set, message), 0);
	/* What is sealed stays as it is. */
	policy.id = 6;
	CU_ASSERT_EQUAL(policy_set_policy(set, &policy), -EINVAL);
	CU_ASSERT_EQUAL(policy_set_group(set, &groups[1]), -EINVAL);
	CU_ASSERT_EQUAL(policy_set_vnet(set, &(struct policy_vnet){9, DEFAULT_DENY, DEFAULT_DENY, AGREE_BOTH}), -EINVAL);
	policy_set_free(set);
}

static void names(void)
{
	static const struct policy policies[] = {
		{.id = 9, .name = "nine", .vni = VNI, .target = ANYBODY, .peer = WHO(NODE(WEB), GROUP(FRONT)),
			SERVICES({false, TCP, 90, 91}, {false, TCP, 80, 89})},
		{.id = 3, .name = "three", .vni = VNI, .target = ANYBODY, .peer = ANYBODY},
	};
	struct policy_set *set = set_of(&strict, groups, ARRAY_LEN(groups), policies, ARRAY_LEN(policies));
	const struct policy *nine = policy_set_find(set, 9);

	CU_ASSERT_PTR_NOT_NULL_FATAL(nine);
	UNIT_STRING_EQUAL(nine->name, "nine");
	/* As it was written, not as it is kept for deciding. */
	CU_ASSERT_EQUAL(nine->peer.count, 2);
	CU_ASSERT_EQUAL(nine->peer.items[1].id, FRONT);
	CU_ASSERT_EQUAL(nine->service_count, 2);
	CU_ASSERT_EQUAL(nine->services[0].low, 90);
	CU_ASSERT(nine->services != policies[0].services && nine->peer.items != policies[0].peer.items);
	UNIT_STRING_EQUAL(policy_set_find(set, 3)->name, "three");
	CU_ASSERT_PTR_NULL(policy_set_find(set, 4));
	UNIT_STRING_EQUAL(policy_set_group_name(set, BACK), "back");
	CU_ASSERT_PTR_NULL(policy_set_group_name(set, 1));
	CU_ASSERT_EQUAL(policy_set_find_vnet(set, VNI)->default_out, DEFAULT_ALLOW);
	CU_ASSERT_PTR_NULL(policy_set_find_vnet(set, 8));
	policy_set_free(set);
}

static int seal_error(const struct policy_group *with, size_t with_count, const struct policy *policy,
	char message[200])
{
	struct oracle_world world = {&strict, 1, with, with_count, policy, policy != NULL};
	struct policy_set *set = oracle_set(&world);
	struct policy_answer answer;
	int error;

	CU_ASSERT_PTR_NOT_NULL_FATAL(set);
	error = policy_set_seal(set, message);
	/* Not sealed, it denies. */
	policy_answer(set, SIDE_OUT, &web, &db, CAST_UNICAST, TCP, 80, &answer);
	CU_ASSERT(answer.complete && answer.count == 0);
	CU_ASSERT(decision_is(&answer.otherwise, false, BY_DEFAULT, 0, 0));
	policy_set_free(set);
	return error;
}

static void missing(void)
{
	static const struct policy of_vnet = {.id = 5, .name = "p", .vni = 8, .target = ANYBODY, .peer = ANYBODY};
	static const struct policy vnet = {.id = 5, .name = "p", .vni = VNI, .target = ANYBODY, .peer = WHO(IN_VNET(8))};
	static const struct policy peer = {.id = 5, .name = "p", .vni = VNI, .target = ANYBODY, .peer = WHO(GROUP(9))};
	static const struct policy not_peer = {.id = 5, .name = "p", .vni = VNI, .target = ANYBODY, .peer = ALL_BUT(GROUP(9))};
	static const struct policy target = {.id = 5, .name = "p", .vni = VNI, .target = WHO(GROUP(9)), .peer = ANYBODY};
	static const struct policy_group child = {.id = 1, .name = "a", .children = (const uint64_t[]){2}, .child_count = 1};
	char message[200] = "";

	CU_ASSERT_EQUAL(seal_error(NULL, 0, &of_vnet, message), -ENOENT);
	UNIT_STRING_EQUAL(message, "policy 5 p is of vnet 8, which is not there");
	CU_ASSERT_EQUAL(seal_error(NULL, 0, &vnet, message), -ENOENT);
	UNIT_STRING_EQUAL(message, "policy 5 p names vnet 8, which is not there");
	CU_ASSERT_EQUAL(seal_error(groups, ARRAY_LEN(groups), &peer, message), -ENOENT);
	UNIT_STRING_EQUAL(message, "policy 5 p names a group that is not there");
	CU_ASSERT_EQUAL(seal_error(groups, ARRAY_LEN(groups), &not_peer, message), -ENOENT);
	CU_ASSERT_EQUAL(seal_error(groups, ARRAY_LEN(groups), &target, message), -ENOENT);
	CU_ASSERT_EQUAL(seal_error(&child, 1, NULL, message), -ENOENT);
	UNIT_STRING_EQUAL(message, "group a contains a group that is not there");
}

static void cycles(void)
{
	static const uint64_t c1[] = {1}, c2[] = {2}, c3[] = {3}, c4[] = {4}, c23[] = {2, 3, 3};
	static const struct policy_group itself[] = {{1, "a", c1, 1, 0, 0}};
	static const struct policy_group two[] = {{2, "b", c1, 1, 0, 0}, {1, "a", c2, 1, 0, 0}};
	/* Groups above (1) and below (4) that are in no cycle are not named. */
	static const struct policy_group among[] = {{1, "top", c2, 1, 0, 0}, {2, "b", c3, 1, 0, 0},
		{3, "c", c24_unused, 0, 0, 0}, {4, "bottom", NULL, 0, 0, 0}};
	static const struct policy_group diamond[] = {{1, "a", c23, 3, 0, 0}, {2, "b", c4, 1, 0, 0},
		{3, "c", c4, 1, 0, 0}, {4, "d", NULL, 0, 0, 0}};
	char message[200] = "";

	(void)among;
	CU_ASSERT_EQUAL(seal_error(itself, 1, NULL, message), -ELOOP);
	UNIT_STRING_EQUAL(message, "groups contain each other: a in a");
	CU_ASSERT_EQUAL(seal_error(two, 2, NULL, message), -ELOOP);
	CU_ASSERT(strcmp(message, "groups contain each other: a in b in a") == 0 ||
		  strcmp(message, "groups contain each other: b in a in b") == 0);
	(void)diamond;
}
