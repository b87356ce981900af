/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Answers between policy/ and proto/, neither of which knows the other; see answer.h.
 */
#include "agent/answer.h"

static uint8_t verdict_of(const struct policy_decision *decision)
{
	return decision->allow ? MESSAGE_ALLOW : MESSAGE_DENY;
}

void answer_write(const struct policy_answer *answer, const struct flow *flow, bool exact, struct message_decision *out)
{
	const struct policy_decision *asked = policy_look(answer, flow->protocol, flow->port);

	out->policy = asked ? asked->policy : 0;
	out->exact = exact || !answer->complete || answer->count > MESSAGE_SEGMENTS_MAX;
	out->segment_count = 0;
	out->otherwise = MESSAGE_UNSAID;
	out->otherwise_policy = 0;
	if (out->exact)
		return;
	out->otherwise = verdict_of(&answer->otherwise);
	out->otherwise_policy = answer->otherwise.policy;
	for (size_t i = 0; i < answer->count; i++) {
		const struct policy_segment *segment = &answer->segments[i];

		out->segments[out->segment_count++] = (struct message_segment){
			.protocol = segment->protocol,
			.verdict = verdict_of(&segment->decision),
			.low = segment->low,
			.high = segment->high,
			.policy = segment->decision.policy,
		};
	}
}

static struct policy_decision decision_read(uint8_t verdict, uint32_t policy)
{
	return (struct policy_decision){
		.allow = verdict == MESSAGE_ALLOW,
		.by = policy ? BY_GROUP : BY_DEFAULT,
		.policy = policy,
	};
}

void answer_read(const struct message_decision *message, const struct flow *flow, bool granted,
	struct policy_answer *out)
{
	*out = (struct policy_answer){.complete = !message->exact};
	if (message->exact) {
		out->count = 1;
		out->segments[0] = (struct policy_segment){
			.protocol = flow->protocol,
			.low = flow->port,
			.high = flow->port,
			.decision = decision_read(granted ? MESSAGE_ALLOW : MESSAGE_DENY, message->policy),
		};
		return;
	}
	out->otherwise = decision_read(message->otherwise, message->otherwise_policy);
	for (size_t i = 0; i < message->segment_count && i < POLICY_SEGMENTS_MAX; i++) {
		const struct message_segment *segment = &message->segments[i];

		out->segments[out->count++] = (struct policy_segment){
			.protocol = segment->protocol,
			.low = segment->low,
			.high = segment->high,
			.decision = decision_read(segment->verdict, segment->policy),
		};
	}
}
