/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The policy evaluator against an oracle, over thousands of random sets of policies: answers, joined answers and rules,
 * at random ports and at the edges of everything written.
 */
#include "selftests/unit/unit.h"

#include "selftests/unit/policy_world.h"

#define WORLDS 3000

enum says { SAYS_IN, SAYS_OUT, SAYS_BOTH };

static struct policy_decision oracle_says(const struct trial *trial, enum says says, uint8_t protocol, uint16_t port)
{
	struct oracle_packet packet = trial->packet;

	packet.protocol = protocol;
	packet.port = port;
	if (says == SAYS_BOTH)
		return oracle_both(&trial->world->written, &packet);
	return oracle_side(&trial->world->written, says == SAYS_IN ? SIDE_IN : SIDE_OUT, &packet);
}

/* How many segments the answer must have: counted from the oracle's decisions alone. */
static size_t segments_wanted(const struct trial *trial, enum says says)
{
	struct policy_decision otherwise = oracle_says(trial, says, 200, 0);
	static int found[EDGES_MAX];
	size_t wanted = 0;

	for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
		size_t count = written_edges(trial->world, protocols[i], found);
		struct policy_decision before = otherwise;

		for (size_t j = 0; j < count; j++) {
			struct policy_decision here = oracle_says(trial, says, protocols[i], (uint16_t)found[j]);

			wanted += !same(&here, &before) && !same(&here, &otherwise);
			before = here;
		}
	}
	return wanted;
}

static void check_form(const struct trial *trial, const struct policy_answer *answer)
{
	for (size_t i = 0; i < answer->count; i++) {
		const struct policy_segment *here = &answer->segments[i], *before = i ? here - 1 : here;

		hold(trial, here->low <= here->high, "segment is empty", here->protocol, here->low);
		hold(trial, !same(&here->decision, &answer->otherwise), "segment is like the rest", here->protocol,
			here->low);
		if (i == 0 || before->protocol < here->protocol)
			continue;
		hold(trial, before->protocol == here->protocol && before->high < here->low, "segments are out of order",
			here->protocol, here->low);
		hold(trial, before->high + 1 < here->low || !same(&before->decision, &here->decision),
			"neighbours are alike", here->protocol, here->low);
	}
}

static void check_at(const struct trial *trial, const struct policy_answer *answer, enum says says, uint8_t protocol,
	uint16_t port)
{
	struct policy_decision wanted = oracle_says(trial, says, protocol, port);
	const struct policy_decision *got = policy_look(answer, protocol, port);
	bool asked = protocol == trial->packet.protocol && port == trial->packet.port;

	if (answer->complete || asked)
		hold(trial, got && same(got, &wanted), "answer is another", protocol, port);
	else
		hold(trial, !got, "incomplete answer says something", protocol, port);
}

static void check_answer(const struct trial *trial, const struct policy_answer *answer, enum says says)
{
	static int found[EDGES_MAX];

	check_at(trial, answer, says, trial->packet.protocol, trial->packet.port);
	for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
		size_t count = written_edges(trial->world, protocols[i], found);

		for (size_t j = 0; j < count; j++) {
			check_at(trial, answer, says, protocols[i], (uint16_t)found[j]);
			if (found[j] > 0)
				check_at(trial, answer, says, protocols[i], (uint16_t)(found[j] - 1));
		}
		for (size_t j = 0; j < 3; j++)
			check_at(trial, answer, says, protocols[i], make_port(trial->world, protocols[i]));
	}
	check_at(trial, answer, says, 200, make_port(trial->world, 200));
	check_at(trial, answer, says, 255, 0);
}

/* Complete exactly when there is room for it, and as short as it can be. */
static void check_length(const struct trial *trial, const struct policy_answer *answer, enum says says, bool can_be)
{
	size_t wanted = segments_wanted(trial, says);
	bool complete = can_be && wanted <= POLICY_SEGMENTS_MAX;

	hold(trial, answer->complete == complete, "completeness is another", 0, (uint16_t)wanted);
	hold(trial, answer->count == (complete ? wanted : 1), "number of segments is another", 0, (uint16_t)wanted);
	if (complete)
		check_form(trial, answer);
}

static unsigned incomplete_seen, complete_seen;

static void check_sides(struct trial *trial)
{
	check_answer(trial, &trial->in, SAYS_IN);
	check_answer(trial, &trial->out, SAYS_OUT);
	check_length(trial, &trial->in, SAYS_IN, true);
	check_length(trial, &trial->out, SAYS_OUT, true);
	incomplete_seen += !trial->in.complete;
	complete_seen += trial->in.complete && trial->in.count > 1;
}

static void sides(void)
{
	incomplete_seen = complete_seen = 0;
	each_trial(1, WORLDS, check_sides);
	/* Else the worlds would be too tame to show anything. */
	CU_ASSERT(incomplete_seen > WORLDS / 100);
	CU_ASSERT(complete_seen > WORLDS / 2);
}

static void check_joined(struct trial *trial)
{
	check_answer(trial, &trial->joined, SAYS_BOTH);
	check_length(trial, &trial->joined, SAYS_BOTH, trial->in.complete && trial->out.complete);
}

static void joined(void)
{
	each_trial(10001, WORLDS, check_joined);
}

/* ---- rules */

struct rules {
	const struct trial *trial;
	uint8_t protocol; /* what was asked of policy_rules() */
	uint16_t port;
	struct policy_rule list[POLICY_RULES_MAX];
	size_t count;
};

/* As the data path looks: the narrowest width that has a rule decides. NULL: a miss, which is to ask. */
static const struct policy_rule *look_up(const struct rules *rules, uint64_t lost, uint8_t protocol, uint16_t port)
{
	for (enum policy_width width = POLICY_WIDTH_PORT; width <= POLICY_WIDTH_PEER; width++) {
		for (size_t i = 0; i < rules->count; i++) {
			const struct policy_rule *rule = &rules->list[i];

			if (lost >> i & 1 || rule->width != width)
				continue;
			if (rule->protocol == (width < POLICY_WIDTH_PEER ? protocol : 0) &&
				rule->port == (width == POLICY_WIDTH_PORT ? port : 0))
				return rule;
		}
	}
	return NULL;
}

static void check_rule_at(const struct rules *rules, uint64_t lost, uint8_t protocol, uint16_t port)
{
	struct policy_decision wanted = oracle_says(rules->trial, SAYS_BOTH, protocol, port);
	const struct policy_rule *rule = look_up(rules, 0, protocol, port), *left;

	hold(rules->trial, rule, "no rule", protocol, port);
	hold(rules->trial, rule->verdict == POLICY_ASK || (rule->verdict == POLICY_ALLOW) == wanted.allow,
		"rule says another", protocol, port);
	hold(rules->trial, rule->policy == 0 || rule->policy == wanted.policy, "rule names another", protocol, port);
	left = look_up(rules, lost, protocol, port);
	hold(rules->trial, !left || left->verdict != POLICY_ALLOW || wanted.allow, "loss of a rule allows", protocol,
		port);
}

static void check_rules_form(const struct rules *rules, size_t most)
{
	size_t wide = 0;

	hold(rules->trial, rules->count <= most, "too many rules", 0, 0);
	for (size_t i = 0; i < rules->count; i++) {
		const struct policy_rule *rule = &rules->list[i], *before = i ? rule - 1 : rule;

		wide += rule->width == POLICY_WIDTH_PEER;
		hold(rules->trial,
			rule->verdict == before->verdict || before->verdict == POLICY_DENY ||
				rule->verdict == POLICY_ALLOW,
			"rules are out of order", rule->protocol, rule->port);
		hold(rules->trial, look_up(rules, 0, rule->protocol, rule->port) == rule || rule->width,
			"rule is there twice", rule->protocol, rule->port);
	}
	hold(rules->trial, wide == 1, "not one rule for the pair", 0, 0);
}

static void check_asked(const struct rules *rules)
{
	struct policy_decision wanted = oracle_says(rules->trial, SAYS_BOTH, rules->protocol, rules->port);
	const struct policy_rule *rule = look_up(rules, 0, rules->protocol, rules->port);

	hold(rules->trial, rule->verdict == (wanted.allow ? POLICY_ALLOW : POLICY_DENY), "asked: verdict is another",
		rules->protocol, rules->port);
	hold(rules->trial,
		rule->policy == wanted.policy && rule->group == wanted.group && rule->handle == wanted.handle,
		"asked: name is another", rules->protocol, rules->port);
}

/* Nothing is left to be asked where everything could be said in so many rules. */
static void check_width(const struct rules *rules, size_t most)
{
	const struct policy_answer *answer = &rules->trial->joined;
	bool all = answer->otherwise.allow, may_be_said = !answer->otherwise.allow;
	size_t ports = 0;

	for (size_t i = 0; i < answer->count; i++) {
		all &= answer->segments[i].decision.allow;
		if (answer->segments[i].decision.allow)
			ports += (size_t)(answer->segments[i].high - answer->segments[i].low) + 1;
	}
	may_be_said &= ports + 2 <= most;
	if (!answer->complete || !(all || may_be_said))
		return;
	for (size_t i = 0; i < rules->count; i++) {
		hold(rules->trial, rules->list[i].verdict != POLICY_ASK, "asks for what could be said",
			rules->list[i].protocol, rules->list[i].port);
		if (rules->list[i].width == POLICY_WIDTH_PEER)
			hold(rules->trial, rules->list[i].verdict == (all ? POLICY_ALLOW : POLICY_DENY),
				"rule for the pair", 0, 0);
	}
}

static void check_rules(struct trial *trial)
{
	static const size_t mosts[] = {2, 3, 5, 8, 16, 32, POLICY_RULES_MAX};
	static int found[EDGES_MAX];

	for (size_t i = 0; i < ARRAY_LEN(mosts); i++) {
		struct rules rules = {.trial = trial, .protocol = trial->packet.protocol, .port = trial->packet.port};
		uint64_t lost = unit_random(&trial->world->state);

		rules.count = policy_rules(&trial->joined, rules.protocol, rules.port, false, mosts[i], rules.list);
		check_rules_form(&rules, mosts[i]);
		check_asked(&rules);
		check_width(&rules, mosts[i]);
		for (size_t j = 0; j < ARRAY_LEN(protocols); j++) {
			size_t count = written_edges(trial->world, protocols[j], found);

			for (size_t k = 0; k < count; k++)
				check_rule_at(&rules, lost, protocols[j], (uint16_t)found[k]);
			check_rule_at(&rules, lost, protocols[j], make_port(trial->world, protocols[j]));
		}
		check_rule_at(&rules, lost, 200, 0);
	}
}

static void rules(void)
{
	each_trial(20001, WORLDS, check_rules);
}

static const struct unit_test tests[] = {
	{"each side's answer is the oracle's", sides},
	{"joined answers are the oracle's", joined},
	{"rules say what the oracle says or ask, and fail closed", rules},
};

int main(void)
{
	return unit_run("policy_oracle", tests, ARRAY_LEN(tests));
}
