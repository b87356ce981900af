/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Arrivals that came before their question (DTM-7's third mode): the sender's host has sent them on and asks at the same time, so
 * they wait here for what this host's agent will say to that.
 *
 * By the way of upcall.h, within a budget of the port of their own: what arrives cannot use up what the node itself may
 * ask and have waiting. Only what admit() has nothing against but the lack of a rule comes here: the source is verified.
 */
#ifndef OVNET_BPF_STAGE_HOLD_H
#define OVNET_BPF_STAGE_HOLD_H

#include "bpf/stage/pending.h"
#include "bpf/stage/session.h"
#include "bpf/stage/upcall.h"

/* An answer to what was sent on: it came before the answer to the question. */
static __always_inline bool hold_is_reply(const struct packet *p)
{
	const struct view view = view_of(p, DIRECTION_IN);
	const struct session_value *session = bpf_map_lookup_elem(&sessions, &view.key);

	return session && !session->epoch && session->direction == DIRECTION_OUT && !session_is_opening(p);
}

/* Needs p->now_ns. Returns STAGE_DONE: it waits; or the reason for which it is dropped (`reason` where nothing waits). */
static __noinline int hold(struct __sk_buff *skb, struct packet *p, int reason)
{
	const struct port_value *port = pending_holder(p);
	struct channel_value *agent;
	struct pending_value *pending;
	struct rule_key key;
	__u32 zero = 0;

	if (!port)
		return reason;
	agent = bpf_map_lookup_elem(&channel, &zero);
	if (!agent || p->now_ns >= agent->alive_ns)
		return reason;
	pending_key_inward(p, port, hold_is_reply(p), &key);
	pending = upcall_open(p, &key);
	if (!pending) {
		TRY(upcall_ask(p, &key, port));
		pending = bpf_map_lookup_elem(&pendings, &key);
		if (!pending)
			return REASON_PENDING;
	}
	return upcall_queue(skb, port->ifindex, pending, agent->queue_ifindex, true);
}

#endif /* OVNET_BPF_STAGE_HOLD_H */
