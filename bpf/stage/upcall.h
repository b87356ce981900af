/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The way to the agent: a question by the ring, once for each key, and the packets that wait for its answer by the tap.
 *
 * A packet goes there by redirect, with the question's number in place of the Ethernet source: a ring buffer could not carry a
 * checksum that is still partial. It comes back by the inject program. What a node sends (question.h) and what arrives for it
 * before its question (hold.h) have budgets of their own.
 */
#ifndef OVNET_BPF_STAGE_UPCALL_H
#define OVNET_BPF_STAGE_UPCALL_H

#include "bpf/lib/budget.h"
#include "bpf/lib/packet.h"
#include "bpf/lib/port.h"

/* Of arrivals that wait for their question, not of what the node sends. */
static __always_inline bool upcall_is_inward(const struct rule_key *key)
{
	return key->direction >= DIRECTION_IN;
}

static __always_inline void upcall_give_back(struct budget *budget, const struct rule_key *key)
{
	__sync_fetch_and_sub(upcall_is_inward(key) ? &budget->holds : &budget->pending, 1);
}

/* Takes a token and a place. Returns 0, or why there is none. */
static __always_inline int upcall_take(struct budget *budget, const struct rule_key *key, __u64 now_ns)
{
	if (upcall_is_inward(key)) {
		if (!token_take(&budget->hold_next_ns, budget->interval_ns, budget->burst_ns, now_ns))
			return REASON_HOLD_RATE;
		return quota_take(&budget->holds, budget->holds_quota, 1) ? 0 : REASON_HOLD_QUOTA;
	}
	if (!token_take(&budget->next_ns, budget->interval_ns, budget->burst_ns, now_ns))
		return REASON_QUESTION_RATE;
	return quota_take(&budget->pending, budget->pending_quota, 1) ? 0 : REASON_QUESTION_QUOTA;
}

/* Puts the mark of a question in flight, and asks. Returns 0, or why not. */
static __noinline int upcall_ask(const struct packet *p, const struct rule_key *key, const struct port_value *port)
{
	struct budget *budget = port ? budget_of(port->number) : NULL;
	struct pending_value new = {};
	struct question *asked;
	int error; /* not long: before Linux 6.4 the upper half of what the map says is not set */

	if (!budget || !key)
		return REASON_NO_NODE;
	TRY(upcall_take(budget, key, p->now_ns));
	new.number = port->number;
	/* The place in the ring comes first: nothing is pending that nobody was told of. */
	asked = bpf_ringbuf_reserve(&questions, sizeof(*asked), 0);
	if (!asked) {
		upcall_give_back(budget, key);
		return REASON_QUESTION_LOST;
	}
	new.created_ns = p->now_ns;
	new.expires_ns = p->now_ns + PENDING_NS;
	new.question = __sync_fetch_and_add(&budget->question, 1) + 1;
	error = bpf_map_update_elem(&pendings, key, &new, BPF_NOEXIST);
	if (error) {
		bpf_ringbuf_discard(asked, 0);
		upcall_give_back(budget, key);
		/* Another CPU has just asked the same. */
		return error == -EEXIST ? 0 : REASON_QUESTION_FULL;
	}
	__builtin_memset(asked, 0, sizeof(*asked));
	asked->time_ns = p->now_ns;
	asked->key = *key;
	asked->kind = upcall_is_inward(key) ? QUESTION_HOLD : QUESTION_MISS;
	asked->question = new.question;
	asked->ifindex = port->ifindex;
	asked->number = port->number;
	if (upcall_is_inward(key)) {
		copy_prefix(asked->source_prefix, p->source_prefix);
		asked->icmp_type = p->icmp_type;
	}
	bpf_ringbuf_submit(asked, 0);
	if (!upcall_is_inward(key))
		count(p, COUNTER_QUESTIONS_ASKED);
	return 0;
}

/* The question of this key that is in flight, or NULL. One that is too old is not: its mark is removed. */
static __always_inline struct pending_value *upcall_open(const struct packet *p, const struct rule_key *key)
{
	struct pending_value *pending = bpf_map_lookup_elem(&pendings, key);
	struct budget *budget;

	if (!pending || p->now_ns < pending->expires_ns)
		return pending;
	budget = budget_of(pending->number);
	if (!bpf_map_delete_elem(&pendings, key) && budget)
		upcall_give_back(budget, key);
	return NULL;
}

/* Behind those of its key that wait already. `ifindex` is of the node's port. */
static __always_inline int upcall_queue(struct __sk_buff *skb, __u32 ifindex, struct pending_value *pending,
	__u32 queue_ifindex, bool inward)
{
	struct budget *budget = budget_of(pending->number);
	__u32 length = skb->len;
	__u64 *packets, *bytes;
	__u8 mac[6];

	if (!budget || !queue_ifindex)
		return REASON_PENDING;
	/* What its question may not send on any more (bpf/stage/forward.h) need not go to the agent first. */
	if (!inward && (pending->forwarded >= budget->packets_quota || pending->forwarded_bytes >= budget->bytes_quota))
		return REASON_QUEUE_FULL;
	packets = inward ? &budget->held_packets : &budget->queued_packets;
	bytes = inward ? &budget->held_bytes : &budget->queued_bytes;
	if (!quota_take(packets, budget->packets_quota, 1))
		return inward ? REASON_HOLD_FULL : REASON_QUEUE_FULL;
	if (!quota_take(bytes, budget->bytes_quota, length)) {
		__sync_fetch_and_sub(packets, 1);
		return inward ? REASON_HOLD_FULL : REASON_QUEUE_FULL;
	}
	waiting_mac_write(mac, pending->number, pending->question);
	if (inward)
		waiting_mac_hold(mac);
	if (bpf_skb_store_bytes(skb, 6, mac, sizeof(mac), 0)) {
		__sync_fetch_and_sub(packets, 1);
		__sync_fetch_and_sub(bytes, length);
		return REASON_KERNEL;
	}
	__sync_fetch_and_add(&pending->queued, 1);
	count_at(ifindex, REASON_MAX + (inward ? COUNTER_PACKETS_HELD : COUNTER_PACKETS_QUEUED));
	return STAGE_DONE(bpf_redirect(queue_ifindex, 0));
}

#endif /* OVNET_BPF_STAGE_UPCALL_H */
