/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reads what arrives on an uplink, and tells what is ovnet's from what is the host's.
 *
 * Only packets to this host's own prefix are ovnet's, and of those VNI 0 is the host itself. All else goes on to the
 * host's stack untouched: `pass` is the action for that. So do the negotiation's datagrams, which are sent from a host to a
 * node's address: the agent answers in the node's place.
 */
#ifndef OVNET_BPF_STAGE_PARSE6_H
#define OVNET_BPF_STAGE_PARSE6_H

#include "bpf/lib/flowlabel.h"
#include "bpf/lib/packet.h"
#include "bpf/stage/control.h"
#include "bpf/stage/parse4.h"

/* As much as is read: Ethernet, IPv6, TCP without options. */
#define PARSE6_USUAL (ETH_HLEN + IPV6_HLEN + 20)
#define PARSE6_MOST (ETH_HLEN + IPV6_HLEN + 60)

static __always_inline void parse6_pull(struct __sk_buff *skb)
{
	__u32 most = skb->len < PARSE6_MOST ? skb->len : PARSE6_MOST;

	if ((long)skb->data + PARSE6_USUAL > (long)skb->data_end)
		bpf_skb_pull_data(skb, most);
}

/* What follows the IPv6 header, as an IPv4 protocol number. Extension headers are refused. */
static __always_inline int parse6_transport(const void *l4, const void *end, struct packet *p, __u8 next, __u32 left)
{
	const __u8 *type = l4;

	p->protocol = next;
	if (next == PROTO_FRAGMENT)
		return REASON_FRAGMENT;
	if (next != PROTO_ICMPV6) {
		/* ICMP for IPv4 has no place in IPv6 (RFC 7915, 5.1). */
		if (unlikely(next == PROTO_ICMP || !parse4_protocol_ok(next)))
			return REASON_PROTOCOL;
		return parse_ports(l4, end, p, left);
	}
	p->protocol = PROTO_ICMP;
	if ((const void *)(type + 1) > end || left == 0)
		return REASON_TRUNCATED;
	if (*type < ICMPV6_INFORMATIONAL)
		return REASON_ICMP_ERROR;
	if (*type != ICMPV6_ECHO && *type != ICMPV6_ECHO_REPLY)
		return REASON_ICMP_TYPE;
	return parse_echo(l4, end, p, left, *type == ICMPV6_ECHO_REPLY);
}

static __always_inline int parse6(const void *data, const void *end, struct packet *p, int pass)
{
	const struct ethhdr *eth = data;
	const struct ipv6hdr *ip6 = data + ETH_HLEN;
	const __u8 *source, *destination;
	__u32 payload;

	if ((const void *)(eth + 1) > end || eth->h_proto != bpf_htons(ETH_P_IPV6))
		return STAGE_DONE(pass);
	if ((const void *)(ip6 + 1) > end)
		return STAGE_DONE(pass);
	source = (const __u8 *)&ip6->saddr;
	destination = (const __u8 *)&ip6->daddr;
	if (!config_is_ours(destination))
		return STAGE_DONE(pass);
	copy_prefix(p->source_prefix, source);
	copy_prefix(p->destination_prefix, destination);
	p->vni = bpf_ntohl(p->destination_prefix[2]) & 0xffffff;
	if (p->vni == 0 || (bpf_ntohl(p->source_prefix[2]) & 0xffffff) == 0) {
		/* No node's packet has VNI 0 at either end; this is between hosts. */
		if (control_is(ip6 + 1, end, ip6->nexthdr))
			return control_pass(ip6 + 1, end, p, pass);
		if (p->vni == 0)
			return STAGE_DONE(pass);
	}
	p->source = *(const __be32 *)(source + OVNET_PREFIX_LEN);
	p->destination = *(const __be32 *)(destination + OVNET_PREFIX_LEN);
	if (unlikely(*(const __u8 *)ip6 >> 4 != 6))
		return REASON_BAD_HEADER;
	payload = bpf_ntohs(ip6->payload_len);
	if (unlikely(payload + ETH_HLEN + IPV6_HLEN > p->length))
		return REASON_TRUNCATED;
	if (unlikely(payload > 0xffff - IPV4_HLEN))
		return REASON_TOO_BIG;
	if (unlikely((bpf_ntohl(p->source_prefix[2]) & 0xffffff) != p->vni))
		return REASON_OTHER_VNET;
	p->l3_length = payload + IPV4_HLEN;
	p->l3_frame = p->length - ETH_HLEN - IPV6_HLEN + IPV4_HLEN;
	flowlabel_read((const __u8 *)ip6, p);
	if (unlikely(p->ttl == 0))
		return REASON_TTL_ZERO;
	return parse6_transport(ip6 + 1, end, p, ip6->nexthdr, payload);
}

#endif /* OVNET_BPF_STAGE_PARSE6_H */
