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

static const struct policy_vnet strict = {VNI, DEFAULT_DENY, DEFAULT_ALLOW, AGREE_BOTH};

static inline struct policy_set *set_of(const struct policy_vnet *vnet, const struct policy_group *with,
	size_t with_count, const struct policy *policies, size_t count)
{
	struct oracle_world world = {vnet, 1, with, with_count, policies, count};
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
	if (decision && decision->allow == allow && decision->by == by && decision->policy == policy &&
		decision->group == group)
		return true;
	if (decision)
		printf("\n    got: %s by %d, policy %u, group %llu\n", decision->allow ? "allow" : "deny", decision->by,
			decision->policy, (unsigned long long)decision->group);
	return false;
}

#endif /* OVNET_SELFTESTS_POLICY_WRITE_H */
