/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Hands a packet to a node of this host, as an IPv4 packet from the peer's dummy MAC.
 */
#ifndef OVNET_BPF_STAGE_DELIVER_H
#define OVNET_BPF_STAGE_DELIVER_H

#include "bpf/lib/packet.h"
#include "bpf/lib/port.h"

/* Octets of IPv4 packet that one segment of a GSO packet, or the packet itself with its padding, will have. */
static __always_inline __u32 deliver_segment(const struct __sk_buff *skb, const struct packet *p)
{
	if (skb->gso_size)
		return IPV4_HLEN + p->l4_header + skb->gso_size;
	return p->l3_frame;
}

static __always_inline __u32 deliver_packets(const struct __sk_buff *skb)
{
	return skb->gso_segs ? skb->gso_segs : 1;
}

/* Sends it off; the egress guard lets pass what bears the mark. */
static __always_inline int deliver(struct __sk_buff *skb, const struct session_value *session,
	const struct port_value *port)
{
	if (port->flags & PORT_PEER)
		return STAGE_DONE(bpf_redirect_peer(session->ifindex, 0));
	skb->tc_index = DELIVERED;
	return STAGE_DONE(bpf_redirect(session->ifindex, 0));
}

/* From one node of this host to another: nothing but the MAC addresses changes (ONM-7). */
static __always_inline int deliver_local(struct __sk_buff *skb, const struct packet *p,
	const struct session_value *session)
{
	const struct port_value *port = port_at(session->number, session->ifindex);
	struct ethhdr eth;

	if (!port)
		return REASON_NO_NODE;
	if (unlikely(deliver_segment(skb, p) > port->mtu))
		return REASON_TOO_BIG;
	copy_mac(eth.h_dest, port->mac);
	copy_mac(eth.h_source, session->peer_mac);
	eth.h_proto = bpf_htons(ETH_P_IP);
	if (bpf_skb_store_bytes(skb, 0, &eth, sizeof(eth), 0))
		return REASON_KERNEL;
	return deliver(skb, session, port);
}

#endif /* OVNET_BPF_STAGE_DELIVER_H */
