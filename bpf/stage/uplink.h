/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The stages of a packet from the substrate, in order: for the uplink's tc program, and for the inject program when such a packet
 * comes back from waiting.
 */
#ifndef OVNET_BPF_STAGE_UPLINK_H
#define OVNET_BPF_STAGE_UPLINK_H

#include "bpf/stage/parse6.h"
#include "bpf/stage/session.h"
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

#endif /* OVNET_BPF_STAGE_UPLINK_H */
