/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Answers a node's ARP requests in place (ONM-4): with the dummy MAC that stands for the destination, and only when
 * the destination exists and something is allowed between the two; where that is negotiated, or where the destination lives is asked
 * for, the request waits like any packet.
 * Every ARP packet of a node ends here.
 */
#ifndef OVNET_BPF_STAGE_ARP_H
#define OVNET_BPF_STAGE_ARP_H

#include "bpf/lib/packet.h"
#include "bpf/stage/deliver.h"
#include "bpf/stage/question.h"
#include "bpf/stage/rule.h"

/* The question itself: a well-formed request of this node, about somebody else. */
static __always_inline int arp_check(const struct arp_ipv4 *arp, struct packet *p, const struct port_value *port)
{
	struct mapping_key where = {.vni = port->vni};
	const struct mapping_value *sender;

	if (arp->hardware != bpf_htons(ARP_ETHERNET) || arp->protocol != bpf_htons(ETH_P_IP) ||
		arp->hardware_len != 6 || arp->protocol_len != 4 || arp->operation != bpf_htons(ARP_REQUEST))
		return REASON_ARP_BAD;
	__builtin_memcpy(&p->source, arp->sender, 4);
	__builtin_memcpy(&p->destination, arp->target, 4);
	if (!same_mac(arp->sender_mac, port->mac))
		return REASON_SPOOFED_MAC;
	/* A probe has no sender address yet (RFC 5227); an announcement asks for its own. */
	if (p->destination == load_address(port->address) || p->destination == p->source)
		return REASON_ARP_PROBE;
	store_address(where.address, p->source);
	sender = bpf_map_lookup_elem(&mappings, &where);
	if (!sender || sender->ifindex != p->ifindex)
		return REASON_SPOOFED_ADDRESS;
	return 0;
}

/* The dummy MAC for the target, if the node may know it. */
static __always_inline int arp_resolve(const struct packet *p, __u8 mac[6])
{
	struct rule_question question = {};
	const struct mapping_value *local, *peer;
	struct mapping_key where = {.vni = p->vni};

	store_address(where.address, p->source);
	local = bpf_map_lookup_elem(&mappings, &where);
	store_address(where.address, p->destination);
	peer = bpf_map_lookup_elem(&mappings, &where);
	if (!local)
		return REASON_ARP_REFUSED;
	if (!peer || p->now_ns >= peer->expires_ns)
		return REASON_NO_MAPPING;
	question.key.vni = p->vni;
	store_address(question.key.local, p->source);
	store_address(question.key.peer, p->destination);
	question.incarnation = local->incarnation;
	question.peer_incarnation = peer->incarnation;
	question.now_ns = p->now_ns;
	TRY(rule_reaches(&question));
	copy_mac(mac, peer->mac);
	return 0;
}

/* NO_RULE and NO_MAPPING are arp()'s to ask about. */
static __noinline int arp_answer(struct __sk_buff *skb, struct packet *p, const struct port_value *port)
{
	struct {
		struct ethhdr eth;
		struct arp_ipv4 arp;
	} __attribute__((packed)) reply;

	if (!port)
		return REASON_NOT_A_PORT;
	p->now_ns = bpf_ktime_get_boot_ns();
	if (bpf_skb_load_bytes(skb, 0, &reply, sizeof(reply)))
		return REASON_TRUNCATED;
	TRY(arp_check(&reply.arp, p, port));
	copy_mac(reply.eth.h_dest, reply.arp.sender_mac);
	copy_mac(reply.arp.target_mac, reply.arp.sender_mac);
	TRY(arp_resolve(p, reply.arp.sender_mac));
	copy_mac(reply.eth.h_source, reply.arp.sender_mac);
	reply.arp.operation = bpf_htons(ARP_REPLY);
	store_address(reply.arp.sender, p->destination);
	store_address(reply.arp.target, p->source);
	if (bpf_skb_store_bytes(skb, 0, &reply, sizeof(reply), 0))
		return REASON_KERNEL;
	count(p, COUNTER_ARP_ANSWERED);
	skb->tc_index = DELIVERED;
	return STAGE_DONE(bpf_redirect(p->ifindex, 0));
}

/* The question is not called from arp_answer(): their frames on one stack are more than Linux 6.1 allows, which rounds each to 32. */
static __always_inline int arp(struct __sk_buff *skb, struct packet *p, const struct port_value *port)
{
	int reason = arp_answer(skb, p, port);

	if (reason == REASON_NO_RULE)
		return question(skb, p, REASON_ARP_REFUSED);
	if (reason == REASON_NO_MAPPING)
		return question_resolves(p, port, reason) ? question(skb, p, reason) : REASON_ARP_REFUSED;
	return reason;
}

#endif /* OVNET_BPF_STAGE_ARP_H */
