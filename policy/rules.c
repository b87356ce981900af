/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The widest safe set of rules that says what an answer says. See policy_rules().
 *
 * One rule for the pair: ALLOW when everything is allowed; DENY when what no segment names is denied and all exceptions
 * fit; else ASK. Beneath it what differs, protocol by protocol: one rule where all its ports are alike, each allowed
 * port where they fit, else one ASK.
 */
#include "policy/internal.h"

#include <string.h>

#define PROTOCOLS 256
#define PORTS 65536u
/* Protocols that no segment names, but that are worth a rule of their own beneath a wide ASK. */
#define USUAL_MAX 3

/* Whom a rule names that stands for several decisions: their policy, group and handle while they have the same, else none. */
struct naming {
	bool some;
	uint32_t policy;
	uint64_t group, handle;
};

/* What an answer says of one protocol. */
struct outline {
	uint8_t protocol;
	uint32_t allowed; /* ports */
	struct naming allows, denies;
};

/* The rules that are being made, and what of. */
struct plan {
	const struct policy_answer *answer;
	uint8_t protocol; /* what was asked */
	uint16_t port;
	struct outline outlines[POLICY_SEGMENTS_MAX + USUAL_MAX + 1];
	size_t named; /* outlines of protocols that the answer has segments of come first */
	size_t count;
	struct policy_rule rules[POLICY_RULES_MAX];
	size_t rule_count;
};

static struct naming naming_of(const struct policy_decision *decision)
{
	return (struct naming){true, decision->policy, decision->group, decision->handle};
}

static void naming_join(struct naming *naming, const struct naming *other)
{
	if (!naming->some)
		*naming = *other;
	else if (other->some &&
		 (naming->policy != other->policy || naming->group != other->group || naming->handle != other->handle))
		*naming = (struct naming){.some = true};
}

static void naming_add(struct naming *naming, const struct policy_decision *decision)
{
	struct naming other = naming_of(decision);

	naming_join(naming, &other);
}

/* ---- outlines */

static void outline_add(struct plan *plan, uint8_t protocol)
{
	struct outline *outline = &plan->outlines[plan->count++];
	uint16_t last;

	*outline = (struct outline){.protocol = protocol};
	for (uint32_t port = 0; port < PORTS; port = (uint32_t)last + 1) {
		const struct policy_decision *decision = answer_stretch(plan->answer, protocol, (uint16_t)port, &last);

		naming_add(decision->allow ? &outline->allows : &outline->denies, decision);
		if (decision->allow)
			outline->allowed += last - port + 1;
	}
}

static void outline_new(struct plan *plan, bool known[PROTOCOLS], uint8_t protocol)
{
	if (known[protocol])
		return;
	known[protocol] = true;
	outline_add(plan, protocol);
}

/* Of what was asked first: it is the first to get room. */
static void outline_all(struct plan *plan)
{
	static const uint8_t usual[USUAL_MAX] = {6 /* TCP */, 17 /* UDP */, ICMP_PROTOCOL};
	bool named[PROTOCOLS] = {false}, known[PROTOCOLS] = {false};

	answer_mark(plan->answer, named);
	if (named[plan->protocol])
		outline_new(plan, known, plan->protocol);
	for (unsigned protocol = 0; protocol < PROTOCOLS; protocol++)
		if (named[protocol])
			outline_new(plan, known, (uint8_t)protocol);
	plan->named = plan->count;
	outline_new(plan, known, plan->protocol);
	for (size_t i = 0; i < USUAL_MAX; i++)
		outline_new(plan, known, usual[i]);
}

static bool is_mixed(const struct outline *outline)
{
	return outline->allowed > 0 && outline->allowed < PORTS;
}

/* ---- rules */

static void plan_add(struct plan *plan, enum policy_width width, uint8_t protocol, uint16_t port,
	enum policy_verdict verdict, const struct naming *naming)
{
	struct policy_rule *rule = &plan->rules[plan->rule_count++];

	*rule = (struct policy_rule){.width = width, .protocol = protocol, .port = port, .verdict = verdict};
	if (naming) {
		rule->policy = naming->policy;
		rule->group = naming->group;
		rule->handle = naming->handle;
	}
}

static void plan_add_port(struct plan *plan, uint8_t protocol, uint16_t port, const struct policy_decision *decision)
{
	struct naming naming = {.some = false};

	if (decision)
		naming_add(&naming, decision);
	plan_add(plan, POLICY_WIDTH_PORT, protocol, port,
		!decision         ? POLICY_ASK
		: decision->allow ? POLICY_ALLOW
				  : POLICY_DENY,
		&naming);
}

static void rules_for_ports(struct plan *plan, uint8_t protocol)
{
	uint16_t last;

	for (uint32_t from = 0; from < PORTS; from = (uint32_t)last + 1) {
		const struct policy_decision *decision = answer_stretch(plan->answer, protocol, (uint16_t)from, &last);

		for (uint32_t port = from; decision->allow && port <= last; port++)
			plan_add_port(plan, protocol, (uint16_t)port, decision);
	}
}

/*
 * Of one protocol. `*room` is what may be taken beyond the one rule that each protocol has; beneath a wide DENY its own
 * DENY is not needed.
 */
static void rules_for_protocol(struct plan *plan, const struct outline *outline, enum policy_verdict wide, size_t *room)
{
	size_t more;

	if (wide == POLICY_DENY && !outline->allowed)
		return;
	more = outline->allowed - (wide == POLICY_DENY);
	if (!is_mixed(outline)) {
		plan_add(plan, POLICY_WIDTH_PROTOCOL, outline->protocol, 0,
			outline->allowed ? POLICY_ALLOW : POLICY_DENY,
			outline->allowed ? &outline->allows : &outline->denies);
	} else if (more <= *room) {
		*room -= more;
		if (wide != POLICY_DENY)
			plan_add(plan, POLICY_WIDTH_PROTOCOL, outline->protocol, 0, POLICY_DENY, &outline->denies);
		rules_for_ports(plan, outline->protocol);
	} else {
		plan_add(plan, POLICY_WIDTH_PROTOCOL, outline->protocol, 0, POLICY_ASK, NULL);
	}
}

/* The verdict for the pair, when there may be `most` rules. */
static enum policy_verdict wide_verdict(const struct plan *plan, size_t most)
{
	size_t allowing = 0, whole = 0;

	if (!plan->answer->complete)
		return POLICY_ASK;
	for (size_t i = 0; i < plan->named; i++) {
		allowing += plan->outlines[i].allowed > 0;
		whole += plan->outlines[i].allowed == PORTS;
	}
	if (plan->answer->otherwise.allow)
		return whole == plan->named ? POLICY_ALLOW : POLICY_ASK;
	return 1 + allowing <= most ? POLICY_DENY : POLICY_ASK;
}

static void rule_for_pair(struct plan *plan, enum policy_verdict wide)
{
	const struct policy_decision *otherwise = &plan->answer->otherwise;
	struct naming naming = {.some = false};

	if (wide != POLICY_ASK) {
		naming_add(&naming, otherwise);
		for (size_t i = 0; i < plan->named; i++)
			naming_join(&naming,
				wide == POLICY_ALLOW ? &plan->outlines[i].allows : &plan->outlines[i].denies);
	}
	plan_add(plan, POLICY_WIDTH_PEER, 0, 0, wide, &naming);
}

static void rules_make(struct plan *plan, size_t most)
{
	enum policy_verdict wide = wide_verdict(plan, most);
	/* Beneath a wide ASK also what no segment names is worth a rule; beneath the others it has one. */
	size_t count = wide == POLICY_ASK ? plan->count : plan->named, taken = 1, room;

	plan->rule_count = 0;
	rule_for_pair(plan, wide);
	if (wide == POLICY_ALLOW)
		return;
	for (size_t i = 0; i < count; i++)
		taken += wide == POLICY_ASK || plan->outlines[i].allowed;
	room = taken < most ? most - taken : 0;
	for (size_t i = 0; i < count && plan->rule_count < most; i++)
		rules_for_protocol(plan, &plan->outlines[i], wide, &room);
}

/* As the data path looks: narrow to wide, and the first decides. */
static const struct policy_rule *rule_for(const struct plan *plan, uint8_t protocol, uint16_t port)
{
	const struct policy_rule *found = NULL;

	for (size_t i = 0; i < plan->rule_count; i++) {
		const struct policy_rule *rule = &plan->rules[i];

		if ((rule->width < POLICY_WIDTH_PEER && rule->protocol != protocol) ||
			(rule->width < POLICY_WIDTH_PROTOCOL && rule->port != port))
			continue;
		if (!found || rule->width < found->width)
			found = rule;
	}
	return found;
}

/* Whether the rules say of what was asked what the answer says, under the name of what decided. */
static bool is_said(const struct plan *plan)
{
	const struct policy_decision *asked = policy_look(plan->answer, plan->protocol, plan->port);
	const struct policy_rule *rule = rule_for(plan, plan->protocol, plan->port);

	if (!asked)
		return rule->verdict == POLICY_ASK;
	return rule->verdict == (asked->allow ? POLICY_ALLOW : POLICY_DENY) && rule->policy == asked->policy &&
	       rule->group == asked->group && rule->handle == asked->handle;
}

static void plan_make(struct plan *plan, size_t most)
{
	if (plan->answer->complete)
		outline_all(plan);
	rules_make(plan, most);
	if (is_said(plan))
		return;
	/* What was asked needs a rule of its own, for which there may be no room yet. */
	if (plan->rule_count == most)
		rules_make(plan, most - 1);
	if (!is_said(plan))
		plan_add_port(plan, plan->protocol, plan->port, policy_look(plan->answer, plan->protocol, plan->port));
}

size_t policy_rules(const struct policy_answer *answer, uint8_t protocol, uint16_t port, bool exact, size_t most,
	struct policy_rule rules[POLICY_RULES_MAX])
{
	static const enum policy_verdict order[] = {POLICY_DENY, POLICY_ASK, POLICY_ALLOW};
	struct plan plan = {.answer = answer, .protocol = protocol, .port = port};
	size_t count = 0;

	if (exact)
		plan_add_port(&plan, protocol, port, policy_look(answer, protocol, port));
	else
		plan_make(&plan, most);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		for (size_t j = 0; j < plan.rule_count; j++)
			if (plan.rules[j].verdict == order[i])
				rules[count++] = plan.rules[j];
	return count;
}
