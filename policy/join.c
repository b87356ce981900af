/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads answers, and joins those of the two sides into one (DTM-14).
 */
#include "policy/internal.h"

#include <string.h>

#define PROTOCOLS 256

/* ---- reading */

const struct policy_decision *answer_stretch(const struct policy_answer *answer, uint8_t protocol, uint16_t port,
	uint16_t *last)
{
	*last = UINT16_MAX;
	for (size_t i = 0; i < answer->count; i++) {
		const struct policy_segment *segment = &answer->segments[i];

		if (segment->protocol != protocol)
			continue;
		if (segment->low <= port && port <= segment->high) {
			if (segment->high < *last)
				*last = segment->high;
			return &segment->decision;
		}
		if (segment->low > port && segment->low <= *last)
			*last = (uint16_t)(segment->low - 1);
	}
	return answer->complete ? &answer->otherwise : NULL;
}

const struct policy_decision *policy_look(const struct policy_answer *answer, uint8_t protocol, uint16_t port)
{
	uint16_t last;

	return answer_stretch(answer, protocol, port, &last);
}

bool policy_reaches(const struct policy_answer *answer)
{
	if (!answer->complete || answer->otherwise.allow)
		return true;
	for (size_t i = 0; i < answer->count; i++)
		if (answer->segments[i].decision.allow)
			return true;
	return false;
}

bool decision_equal(const struct policy_decision *a, const struct policy_decision *b)
{
	return a->allow == b->allow && a->by == b->by && a->policy == b->policy && a->group == b->group &&
	       a->handle == b->handle;
}

void answer_mark(const struct policy_answer *answer, bool named[PROTOCOLS])
{
	for (size_t i = 0; i < answer->count; i++)
		named[answer->segments[i].protocol] = true;
}

/* ---- joining */

static const struct policy_decision *prevails(enum policy_agreement agreement, const struct policy_decision *in,
	const struct policy_decision *out)
{
	const struct policy_decision *allows = in->allow ? in : out, *denies = in->allow ? out : in;

	if (in->allow == out->allow)
		return in->by == BY_DEFAULT && out->by != BY_DEFAULT ? out : in;
	if (agreement == AGREE_ONE && denies->by == BY_DEFAULT)
		return allows;
	return denies;
}

/* Appends a stretch of ports, in order. Returns false when there is no room. */
static bool append(struct policy_answer *joined, uint8_t protocol, uint16_t low, uint16_t high,
	const struct policy_decision *decision)
{
	struct policy_segment *last = joined->count ? &joined->segments[joined->count - 1] : NULL;

	if (decision_equal(decision, &joined->otherwise))
		return true;
	if (last && last->protocol == protocol && (uint32_t)last->high + 1 == low &&
		decision_equal(&last->decision, decision)) {
		last->high = high;
		return true;
	}
	if (joined->count == POLICY_SEGMENTS_MAX)
		return false;
	joined->segments[joined->count++] = (struct policy_segment){protocol, low, high, *decision};
	return true;
}

static bool join_protocol(enum policy_agreement agreement, const struct policy_answer *in,
	const struct policy_answer *out, uint8_t protocol, struct policy_answer *joined)
{
	for (uint32_t low = 0; low <= UINT16_MAX;) {
		const struct policy_decision *ins, *outs;
		uint16_t in_last, out_last, last;

		ins = answer_stretch(in, protocol, (uint16_t)low, &in_last);
		outs = answer_stretch(out, protocol, (uint16_t)low, &out_last);
		last = in_last < out_last ? in_last : out_last;
		if (!append(joined, protocol, (uint16_t)low, last, prevails(agreement, ins, outs)))
			return false;
		low = (uint32_t)last + 1;
	}
	return true;
}

/* Returns false when one of the two does not say it all, or both together say more than there is room for. */
static bool join_whole(enum policy_agreement agreement, const struct policy_answer *in, const struct policy_answer *out,
	struct policy_answer *joined)
{
	bool named[PROTOCOLS] = {false};

	if (!in->complete || !out->complete)
		return false;
	joined->complete = true;
	joined->otherwise = *prevails(agreement, &in->otherwise, &out->otherwise);
	joined->count = 0;
	answer_mark(in, named);
	answer_mark(out, named);
	for (unsigned protocol = 0; protocol < PROTOCOLS; protocol++)
		if (named[protocol] && !join_protocol(agreement, in, out, (uint8_t)protocol, joined))
			return false;
	return true;
}

void policy_join(enum policy_agreement agreement, const struct policy_answer *in, const struct policy_answer *out,
	uint8_t protocol, uint16_t port, struct policy_answer *joined)
{
	const struct policy_decision *ins, *outs;

	if (join_whole(agreement, in, out, joined))
		return;
	joined->complete = false;
	joined->otherwise = (struct policy_decision){.by = BY_DEFAULT};
	joined->count = 0;
	ins = policy_look(in, protocol, port);
	outs = policy_look(out, protocol, port);
	if (ins && outs)
		joined->segments[joined->count++] =
			(struct policy_segment){protocol, port, port, *prevails(agreement, ins, outs)};
}
