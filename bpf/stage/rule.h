/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Finds the rule that decides: three widths, narrow to wide, the first live one.
 *
 * A rule that has expired, or was made for an earlier holder of either address, is as if it were not there; it is
 * remembered only to name the reason. That can never widen an answer: narrow exceptions under a wide DENY are allows,
 * and there are no denies under a wide ALLOW but those that are meant to end.
 */
#ifndef OVNET_BPF_STAGE_RULE_H
#define OVNET_BPF_STAGE_RULE_H

#include "bpf/lib/packet.h"

struct rule_question {
	struct rule_key key;
	__u64 incarnation;
	__u64 peer_incarnation;
	__u64 now_ns;
};

struct rule_answer {
	__u64 expires_ns;
	__u32 policy;
	__u8 width;
};

static __always_inline bool rule_is_stale(const struct rule_value *found, const struct rule_question *question)
{
	return found->incarnation != question->incarnation || found->peer_incarnation != question->peer_incarnation;
}

/* Returns 0 and *answer when a rule allows, or the reason why not. */
static __always_inline int rule_find(const struct rule_question *question, struct rule_answer *answer)
{
	int reason = REASON_NO_RULE;
	struct rule_key key = question->key;

#pragma unroll
	for (int width = WIDTH_PORT; width < WIDTH_MAX; width++) {
		struct rule_value *found;

		key.width = width;
		if (width >= WIDTH_PROTOCOL)
			key.port = 0;
		if (width >= WIDTH_PEER)
			key.protocol = 0;
		found = bpf_map_lookup_elem(&rules, &key);
		if (!found)
			continue;
		if (rule_is_stale(found, question)) {
			reason = REASON_RULE_STALE;
			continue;
		}
		if (question->now_ns >= found->expires_ns) {
			reason = REASON_RULE_EXPIRED;
			continue;
		}
		/* An exception that must be asked for: as if there were no rule, whatever a wider one says. */
		if (found->verdict == VERDICT_ASK)
			return REASON_NO_RULE;
		__sync_fetch_and_add(&found->hits, 1);
		if (found->verdict != VERDICT_ALLOW)
			return REASON_RULE_DENY;
		answer->expires_ns = found->expires_ns;
		answer->policy = found->policy;
		answer->width = width;
		return 0;
	}
	return reason;
}

/* Returns 0 when anything at all is allowed between the two (WIDTH_ARP), or why ARP is not answered. */
static __always_inline int rule_reaches(const struct rule_question *question)
{
	struct rule_key key = question->key;
	struct rule_value *found;

	key.width = WIDTH_ARP;
	key.direction = 0;
	key.protocol = 0;
	key.port = 0;
	found = bpf_map_lookup_elem(&rules, &key);
	if (!found || rule_is_stale(found, question) || question->now_ns >= found->expires_ns)
		return REASON_NO_RULE;
	return found->verdict == VERDICT_ALLOW ? 0 : REASON_ARP_REFUSED;
}

#endif /* OVNET_BPF_STAGE_RULE_H */
