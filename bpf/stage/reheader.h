/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The overlay itself (ONM-1): IPv4 header out, IPv6 header in, and back, in the manner of SIIT (RFC 7915).
 *
 * Payload, GSO state and a checksum that is still partial go through as they are. Nothing is parsed again: the stages
 * before have put all that the new header needs into the packet and the session.
 */
#ifndef OVNET_BPF_STAGE_REHEADER_H
#define OVNET_BPF_STAGE_REHEADER_H

#include "bpf/lib/checksum.h"
#include "bpf/lib/flowlabel.h"
#include "bpf/lib/packet.h"
#include "bpf/stage/deliver.h"

#define SUBSTRATE_HOP_LIMIT 64

static __always_inline __u8 reheader_icmpv6_type(const struct packet *p)
{
	return p->icmp_type == ICMP_ECHO ? ICMPV6_ECHO : ICMPV6_ECHO_REPLY;
}

/* The new headers as they stand in the packet. */
struct reheader_ipv6 {
	__u8 dst_mac[6];
	__u8 src_mac[6];
	__be16 ethertype;
	__be32 word; /* version, class, flow label */
	__be16 payload_len;
	__u8 next_header;
	__u8 hop_limit;
	__be32 source[4];
	__be32 destination[4];
} __attribute__((packed, aligned(2)));

struct reheader_ipv4 {
	__u8 dst_mac[6];
	__u8 src_mac[6];
	__be16 ethertype;
	__u8 version_header;
	__u8 tos;
	__be16 total_len;
	__be16 id;
	__be16 fragment;
	__u8 ttl;
	__u8 protocol;
	__u16 check;
	__be32 source;
	__be32 destination;
} __attribute__((packed, aligned(2)));

/*
 * The vnet in both addresses is the port's, whatever the session says: a session's entry that is given to another
 * conversation at this very moment cannot lead into another vnet.
 */
static __always_inline void reheader_peer(const struct packet *p, const struct session_value *session, __be32 prefix[3])
{
	copy_prefix(prefix, session->peer_prefix);
	prefix[2] = (prefix[2] & bpf_htonl(0xff000000)) | bpf_htonl(p->vni);
}

/* The transport checksum, and for echo the type. */
static __always_inline int reheader_transport(struct __sk_buff *skb, const struct packet *p, __u32 l4, __u32 change,
	__u8 echo_type)
{
	if (p->protocol == PROTO_ICMP &&
		bpf_skb_store_bytes(skb, l4, &echo_type, sizeof(echo_type), BPF_F_RECOMPUTE_CSUM))
		return REASON_KERNEL;
	return checksum_change(skb, p, l4, change) ? REASON_KERNEL : 0;
}

/* To the substrate. */
static __always_inline int reheader_out(struct __sk_buff *skb, const struct packet *p,
	const struct session_value *session, const struct port_value *port, const struct nexthop_value *hop)
{
	__u8 echo_type = reheader_icmpv6_type(p);
	__u32 change = session->csum;
	struct reheader_ipv6 *new;
	__be32 peer[3], first, second;

	reheader_peer(p, session, peer);
	first = flowlabel_word(p, session->entropy);
	second = bpf_htonl((__u32)(p->l3_length - IPV4_HLEN) << 16 |
			   (__u32)(p->protocol == PROTO_ICMP ? PROTO_ICMPV6 : p->protocol) << 8 | SUBSTRATE_HOP_LIMIT);
	if (p->protocol == PROTO_ICMP)
		change = checksum_icmp(p, (const __be32 *)port->prefix, peer, echo_type);

	if (bpf_skb_change_proto(skb, bpf_htons(ETH_P_IPV6), 0))
		return REASON_KERNEL;
	new = (void *)(long)skb->data;
	if ((void *)(new + 1) > (void *)(long)skb->data_end)
		return REASON_KERNEL;
	copy_mac(new->dst_mac, hop->dst_mac);
	copy_mac(new->src_mac, hop->src_mac);
	new->ethertype = bpf_htons(ETH_P_IPV6);
	new->word = first;
	*(__be32 *)&new->payload_len = second;
	copy_prefix(new->source, port->prefix);
	new->source[3] = p->source;
	copy_prefix(new->destination, peer);
	new->destination[3] = p->destination;
	/* Where hardware has summed the whole packet: the header that went summed to nothing (RFC 1071). */
	bpf_csum_update(skb, checksum_sum((__u64)session->csum + first + second + p->source + p->destination));
	TRY(reheader_transport(skb, p, ETH_HLEN + IPV6_HLEN, change, echo_type));
	return STAGE_DONE(bpf_redirect(hop->ifindex, 0));
}

/* To the node. */
static __always_inline int reheader_in(struct __sk_buff *skb, const struct packet *p,
	const struct session_value *session, const struct port_value *port)
{
	const __be32 *rest = p->destination_prefix;
	struct reheader_ipv4 *new;
	__u32 change = ~session->csum;
	__be32 words[3];

	/* A packet that may be fragmented further on needs an identification (RFC 6864, 4.1): the session's count, scattered. */
	words[0] = bpf_htonl(0x45000000 | (__u32)p->tos << 16 | p->l3_length);
	words[1] =
		p->df ? bpf_htonl(IPV4_DF) : bpf_htonl((__u32)(session->packets_in + session->entropy * 40503u) << 16);
	words[2] = bpf_htonl((__u32)p->ttl << 24 | (__u32)p->protocol << 16);
	if (p->protocol == PROTO_ICMP)
		change = ~checksum_icmp(p, p->source_prefix, p->destination_prefix, reheader_icmpv6_type(p));

	if (bpf_skb_change_proto(skb, bpf_htons(ETH_P_IP), 0))
		return REASON_KERNEL;
	new = (void *)(long)skb->data;
	if ((void *)(new + 1) > (void *)(long)skb->data_end)
		return REASON_KERNEL;
	copy_mac(new->dst_mac, port->mac);
	copy_mac(new->src_mac, session->peer_mac);
	new->ethertype = bpf_htons(ETH_P_IP);
	*(__be32 *)&new->version_header = words[0];
	*(__be32 *)&new->id = words[1];
	*(__be32 *)&new->ttl = words[2];
	new->source = p->source;
	new->destination = p->destination;
	new->check = checksum_fold(checksum_sum((__u64)words[0] + words[1] + words[2] + p->source + p->destination));
	/* The kernel has taken the first half of the old header out of a sum by hardware; this is the second. */
	bpf_csum_update(skb, ~checksum_sum((__u64)p->source + rest[0] + rest[1] + rest[2] + p->destination));
	TRY(reheader_transport(skb, p, ETH_HLEN + IPV4_HLEN, change, p->icmp_type));
	return deliver(skb, session, port);
}

#endif /* OVNET_BPF_STAGE_REHEADER_H */
