/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The policy evaluator, feature by feature: who is meant, and what decides. How a set is built is in test_policy_set.c,
 * what becomes of answers in test_policy_rules.c, and what holds for any set whatever in test_policy_oracle.c.
 */
#include "selftests/unit/unit.h"

#include "selftests/unit/policy_write.h"

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

/* ---- who is meant */

struct peer_case {
	struct policy_selector peer;
	bool matches;
	enum policy_by by;
	uint64_t group;
};

static void peers(void)
{
	const struct peer_case cases[] = {
		{WHO(ANY), true, BY_GROUP, 0},
		{WHO(NODE(WEB)), true, BY_ADDRESS, 0},
		{WHO(NODE(DB)), false, 0, 0},
		{WHO(RANGE(1, 1)), true, BY_ADDRESS, 0},
		{WHO(RANGE(0, 1)), true, BY_ADDRESS, 0},
		{WHO(RANGE(2, 9)), false, 0, 0},
		{WHO(RANGE(0, 0)), false, 0, 0},
		{WHO(RANGE(4, 9), RANGE(0, 1)), true, BY_ADDRESS, 0},
		{WHO({.kind = ITEM_RANGE, .low = {{9, 255, 255, 255}}, .high = {{10, 0, 1, 0}}}), true, BY_ADDRESS, 0},
		{WHO(GROUP(FRONT)), true, BY_GROUP, FRONT},
		{WHO(GROUP(BACK)), false, 0, 0},
		{WHO(GROUP(ALL)), true, BY_GROUP, ALL},
		{WHO(GROUP(BACK), GROUP(ALL), GROUP(FRONT)), true, BY_GROUP, ALL},
		{WHO(ACCOUNT(ALICE)), true, BY_GROUP, 0},
		{WHO(ACCOUNT(BOB)), false, 0, 0},
		{WHO(IN_VNET(VNI)), true, BY_GROUP, 0},
		/* An address decides the class, wherever it is written. */
		{WHO(GROUP(FRONT), NODE(WEB)), true, BY_ADDRESS, 0},
		{WHO(NODE(DB), GROUP(FRONT)), true, BY_GROUP, FRONT},
		{WHO(ANY, GROUP(FRONT)), true, BY_GROUP, 0},
		/* All but these. */
		{ALL_BUT(NODE(DB)), true, BY_GROUP, 0},
		{ALL_BUT(NODE(WEB)), false, 0, 0},
		{ALL_BUT(RANGE(2, 9)), true, BY_GROUP, 0},
		{ALL_BUT(RANGE(1, 9)), false, 0, 0},
		{ALL_BUT(GROUP(BACK)), true, BY_GROUP, 0},
		{ALL_BUT(GROUP(ALL)), false, 0, 0},
		{ALL_BUT(ACCOUNT(BOB)), true, BY_GROUP, 0},
		{ALL_BUT(NODE(DB), GROUP(FRONT)), false, 0, 0},
		{ALL_BUT(ANY), false, 0, 0},
		/* Of nothing. */
		{{NULL, 0, false}, false, BY_DEFAULT, 0},
		{{NULL, 0, true}, true, BY_GROUP, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct policy policy = PEERS(5, cases[i].peer, .allow = true);
		struct policy_answer answer = answer_to(&strict, SIDE_IN, &web, CAST_UNICAST, &policy, 1);
		bool as_wanted = decision_is(&answer.otherwise, cases[i].matches, cases[i].by, cases[i].matches ? 5 : 0,
			cases[i].group);

		CU_ASSERT_EQUAL(answer.count, 0);
		if (!as_wanted)
			printf("    case %zu\n", i);
		CU_ASSERT(as_wanted);
	}
}

static void unknown_ends(void)
{
	/* Neither has an account, and the group is in no set. */
	const struct policy_identity nobody = {VNI, {{10, 0, 0, 9}}, 0, 0, {999}, 1};
	const struct policy policies[] = {PEERS(1, WHO(NODE(WEB), ACCOUNT(ALICE), GROUP(ALL)), .allow = true)};
	static const struct policy_vnet account = {VNI, DEFAULT_ACCOUNT, DEFAULT_GROUP, AGREE_BOTH};
	struct policy_set *set = set_of(&account, groups, ARRAY_LEN(groups), policies, 1);
	struct policy_identity many = nobody;
	struct policy_answer answer;

	policy_answer(set, SIDE_IN, &nobody, &nobody, CAST_UNICAST, TCP, 80, &answer);
	CU_ASSERT(decision_is(&answer.otherwise, false, BY_DEFAULT, 0, 0));
	policy_answer(set, SIDE_OUT, &nobody, &nobody, CAST_UNICAST, TCP, 80, &answer);
	CU_ASSERT(decision_is(&answer.otherwise, false, BY_DEFAULT, 0, 0));
	/* All that there is room for. */
	for (many.group_count = 0; many.group_count < POLICY_GROUPS_MAX; many.group_count++)
		many.groups[many.group_count] = LONE;
	many.groups[POLICY_GROUPS_MAX - 1] = BACK;
	policy_answer(set, SIDE_IN, &many, &nobody, CAST_UNICAST, TCP, 80, &answer);
	CU_ASSERT(decision_is(&answer.otherwise, true, BY_GROUP, 1, ALL));
	policy_set_free(set);
}

static void targets(void)
{
	const struct policy policies[] = {
		{.id = 1, .vni = VNI, .target = WHO(GROUP(BACK)), .peer = WHO(GROUP(FRONT)), .allow = true},
		{.id = 2, .vni = VNI, .side = SIDE_OUT, .target = WHO(NODE(WEB)), .peer = WHO(RANGE(2, 2))},
		{.id = 3, .vni = VNI, .target = WHO(NODE(WEB)), .peer = WHO(ANY)},
		{.id = 4, .vni = VNI, .target = ALL_BUT(NODE(DB)), .peer = WHO(ANY)},
	};
	struct policy_set *set = set_of(&strict, groups, ARRAY_LEN(groups), policies, ARRAY_LEN(policies));
	struct policy_answer answer;

	policy_answer(set, SIDE_IN, &web, &db, CAST_UNICAST, TCP, 80, &answer);
	CU_ASSERT(decision_is(&answer.otherwise, true, BY_GROUP, 1, FRONT));
	policy_answer(set, SIDE_OUT, &web, &db, CAST_UNICAST, TCP, 80, &answer);
	CU_ASSERT(decision_is(&answer.otherwise, false, BY_ADDRESS, 2, 0));
	policy_answer(set, SIDE_IN, &db, &web, CAST_UNICAST, TCP, 80, &answer);
	CU_ASSERT(decision_is(&answer.otherwise, false, BY_GROUP, 3, 0));
	policy_answer(set, SIDE_OUT, &db, &web, CAST_UNICAST, TCP, 80, &answer);
	CU_ASSERT(decision_is(&answer.otherwise, true, BY_DEFAULT, 0, 0));
	policy_set_free(set);
}

static void vnets(void)
{
	static const struct policy_vnet both[] = {{VNI, DEFAULT_ALLOW, DEFAULT_ALLOW, AGREE_BOTH},
		{8, DEFAULT_ALLOW, DEFAULT_ALLOW, AGREE_BOTH}};
	const struct policy policies[] = {{.id = 1, .vni = 8, .target = WHO(ANY), .peer = WHO(ANY)}};
	struct oracle_world world = {both, 2, groups, ARRAY_LEN(groups), policies, 1, NULL, 0};
	struct policy_set *set = oracle_set(&world);
	struct policy_identity elsewhere = db, here = web;
	struct policy_answer answer;
	char message[200];

	CU_ASSERT_PTR_NOT_NULL_FATAL(set);
	CU_ASSERT_EQUAL(policy_set_seal(set, message), 0);
	policy_answer(set, SIDE_IN, &web, &db, CAST_UNICAST, TCP, 80, &answer);
	CU_ASSERT(decision_is(&answer.otherwise, true, BY_DEFAULT, 0, 0));
	/* Between two, whatever both say. */
	elsewhere.vni = 8;
	policy_answer(set, SIDE_IN, &web, &elsewhere, CAST_UNICAST, TCP, 80, &answer);
	CU_ASSERT(answer.complete && answer.count == 0);
	CU_ASSERT(decision_is(&answer.otherwise, false, BY_DEFAULT, 0, 0));
	here.vni = 8;
	policy_answer(set, SIDE_IN, &here, &elsewhere, CAST_UNICAST, TCP, 80, &answer);
	CU_ASSERT(decision_is(&answer.otherwise, false, BY_GROUP, 1, 0));
	/* In one that is not there. */
	here.vni = elsewhere.vni = 9;
	policy_answer(set, SIDE_IN, &here, &elsewhere, CAST_UNICAST, TCP, 80, &answer);
	CU_ASSERT(decision_is(&answer.otherwise, false, BY_DEFAULT, 0, 0));
	policy_set_free(set);
}

/* ---- what decides */

static void classes(void)
{
	const struct policy near_allows[] = {
		PEERS(1, WHO(GROUP(FRONT))),
		PEERS(2, WHO(NODE(WEB)), .allow = true),
	};
	const struct policy near_denies[] = {
		PEERS(1, WHO(GROUP(FRONT)), .allow = true),
		PEERS(2, WHO(RANGE(1, 1))),
	};
	const struct policy broad[] = {
		PEERS(4, WHO(GROUP(FRONT)), .allow = true),
		PEERS(3, WHO(ACCOUNT(ALICE))),
		PEERS(2, ALL_BUT(NODE(DB))),
		PEERS(1, WHO(ANY), .allow = true),
	};
	struct policy_answer answer = ANSWER_IN(near_allows);

	CU_ASSERT(decision_is(&answer.otherwise, true, BY_ADDRESS, 2, 0));
	answer = ANSWER_IN(near_denies);
	CU_ASSERT(decision_is(&answer.otherwise, false, BY_ADDRESS, 2, 0));
	/* A negation is no address; a deny wins; the lowest id is named. */
	answer = ANSWER_IN(broad);
	CU_ASSERT(decision_is(&answer.otherwise, false, BY_GROUP, 2, 0));
}

static bool segment_is(const struct policy_answer *answer, size_t at, uint8_t protocol, uint16_t low, uint16_t high,
	uint32_t policy)
{
	const struct policy_segment *segment = &answer->segments[at];

	return at < answer->count && segment->protocol == protocol && segment->low == low && segment->high == high &&
	       segment->decision.policy == policy;
}

static void services(void)
{
	const struct policy policies[] = {
		PEERS(1, WHO(ANY), .allow = true,
			SERVICES({false, TCP, 80, 89}, {false, TCP, 90, 90}, {false, UDP, 53, 53},
				{false, TCP, 85, 88})),
		PEERS(2, WHO(ANY), SERVICES({false, TCP, 85, 85})),
		PEERS(3, WHO(NODE(WEB)), .allow = true, SERVICES({false, TCP, 85, 86}, {false, GRE, 0, 65535})),
	};
	struct policy_answer answer = ANSWER_IN(policies);

	CU_ASSERT(answer.complete);
	CU_ASSERT_EQUAL(answer.count, 5);
	CU_ASSERT(segment_is(&answer, 0, TCP, 80, 84, 1));
	CU_ASSERT(segment_is(&answer, 1, TCP, 85, 86, 3));
	CU_ASSERT(segment_is(&answer, 2, TCP, 87, 90, 1));
	CU_ASSERT(segment_is(&answer, 3, UDP, 53, 53, 1));
	CU_ASSERT(segment_is(&answer, 4, GRE, 0, 65535, 3));
	CU_ASSERT(decision_is(&answer.otherwise, false, BY_DEFAULT, 0, 0));
	CU_ASSERT(decision_is(policy_look(&answer, TCP, 85), true, BY_ADDRESS, 3, 0));
	CU_ASSERT(decision_is(policy_look(&answer, TCP, 91), false, BY_DEFAULT, 0, 0));
	CU_ASSERT(decision_is(policy_look(&answer, UDP, 80), false, BY_DEFAULT, 0, 0));
	CU_ASSERT(decision_is(policy_look(&answer, 99, 0), false, BY_DEFAULT, 0, 0));
}

/* An exception of what holds for every protocol. */
static void any_service(void)
{
	const struct policy policies[] = {
		PEERS(1, WHO(ANY), SERVICES({false, TCP, 0, 1023})),
		PEERS(2, WHO(ANY), .allow = true, SERVICES({false, UDP, 1, 2}, {.any = true})),
		/* Never reached: all is decided. */
		PEERS(3, WHO(ANY), .allow = true, SERVICES({false, TCP, 2000, 2000})),
	};
	const struct policy none_means_all[] = {
		PEERS(1, WHO(NODE(WEB)), SERVICES({.any = true, .high = 65535})),
		PEERS(2, WHO(NODE(WEB)), .allow = true),
	};
	struct policy_answer answer = ANSWER_IN(policies);

	CU_ASSERT_EQUAL(answer.count, 1);
	CU_ASSERT(segment_is(&answer, 0, TCP, 0, 1023, 1));
	CU_ASSERT(decision_is(&answer.otherwise, true, BY_GROUP, 2, 0));
	answer = ANSWER_IN(none_means_all);
	CU_ASSERT_EQUAL(answer.count, 0);
	CU_ASSERT(decision_is(&answer.otherwise, false, BY_ADDRESS, 1, 0));
}

static void icmp_types(void)
{
	const struct policy echo[] = {PEERS(1, WHO(ANY), .allow = true, SERVICES({false, ICMP, 8, 8}))};
	const struct policy all[] = {PEERS(1, WHO(ANY), .allow = true, SERVICES({false, ICMP, 0, 255}))};
	struct policy_answer answer = ANSWER_IN(echo);

	CU_ASSERT_EQUAL(answer.count, 1);
	CU_ASSERT(segment_is(&answer, 0, ICMP, 8, 8, 1));
	CU_ASSERT(policy_look(&answer, ICMP, 8)->allow);
	CU_ASSERT(!policy_look(&answer, ICMP, 0)->allow);
	/* All types are all of the protocol. */
	answer = ANSWER_IN(all);
	CU_ASSERT_EQUAL(answer.count, 1);
	CU_ASSERT(segment_is(&answer, 0, ICMP, 0, 65535, 1));
}

static void casting(void)
{
	const struct policy policies[] = {
		PEERS(1, WHO(ANY), .casts = CAST_MULTICAST | CAST_BROADCAST),
		PEERS(2, WHO(ANY), .allow = true),
		PEERS(3, WHO(NODE(WEB)), .casts = CAST_BROADCAST, .allow = true),
	};
	struct policy_answer answer = answer_to(&strict, SIDE_IN, &web, CAST_UNICAST, policies, 3);

	CU_ASSERT(decision_is(&answer.otherwise, true, BY_GROUP, 2, 0));
	answer = answer_to(&strict, SIDE_IN, &web, CAST_MULTICAST, policies, 3);
	CU_ASSERT(decision_is(&answer.otherwise, false, BY_GROUP, 1, 0));
	answer = answer_to(&strict, SIDE_IN, &web, CAST_BROADCAST, policies, 3);
	CU_ASSERT(decision_is(&answer.otherwise, true, BY_ADDRESS, 3, 0));
}

/* `count` ports that are apart, and what one more would need. */
static struct policy_answer answer_with_ports(size_t count, uint16_t asked)
{
	struct policy_service list[POLICY_SEGMENTS_MAX + 1];
	const struct policy policy = PEERS(1, WHO(ANY), .services = list, .service_count = count, .allow = true);
	struct policy_set *set;
	struct policy_answer answer;

	for (size_t i = 0; i < count; i++)
		list[i] = (struct policy_service){false, TCP, (uint16_t)(1000 - 2 * i), (uint16_t)(1000 - 2 * i)};
	set = set_of(&strict, NULL, 0, &policy, 1);
	policy_answer(set, SIDE_IN, &web, &db, CAST_UNICAST, TCP, asked, &answer);
	policy_set_free(set);
	return answer;
}

static void incomplete(void)
{
	struct policy_answer answer = answer_with_ports(POLICY_SEGMENTS_MAX, 1000), other, joined;

	CU_ASSERT(answer.complete);
	CU_ASSERT_EQUAL(answer.count, POLICY_SEGMENTS_MAX);
	answer = answer_with_ports(POLICY_SEGMENTS_MAX + 1, 1000);
	CU_ASSERT(!answer.complete);
	CU_ASSERT_EQUAL(answer.count, 1);
	CU_ASSERT(decision_is(policy_look(&answer, TCP, 1000), true, BY_GROUP, 1, 0));
	CU_ASSERT_PTR_NULL(policy_look(&answer, TCP, 999));
	CU_ASSERT_PTR_NULL(policy_look(&answer, UDP, 1000));
	CU_ASSERT(!answer.otherwise.allow);
	CU_ASSERT(policy_reaches(&answer));
	other = answer_with_ports(POLICY_SEGMENTS_MAX + 1, 999);
	CU_ASSERT(decision_is(policy_look(&other, TCP, 999), false, BY_DEFAULT, 0, 0));
	CU_ASSERT(policy_reaches(&other));

	/* Joined: about what is asked, if both say it. */
	policy_join(AGREE_BOTH, &answer, &(struct policy_answer){.complete = true}, TCP, 1000, &joined);
	CU_ASSERT(!joined.complete);
	CU_ASSERT(decision_is(policy_look(&joined, TCP, 1000), false, BY_DEFAULT, 0, 0));
	CU_ASSERT_PTR_NULL(policy_look(&joined, TCP, 999));
	policy_join(AGREE_BOTH, &answer, &other, TCP, 1000, &joined);
	CU_ASSERT(!joined.complete);
	CU_ASSERT_EQUAL(joined.count, 0);
	CU_ASSERT_PTR_NULL(policy_look(&joined, TCP, 1000));
}

/* Each fits, both together do not. */
static void incomplete_together(void)
{
	struct policy_answer in = answer_with_ports(30, 1000), out = answer_with_ports(30, 1000), joined;

	for (size_t i = 0; i < out.count; i++)
		out.segments[i].protocol = UDP;
	policy_join(AGREE_ONE, &in, &out, TCP, 1000, &joined);
	CU_ASSERT(!joined.complete);
	CU_ASSERT_EQUAL(joined.count, 1);
	CU_ASSERT(decision_is(policy_look(&joined, TCP, 1000), true, BY_GROUP, 1, 0));
	CU_ASSERT_PTR_NULL(policy_look(&joined, UDP, 1000));
	/* Both must allow: nothing is left. */
	policy_join(AGREE_BOTH, &in, &out, TCP, 1000, &joined);
	CU_ASSERT(joined.complete);
	CU_ASSERT_EQUAL(joined.count, 0);
	CU_ASSERT(!policy_reaches(&joined));
}

/* ---- defaults */

struct default_case {
	enum policy_default vnet, front, all, lone;
	bool same_account, in_lone; /* both ends */
	bool allow;
	uint64_t group;
};

/* Of the source's side; front and all are groups of web, of which all has db, too. */
static void defaults(void)
{
	const enum policy_default U = DEFAULT_UNSET, D = DEFAULT_DENY, C = DEFAULT_ACCOUNT, G = DEFAULT_GROUP,
				  A = DEFAULT_ALLOW;
	const struct default_case cases[] = {
		/* The vnet's, when no group has one. */
		{D, U, U, U, true, true, false, 0},
		{A, U, U, U, false, false, true, 0},
		{C, U, U, U, true, false, true, 0},
		{C, U, U, U, false, false, false, 0},
		{G, U, U, U, false, false, true, 0},
		/* A group's instead, also one that is wider; also that of a group around. */
		{D, A, U, U, false, false, true, FRONT},
		{D, U, A, U, false, false, true, ALL},
		{A, D, U, U, true, false, false, FRONT},
		{A, U, C, U, false, false, false, ALL},
		{D, U, C, U, true, false, true, ALL},
		/* Not one that the source is not in. */
		{A, U, U, D, false, false, true, 0},
		{A, U, U, D, false, true, false, LONE},
		/* The strictest of several. */
		{D, A, D, U, true, false, false, ALL},
		{A, D, A, U, true, false, false, FRONT},
		{D, A, C, U, false, false, false, ALL},
		{D, A, C, U, true, false, true, ALL},
		{D, G, A, U, false, false, true, FRONT},
		/* Account and group: both must hold. */
		{D, C, G, U, true, false, true, FRONT},
		{D, C, G, U, false, false, false, FRONT},
		{D, G, C, U, false, false, false, ALL},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct default_case *c = &cases[i];
		const struct policy_vnet vnet = {VNI, DEFAULT_DENY, c->vnet, AGREE_BOTH};
		struct policy_group with[ARRAY_LEN(groups)];
		struct policy_identity source = web, destination = db;
		struct policy_answer answer;
		struct policy_set *set;

		memcpy(with, groups, sizeof(with));
		with[0].default_out = c->front;
		with[2].default_out = c->all;
		with[3].default_out = c->lone;
		/* The other side's, and the other end's, are not asked. */
		with[0].default_in = c->allow ? DEFAULT_DENY : DEFAULT_ALLOW;
		with[1].default_out = c->allow ? DEFAULT_DENY : DEFAULT_ALLOW;
		if (c->same_account)
			destination.account = ALICE;
		if (c->in_lone)
			source.groups[source.group_count++] = LONE;
		set = set_of(&vnet, with, ARRAY_LEN(with), NULL, 0);
		policy_answer(set, SIDE_OUT, &source, &destination, CAST_UNICAST, TCP, 80, &answer);
		policy_set_free(set);
		CU_ASSERT_EQUAL(answer.count, 0);
		if (!decision_is(&answer.otherwise, c->allow, BY_DEFAULT, 0, c->group)) {
			printf("    case %zu\n", i);
			CU_FAIL("default");
		}
	}
}

/* Both account and group set, and only the group fails. */
static void default_of_destination(void)
{
	static const struct policy_vnet vnet = {VNI, DEFAULT_ALLOW, DEFAULT_ALLOW, AGREE_BOTH};
	struct policy_group with[ARRAY_LEN(groups)];
	struct policy_identity source = web, destination = db;
	struct policy_answer answer;
	struct policy_set *set;

	memcpy(with, groups, sizeof(with));
	with[1].default_in = DEFAULT_GROUP;
	with[2].default_in = DEFAULT_ACCOUNT;
	with[0].default_in = DEFAULT_DENY;
	source.account = BOB;
	source.groups[0] = LONE;
	set = set_of(&vnet, with, ARRAY_LEN(with), NULL, 0);
	policy_answer(set, SIDE_IN, &source, &destination, CAST_UNICAST, TCP, 80, &answer);
	CU_ASSERT(decision_is(&answer.otherwise, false, BY_DEFAULT, 0, BACK));
	/* Directly in the same one. */
	source.groups[0] = BACK;
	policy_answer(set, SIDE_IN, &source, &destination, CAST_UNICAST, TCP, 80, &answer);
	CU_ASSERT(decision_is(&answer.otherwise, true, BY_DEFAULT, 0, ALL));
	policy_set_free(set);
}

static const struct unit_test tests[] = {
	{"the other end is named in every way, and negated", peers},
	{"who has no account, no known group or all of them", unknown_ends},
	{"a policy is about its targets only", targets},
	{"nothing passes between vnets", vnets},
	{"addresses before groups, denials before allows", classes},
	{"services become stretches of ports", services},
	{"a service may be every protocol", any_service},
	{"ICMP types are ports up to 255", icmp_types},
	{"policies may be about some casts only", casting},
	{"an answer that is too long is about what was asked", incomplete},
	{"two answers may be too long together", incomplete_together},
	{"defaults of groups come before the vnet's, the strictest first", defaults},
	{"the destination's default is that of its own groups", default_of_destination},
};

int main(void)
{
	return unit_run("policy", tests, ARRAY_LEN(tests));
}
