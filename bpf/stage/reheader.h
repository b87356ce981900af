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

/* The first octet of the echo message, which alone differs between ICMP and ICMPv6. */
static __always_inline int reheader_icmp_type(struct __sk_buff *skb, __u32 l4, __u8 type)
{
	return bpf_skb_store_bytes(skb, l4, &type, sizeof(type), BPF_F_RECOMPUTE_CSUM);
}

static __always_inline __u8 reheader_icmpv6_type(const struct packet *p)
{
	return p->icmp_type == ICMP_ECHO ? ICMPV6_ECHO : ICMPV6_ECHO_REPLY;
}

struct reheader_ipv6 {
	__be32 word; /* version, class, flow label */
	__be16 payload_len;
	__u8 next_header;
	__u8 hop_limit;
	__be32 source[4];
	__be32 destination[4];
};

/*
 * To the substrate. The vnet in both addresses is the port's, whatever the session says: a session's entry that is
 * given to another conversation at this very moment cannot lead into another vnet.
 */
static __always_inline int reheader_out(struct __sk_buff *skb, const struct packet *p,
	const struct session_value *session, const struct port_value *port, const struct nexthop_value *hop)
{
	const __u32 l4 = ETH_HLEN + IPV6_HLEN;
	struct reheader_ipv6 ip6;
	struct ethhdr eth;
	__u32 change = session->csum;

	ip6.word = flowlabel_word(p, session->entropy);
	ip6.payload_len = bpf_htons(p->l3_length - IPV4_HLEN);
	ip6.next_header = p->protocol == PROTO_ICMP ? PROTO_ICMPV6 : p->protocol;
	ip6.hop_limit = SUBSTRATE_HOP_LIMIT;
	copy_prefix(ip6.source, port->prefix);
	ip6.source[3] = p->source;
	copy_prefix(ip6.destination, session->peer_prefix);
	ip6.destination[2] = (ip6.destination[2] & bpf_htonl(0xff000000)) | bpf_htonl(p->vni);
	ip6.destination[3] = p->destination;
	copy_mac(eth.h_dest, hop->dst_mac);
	copy_mac(eth.h_source, hop->src_mac);
	eth.h_proto = bpf_htons(ETH_P_IPV6);

	if (bpf_skb_change_proto(skb, bpf_htons(ETH_P_IPV6), 0) || bpf_skb_store_bytes(skb, 0, &eth, sizeof(eth), 0) ||
		bpf_skb_store_bytes(skb, ETH_HLEN, &ip6, sizeof(ip6), BPF_F_RECOMPUTE_CSUM))
		return REASON_KERNEL;
	if (p->protocol == PROTO_ICMP) {
		__u8 type = reheader_icmpv6_type(p);

		change = checksum_icmp(p, ip6.source, ip6.destination, type);
		if (reheader_icmp_type(skb, l4, type))
			return REASON_KERNEL;
	}
	if (checksum_change(skb, p, l4, change))
		return REASON_KERNEL;
	return STAGE_DONE(bpf_redirect(hop->ifindex, 0));
}

struct reheader_ipv4 {
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
};

/* To the node. */
static __always_inline int reheader_in(struct __sk_buff *skb, const struct packet *p,
	const struct session_value *session, const struct port_value *port)
{
	const __u32 l4 = ETH_HLEN + IPV4_HLEN;
	struct reheader_ipv4 ip = {};
	struct ethhdr eth;
	__u32 change = ~session->csum;

	ip.version_header = 0x45;
	ip.tos = p->tos;
	ip.total_len = bpf_htons(p->l3_length);
	/* A packet that may be fragmented further on needs an identification (RFC 6864, 4.1). */
	ip.id = p->df ? 0 : bpf_get_prandom_u32();
	ip.fragment = p->df ? bpf_htons(IPV4_DF) : 0;
	ip.ttl = p->ttl;
	ip.protocol = p->protocol;
	ip.source = p->source;
	ip.destination = p->destination;
	ip.check = checksum_fold(bpf_csum_diff(NULL, 0, (__be32 *)&ip, sizeof(ip), 0));
	copy_mac(eth.h_dest, port->mac);
	copy_mac(eth.h_source, session->peer_mac);
	eth.h_proto = bpf_htons(ETH_P_IP);

	if (bpf_skb_change_proto(skb, bpf_htons(ETH_P_IP), 0) || bpf_skb_store_bytes(skb, 0, &eth, sizeof(eth), 0) ||
		bpf_skb_store_bytes(skb, ETH_HLEN, &ip, sizeof(ip), BPF_F_RECOMPUTE_CSUM))
		return REASON_KERNEL;
	if (p->protocol == PROTO_ICMP) {
		change = ~checksum_icmp(p, p->source_prefix, p->destination_prefix, reheader_icmpv6_type(p));
		if (reheader_icmp_type(skb, l4, p->icmp_type))
			return REASON_KERNEL;
	}
	if (checksum_change(skb, p, l4, change))
		return REASON_KERNEL;
	return deliver(skb, session, port);
}

#endif /* OVNET_BPF_STAGE_REHEADER_H */
