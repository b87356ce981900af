/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What no rule covers, or no mapping where mappings are resolved: the agent is asked once for each key, and packets of that key
 * wait meanwhile (DTM-2, DTM-7, ONM-5).
 *
 * The packet itself goes to the agent through its tap, with the question's number in place of the Ethernet source: a ring
 * buffer could not carry a checksum that is still partial. It comes back by the inject program when there is a verdict.
 */
#ifndef OVNET_BPF_STAGE_QUESTION_H
#define OVNET_BPF_STAGE_QUESTION_H

#include "bpf/lib/budget.h"
#include "bpf/lib/packet.h"
#include "bpf/lib/port.h"
#include "bpf/stage/pending.h"

/* True for the reasons that a verdict of the agents could change. */
static __always_inline bool question_may_help(int reason)
{
	return reason == REASON_NO_RULE || reason == REASON_RULE_EXPIRED || reason == REASON_RULE_STALE;
}

/* True for an address that nobody need be asked about: no node can have it. */
static __always_inline bool question_is_nobodys(__be32 address)
{
	__u32 first = bpf_ntohl(address) >> 24;

	return first == 0 || first == 127 || first >= 224;
}

/*
 * True when it is the destination's place that is not known, or not any more, and is asked for on this port. Only for what the
 * node itself sends: where an arrival may come from is not asked.
 */
static __always_inline bool question_resolves(const struct packet *p, const struct port_value *port, int reason)
{
	if (reason != REASON_NO_MAPPING && reason != REASON_MAPPING_EXPIRED)
		return false;
	return port->flags & PORT_RESOLVE && !question_is_nobodys(p->destination) &&
	       p->destination != load_address(port->address);
}

static __always_inline void question_give_back(struct budget *budget)
{
	__sync_fetch_and_sub(&budget->pending, 1);
}

/* Puts the mark of a question in flight, and asks. Returns 0, or why not. */
static __noinline int question_ask(const struct packet *p, const struct rule_key *key, __u32 number)
{
	struct budget *budget = budget_of(number);
	struct pending_value new = {.number = number};
	struct question *asked;
	long error;

	if (!budget || !key)
		return REASON_NO_NODE;
	if (!token_take(&budget->next_ns, budget->interval_ns, budget->burst_ns, p->now_ns))
		return REASON_QUESTION_RATE;
	if (!quota_take(&budget->pending, budget->pending_quota, 1))
		return REASON_QUESTION_QUOTA;
	/* The place in the ring comes first: nothing is pending that nobody was told of. */
	asked = bpf_ringbuf_reserve(&questions, sizeof(*asked), 0);
	if (!asked) {
		question_give_back(budget);
		return REASON_QUESTION_LOST;
	}
	new.created_ns = p->now_ns;
	new.expires_ns = p->now_ns + PENDING_NS;
	new.question = __sync_fetch_and_add(&budget->question, 1) + 1;
	error = bpf_map_update_elem(&pendings, key, &new, BPF_NOEXIST);
	if (error) {
		bpf_ringbuf_discard(asked, 0);
		question_give_back(budget);
		/* Another CPU has just asked the same. */
		return error == -EEXIST ? 0 : REASON_QUESTION_FULL;
	}
	__builtin_memset(asked, 0, sizeof(*asked));
	asked->time_ns = p->now_ns;
	asked->key = *key;
	asked->kind = QUESTION_MISS;
	asked->question = new.question;
	asked->ifindex = p->ifindex;
	asked->number = number;
	bpf_ringbuf_submit(asked, 0);
	count(p, COUNTER_QUESTIONS_ASKED);
	return 0;
}

/* Behind those of its key that wait already. */
static __always_inline int question_queue(struct __sk_buff *skb, const struct packet *p, struct pending_value *pending,
	__u32 ifindex)
{
	struct budget *budget = budget_of(pending->number);
	__u32 length = skb->len;
	__u8 mac[6];

	if (!budget || !ifindex)
		return REASON_PENDING;
	if (!quota_take(&budget->queued_packets, budget->packets_quota, 1))
		return REASON_QUEUE_FULL;
	if (!quota_take(&budget->queued_bytes, budget->bytes_quota, length)) {
		__sync_fetch_and_sub(&budget->queued_packets, 1);
		return REASON_QUEUE_FULL;
	}
	waiting_mac_write(mac, pending->number, pending->question);
	if (bpf_skb_store_bytes(skb, 6, mac, sizeof(mac), 0)) {
		__sync_fetch_and_sub(&budget->queued_packets, 1);
		__sync_fetch_and_sub(&budget->queued_bytes, length);
		return REASON_KERNEL;
	}
	__sync_fetch_and_add(&pending->queued, 1);
	count(p, COUNTER_PACKETS_QUEUED);
	return STAGE_DONE(bpf_redirect(ifindex, 0));
}

/*
 * A packet of a node for which there is no rule or mapping, or whose rule has come while others still wait. Needs p->now_ns.
 * Returns STAGE_DONE: it waits; or the reason for which it is dropped (`reason` itself where nobody negotiates).
 */
static __noinline int question(struct __sk_buff *skb, struct packet *p, int reason)
{
	const struct port_value *port = port_of(p->ifindex);
	struct channel_value *agent;
	struct pending_value *pending;
	struct rule_key key;
	__u32 zero = 0;

	if (!port || !(port->flags & PORT_NEGOTIATE) || p->waited)
		return reason;
	agent = bpf_map_lookup_elem(&channel, &zero);
	if (!agent || p->now_ns >= agent->alive_ns)
		return REASON_NO_AGENT;
	pending_key(p, &key);
	pending = bpf_map_lookup_elem(&pendings, &key);
	if (pending && p->now_ns >= pending->expires_ns) {
		struct budget *budget = budget_of(pending->number);

		if (!bpf_map_delete_elem(&pendings, &key) && budget)
			question_give_back(budget);
		pending = NULL;
	}
	if (!pending) {
		TRY(question_ask(p, &key, port->number));
		pending = bpf_map_lookup_elem(&pendings, &key);
		/* So short a while, and the verdict is there: the packet's sender will send again. */
		if (!pending)
			return REASON_PENDING;
	}
	if (port->flags & PORT_DISCARD)
		return REASON_PENDING;
	return question_queue(skb, p, pending, agent->queue_ifindex);
}

#endif /* OVNET_BPF_STAGE_QUESTION_H */
