/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which packets wait for a verdict, and whether others still do: the order of packets across a negotiation.
 */
#ifndef OVNET_BPF_STAGE_PENDING_H
#define OVNET_BPF_STAGE_PENDING_H

#include "bpf/lib/packet.h"
#include "bpf/lib/port.h"

/* True for the reasons that a verdict of the agents could change. */
static __always_inline bool pending_may_help(int reason)
{
	return reason == REASON_NO_RULE || reason == REASON_RULE_EXPIRED || reason == REASON_RULE_STALE;
}

/* The key under which packets of this conversation wait: that of the narrowest rule from this node to its peer. */
static __always_inline void pending_key(const struct packet *p, struct rule_key *key)
{
	__builtin_memset(key, 0, sizeof(*key));
	key->vni = p->vni;
	store_address(key->local, p->source);
	store_address(key->peer, p->destination);
	if (p->ethertype == ETH_P_ARP) {
		key->width = WIDTH_ARP;
		return;
	}
	key->protocol = p->protocol;
	key->port = p->destination_port;
	if (p->protocol == PROTO_ICMP) {
		const struct port_value *port = port_of(p->ifindex);

		key->port = port && port->flags & PORT_ASK_REPLIES ? p->icmp_type : ICMP_ECHO;
	}
	key->direction = DIRECTION_OUT;
	key->width = WIDTH_PORT;
}

/*
 * The same of an arrival for the node of `port`: what it waits for is the question that its sender's agent asks about it. Or, of a
 * conversation that the node began (`reply`), the answer to the node's own.
 */
static __always_inline void pending_key_inward(const struct packet *p, const struct port_value *port, bool reply,
	struct rule_key *key)
{
	__builtin_memset(key, 0, sizeof(*key));
	key->vni = p->vni;
	store_address(key->local, p->destination);
	store_address(key->peer, p->source);
	key->protocol = p->protocol;
	key->port = reply ? p->source_port : p->destination_port;
	if (p->protocol == PROTO_ICMP)
		key->port = !reply && port->flags & PORT_ASK_REPLIES ? p->icmp_type : ICMP_ECHO;
	key->direction = reply ? PENDING_REPLY : DIRECTION_IN;
	key->width = WIDTH_PORT;
}

/* The port for whose node an arrival waits when no rule lets it in yet, or NULL: it does not. */
static __always_inline const struct port_value *pending_holder(const struct packet *p)
{
	struct mapping_key where = {.vni = p->vni};
	const struct mapping_value *local;
	const struct port_value *port;

	store_address(where.address, p->destination);
	local = bpf_map_lookup_elem(&mappings, &where);
	if (!local || !local->ifindex)
		return NULL;
	port = port_of(local->ifindex);
	if (!port || !(port->flags & PORT_NEGOTIATE) || !(port->flags & PORT_HOLD))
		return NULL;
	return port;
}

/* True while the question of this key is open, and its packets are sent on. */
static __always_inline bool pending_is_sent_on(const struct rule_key *key, __u64 now_ns)
{
	const struct pending_value *pending = bpf_map_lookup_elem(&pendings, key);

	return pending && now_ns < pending->expires_ns && pending->flags & PENDING_SENT_ON;
}

/* True while packets of this key wait that were sent before now. */
static __always_inline bool pending_waits(const struct rule_key *key, __u64 now_ns)
{
	const struct pending_value *pending = bpf_map_lookup_elem(&pendings, key);

	return pending && now_ns < pending->expires_ns && pending->queued != pending->drained;
}

static __always_inline void pending_drained_of(const struct rule_key *key)
{
	struct pending_value *pending = bpf_map_lookup_elem(&pendings, key);

	if (pending)
		__sync_fetch_and_add(&pending->drained, 1);
}

/* A packet that waited has been judged. */
static __always_inline void pending_drained(const struct packet *p)
{
	struct rule_key key;

	pending_key(p, &key);
	pending_drained_of(&key);
	count(p, COUNTER_PACKETS_DRAINED);
}

static __always_inline void pending_drained_inward(const struct packet *p, const struct port_value *port, bool reply)
{
	struct rule_key key;

	pending_key_inward(p, port, reply, &key);
	pending_drained_of(&key);
	count(p, COUNTER_PACKETS_RELEASED);
}

#endif /* OVNET_BPF_STAGE_PENDING_H */
