/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sets of policies while they are built: what is accepted, what is refused and how that is said, what is found in them.
 */
#include "selftests/unit/unit.h"

#include <errno.h>

#include "selftests/unit/policy_write.h"

static void ids(void)
{
	CU_ASSERT_NOT_EQUAL(policy_id("web"), 0);
	CU_ASSERT_NOT_EQUAL(policy_id("web"), policy_id("Web"));
	CU_ASSERT_NOT_EQUAL(policy_id(""), 0);
	/* The same on every host and in every version: it is in passports. */
	CU_ASSERT_EQUAL(policy_id("web"), UINT64_C(0x042d9853dcbcb438));
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
	REFUSED((item = RANGE(2, 1)));
	REFUSED((item = IN_VNET(0)));
	REFUSED((item = GROUP(0)));
	REFUSED((item = ACCOUNT(0)));

	CU_ASSERT_EQUAL(policy_set_vnet(set, &(struct policy_vnet){0, DEFAULT_DENY, DEFAULT_DENY, AGREE_BOTH}),
		-EINVAL);
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
	struct policy policy = PEERS(5, WHO(ANY));
	char message[200] = "";

	CU_ASSERT_PTR_NOT_NULL_FATAL(set);
	CU_ASSERT_EQUAL(policy_set_vnet(set, &strict), 0);
	CU_ASSERT_EQUAL(policy_set_vnet(set, &strict), -EEXIST);
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
	CU_ASSERT_EQUAL(policy_set_vnet(set, &(struct policy_vnet){9, DEFAULT_DENY, DEFAULT_DENY, AGREE_BOTH}),
		-EINVAL);
	policy_set_free(set);
}

static void names(void)
{
	const struct policy policies[] = {
		PEERS(9, WHO(NODE(WEB), GROUP(FRONT)), SERVICES({false, TCP, 90, 91}, {false, TCP, 80, 89}),
			.name = "nine"),
		PEERS(3, WHO(ANY), .name = "three"),
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
	struct oracle_world world = {&strict, 1, with, with_count, policy, policy != NULL, NULL, 0};
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
	const struct policy of_vnet = {.id = 5, .name = "p", .vni = 8, .target = WHO(ANY), .peer = WHO(ANY)};
	const struct policy vnet = PEERS(5, WHO(IN_VNET(8)), .name = "p");
	const struct policy peer = PEERS(5, WHO(GROUP(9)), .name = "p");
	const struct policy not_peer = PEERS(5, ALL_BUT(GROUP(9)), .name = "p");
	const struct policy target = {.id = 5, .name = "p", .vni = VNI, .target = WHO(GROUP(9)), .peer = WHO(ANY)};
	const struct policy_group child = {.id = 1, .name = "a", .children = (const uint64_t[]){2}, .child_count = 1};
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
	static const uint64_t c1[] = {1}, c2[] = {2}, c3[] = {3}, c24[] = {4, 2};
	const struct policy_group itself[] = {{1, "a", c1, 1, 0, 0}};
	const struct policy_group two[] = {{2, "b", c1, 1, 0, 0}, {1, "a", c2, 1, 0, 0}};
	/* Those above and below that are in no cycle are not named. */
	const struct policy_group among[] = {{1, "top", c2, 1, 0, 0}, {2, "b", c3, 1, 0, 0}, {3, "c", c24, 2, 0, 0},
		{4, "bottom", NULL, 0, 0, 0}};
	char message[200] = "";

	CU_ASSERT_EQUAL(seal_error(itself, 1, NULL, message), -ELOOP);
	UNIT_STRING_EQUAL(message, "groups contain each other: a in a");
	CU_ASSERT_EQUAL(seal_error(two, 2, NULL, message), -ELOOP);
	UNIT_STRING_EQUAL(message, "groups contain each other: a in b in a");
	CU_ASSERT_EQUAL(seal_error(among, 4, NULL, message), -ELOOP);
	UNIT_STRING_EQUAL(message, "groups contain each other: b in c in b");
}

/* More than the message has room for. */
static void long_cycle(void)
{
	struct policy_group ring[70];
	uint64_t next[70];
	char message[200] = "";

	for (uint64_t i = 0; i < ARRAY_LEN(ring); i++) {
		next[i] = 1 + (i + 1) % ARRAY_LEN(ring);
		ring[i] = (struct policy_group){.id = i + 1, .children = &next[i], .child_count = 1};
		snprintf(ring[i].name, sizeof(ring[i].name), "a-group-with-a-long-name-%06u", (unsigned)i);
	}
	CU_ASSERT_EQUAL(seal_error(ring, ARRAY_LEN(ring), NULL, message), -ELOOP);
	CU_ASSERT(strlen(message) > 100 && strlen(message) < 200);
	UNIT_STRING_EQUAL(message + strlen(message) - 7, " in ...");
}

/* The same child twice, and by two ways: neither is a cycle. The last of as many groups as may be is found, too. */
static void many_groups(void)
{
	static const uint64_t children[] = {2, 3, 3}, last[] = {POLICY_SET_GROUPS_MAX};
	struct policy_set *set = policy_set_new();
	struct policy_identity deep = web;
	const struct policy policy = PEERS(5, WHO(GROUP(1)), .allow = true);
	struct policy_answer answer;
	char message[200] = "";

	CU_ASSERT_PTR_NOT_NULL_FATAL(set);
	for (uint64_t id = 1; id <= POLICY_SET_GROUPS_MAX; id++) {
		struct policy_group group = {.id = id};

		if (id == 1)
			group = (struct policy_group){.id = id, .children = children, .child_count = 3};
		else if (id == 2 || id == 3)
			group = (struct policy_group){.id = id, .children = last, .child_count = 1};
		CU_ASSERT_EQUAL_FATAL(policy_set_group(set, &group), 0);
	}
	CU_ASSERT_EQUAL(policy_set_group(set, &(struct policy_group){.id = POLICY_SET_GROUPS_MAX + 1}), -ENOSPC);
	CU_ASSERT_EQUAL(policy_set_vnet(set, &strict), 0);
	CU_ASSERT_EQUAL(policy_set_policy(set, &policy), 0);
	CU_ASSERT_EQUAL_FATAL(policy_set_seal(set, message), 0);
	deep.groups[0] = POLICY_SET_GROUPS_MAX;
	policy_answer(set, SIDE_IN, &deep, &db, CAST_UNICAST, TCP, 80, &answer);
	CU_ASSERT(decision_is(&answer.otherwise, true, BY_GROUP, 5, 1));
	deep.groups[0] = POLICY_SET_GROUPS_MAX - 1;
	policy_answer(set, SIDE_IN, &deep, &db, CAST_UNICAST, TCP, 80, &answer);
	CU_ASSERT(decision_is(&answer.otherwise, false, BY_DEFAULT, 0, 0));
	policy_set_free(set);
}

static const struct unit_test tests[] = {
	{"a name has one id everywhere", ids},
	{"what makes no sense is refused", refusals},
	{"nothing is there twice, and nothing changes when sealed", twice},
	{"policies, groups and vnets are found by id", names},
	{"what is named must be there", missing},
	{"cycles of groups are refused and named", cycles},
	{"a long cycle is named as far as there is room", long_cycle},
	{"groups may be in several groups, and many", many_groups},
};

int main(void)
{
	return unit_run("policy_set", tests, ARRAY_LEN(tests));
}
