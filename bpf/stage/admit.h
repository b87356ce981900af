/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * May this conversation be? Looks up where both ends live and the rule that decides, and makes the proof that a
 * session keeps. Changes nothing: the node program, both uplink programs and a session that must prove itself again
 * ask the same question here.
 */
#ifndef OVNET_BPF_STAGE_ADMIT_H
#define OVNET_BPF_STAGE_ADMIT_H

#include "bpf/lib/checksum.h"
#include "bpf/lib/packet.h"
#include "bpf/lib/port.h"
#include "bpf/stage/rule.h"

/* One packet, seen from one of its two ends: the node whose session it is. */
struct view {
	struct session_key key;
	__u8 arriving;  /* enum direction of this packet: OUT, the node sent it */
	__u8 direction; /* enum direction in which the conversation was opened */
};

static __always_inline struct view view_of(const struct packet *p, enum direction arriving)
{
	struct view view = {.arriving = arriving, .direction = arriving};

	view.key.vni = p->vni;
	view.key.protocol = p->protocol;
	if (arriving == DIRECTION_OUT) {
		store_address(view.key.local, p->source);
		store_address(view.key.peer, p->destination);
		view.key.local_port = p->source_port;
		view.key.peer_port = p->destination_port;
	} else {
		store_address(view.key.local, p->destination);
		store_address(view.key.peer, p->source);
		view.key.local_port = p->destination_port;
		view.key.peer_port = p->source_port;
	}
	return view;
}

/* Where the node is: on the very port that the packet came from, or on any port here when the packet is for it. */
static __always_inline int admit_local(const struct packet *p, const struct view *view,
	const struct mapping_value *local, const struct port_value **port)
{
	if (view->arriving == DIRECTION_OUT) {
		if (!local || local->ifindex != p->ifindex)
			return REASON_SPOOFED_ADDRESS;
	} else {
		if (!local || !local->ifindex)
			return REASON_NO_NODE;
	}
	*port = port_of(local->ifindex);
	if (!*port)
		return REASON_NO_NODE;
	/* From the substrate, slot and flags must be the node's too. */
	if (p->hook != HOOK_NODE && !same_prefix(p->destination_prefix, (*port)->prefix))
		return REASON_NO_NODE;
	return 0;
}

/*
 * Where the peer is. A packet from the node must be addressed to the MAC that stands for the peer; a packet from the
 * substrate must come from the address where the peer lives (ONM-6).
 */
static __always_inline int admit_peer(const struct packet *p, const struct view *view,
	const struct mapping_value *local, const struct mapping_value *peer)
{
	bool outward = view->arriving == DIRECTION_OUT;

	if (!peer)
		return outward ? REASON_NO_MAPPING : REASON_UNKNOWN_SOURCE;
	if (p->now_ns >= peer->expires_ns)
		return REASON_MAPPING_EXPIRED;
	if (outward) {
		if (peer->ifindex == local->ifindex)
			return REASON_TO_ITSELF;
		if (!same_mac(p->mac, peer->mac))
			return REASON_UNKNOWN_MAC;
	} else if (p->hook != HOOK_NODE) {
		if (peer->ifindex || !same_prefix(p->source_prefix, peer->prefix))
			return REASON_FORGED_SOURCE;
	}
	return 0;
}

static __always_inline __u16 admit_entropy(const struct session_key *key)
{
	__u32 mixed = load_address(key->local) * 0x9e3779b1u;

	mixed = (mixed ^ load_address(key->peer)) * 0x85ebca6bu;
	mixed = (mixed ^ ((__u32)key->local_port << 16 | key->peer_port)) * 0xc2b2ae35u;
	mixed = (mixed ^ key->vni ^ key->protocol) * 0x27d4eb2fu;
	return mixed >> 21;
}

/*
 * Returns 0 and *proof (all but the counts and flags that live on), or the reason why not. For want of a rule, *proof says all the
 * same where the packet would go (bpf/stage/forward.h).
 * Global, so that the verifier looks at it once and not at each call.
 */
__weak int admit(const struct packet *p, const struct view *view, struct session_value *proof)
{
	const struct session_key *key;
	struct mapping_value *local, *peer;
	struct mapping_key where = {};
	struct rule_question question = {};
	struct rule_answer answer = {};
	const struct port_value *port = NULL;
	const struct port_state *state;
	__u32 number;
	__u64 epoch;

	if (!p || !view || !proof)
		return REASON_KERNEL;
	key = &view->key;
	where.vni = key->vni;
	__builtin_memcpy(where.address, key->local, 4);
	local = bpf_map_lookup_elem(&mappings, &where);
	TRY(admit_local(p, view, local, &port));
	/*
	 * The epoch is read before anything that it stands for. ovnetd removes first and then changes the epoch, so a
	 * proof from before a removal never carries the epoch from after it.
	 */
	number = port->number;
	state = port_state(number);
	if (!state)
		return REASON_NO_NODE;
	epoch = *(const volatile __u64 *)&state->epoch;
	barrier();
	__builtin_memcpy(where.address, key->peer, 4);
	peer = bpf_map_lookup_elem(&mappings, &where);
	TRY(admit_peer(p, view, local, peer));

	proof->epoch = epoch;
	proof->ifindex = local->ifindex;
	proof->nexthop = peer->nexthop;
	copy_prefix(proof->peer_prefix, peer->prefix);
	copy_mac(proof->peer_mac, peer->mac);
	proof->direction = view->direction;
	proof->csum = checksum_prefixes(port->prefix, peer->prefix);
	proof->entropy = admit_entropy(key);
	proof->number = number;
	proof->flags = (peer->ifindex ? SESSION_LOCAL : 0) | (port->flags & PORT_ASK_REPLIES ? SESSION_ASK_REPLIES : 0);

	question.key.vni = key->vni;
	__builtin_memcpy(question.key.local, key->local, 4);
	__builtin_memcpy(question.key.peer, key->peer, 4);
	question.key.protocol = key->protocol;
	question.key.direction = view->direction;
	question.key.port = view->direction == DIRECTION_OUT ? key->peer_port : key->local_port;
	/* A reply is of the conversation that an echo request began, unless it must have a rule of its own. */
	if (key->protocol == PROTO_ICMP)
		question.key.port =
			port->flags & PORT_ASK_REPLIES && view->direction == view->arriving ? p->icmp_type : ICMP_ECHO;
	question.incarnation = local->incarnation;
	question.peer_incarnation = peer->incarnation;
	question.now_ns = p->now_ns;
	TRY(rule_find(&question, &answer));

	proof->expires_ns = answer.expires_ns < peer->expires_ns ? answer.expires_ns : peer->expires_ns;
	proof->width = answer.width;
	proof->policy = answer.policy;
	return 0;
}

#endif /* OVNET_BPF_STAGE_ADMIT_H */
