/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What becomes of policies' answers: how those of two sides are joined, and which rules follow from them. The answers
 * are written by hand here.
 */
#include "selftests/unit/unit.h"

#include "lib/error.h"
#include "policy/policy.h"

#define TCP 6
#define UDP 17
#define ICMP 1
#define GRE 47

static bool segment_is(const struct policy_answer *answer, size_t at, uint8_t protocol, uint16_t low, uint16_t high,
	uint32_t policy)
{
	const struct policy_segment *segment = &answer->segments[at];

	return at < answer->count && segment->protocol == protocol && segment->low == low && segment->high == high &&
	       segment->decision.policy == policy;
}

/* ---- both sides */

static struct policy_answer all_by(bool allow, enum policy_by by, uint32_t policy, uint64_t group)
{
	return (struct policy_answer){.complete = true, .otherwise = {allow, by, policy, group}};
}

struct join_case {
	enum policy_agreement agreement;
	bool in_allows;
	uint32_t in_policy;
	bool out_allows;
	uint32_t out_policy;
	bool allows;
	uint32_t policy;
	uint64_t group; /* in's decisions have 1, out's 2 */
};

static void agreement(void)
{
	static const struct join_case cases[] = {
		/* Both must allow; the destination's is named, unless only the source's is a policy. */
		{AGREE_BOTH, true, 0, true, 0, true, 0, 1},
		{AGREE_BOTH, true, 5, true, 6, true, 5, 1},
		{AGREE_BOTH, true, 0, true, 6, true, 6, 2},
		{AGREE_BOTH, true, 5, true, 0, true, 5, 1},
		{AGREE_BOTH, false, 0, true, 6, false, 0, 1},
		{AGREE_BOTH, true, 5, false, 0, false, 0, 2},
		{AGREE_BOTH, true, 5, false, 6, false, 6, 2},
		{AGREE_BOTH, false, 5, false, 6, false, 5, 1},
		{AGREE_BOTH, false, 0, false, 6, false, 6, 2},
		/* One suffices, but a policy's deny is a veto. */
		{AGREE_ONE, true, 5, false, 0, true, 5, 1},
		{AGREE_ONE, false, 0, true, 6, true, 6, 2},
		{AGREE_ONE, true, 5, false, 6, false, 6, 2},
		{AGREE_ONE, false, 5, true, 6, false, 5, 1},
		{AGREE_ONE, false, 0, true, 0, true, 0, 2},
		{AGREE_ONE, true, 0, false, 0, true, 0, 1},
		{AGREE_ONE, false, 5, true, 0, false, 5, 1},
		{AGREE_ONE, false, 0, false, 0, false, 0, 1},
		{AGREE_ONE, true, 0, true, 6, true, 6, 2},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct join_case *c = &cases[i];
		struct policy_answer in = all_by(c->in_allows, c->in_policy ? BY_ADDRESS : BY_DEFAULT, c->in_policy, 1);
		struct policy_answer out =
			all_by(c->out_allows, c->out_policy ? BY_GROUP : BY_DEFAULT, c->out_policy, 2);
		struct policy_answer joined;

		policy_join(c->agreement, &in, &out, TCP, 80, &joined);
		CU_ASSERT(joined.complete && joined.count == 0);
		if (joined.otherwise.allow != c->allows || joined.otherwise.policy != c->policy ||
			joined.otherwise.group != c->group) {
			printf("\n    case %zu\n", i);
			CU_FAIL("agreement");
		}
	}
}

static void segment_add(struct policy_answer *answer, uint8_t protocol, uint16_t low, uint16_t high, bool allow,
	uint32_t policy)
{
	answer->segments[answer->count++] =
		(struct policy_segment){protocol, low, high, {allow, BY_GROUP, policy, 0, 0}};
}

static void joined_ports(void)
{
	struct policy_answer in = all_by(false, BY_DEFAULT, 0, 0), out = all_by(true, BY_DEFAULT, 0, 0), joined;

	segment_add(&in, TCP, 80, 90, true, 1);
	segment_add(&in, UDP, 0, 65535, true, 2);
	segment_add(&out, TCP, 85, 85, false, 3);
	segment_add(&out, TCP, 90, 65535, false, 4);
	segment_add(&out, UDP, 65535, 65535, false, 5);
	segment_add(&out, GRE, 0, 65535, false, 6);
	policy_join(AGREE_BOTH, &in, &out, TCP, 80, &joined);
	CU_ASSERT(joined.complete);
	CU_ASSERT_EQUAL(joined.count, 7);
	CU_ASSERT(segment_is(&joined, 0, TCP, 80, 84, 1));
	CU_ASSERT(segment_is(&joined, 1, TCP, 85, 85, 3));
	CU_ASSERT(segment_is(&joined, 2, TCP, 86, 89, 1));
	/* Denied by the one's default and the other's policy: that is named. */
	CU_ASSERT(segment_is(&joined, 3, TCP, 90, 65535, 4));
	CU_ASSERT(segment_is(&joined, 4, UDP, 0, 65534, 2));
	CU_ASSERT(segment_is(&joined, 5, UDP, 65535, 65535, 5));
	CU_ASSERT(segment_is(&joined, 6, GRE, 0, 65535, 6));
	CU_ASSERT(!joined.otherwise.allow && joined.otherwise.by == BY_DEFAULT);

	/* Stretches that come to be alike are one, and those like the rest are none. */
	in = all_by(false, BY_GROUP, 9, 0);
	segment_add(&in, TCP, 10, 20, true, 1);
	segment_add(&in, TCP, 21, 30, true, 2);
	out = all_by(true, BY_DEFAULT, 0, 0);
	segment_add(&out, TCP, 10, 30, false, 3);
	segment_add(&out, UDP, 10, 30, true, 4);
	policy_join(AGREE_BOTH, &in, &out, TCP, 80, &joined);
	CU_ASSERT_EQUAL(joined.count, 1);
	CU_ASSERT(segment_is(&joined, 0, TCP, 10, 30, 3));
}

static void reach(void)
{
	struct policy_answer answer = all_by(true, BY_DEFAULT, 0, 0);

	CU_ASSERT(policy_reaches(&answer));
	answer = all_by(false, BY_DEFAULT, 0, 0);
	CU_ASSERT(!policy_reaches(&answer));
	segment_add(&answer, TCP, 1, 2, false, 1);
	CU_ASSERT(!policy_reaches(&answer));
	segment_add(&answer, TCP, 3, 3, true, 2);
	CU_ASSERT(policy_reaches(&answer));
}

/* ---- rules */

/* "deny peer, ask 6, allow 6/80 by 5": in the order in which they come. */
static const char *rules_text(const struct policy_answer *answer, uint8_t protocol, uint16_t port, bool exact,
	size_t most)
{
	static const char *const verdicts[] = {"?", "allow", "deny", "ask"};
	static char text[2048];
	struct policy_rule rules[POLICY_RULES_MAX];
	size_t count = policy_rules(answer, protocol, port, exact, most, rules), length = 0;

	text[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		const struct policy_rule *rule = &rules[i];
		char where[32] = "peer", by[32] = "";

		if (rule->width == POLICY_WIDTH_PROTOCOL)
			snprintf(where, sizeof(where), "%u", rule->protocol);
		else if (rule->width == POLICY_WIDTH_PORT)
			snprintf(where, sizeof(where), "%u/%u", rule->protocol, rule->port);
		if (rule->policy)
			snprintf(by, sizeof(by), " by %u", rule->policy);
		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s %s%s", i ? ", " : "",
			verdicts[rule->verdict], where, by);
	}
	return text;
}

#define RULES_ARE(answer, protocol, port, most, wanted)                                                                \
	UNIT_STRING_EQUAL(rules_text(answer, protocol, port, false, most), wanted)

static void rules_all_alike(void)
{
	struct policy_answer answer = all_by(true, BY_DEFAULT, 0, 0);

	RULES_ARE(&answer, TCP, 80, 2, "allow peer");
	answer = all_by(true, BY_GROUP, 5, 0);
	RULES_ARE(&answer, TCP, 80, 2, "allow peer by 5");
	answer = all_by(false, BY_GROUP, 5, 0);
	RULES_ARE(&answer, TCP, 80, 2, "deny peer by 5");
	/* Alike but for who decided: a wide rule names nobody then, what was asked has a name. */
	segment_add(&answer, TCP, 80, 80, false, 6);
	RULES_ARE(&answer, UDP, 80, 2, "deny peer, deny 17/80 by 5");
	RULES_ARE(&answer, TCP, 80, 2, "deny peer, deny 6/80 by 6");
	answer = all_by(true, BY_DEFAULT, 0, 0);
	segment_add(&answer, TCP, 80, 80, true, 6);
	RULES_ARE(&answer, TCP, 80, 2, "allow peer, allow 6/80 by 6");
	RULES_ARE(&answer, TCP, 81, 2, "allow peer");
}

static void rules_with_exceptions(void)
{
	struct policy_answer answer = all_by(false, BY_DEFAULT, 0, 0);

	segment_add(&answer, ICMP, 0, 65535, true, 1);
	segment_add(&answer, TCP, 80, 81, true, 2);
	segment_add(&answer, UDP, 1000, 1999, true, 3);
	segment_add(&answer, GRE, 0, 65535, false, 4);
	RULES_ARE(&answer, TCP, 80, 32, "deny peer, ask 17, allow 6/80 by 2, allow 6/81 by 2, allow 1 by 1");
	/* Of the ports that are too many, what was asked. */
	RULES_ARE(&answer, UDP, 1000, 32,
		"deny peer, ask 17, allow 1 by 1, allow 6/80 by 2, allow 6/81 by 2, allow 17/1000 by 3");
	RULES_ARE(&answer, UDP, 1, 32, "deny peer, deny 17/1, ask 17, allow 1 by 1, allow 6/80 by 2, allow 6/81 by 2");
	RULES_ARE(&answer, GRE, 0, 32,
		"deny peer, deny 47/0 by 4, ask 17, allow 1 by 1, allow 6/80 by 2, allow 6/81 by 2");
	/* Just so many; one fewer; fewer than protocols. */
	RULES_ARE(&answer, TCP, 80, 5, "deny peer, ask 17, allow 6/80 by 2, allow 6/81 by 2, allow 1 by 1");
	RULES_ARE(&answer, UDP, 1000, 5, "deny peer, ask 17, ask 6, allow 1 by 1, allow 17/1000 by 3");
	RULES_ARE(&answer, TCP, 80, 3, "ask peer, ask 6, allow 6/80 by 2");
	RULES_ARE(&answer, TCP, 80, 2, "ask peer, allow 6/80 by 2");
	RULES_ARE(&answer, TCP, 79, 2, "deny 6/79, ask peer");
}

/* Nothing wide may allow when something beneath it is denied. */
static void rules_open_with_denials(void)
{
	struct policy_answer answer = all_by(true, BY_DEFAULT, 0, 0);

	segment_add(&answer, TCP, 25, 25, false, 1);
	RULES_ARE(&answer, TCP, 80, 32, "ask peer, ask 6, allow 17, allow 1, allow 6/80");
	RULES_ARE(&answer, TCP, 25, 32, "deny 6/25 by 1, ask peer, ask 6, allow 17, allow 1");
	RULES_ARE(&answer, UDP, 53, 2, "ask peer, allow 17/53");
	RULES_ARE(&answer, UDP, 53, 3, "ask peer, ask 6, allow 17");
	RULES_ARE(&answer, GRE, 0, 32, "ask peer, ask 6, allow 47, allow 17, allow 1");

	/* Allowed ports that fit; a protocol wholly denied. */
	answer = all_by(true, BY_DEFAULT, 0, 0);
	segment_add(&answer, TCP, 0, 79, false, 1);
	segment_add(&answer, TCP, 80, 81, true, 2);
	segment_add(&answer, TCP, 82, 65535, false, 1);
	segment_add(&answer, GRE, 0, 65535, false, 3);
	RULES_ARE(&answer, TCP, 80, 32,
		"deny 6 by 1, deny 47 by 3, ask peer, allow 6/80 by 2, allow 6/81 by 2, allow 17, allow 1");

	/* An ICMP type is a port. */
	answer = all_by(true, BY_DEFAULT, 0, 0);
	segment_add(&answer, ICMP, 8, 8, false, 1);
	RULES_ARE(&answer, ICMP, 8, 32, "deny 1/8 by 1, ask peer, ask 1, allow 6, allow 17");
	/* Every port but the last. */
	answer = all_by(false, BY_DEFAULT, 0, 0);
	segment_add(&answer, TCP, 0, 65534, true, 1);
	RULES_ARE(&answer, TCP, 0, 32, "deny peer, ask 6, allow 6/0 by 1");
	/* All of it by two policies. */
	segment_add(&answer, TCP, 65535, 65535, true, 2);
	RULES_ARE(&answer, TCP, 0, 32, "deny peer, allow 6, allow 6/0 by 1");
}

static void rules_exact(void)
{
	struct policy_answer answer = all_by(false, BY_DEFAULT, 0, 0);

	segment_add(&answer, TCP, 80, 80, true, 2);
	UNIT_STRING_EQUAL(rules_text(&answer, TCP, 80, true, 32), "allow 6/80 by 2");
	UNIT_STRING_EQUAL(rules_text(&answer, TCP, 81, true, 32), "deny 6/81");
	answer.complete = false;
	UNIT_STRING_EQUAL(rules_text(&answer, TCP, 80, true, 32), "allow 6/80 by 2");
	UNIT_STRING_EQUAL(rules_text(&answer, TCP, 81, true, 32), "ask 6/81");
	RULES_ARE(&answer, TCP, 80, 32, "ask peer, allow 6/80 by 2");
	RULES_ARE(&answer, TCP, 81, 32, "ask peer");
}

/* An answer that came from elsewhere need not be in order: what is denied first stays denied. */
static void rules_of_disorder(void)
{
	struct policy_answer answer = all_by(false, BY_DEFAULT, 0, 0);

	segment_add(&answer, TCP, 100, 200, false, 1);
	segment_add(&answer, TCP, 0, 65535, true, 2);
	segment_add(&answer, TCP, 9, 3, true, 3);
	RULES_ARE(&answer, TCP, 150, 32, "deny peer, deny 6/150 by 1, ask 6");
	RULES_ARE(&answer, TCP, 201, 32, "deny peer, ask 6, allow 6/201 by 2");
	answer.count = 0;
	segment_add(&answer, TCP, 40000, 65535, true, 1);
	segment_add(&answer, TCP, 0, 40000, true, 1);
	segment_add(&answer, TCP, 40000, 65535, false, 2);
	RULES_ARE(&answer, TCP, 65535, 32, "deny peer, allow 6 by 1");
}

static enum policy_verdict verdict_at(const struct policy_rule *rules, size_t count, uint8_t protocol, uint16_t port)
{
	for (enum policy_width width = POLICY_WIDTH_PORT; width <= POLICY_WIDTH_PEER; width++)
		for (size_t i = 0; i < count; i++)
			if (rules[i].width == width && (width == POLICY_WIDTH_PEER || rules[i].protocol == protocol) &&
				(width != POLICY_WIDTH_PORT || rules[i].port == port))
				return rules[i].verdict;
	return POLICY_ASK;
}

/* Whatever segments a peer makes up, what looking says is what the rules say, or less. */
static void rules_of_nonsense(void)
{
	uint64_t state = 11;

	for (int i = 0; i < 20000; i++) {
		struct policy_answer answer = all_by(unit_random(&state) & 1, BY_DEFAULT, 0, 0);
		size_t count = unit_random(&state) % (POLICY_SEGMENTS_MAX + 1), most = 2 + unit_random(&state) % 63;
		uint8_t protocol = (uint8_t)(unit_random(&state) % 4);
		uint16_t port = (uint16_t)unit_random(&state);
		struct policy_rule rules[POLICY_RULES_MAX];

		while (answer.count < count)
			segment_add(&answer, (uint8_t)(unit_random(&state) % 3), (uint16_t)unit_random(&state),
				(uint16_t)unit_random(&state), unit_random(&state) & 1, 1);
		count = policy_rules(&answer, protocol, port, false, most, rules);
		CU_ASSERT_FATAL(count >= 1 && count <= most);
		CU_ASSERT_FATAL(verdict_at(rules, count, protocol, port) ==
				(policy_look(&answer, protocol, port)->allow ? POLICY_ALLOW : POLICY_DENY));
		for (size_t j = 0; j < answer.count; j++) {
			uint16_t places[] = {answer.segments[j].low, answer.segments[j].high,
				(uint16_t)(answer.segments[j].low - 1), (uint16_t)(answer.segments[j].high + 1)};

			for (size_t k = 0; k < ARRAY_LEN(places); k++) {
				uint8_t here = answer.segments[j].protocol;
				enum policy_verdict verdict = verdict_at(rules, count, here, places[k]);
				bool allow = policy_look(&answer, here, places[k])->allow;

				if (verdict != POLICY_ASK && (verdict == POLICY_ALLOW) != allow)
					CU_FAIL_FATAL("a rule says another than the answer");
			}
		}
	}
}

static const struct unit_test tests[] = {
	{"sides are joined as the vnet says", agreement},
	{"sides are joined port by port", joined_ports},
	{"ARP is answered where anything is allowed", reach},
	{"one rule says what is all alike", rules_all_alike},
	{"a wide denial has exceptions", rules_with_exceptions},
	{"a wide allow has none", rules_open_with_denials},
	{"what is exact is one rule", rules_exact},
	{"answers out of order give no more than they say", rules_of_disorder},
	{"nor do answers that make no sense", rules_of_nonsense},
};

int main(void)
{
	return unit_run("policy_rules", tests, ARRAY_LEN(tests));
}
