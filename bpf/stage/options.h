/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Takes IPv4 options off (RFC 7915, 4.1: they are ignored in translation), so that what follows sees a plain header.
 * Local deliveries too: a node sees the same of its neighbour's packets wherever the neighbour is.
 */
#ifndef OVNET_BPF_STAGE_OPTIONS_H
#define OVNET_BPF_STAGE_OPTIONS_H

#include "bpf/lib/checksum.h"
#include "bpf/lib/packet.h"

static __noinline int options_strip(struct __sk_buff *skb, struct packet *p)
{
	__s32 length = p->header_words * 4 - IPV4_HLEN;
	struct iphdr ip;

	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)))
		return REASON_KERNEL;
	*(__u8 *)&ip = 0x45;
	ip.tot_len = bpf_htons(p->l3_length);
	ip.check = 0;
	ip.check = checksum_fold(bpf_csum_diff(NULL, 0, (__be32 *)&ip, sizeof(ip), 0));
	if (bpf_skb_adjust_room(skb, -length, BPF_ADJ_ROOM_NET, BPF_F_ADJ_ROOM_FIXED_GSO) ||
		bpf_skb_store_bytes(skb, ETH_HLEN, &ip, sizeof(ip), BPF_F_RECOMPUTE_CSUM))
		return REASON_KERNEL;
	p->length = skb->len;
	p->header_words = IPV4_HLEN / 4;
	count(p, COUNTER_OPTIONS_STRIPPED);
	return 0;
}

static __always_inline int options(struct __sk_buff *skb, struct packet *p)
{
	if (unlikely(p->header_words > IPV4_HLEN / 4))
		return options_strip(skb, p);
	return 0;
}

#endif /* OVNET_BPF_STAGE_OPTIONS_H */
