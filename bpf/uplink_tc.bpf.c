/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The uplink program, tc ingress of an uplink: the life of a packet that arrives from the substrate.
 *
 * What is not for this host's prefix, and what is for the host itself (VNI 0), goes on to the host's stack untouched.
 * All else is for a node here, or is dropped.
 */
#include "bpf/lib/program.h"

#include "bpf/stage/parse6.h"
#include "bpf/stage/session.h"
#include "bpf/stage/stale.h"
#include "bpf/stage/reheader.h"

static __always_inline int uplink_stages(struct __sk_buff *skb, struct packet *p)
{
	const struct port_value *port;
	struct session_value *session;

	/* A tagged frame is for a VLAN device of the host; the substrate is untagged here. */
	if (skb->protocol != bpf_htons(ETH_P_IPV6) || unlikely(skb->vlan_present))
		return STAGE_DONE(TC_ACT_OK);
	parse6_pull(skb);
	TRY(parse6((void *)(long)skb->data, (void *)(long)skb->data_end, p, TC_ACT_OK));
	TRY(session_find(p, DIRECTION_IN, deliver_packets(skb), &session));
	port = port_at(session->number, session->ifindex);
	if (unlikely(!port))
		return REASON_NO_NODE;
	if (unlikely(deliver_segment(skb, p) > port->mtu))
		return REASON_TOO_BIG;
	return reheader_in(skb, p, session, port);
}

SEC("tc")
int uplink_tc(struct __sk_buff *skb)
{
	struct packet p = {.hook = HOOK_UPLINK_TC, .ifindex = skb->ifindex, .length = skb->len};
	int outcome = uplink_stages(skb, &p);

	if (outcome < 0)
		return STAGE_ACTION(outcome);
	if (stale_matters(outcome))
		stale_tell(&p, outcome);
	drop(&p, outcome);
	return TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
