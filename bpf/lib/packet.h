/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The packet on its way through the stages: what was read from it, in one place; and what a stage may answer.
 *
 * A stage returns 0 (go on), a drop reason (> 0), or STAGE_DONE(action) (< 0): the packet's way ends here with this
 * action of its hook. A program has one exit, which counts and tells.
 */
#ifndef OVNET_BPF_PACKET_H
#define OVNET_BPF_PACKET_H

#define STAGE_DONE(action) (-1 - (action))
#define STAGE_ACTION(outcome) (-1 - (outcome))

#define TRY(stage)                                                                                                     \
	({                                                                                                             \
		int outcome_ = (stage);                                                                                \
		if (outcome_ != REASON_NONE)                                                                           \
			return outcome_;                                                                               \
	})

#define TC_ACT_OK 0
#define TC_ACT_SHOT 2

/* In skb->tc_index: ovnet sends this packet to the node. The host's stack leaves it 0. */
#define DELIVERED 0x6f76

#define EEXIST 17

#define unlikely(x) __builtin_expect(!!(x), 0)
#define barrier() asm volatile("" ::: "memory")

struct packet {
	__u64 now_ns;  /* set by the stages that look at the clock */
	__u32 ifindex; /* where it came in */
	__u32 length;  /* of the frame, octets */
	enum hook hook;
	__u32 l3_frame; /* octets that stand for the IPv4 packet in the frame: padding behind it comes in */
	__u32 vni;
	__be32 source; /* virtual addresses */
	__be32 destination;
	__u16 source_port; /* host byte order; ICMP echo: see session.h */
	__u16 destination_port;
	__u16 l3_length; /* as an IPv4 packet without options, octets */
	__u16 ethertype; /* host byte order */
	__u8 protocol;   /* IPv4's number */
	__u8 tos;
	__u8 ttl;
	__u8 header_words; /* of the IPv4 header, 32-bit words */
	__u8 tcp_flags;
	__u8 l4_header; /* octets of the transport header: TCP's with its options */
	__u8 icmp_type; /* ICMPv4's */
	bool df;
	__u8 mac[6];             /* the Ethernet destination */
	bool waited;             /* it comes back from waiting for a verdict */
	bool forward;            /* it may be sent on while its question is open */
	__be32 source_prefix[3]; /* arrivals: the substrate addresses, less the embedded ones */
	__be32 destination_prefix[3];
};

static __always_inline void copy_mac(__u8 *to, const __u8 *from)
{
	__builtin_memcpy(to, from, 6);
}

static __always_inline bool same_mac(const __u8 *a, const __u8 *b)
{
	return *(const __u16 *)a == *(const __u16 *)b && *(const __u16 *)(a + 2) == *(const __u16 *)(b + 2) &&
	       *(const __u16 *)(a + 4) == *(const __u16 *)(b + 4);
}

static __always_inline __be32 load_address(const __u8 address[4])
{
	__be32 value;

	__builtin_memcpy(&value, address, 4);
	return value;
}

static __always_inline void store_address(__u8 to[4], __be32 value)
{
	__builtin_memcpy(to, &value, 4);
}

/* Both are 4-aligned wherever they stand: in a map's value, or in struct packet. */
static __always_inline bool same_prefix(const void *a, const void *b)
{
	const __u32 *x = a, *y = b;

	return x[0] == y[0] && x[1] == y[1] && x[2] == y[2];
}

static __always_inline void copy_prefix(void *to, const void *from)
{
	__u32 *x = to;
	const __u32 *y = from;

	x[0] = y[0];
	x[1] = y[1];
	x[2] = y[2];
}

#endif /* OVNET_BPF_PACKET_H */
