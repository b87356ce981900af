/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What no rule covers: the agent is asked once for each key, and packets of that key wait meanwhile (DTM-2, DTM-7), or come back
 * to be sent on (forward.h).
 */
#ifndef OVNET_BPF_STAGE_QUESTION_H
#define OVNET_BPF_STAGE_QUESTION_H

#include "bpf/stage/pending.h"
#include "bpf/stage/upcall.h"

/*
 * A packet of a node for which there is no rule, or whose rule has come while others still wait. Needs p->now_ns.
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
