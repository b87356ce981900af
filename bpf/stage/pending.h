/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which packets wait for a verdict, and whether others still do: the order of packets across a negotiation.
 */
#ifndef OVNET_BPF_STAGE_PENDING_H
#define OVNET_BPF_STAGE_PENDING_H

#include "bpf/lib/packet.h"
#include "bpf/lib/port.h"

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

/* True while packets of this key wait that were sent before now. */
static __always_inline bool pending_waits(const struct rule_key *key, __u64 now_ns)
{
	const struct pending_value *pending = bpf_map_lookup_elem(&pendings, key);

	return pending && now_ns < pending->expires_ns && pending->queued != pending->drained;
}

/* A packet that waited has been judged. */
static __always_inline void pending_drained(const struct packet *p)
{
	struct pending_value *pending;
	struct rule_key key;

	pending_key(p, &key);
	pending = bpf_map_lookup_elem(&pendings, &key);
	if (pending)
		__sync_fetch_and_add(&pending->drained, 1);
	count(p, COUNTER_PACKETS_DRAINED);
}

#endif /* OVNET_BPF_STAGE_PENDING_H */
