/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What no rule covers, or no mapping where mappings are resolved: the agent is asked once for each key, and packets of that key
 * wait meanwhile (DTM-2, DTM-7, ONM-5), or come back to be sent on (forward.h).
 */
#ifndef OVNET_BPF_STAGE_QUESTION_H
#define OVNET_BPF_STAGE_QUESTION_H

#include "bpf/stage/pending.h"
#include "bpf/stage/upcall.h"

/* True for an address that nobody need be asked about: no node can have it. */
static __always_inline bool question_is_nobodys(__be32 address)
{
	__u32 first = bpf_ntohl(address) >> 24;

	return first == 0 || first == 127 || first >= 224;
}

/*
 * True when it is the destination's place that is not known, or not any more, and is asked for on this port. Only for what the
 * node itself sends: where an arrival may come from is not asked.
 */
static __always_inline bool question_resolves(const struct packet *p, const struct port_value *port, int reason)
{
	if (reason != REASON_NO_MAPPING && reason != REASON_MAPPING_EXPIRED)
		return false;
	return port->flags & PORT_RESOLVE && !question_is_nobodys(p->destination) &&
	       p->destination != load_address(port->address);
}

/*
 * A packet of a node for which there is no rule or mapping, or whose rule has come while others still wait. Needs p->now_ns.
 * Returns STAGE_DONE: it waits; or the reason for which it is dropped (`reason` itself where nobody negotiates).
 */
static __noinline int question(struct __sk_buff *skb, struct packet *p, int reason)
{
	const struct port_value *port = port_of(p->ifindex);
	struct channel_value *agent;
	struct pending_value *pending;
	struct rule_key key;
	__u32 zero = 0;

	if (!port || !(port->flags & PORT_NEGOTIATE) || p->waited)
		return reason;
	agent = bpf_map_lookup_elem(&channel, &zero);
	if (!agent || p->now_ns >= agent->alive_ns)
		return REASON_NO_AGENT;
	pending_key(p, &key);
	pending = upcall_open(p, &key);
	if (!pending) {
		TRY(upcall_ask(p, &key, port));
		pending = bpf_map_lookup_elem(&pendings, &key);
		/* So short a while, and the verdict is there: the packet's sender will send again. */
		if (!pending)
			return REASON_PENDING;
	}
	if (port->flags & PORT_DISCARD)
		return REASON_PENDING;
	return upcall_queue(skb, p->ifindex, pending, agent->queue_ifindex, false);
}

#endif /* OVNET_BPF_STAGE_QUESTION_H */
