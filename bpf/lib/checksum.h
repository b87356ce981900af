/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The Internet checksum (RFC 1071), and its change when a transport header gets another pseudo-header (RFC 1624).
 *
 * TCP and UDP: the change depends on the two prefixes only, since the embedded addresses are the virtual ones; a session
 * keeps it. ICMPv6 counts its pseudo-header where ICMP has none, so all of it, the length and the type come in.
 */
#ifndef OVNET_BPF_CHECKSUM_H
#define OVNET_BPF_CHECKSUM_H

#include "bpf/lib/packet.h"

#define TCP_CHECK 16
#define UDP_CHECK 6
#define ICMP_CHECK 2

/* A sum of 32-bit words, as the kernel keeps sums. */
static __always_inline __u32 checksum_sum(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	return (sum & 0xffffffff) + (sum >> 32);
}

/* What two prefixes (OVNET_PREFIX_LEN octets) add to a pseudo-header. */
static __always_inline __u32 checksum_prefixes(const void *one, const void *other)
{
	const __u32 *a = one, *b = other;

	return checksum_sum((__u64)a[0] + a[1] + a[2] + b[0] + b[1] + b[2]);
}

static __always_inline __u16 checksum_fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* What ICMPv6 sums and ICMP does not, less what ICMP has instead; `v6_type` is the type on the substrate. */
static __always_inline __u32 checksum_icmp(const struct packet *p, const __be32 source[3], const __be32 destination[3],
	__u8 v6_type)
{
	__be32 v4_words[1] = {bpf_htonl((__u32)p->icmp_type << 24)};
	__be32 v6_words[11];

	copy_prefix(v6_words, source);
	v6_words[3] = p->source;
	copy_prefix(v6_words + 4, destination);
	v6_words[7] = p->destination;
	v6_words[8] = bpf_htonl(p->l3_length - IPV4_HLEN);
	v6_words[9] = bpf_htonl(PROTO_ICMPV6);
	v6_words[10] = bpf_htonl((__u32)v6_type << 24);
	return bpf_csum_diff(v4_words, sizeof(v4_words), v6_words, sizeof(v6_words), 0);
}

/* Applies a change to the transport checksum at `l4`. UDP's zero stays zero: the sender did not want one. */
static __always_inline int checksum_change(struct __sk_buff *skb, const struct packet *p, __u32 l4, __u32 change)
{
	switch (p->protocol) {
	case PROTO_TCP:
		return bpf_l4_csum_replace(skb, l4 + TCP_CHECK, 0, change, BPF_F_PSEUDO_HDR);
	case PROTO_UDP:
		return bpf_l4_csum_replace(skb, l4 + UDP_CHECK, 0, change, BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0);
	case PROTO_ICMP:
		return bpf_l4_csum_replace(skb, l4 + ICMP_CHECK, 0, change, BPF_F_PSEUDO_HDR);
	default:
		return 0;
	}
}

#endif /* OVNET_BPF_CHECKSUM_H */
