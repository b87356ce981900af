/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reads what a node sends: Ethernet, then IPv4, then as much of the transport header as rules and sessions need.
 * Changes nothing but the linear part of the packet. What ovnet does not carry is refused here, each with its reason.
 */
#ifndef OVNET_BPF_STAGE_PARSE4_H
#define OVNET_BPF_STAGE_PARSE4_H

#include "bpf/lib/packet.h"

/* As much as is read of a packet without IPv4 options: Ethernet, IPv4, TCP. */
#define PARSE4_USUAL (ETH_HLEN + IPV4_HLEN + 20)
/* As much as can be read: both headers with all their options. */
#define PARSE4_MOST (ETH_HLEN + 60 + 60)

/* Makes the headers readable; packets of virtual machines may begin with a short linear part. */
static __always_inline void parse4_pull(struct __sk_buff *skb)
{
	const __u8 *header = (void *)(long)skb->data + ETH_HLEN;
	__u32 most = skb->len < PARSE4_MOST ? skb->len : PARSE4_MOST;

	/* With IPv4 options the transport header stands further in. */
	if ((long)skb->data + PARSE4_USUAL > (long)skb->data_end || (*header & 0x0f) > IPV4_HLEN / 4)
		bpf_skb_pull_data(skb, most);
}

static __always_inline int parse4_ipv6(const void *data, const void *end)
{
	const struct ipv6hdr *ip6 = data + ETH_HLEN;
	const __u8 *type = (const void *)(ip6 + 1);

	if ((const void *)(type + 1) > end)
		return REASON_IPV6_NODE;
	if (ip6->nexthdr == PROTO_ICMPV6 && (*type == ICMPV6_ROUTER_ADVERT || *type == ICMPV6_REDIRECT))
		return REASON_ROUTER_ADVERT;
	return REASON_IPV6_NODE;
}

/* The frame: its source must be the node's own MAC; its type decides what follows. */
static __always_inline int parse4_ethernet(const void *data, const void *end, struct packet *p,
	const struct port_value *port)
{
	const struct ethhdr *eth = data;

	if ((const void *)(eth + 1) > end)
		return REASON_TRUNCATED;
	if (unlikely(!same_mac(eth->h_source, port->mac)))
		return REASON_SPOOFED_MAC;
	copy_mac(p->mac, eth->h_dest);
	p->ethertype = bpf_ntohs(eth->h_proto);
	switch (p->ethertype) {
	case ETH_P_IP:
	case ETH_P_ARP:
		return 0;
	case ETH_P_IPV6:
		return parse4_ipv6(data, end);
	case ETH_P_8021Q:
	case ETH_P_8021AD:
		return REASON_VLAN;
	default:
		return REASON_ETHERTYPE;
	}
}

/* Sum of an IPv4 header over its 32-bit words; 0xffff folded when the checksum in it is right (RFC 1071). */
static __always_inline bool parse4_checksum_ok(const __u32 *words, const void *end, __u32 count)
{
	__u64 sum = 0;

#pragma unroll
	for (__u32 i = 0; i < 15; i++) {
		if (i >= 5 && i >= count)
			break;
		if ((const void *)(words + i + 1) > end)
			return false;
		sum += words[i];
	}
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

/*
 * Protocol numbers that would be read as an IPv6 extension header on the substrate, and ICMPv6, which has no place in
 * IPv4 (RFC 7915, 4.1).
 */
static __always_inline bool parse4_protocol_ok(__u8 protocol)
{
	switch (protocol) {
	case PROTO_HOPOPTS:
	case PROTO_ROUTING:
	case PROTO_FRAGMENT:
	case PROTO_ICMPV6:
	case PROTO_DSTOPTS:
	case PROTO_MOBILITY:
	case PROTO_HIP:
	case PROTO_SHIM6:
		return false;
	default:
		return true;
	}
}

static __always_inline int parse4_icmp_reason(__u8 type)
{
	switch (type) {
	case ICMP_UNREACHABLE:
	case ICMP_SOURCE_QUENCH:
	case ICMP_REDIRECT:
	case ICMP_TIME_EXCEEDED:
	case ICMP_PARAMETER:
		return REASON_ICMP_ERROR;
	default:
		return REASON_ICMP_TYPE;
	}
}

/* The transport header, `left` octets of which the IP header promised. IPv4 and IPv6 share TCP and UDP. */
static __always_inline int parse_ports(const void *l4, const void *end, struct packet *p, __u32 left)
{
	if (p->protocol == PROTO_TCP) {
		const struct tcphdr *tcp = l4;

		if ((const void *)(tcp + 1) > end || left < sizeof(*tcp))
			return REASON_TRUNCATED;
		p->source_port = bpf_ntohs(tcp->source);
		p->destination_port = bpf_ntohs(tcp->dest);
		p->l4_header = (((const __u8 *)tcp)[12] >> 4) * 4;
		p->tcp_flags = ((const __u8 *)tcp)[13];
		if (p->l4_header < sizeof(*tcp) || p->l4_header > left)
			return REASON_TRUNCATED;
	} else if (p->protocol == PROTO_UDP) {
		const struct udphdr *udp = l4;

		if ((const void *)(udp + 1) > end || left < sizeof(*udp))
			return REASON_TRUNCATED;
		p->source_port = bpf_ntohs(udp->source);
		p->destination_port = bpf_ntohs(udp->dest);
		p->l4_header = sizeof(*udp);
	}
	return 0;
}

/* The identifier stands for the port of the side that asks (RFC 792), so that a reply finds the session. */
static __always_inline int parse_echo(const void *l4, const void *end, struct packet *p, __u32 left, bool reply)
{
	const struct icmphdr *icmp = l4;
	__u16 identifier;

	if ((const void *)(icmp + 1) > end || left < sizeof(*icmp))
		return REASON_TRUNCATED;
	identifier = bpf_ntohs(*(const __be16 *)(l4 + 4));
	p->l4_header = sizeof(*icmp);
	p->icmp_type = reply ? ICMP_ECHO_REPLY : ICMP_ECHO;
	p->source_port = reply ? 0 : identifier;
	p->destination_port = reply ? identifier : 0;
	return 0;
}

static __always_inline int parse4_ipv4(const void *data, const void *end, struct packet *p)
{
	const struct iphdr *ip = data + ETH_HLEN;
	__u32 total, header, fragment;
	const void *l4;

	if ((const void *)(ip + 1) > end)
		return REASON_TRUNCATED;
	p->source = ip->saddr;
	p->destination = ip->daddr;
	p->protocol = ip->protocol;
	p->tos = ip->tos;
	p->ttl = ip->ttl;
	p->header_words = *(const __u8 *)ip & 0x0f;
	header = p->header_words * 4;
	total = bpf_ntohs(ip->tot_len);
	if (*(const __u8 *)ip >> 4 != 4 || header < IPV4_HLEN || total < header)
		return REASON_BAD_HEADER;
	if (total + ETH_HLEN > p->length)
		return REASON_TRUNCATED;
	p->l3_length = total - header + IPV4_HLEN;
	p->l3_frame = p->length - ETH_HLEN - header + IPV4_HLEN;
	l4 = (const void *)ip + header;
	if (l4 > end)
		return REASON_TRUNCATED;
	if (unlikely(!parse4_checksum_ok((const __u32 *)ip, end, p->header_words)))
		return REASON_BAD_CHECKSUM;
	fragment = bpf_ntohs(ip->frag_off);
	if (unlikely(fragment & IPV4_FRAGMENT))
		return REASON_FRAGMENT;
	p->df = fragment & IPV4_DF;
	if (unlikely(p->ttl == 0))
		return REASON_TTL_ZERO;
	if (unlikely((bpf_ntohl(p->destination) >> 29) == 7))
		return REASON_GROUP;
	if (unlikely(!parse4_protocol_ok(p->protocol)))
		return REASON_PROTOCOL;
	if (p->protocol == PROTO_ICMP) {
		const __u8 *type = l4;

		if ((const void *)(type + 1) > end || total == header)
			return REASON_TRUNCATED;
		if (*type != ICMP_ECHO && *type != ICMP_ECHO_REPLY)
			return parse4_icmp_reason(*type);
		return parse_echo(l4, end, p, total - header, *type == ICMP_ECHO_REPLY);
	}
	return parse_ports(l4, end, p, total - header);
}

#endif /* OVNET_BPF_STAGE_PARSE4_H */
