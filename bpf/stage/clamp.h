/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Lowers the maximum segment size that a SYN announces to what the path carries after re-headering (RFC 4459, 3.2), so
 * that TCP never meets the difference. A SYN without the option means 536 octets (RFC 9293, 3.7.1), which always fits.
 */
#ifndef OVNET_BPF_STAGE_CLAMP_H
#define OVNET_BPF_STAGE_CLAMP_H

#include "bpf/lib/checksum.h"
#include "bpf/lib/packet.h"

#define TCP_OPTION_END 0
#define TCP_OPTION_NOP 1
#define TCP_OPTION_MSS 2
#define TCP_OPTIONS_MAX 40

/* An IPv6 header with a Fragment header takes this much more than the IPv4 header; then the TCP and IPv4 headers. */
#define CLAMP_HEADERS (IPV6_HLEN + 8 - IPV4_HLEN + IPV4_HLEN + 20)

static __always_inline int clamp_at(struct __sk_buff *skb, struct packet *p, __u32 offset, __u16 most)
{
	const __u32 l4 = ETH_HLEN + IPV4_HLEN;
	__be16 old, new = bpf_htons(most);

	if (bpf_skb_load_bytes(skb, offset, &old, sizeof(old)))
		return REASON_TRUNCATED;
	if (bpf_ntohs(old) <= most)
		return 0;
	/* Not BPF_F_RECOMPUTE_CSUM: the option and the checksum change by the same, so the whole packet's sum stays. */
	if (bpf_skb_store_bytes(skb, offset, &new, sizeof(new), 0))
		return REASON_KERNEL;
	/* An option at an odd place lies across two words of the sum, so its octets weigh the other way round. */
	if ((offset - l4) & 1) {
		old = old << 8 | old >> 8;
		new = new << 8 | new >> 8;
	}
	if (bpf_l4_csum_replace(skb, l4 + TCP_CHECK, old, new, sizeof(new)))
		return REASON_KERNEL;
	count(p, COUNTER_MSS_CLAMPED);
	return 0;
}

static __noinline int clamp_syn(struct __sk_buff *skb, struct packet *p, __u32 mtu)
{
	__u32 offset = ETH_HLEN + IPV4_HLEN + 20;
	__u32 end = ETH_HLEN + IPV4_HLEN + p->l4_header;

	for (int i = 0; i < TCP_OPTIONS_MAX && offset + 4 <= end; i++) {
		__u8 option[2];

		if (bpf_skb_load_bytes(skb, offset, option, sizeof(option)))
			return REASON_TRUNCATED;
		if (option[0] == TCP_OPTION_END)
			return 0;
		if (option[0] == TCP_OPTION_NOP) {
			offset++;
			continue;
		}
		if (option[0] == TCP_OPTION_MSS && option[1] == 4)
			return clamp_at(skb, p, offset + 2, mtu - CLAMP_HEADERS);
		if (option[1] < 2)
			return 0;
		offset += option[1];
	}
	return 0;
}

/* `mtu` is the substrate path's, octets. */
static __always_inline int clamp(struct __sk_buff *skb, struct packet *p, __u32 mtu)
{
	if (p->protocol != PROTO_TCP || !(p->tcp_flags & TCP_SYN))
		return 0;
	return clamp_syn(skb, p, mtu);
}

#endif /* OVNET_BPF_STAGE_CLAMP_H */
