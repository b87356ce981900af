/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The node program, tc ingress of a port: the life of a packet that a node sends.
 *
 * Nothing from a port reaches the host's stack: a packet is answered, delivered, sent on, queued for a verdict, or dropped.
 * The inject program is the same for a packet that comes back from that queue.
 */
#include "bpf/lib/program.h"

#include "bpf/stage/parse4.h"
#include "bpf/stage/arp.h"
#include "bpf/stage/options.h"
#include "bpf/stage/session.h"
#include "bpf/stage/question.h"
#include "bpf/stage/forward.h"
#include "bpf/stage/stale.h"
#include "bpf/stage/clamp.h"
#include "bpf/stage/reheader.h"
#include "bpf/stage/uplink.h"

/* To a node of this host: out of one node's session, into the other's. */
static __always_inline int node_to_local(struct __sk_buff *skb, struct packet *p)
{
	struct session_value *session;
	int reason = session_find(p, DIRECTION_IN, deliver_packets(skb), &session);

	if (unlikely(reason)) {
		if (stale_matters(reason))
			stale_tell(p, reason);
		return reason;
	}
	return deliver_local(skb, p, session);
}

static __always_inline int node_to_substrate(struct __sk_buff *skb, struct packet *p,
	const struct session_value *session, const struct port_value *port)
{
	__u32 index = session->nexthop;
	const struct nexthop_value *hop = bpf_map_lookup_elem(&nexthops, &index);

	if (unlikely(!hop || !hop->ifindex))
		return REASON_NO_NEXTHOP;
	if (unlikely(deliver_segment(skb, p) + IPV6_HLEN - IPV4_HLEN > hop->mtu))
		return REASON_TOO_BIG;
	TRY(clamp(skb, p, hop->mtu));
	return reheader_out(skb, p, session, port, hop);
}

static __always_inline int node_stages(struct __sk_buff *skb, struct packet *p)
{
	const struct port_value *port = port_of(p->ifindex);
	struct session_value *session;
	int reason;

	if (!port)
		return REASON_NOT_A_PORT;
	p->vni = port->vni;
	/* The kernel takes the outer tag off before tc sees the frame, and would put it back on the way out. */
	if (unlikely(skb->vlan_present))
		return REASON_VLAN;
	parse4_pull(skb);
	TRY(parse4_ethernet((void *)(long)skb->data, (void *)(long)skb->data_end, p, port));
	if (p->ethertype == ETH_P_ARP)
		return arp(skb, p, port);
	TRY(parse4_ipv4((void *)(long)skb->data, (void *)(long)skb->data_end, p));
	TRY(options(skb, p));
	reason = session_find(p, DIRECTION_OUT, deliver_packets(skb), &session);
	if (unlikely(reason)) {
		if (pending_may_help(reason) || question_resolves(p, port, reason))
			reason = question(skb, p, reason);
		/* What has nowhere to go yet is not sent on: its question has not left. */
		if (!p->forward || !pending_may_help(reason))
			return reason;
		TRY(forward(p));
		session = forward_proof();
		if (!session)
			return REASON_KERNEL;
	}
	if (session->flags & SESSION_LOCAL)
		return node_to_local(skb, p);
	return node_to_substrate(skb, p, session, port);
}

SEC("tc")
int node(struct __sk_buff *skb)
{
	struct packet p = {.hook = HOOK_NODE, .ifindex = skb->ifindex, .length = skb->len};
	int outcome = node_stages(skb, &p);

	if (outcome < 0)
		return STAGE_ACTION(outcome);
	drop(&p, outcome);
	return TC_ACT_SHOT;
}

/* What the node sent. */
static __always_inline int inject_sent(struct __sk_buff *skb, struct packet *p)
{
	int outcome = node_stages(skb, p);

	pending_drained(p);
	return outcome;
}

/* What arrived for the node before its question: nothing of it is the host's, and it does not wait twice. */
static __always_inline int inject_held(struct __sk_buff *skb, struct packet *p, const struct port_value *port,
	bool reply)
{
	int outcome = uplink_stages(skb, p);

	pending_drained_inward(p, port, reply);
	if (outcome == STAGE_DONE(TC_ACT_OK))
		return REASON_NO_NODE;
	return pending_may_help(outcome) ? REASON_HOLD_EXPIRED : outcome;
}

/* tc ingress of the inject interface, whose mark says for which port the packet waited, and how. */
SEC("tc")
int inject(struct __sk_buff *skb)
{
	__u32 number = skb->mark & WAITED_NUMBER, kind = skb->mark & ~WAITED_NUMBER;
	const struct port_value *port = bpf_map_lookup_elem(&ports, &number);
	struct packet p = {.hook = HOOK_NODE, .ifindex = skb->ifindex, .length = skb->len, .waited = true};
	int outcome = REASON_NOT_A_PORT;

	if (port && port->ifindex && kind >= WAITED_MARK && kind <= REPLY_MARK) {
		skb->mark = 0;
		p.ifindex = port->ifindex;
		p.forward = kind == FORWARD_MARK;
		if (kind >= HELD_MARK) {
			p.hook = HOOK_UPLINK_TC;
			outcome = inject_held(skb, &p, port, kind == REPLY_MARK);
		} else {
			outcome = inject_sent(skb, &p);
		}
	}
	if (outcome < 0)
		return STAGE_ACTION(outcome);
	drop(&p, outcome);
	return TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
