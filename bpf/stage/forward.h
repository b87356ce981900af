/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A packet that leaves while its question is open (DTM-7's third mode): the agent has found nothing against it here and has asked
 * the peer's, whose host lets it wait. Its session proves nothing, so each one is held against all rules again.
 */
#ifndef OVNET_BPF_STAGE_FORWARD_H
#define OVNET_BPF_STAGE_FORWARD_H

#include "bpf/lib/budget.h"
#include "bpf/stage/admit.h"
#include "bpf/stage/pending.h"
#include "bpf/stage/session.h"

/* In place of a session; nothing lives in it from one packet to the next. */
static __always_inline struct session_value *forward_proof(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&forwards, &zero);
}

/*
 * Where such a packet goes, into forward_proof(). Returns 0, or the reason for which it goes nowhere: a rule that denies it, a
 * destination on this host, or more than one question may send on.
 */
static __noinline int forward(const struct packet *p)
{
	struct session_value *proof = forward_proof();
	struct view view = view_of(p, DIRECTION_OUT);
	struct pending_value *pending;
	struct budget *budget;
	struct rule_key key;
	int reason;

	if (!proof)
		return REASON_KERNEL;
	proof->flags = SESSION_LOCAL;
	reason = admit(p, &view, proof);
	if (reason && !pending_may_help(reason))
		return reason;
	if (proof->flags & SESSION_LOCAL)
		return REASON_NO_RULE;
	pending_key(p, &key);
	pending = bpf_map_lookup_elem(&pendings, &key);
	if (!pending)
		return REASON_PENDING;
	budget = budget_of(pending->number);
	if (!budget)
		return REASON_PENDING;
	if (!quota_take(&pending->forwarded, budget->packets_quota, 1) ||
		!quota_take(&pending->forwarded_bytes, budget->bytes_quota, p->length))
		return REASON_QUEUE_FULL;
	pending->flags |= PENDING_SENT_ON;
	/* No proof, and no right: what answers this packet is known by it. */
	proof->epoch = 0;
	proof->expires_ns = 0;
	TRY(session_insert(p, &view.key, proof));
	count(p, COUNTER_PACKETS_FORWARDED);
	return 0;
}

#endif /* OVNET_BPF_STAGE_FORWARD_H */
