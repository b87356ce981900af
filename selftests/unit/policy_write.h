/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Policies written by hand, in few words, for the tests of the evaluator: two ends, `web` which sends and `db` which
 * receives, the groups that they are in, and words for who is meant.
 */
#ifndef OVNET_SELFTESTS_POLICY_WRITE_H
#define OVNET_SELFTESTS_POLICY_WRITE_H

#include "lib/error.h"
#include "policy/policy.h"
#include "selftests/unit/policy_oracle.h"
#include "selftests/unit/unit.h"

#define VNI 7
#define TCP 6
#define UDP 17
#define ICMP 1
#define GRE 47

/* Names for what has only an id. */
enum { WEB = 1, DB = 2, ALICE = 11, BOB = 12 };
enum { FRONT = 101, BACK = 102, ALL = 103, LONE = 104 };

/* Who is meant: items, selectors of them, and policies about every target. */
#define ITEM(...) ((struct policy_item){__VA_ARGS__})
#define NODE(n) ITEM(.kind = ITEM_NODE, .id = (n))
#define GROUP(g) ITEM(.kind = ITEM_GROUP, .id = (g))
#define ACCOUNT(a) ITEM(.kind = ITEM_ACCOUNT, .id = (a))
#define RANGE(l, h) ITEM(.kind = ITEM_RANGE, .low = {{10, 0, 0, (l)}}, .high = {{10, 0, 0, (h)}})
#define IN_VNET(v) ITEM(.kind = ITEM_VNET, .vni = (v))
#define HANDLE(h) ITEM(.kind = ITEM_HANDLE, .id = (h))
#define ANY ITEM(.kind = ITEM_ANY)
#define LIST(type, ...) (const type[]){__VA_ARGS__}, sizeof((const type[]){__VA_ARGS__}) / sizeof(type)
#define WHO(...) ((struct policy_selector){LIST(struct policy_item, __VA_ARGS__), false})
#define ALL_BUT(...) ((struct policy_selector){LIST(struct policy_item, __VA_ARGS__), true})
#define PEERS(number, who, ...)                                                                                        \
	((struct policy){.id = (number), .vni = VNI, .target = WHO(ANY), .peer = (who), ##__VA_ARGS__})
#define SERVICES(...)                                                                                                  \
	.services = (const struct policy_service[]){__VA_ARGS__},                                                      \
	.service_count = sizeof((const struct policy_service[]){__VA_ARGS__}) / sizeof(struct policy_service)

static const struct policy_identity web = {VNI, {{10, 0, 0, 1}}, WEB, ALICE, {FRONT}, 1};
static const struct policy_identity db = {VNI, {{10, 0, 0, 2}}, DB, BOB, {BACK}, 1};

/* FRONT and BACK are in ALL. */
static const struct policy_group groups[] = {
	{.id = FRONT, .name = "front"},
	{.id = BACK, .name = "back"},
	{.id = ALL, .name = "all", .children = (const uint64_t[]){FRONT, BACK}, .child_count = 2},
	{.id = LONE, .name = "lone"},
};

/* Handles in every set: what web is in, and what it is not; INNER is in OUTER, and NOBODY has nothing. */
enum { OFFICE = 201, INNER = 202, OUTER = 203, NOBODY = 204, FRONTS = 205, HERE = 206, AWAY = 207 };

static const struct policy_vnet strict = {VNI, DEFAULT_DENY, DEFAULT_ALLOW, AGREE_BOTH};

static inline struct policy_set *set_of(const struct policy_vnet *vnet, const struct policy_group *with,
	size_t with_count, const struct policy *policies, size_t count)
{
	const struct policy_handle handles[] = {
		{OFFICE, "office", NULL, LIST(struct policy_item, RANGE(9, 9), RANGE(0, 1))},
		{INNER, "inner", NULL, LIST(struct policy_item, RANGE(1, 1))},
		{OUTER, "outer", NULL, LIST(struct policy_item, HANDLE(NOBODY), HANDLE(INNER))},
		{NOBODY, "nobody", NULL, NULL, 0},
		{FRONTS, "fronts", NULL, LIST(struct policy_item, GROUP(ALL))},
		{HERE, "here", NULL, LIST(struct policy_item, IN_VNET(VNI))},
		{AWAY, "away", NULL, LIST(struct policy_item, RANGE(2, 255), GROUP(LONE), HANDLE(NOBODY))},
	};
	struct oracle_world world = {vnet, 1, with, with_count, policies, count, handles,
		with_count ? ARRAY_LEN(handles) : 0};
	struct policy_set *set = oracle_set(&world);
	char message[200] = "";

	CU_ASSERT_PTR_NOT_NULL_FATAL(set);
	CU_ASSERT_EQUAL(policy_set_seal(set, message), 0);
	UNIT_STRING_EQUAL(message, "");
	return set;
}

static inline bool decision_is(const struct policy_decision *decision, bool allow, enum policy_by by, uint32_t policy,
	uint64_t group)
{
	if (decision && !decision->handle && decision->allow == allow && decision->by == by &&
		decision->policy == policy && decision->group == group)
		return true;
	if (decision)
		printf("\n    got: %s by %d, policy %u, group %llu\n", decision->allow ? "allow" : "deny", decision->by,
			decision->policy, (unsigned long long)decision->group);
	return false;
}

/* By one that names a handle. */
static inline bool decision_through(const struct policy_decision *decision, bool allow, uint32_t policy,
	uint64_t handle)
{
	struct policy_decision plain = *decision;

	plain.handle = 0;
	if (decision->handle == handle && decision_is(&plain, allow, BY_GROUP, policy, 0))
		return true;
	printf("\n    handle: %llu\n", (unsigned long long)decision->handle);
	return false;
}

#endif /* OVNET_SELFTESTS_POLICY_WRITE_H */
