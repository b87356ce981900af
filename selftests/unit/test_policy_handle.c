/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Handles: large sets of addresses, who is in a handle, and what a change of one changes. What holds for any set whatever is
 * in test_policy_oracle.c.
 */
#include "selftests/unit/unit.h"

#include "lib/time.h"
#include "policy/compare.h"
#include "selftests/unit/policy_write.h"

static struct ipv4 address_of(uint32_t number)
{
	return (struct ipv4){
		{(uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number}};
}

static struct ipv4_range range_of(uint32_t low, uint32_t high)
{
	return (struct ipv4_range){address_of(low), address_of(high)};
}

/* ---- addresses */

static void no_addresses(void)
{
	struct policy_addresses *none = NULL, *kept = NULL;
	const struct ipv4_range backwards = range_of(2, 1);

	CU_ASSERT_EQUAL(policy_addresses_make(NULL, 0, &none), 0);
	CU_ASSERT(!policy_addresses_have(none, address_of(0)) && !policy_addresses_have(NULL, address_of(0)));
	CU_ASSERT(policy_addresses_count(none) == 0 && policy_addresses_equal(none, NULL));
	CU_ASSERT_EQUAL(policy_addresses_make(&backwards, 1, &kept), -EINVAL);
	CU_ASSERT_EQUAL(policy_addresses_make(NULL, POLICY_ADDRESSES_MAX + 1, &kept), -ENOSPC);
	CU_ASSERT_PTR_NULL(kept);
	policy_addresses_release(none);
	policy_addresses_release(NULL);
}

static void merged_addresses(void)
{
	const struct ipv4_range given[] = {
		range_of(20, 30),
		range_of(0, 0),
		range_of(31, 40), /* touches */
		range_of(22, 25),
		range_of(1, 1),
		range_of(UINT32_MAX, UINT32_MAX),
		range_of(42, 42),
		range_of(UINT32_MAX - 5, UINT32_MAX),
	};
	const struct ipv4_range same[] = {range_of(0, 1), range_of(20, 40), range_of(42, 42),
		range_of(UINT32_MAX - 5, UINT32_MAX)};
	struct policy_addresses *all, *others;

	CU_ASSERT_EQUAL_FATAL(policy_addresses_make(given, ARRAY_LEN(given), &all), 0);
	CU_ASSERT_EQUAL_FATAL(policy_addresses_make(same, ARRAY_LEN(same), &others), 0);
	CU_ASSERT_EQUAL(policy_addresses_count(all), 4);
	CU_ASSERT(policy_addresses_equal(all, others));
	policy_addresses_release(others);
	CU_ASSERT_EQUAL_FATAL(policy_addresses_make(same, ARRAY_LEN(same) - 1, &others), 0);
	CU_ASSERT(!policy_addresses_equal(all, others));
	policy_addresses_release(others);
	CU_ASSERT(policy_addresses_have(all, address_of(0)) && policy_addresses_have(all, address_of(UINT32_MAX)));
	CU_ASSERT(policy_addresses_have(all, address_of(40)) && !policy_addresses_have(all, address_of(41)));
	CU_ASSERT(!policy_addresses_have(all, address_of(19)) && !policy_addresses_have(all, address_of(43)));
	policy_addresses_release(all);
}

/* Every address of a small space, against a table of it; every count up to some generations of the layout. */
static void addresses_against_table(void)
{
	uint64_t state = 7;

	for (size_t count = 0; count < 300; count++) {
		bool table[4096] = {false};
		struct ipv4_range ranges[300];
		struct policy_addresses *addresses;
		uint32_t base = count % 2 ? UINT32_MAX - 4095 : 0;
		bool as_wanted = true;

		for (size_t i = 0; i < count; i++) {
			uint32_t low = (uint32_t)(unit_random(&state) % 4096),
				 length = (uint32_t)(unit_random(&state) % 9);
			uint32_t high = low + length > 4095 ? 4095 : low + length;

			ranges[i] = range_of(base + low, base + high);
			for (uint32_t at = low; at <= high; at++)
				table[at] = true;
		}
		CU_ASSERT_EQUAL_FATAL(policy_addresses_make(ranges, count, &addresses), 0);
		for (uint32_t at = 0; at < 4096; at++)
			as_wanted &= policy_addresses_have(addresses, address_of(base + at)) == table[at];
		CU_ASSERT(as_wanted);
		policy_addresses_release(addresses);
	}
}

static struct policy_addresses *many(size_t count)
{
	scope_free struct ipv4_range *ranges = calloc(count, sizeof(*ranges));
	struct policy_addresses *made = NULL;
	uint64_t state = 11;

	CU_ASSERT_PTR_NOT_NULL_FATAL(ranges);
	for (size_t i = 0; i < count; i++) {
		uint32_t low = (uint32_t)unit_random(&state) & ~15u;

		ranges[i] = range_of(low, low | 15);
	}
	CU_ASSERT_EQUAL_FATAL(policy_addresses_make(ranges, count, &made), 0);
	return made;
}

static void made_fast(void)
{
	uint64_t began = time_now_ns();
	struct policy_addresses *made = many(100000);
	uint64_t took = time_now_ns() - began;

	printf("%llu us ", (unsigned long long)(took / 1000));
	/* With a sanitizer, on a busy machine, it may take some times as long: what it must not be is quadratic. */
	CU_ASSERT(took < 1000 * NSEC_PER_MSEC);
	CU_ASSERT(policy_addresses_count(made) > 99000);
	policy_addresses_release(made);
}

/* A set that follows another has the same octets, not a copy; whoever is last frees them. */
static void shared_by_sets(void)
{
	struct policy_addresses *addresses = many(1000);
	struct policy_set *former = policy_set_new(), *later = policy_set_new();
	struct policy_handle handle = {.id = 1, .name = "big", .addresses = addresses};

	CU_ASSERT_EQUAL(policy_set_handle(former, &handle), 0);
	CU_ASSERT_EQUAL(policy_set_handle(former, &handle), -EEXIST);
	policy_addresses_release(addresses);
	handle.addresses = policy_set_handle_addresses(former, 1);
	CU_ASSERT_PTR_EQUAL(handle.addresses, addresses);
	CU_ASSERT_EQUAL(policy_set_handle(later, &handle), 0);
	policy_set_free(former);
	CU_ASSERT_PTR_EQUAL(policy_set_handle_addresses(later, 1), addresses);
	CU_ASSERT_EQUAL(policy_addresses_count(addresses), 1000);
	UNIT_STRING_EQUAL(policy_set_handle_name(later, 1), "big");
	CU_ASSERT_PTR_NULL(policy_set_handle_name(later, 2));
	CU_ASSERT_PTR_NULL(policy_set_handle_addresses(later, 2));
	policy_set_free(later);
}

/* ---- who is in a handle */

static struct policy_answer answer_with(const struct policy *policies, size_t count)
{
	struct policy_set *set = set_of(&strict, groups, ARRAY_LEN(groups), policies, count);
	struct policy_answer answer;

	policy_answer(set, SIDE_IN, &web, &db, CAST_UNICAST, TCP, 80, &answer);
	policy_set_free(set);
	return answer;
}

static void members(void)
{
	const struct {
		struct policy_selector peer;
		bool matches;
		uint64_t handle;
	} cases[] = {
		{WHO(HANDLE(OFFICE)), true, OFFICE},
		{WHO(HANDLE(INNER)), true, INNER},
		/* The one that the policy names is told, not the one within. */
		{WHO(HANDLE(OUTER)), true, OUTER},
		{WHO(HANDLE(FRONTS)), true, FRONTS},
		{WHO(HANDLE(HERE)), true, HERE},
		{WHO(HANDLE(AWAY)), false, 0},
		{WHO(HANDLE(NOBODY)), false, 0},
		{WHO(HANDLE(NOBODY), HANDLE(AWAY), HANDLE(OUTER), HANDLE(OFFICE)), true, OUTER},
		/* All but these, as of anything else. */
		{ALL_BUT(HANDLE(AWAY)), true, 0},
		{ALL_BUT(HANDLE(NOBODY)), true, 0},
		{ALL_BUT(HANDLE(OUTER)), false, 0},
		{ALL_BUT(HANDLE(NOBODY), HANDLE(HERE)), false, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct policy policy = PEERS(5, cases[i].peer, .allow = true);
		struct policy_answer answer = answer_with(&policy, 1);
		bool as_wanted = cases[i].matches ? decision_through(&answer.otherwise, true, 5, cases[i].handle)
						  : decision_is(&answer.otherwise, false, BY_DEFAULT, 0, 0);

		if (!as_wanted)
			printf("    case %zu\n", i);
		CU_ASSERT(as_wanted);
	}
}

/* It decides as groups do, even where it is one address; who is named both ways is named by address. */
static void class_of_handles(void)
{
	const struct policy near_wins[] = {
		PEERS(1, WHO(HANDLE(INNER))),
		PEERS(2, WHO(RANGE(1, 1)), .allow = true),
	};
	const struct policy deny_wins[] = {
		PEERS(1, WHO(GROUP(FRONT)), .allow = true),
		PEERS(2, WHO(HANDLE(OFFICE))),
		PEERS(3, WHO(HANDLE(INNER)), .allow = true),
	};
	const struct policy both_ways[] = {PEERS(1, WHO(HANDLE(OFFICE), NODE(WEB)), .allow = true)};
	struct policy_answer answer = answer_with(near_wins, ARRAY_LEN(near_wins));

	CU_ASSERT(decision_is(&answer.otherwise, true, BY_ADDRESS, 2, 0));
	answer = answer_with(deny_wins, ARRAY_LEN(deny_wins));
	CU_ASSERT(decision_through(&answer.otherwise, false, 2, OFFICE));
	answer = answer_with(both_ways, ARRAY_LEN(both_ways));
	CU_ASSERT(decision_is(&answer.otherwise, true, BY_ADDRESS, 1, 0));
}

static void targets(void)
{
	/* db is at .2; so it is in AWAY, and in no other by its address. */
	const struct policy policies[] = {
		{.id = 1, .vni = VNI, .target = WHO(HANDLE(AWAY)), .peer = WHO(HANDLE(OFFICE)), .allow = true},
		{.id = 2, .vni = VNI, .target = WHO(HANDLE(OFFICE)), .peer = WHO(ANY)},
	};
	struct policy_answer answer = answer_with(policies, ARRAY_LEN(policies));

	CU_ASSERT(decision_through(&answer.otherwise, true, 1, OFFICE));
}

/* Rules say through which handle, one for many services too; where it was two, none. */
static void rules_name_handles(void)
{
	const struct policy policies[] = {
		PEERS(1, WHO(HANDLE(OFFICE)), .allow = true, SERVICES({false, TCP, 80, 80})),
	};
	struct policy_answer answer = answer_with(policies, ARRAY_LEN(policies));
	struct policy_rule rules[POLICY_RULES_MAX];
	size_t count = policy_rules(&answer, TCP, 80, false, 8, rules);

	CU_ASSERT_EQUAL_FATAL(count, 2);
	CU_ASSERT(rules[0].width == POLICY_WIDTH_PEER && rules[0].policy == 0 && rules[0].handle == 0);
	CU_ASSERT(rules[1].policy == 1 && rules[1].handle == OFFICE && rules[1].group == 0);
}

/* ---- sets that are wrong */

static int seal_with(const struct policy_handle *with, size_t count, const struct policy *policy, char message[200])
{
	struct oracle_world world = {&strict, 1, groups, ARRAY_LEN(groups), policy, policy != NULL, with, count};
	struct policy_set *set = oracle_set(&world);
	int error;

	*message = '\0';
	CU_ASSERT_PTR_NOT_NULL_FATAL(set);
	error = policy_set_seal(set, message);
	policy_set_free(set);
	return error;
}

#define SEAL(with, policy) seal_with(with, ARRAY_LEN(with), policy, message)

static void unknown(void)
{
	const struct policy_handle no_handle[] = {{1, "a", NULL, LIST(struct policy_item, HANDLE(9))}};
	const struct policy_handle no_group[] = {{1, "a", NULL, LIST(struct policy_item, GROUP(9))}};
	const struct policy_handle no_vnet[] = {{1, "a", NULL, LIST(struct policy_item, IN_VNET(9))}};
	const struct policy_handle fine[] = {{1, "a", NULL, NULL, 0}};
	const struct policy names = PEERS(3, WHO(HANDLE(9)), .name = "web"),
			    is_about = {.id = 4, .vni = VNI, .target = ALL_BUT(HANDLE(9)), .peer = WHO(ANY)};
	char message[200];

	CU_ASSERT_EQUAL(SEAL(no_handle, NULL), -ENOENT);
	UNIT_STRING_EQUAL(message, "handle a names a handle that is not there");
	CU_ASSERT_EQUAL(SEAL(no_group, NULL), -ENOENT);
	UNIT_STRING_EQUAL(message, "handle a names a group that is not there");
	CU_ASSERT_EQUAL(SEAL(no_vnet, NULL), -ENOENT);
	UNIT_STRING_EQUAL(message, "handle a names vnet 9, which is not there");
	CU_ASSERT_EQUAL(SEAL(fine, &names), -ENOENT);
	UNIT_STRING_EQUAL(message, "policy 3 web names a handle that is not there");
	CU_ASSERT_EQUAL(SEAL(fine, &is_about), -ENOENT);
	CU_ASSERT_EQUAL(SEAL(fine, NULL), 0);
}

static void cycles(void)
{
	const struct policy_handle itself[] = {{1, "a", NULL, LIST(struct policy_item, HANDLE(1))}};
	const struct policy_handle three[] = {
		{4, "d", NULL, LIST(struct policy_item, HANDLE(1))},
		{1, "a", NULL, LIST(struct policy_item, RANGE(1, 1), HANDLE(2))},
		{2, "b", NULL, LIST(struct policy_item, HANDLE(3), HANDLE(5))},
		{3, "c", NULL, LIST(struct policy_item, HANDLE(1))},
		{5, "e", NULL, NULL, 0},
	};
	char message[200];

	CU_ASSERT_EQUAL(SEAL(itself, NULL), -ELOOP);
	UNIT_STRING_EQUAL(message, "handles contain each other: a has a");
	CU_ASSERT_EQUAL(SEAL(three, NULL), -ELOOP);
	CU_ASSERT(strcmp(message, "handles contain each other: a has b has c has a") == 0 ||
		  strcmp(message, "handles contain each other: b has c has a has b") == 0 ||
		  strcmp(message, "handles contain each other: c has a has b has c") == 0);
}

static void refused(void)
{
	static const struct policy_item wrong[] = {{.kind = ITEM_ANY}, {.kind = ITEM_NODE, .id = 1},
		{.kind = ITEM_ACCOUNT, .id = 1}, {.kind = ITEM_HANDLE}, {.kind = ITEM_VNET},
		{.kind = ITEM_RANGE, .low = {{10, 0, 0, 2}}, .high = {{10, 0, 0, 1}}}};
	struct policy_set *set = policy_set_new();
	char message[200];

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		const struct policy_handle handle = {1, "a", NULL, &wrong[i], 1};

		CU_ASSERT_EQUAL(policy_set_handle(set, &handle), -EINVAL);
	}
	CU_ASSERT_EQUAL(policy_set_handle(set, &(struct policy_handle){.id = 0}), -EINVAL);
	CU_ASSERT_EQUAL(policy_set_handle(set, &(struct policy_handle){.id = 1, .count = 1}), -EINVAL);
	for (uint64_t id = 1; id <= POLICY_SET_HANDLES_MAX; id++)
		CU_ASSERT_EQUAL_FATAL(policy_set_handle(set, &(struct policy_handle){.id = id}), 0);
	CU_ASSERT_EQUAL(policy_set_handle(set, &(struct policy_handle){.id = 9999}), -ENOSPC);
	CU_ASSERT_EQUAL(policy_set_seal(set, message), 0);
	CU_ASSERT_EQUAL(policy_set_handle(set, &(struct policy_handle){.id = 9999}), -EINVAL);
	policy_set_free(set);
}

/* As deep, and as many, as there may be; each policy asks another of them. */
static void deep(void)
{
	static struct policy_handle chain[POLICY_SET_HANDLES_MAX];
	static struct policy_item items[POLICY_SET_HANDLES_MAX];
	static struct policy policies[2000];
	struct policy_item peers[2000];
	char message[200];
	struct oracle_world world = {&strict, 1, groups, ARRAY_LEN(groups), policies, 2000, chain, ARRAY_LEN(chain)};
	struct policy_answer answer;
	struct policy_set *set;
	uint64_t began;

	for (size_t i = 0; i < ARRAY_LEN(chain); i++) {
		items[i] = i + 1 < ARRAY_LEN(chain) ? HANDLE(i + 2) : RANGE(9, 9);
		chain[i] = (struct policy_handle){i + 1, "link", NULL, &items[i], 1};
	}
	for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
		peers[i] = HANDLE(i + 1);
		policies[i] = (struct policy){.id = (uint32_t)i + 1,
			.vni = VNI,
			.target = {&peers[i], 1, true},
			.peer = {&peers[i], 1, false},
			.allow = true};
	}
	set = oracle_set(&world);
	CU_ASSERT_PTR_NOT_NULL_FATAL(set);
	CU_ASSERT_EQUAL(policy_set_seal(set, message), 0);
	began = time_now_ns();
	policy_answer(set, SIDE_IN, &web, &db, CAST_UNICAST, TCP, 80, &answer);
	CU_ASSERT(time_now_ns() - began < 500 * NSEC_PER_MSEC);
	CU_ASSERT(decision_is(&answer.otherwise, false, BY_DEFAULT, 0, 0));
	items[ARRAY_LEN(chain) - 1] = RANGE(1, 1);
	policy_set_free(set);
	set = oracle_set(&world);
	CU_ASSERT_PTR_NOT_NULL_FATAL(set);
	CU_ASSERT_EQUAL(policy_set_seal(set, message), 0);
	policy_answer(set, SIDE_IN, &web, &db, CAST_UNICAST, TCP, 80, &answer);
	CU_ASSERT(decision_through(&answer.otherwise, true, 1, 1));
	policy_set_free(set);
}

/* ---- a change of a handle */

/* What a rule for TCP 80 of these verdicts rested on no longer holds. */
static bool contradicts(const struct policy_item *before, const struct policy_item *after, enum policy_verdict verdict)
{
	const struct policy policy = PEERS(1, WHO(HANDLE(1)), .allow = true, SERVICES({false, TCP, 80, 80}));
	struct policy_answer answers[2];

	for (int i = 0; i < 2; i++) {
		const struct policy_handle handle = {1, "a", NULL, i ? after : before, 1};
		struct oracle_world world = {&strict, 1, groups, ARRAY_LEN(groups), &policy, 1, &handle, 1};
		struct policy_set *set = oracle_set(&world);
		char message[200];

		CU_ASSERT_PTR_NOT_NULL_FATAL(set);
		CU_ASSERT_EQUAL(policy_set_seal(set, message), 0);
		policy_answer(set, SIDE_IN, &web, &db, CAST_UNICAST, TCP, 80, &answers[i]);
		policy_set_free(set);
	}
	return policy_contradicts(&answers[0], &answers[1], POLICY_WIDTH_PORT, TCP, 80, verdict, false, NULL);
}

static void changes(void)
{
	const struct policy_item here = RANGE(1, 1), wider = RANGE(0, 200), away = RANGE(9, 9), front = GROUP(FRONT);

	CU_ASSERT(!contradicts(&here, &here, POLICY_ALLOW));
	/* Others come and go; the same one by another entry. */
	CU_ASSERT(!contradicts(&here, &wider, POLICY_ALLOW) && !contradicts(&wider, &front, POLICY_ALLOW));
	CU_ASSERT(contradicts(&here, &away, POLICY_ALLOW));
	CU_ASSERT(contradicts(&away, &here, POLICY_DENY) && !contradicts(&away, &away, POLICY_DENY));
}

static const struct unit_test tests[] = {
	{"no addresses, and ranges that are none", no_addresses},
	{"ranges that overlap or touch are one", merged_addresses},
	{"addresses are what a table says", addresses_against_table},
	{"100,000 prefixes are made at once", made_fast},
	{"sets share what is large", shared_by_sets},
	{"who is in a handle", members},
	{"handles decide in the class of groups", class_of_handles},
	{"a handle as target", targets},
	{"rules say through which handle", rules_name_handles},
	{"what handles and policies name is there", unknown},
	{"handles do not contain each other", cycles},
	{"handles that are refused", refused},
	{"as many handles in each other as there may be", deep},
	{"a change of a handle contradicts what it affects", changes},
};

int main(void)
{
	return unit_run("policy handle", tests, ARRAY_LEN(tests));
}
