/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Datagrams of the negotiation, on their way to the agent: those under live keys pass, all others by their sender's gate.
 */
#ifndef OVNET_BPF_STAGE_CONTROL_H
#define OVNET_BPF_STAGE_CONTROL_H

#include "bpf/lib/budget.h"
#include "bpf/lib/packet.h"

/* As in proto/message.h: { type, version, reserved 2 }, and then the indices. */
struct control_datagram {
	struct udphdr udp;
	__u8 type;
	__u8 version;
	__be16 reserved;
	__be32 first;  /* DATA and COOKIE: the receiver's index; WELCOME: the sender's */
	__be32 second; /* WELCOME: the receiver's index */
};
_Static_assert(sizeof(struct control_datagram) == 20, "control_datagram is as on the wire");

#define CONTROL_WELCOME 2
#define CONTROL_COOKIE 3
#define CONTROL_DATA 4

/* True when the packet is UDP to the negotiation's port. */
static __always_inline bool control_is(const void *l4, const void *end, __u8 next)
{
	const struct udphdr *udp = l4;

	return next == PROTO_UDP && (const void *)(udp + 1) <= end && udp->dest == bpf_htons(CONTROL_PORT);
}

/* A datagram under a key that the agent has given to the host it says it comes from. */
static __always_inline bool control_is_known(const struct control_datagram *datagram, const void *end,
	const struct packet *p)
{
	const struct control_key *known;
	__u32 index;

	if ((const void *)(datagram + 1) > end || datagram->type < CONTROL_WELCOME || datagram->type > CONTROL_DATA)
		return false;
	index = bpf_ntohl(datagram->type == CONTROL_WELCOME ? datagram->second : datagram->first);
	known = bpf_map_lookup_elem(&control_keys, &index);
	return known && *(const __u64 *)known->prefix == *(const __u64 *)p->source_prefix;
}

/* By the gate of the host that the datagram says it comes from, or by the one that it shares with other strangers. */
static __always_inline bool control_gate_take(const struct packet *p)
{
	__u32 hook = p->hook == HOOK_UPLINK_XDP, index;
	__u64 now_ns = bpf_ktime_get_boot_ns();
	struct control_gate *gate;
	struct control_host *host;
	struct control_key key;

	__builtin_memcpy(key.prefix, p->source_prefix, sizeof(key.prefix));
	host = bpf_map_lookup_elem(&control_hosts, &key);
	if (host)
		return token_take(&host->gates[hook].next_ns, CONTROL_INTERVAL_NS, CONTROL_BURST_NS, now_ns);
	/* Multiplication spreads locators that differ in their last bits only. */
	index = (p->source_prefix[0] * 0x9e3779b1u ^ p->source_prefix[1]) * 0x85ebca6bu >> 22;
	index = (index & (CONTROL_GATES - 1)) + hook * CONTROL_GATES;
	gate = bpf_map_lookup_elem(&control_gates, &index);
	return gate && token_take(&gate->next_ns, CONTROL_STRANGER_INTERVAL_NS, CONTROL_STRANGER_BURST_NS, now_ns);
}

/* Returns STAGE_DONE(pass), or the reason for which the datagram is dropped. */
static __always_inline int control_pass(const void *l4, const void *end, struct packet *p, int pass)
{
	if (!control_is_known(l4, end, p) && !control_gate_take(p))
		return REASON_CONTROL_FLOOD;
	count(p, COUNTER_CONTROL_PASSED);
	return STAGE_DONE(pass);
}

#endif /* OVNET_BPF_STAGE_CONTROL_H */
