/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compares two answers within the region of a rule, by looking at the places where either may change: the ends of their
 * segments. See compare.h.
 */
#include "policy/compare.h"

#define PROTOCOLS 256

struct comparison {
	const struct policy_answer *before, *after;
	enum policy_verdict verdict;
	bool strength;
	struct policy_place *first;
};

static bool differs(const struct comparison *c, uint8_t protocol, uint16_t port)
{
	const struct policy_decision *before = policy_look(c->before, protocol, port);
	const struct policy_decision *after = policy_look(c->after, protocol, port);

	/*
	 * Under an ALLOW all was allowed, by this side or, where one suffices, by the other. A wide denial is one with its
	 * exceptions: where one comes or goes, it is another.
	 */
	if (before && after && c->verdict == POLICY_ALLOW && !before->allow && !c->strength)
		return false;
	if (before && after && before->allow == after->allow &&
		(!c->strength || (before->by == BY_DEFAULT) == (after->by == BY_DEFAULT)))
		return false;
	if (c->first)
		*c->first = (struct policy_place){protocol, port};
	return true;
}

static bool differs_at_ends(const struct comparison *c, const struct policy_answer *answer, uint8_t protocol)
{
	for (size_t i = 0; i < answer->count; i++) {
		const struct policy_segment *segment = &answer->segments[i];

		if (segment->protocol != protocol)
			continue;
		if (differs(c, protocol, segment->low))
			return true;
		if (segment->high < UINT16_MAX && differs(c, protocol, (uint16_t)(segment->high + 1)))
			return true;
	}
	return false;
}

static bool protocol_differs(const struct comparison *c, uint8_t protocol)
{
	return differs(c, protocol, 0) || differs_at_ends(c, c->before, protocol) ||
	       differs_at_ends(c, c->after, protocol);
}

static void mark(const struct policy_answer *answer, bool named[PROTOCOLS])
{
	for (size_t i = 0; i < answer->count; i++)
		named[answer->segments[i].protocol] = true;
}

static bool peer_differs(const struct comparison *c)
{
	bool named[PROTOCOLS] = {false}, other = false;

	mark(c->before, named);
	mark(c->after, named);
	for (unsigned protocol = PROTOCOLS; protocol-- > 0;) {
		/* Of those that no segment names, one stands for all. */
		if (!named[protocol] && other)
			continue;
		other |= !named[protocol];
		if (protocol_differs(c, (uint8_t)protocol))
			return true;
	}
	return false;
}

bool policy_contradicts(const struct policy_answer *before, const struct policy_answer *after, enum policy_width width,
	uint8_t protocol, uint16_t port, enum policy_verdict verdict, bool strength, struct policy_place *first)
{
	struct comparison c = {before, after, verdict, strength, first};

	switch (width) {
	case POLICY_WIDTH_PORT:
		return differs(&c, protocol, port);
	case POLICY_WIDTH_PROTOCOL:
		return protocol_differs(&c, protocol);
	case POLICY_WIDTH_PEER:
		break;
	}
	return peer_differs(&c);
}
