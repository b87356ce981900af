/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The first word of the substrate's IPv6 header. What RFC 7915 loses of an IPv4 header travels in the flow label:
 *
 *   version 4 | traffic class 8 = TOS | flow label 20 = TTL 8, DF 1, entropy of the flow 11
 *
 * To everybody else it is an ordinary label, the same for all packets of a flow, as RFC 6437 wants it, as long as the
 * sender does not vary TTL or DF within the flow.
 */
#ifndef OVNET_BPF_FLOWLABEL_H
#define OVNET_BPF_FLOWLABEL_H

#include "bpf/lib/packet.h"

#define FLOWLABEL_ENTROPY_MASK 0x7ff

static __always_inline __be32 flowlabel_word(const struct packet *p, __u16 entropy)
{
	return bpf_htonl(6u << 28 | (__u32)p->tos << 20 | (__u32)p->ttl << 12 | (__u32)p->df << 11 |
			 (entropy & FLOWLABEL_ENTROPY_MASK));
}

static __always_inline void flowlabel_read(const __u8 *header, struct packet *p)
{
	__u32 word = bpf_ntohl(*(const __be32 *)header);

	p->tos = word >> 20;
	p->ttl = word >> 12;
	p->df = word >> 11 & 1;
}

#endif /* OVNET_BPF_FLOWLABEL_H */
