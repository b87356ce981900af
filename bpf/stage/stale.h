/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What arrived without a rule: its sender's agent believes in one that is no more, and is told (DTM-9). Only of packets whose
 * source is verified; within the rate of the node they are for.
 */
#ifndef OVNET_BPF_STAGE_STALE_H
#define OVNET_BPF_STAGE_STALE_H

#include "bpf/lib/budget.h"
#include "bpf/lib/packet.h"
#include "bpf/lib/port.h"
#include "bpf/stage/pending.h"

static __always_inline bool stale_matters(int reason)
{
	return (reason >= REASON_NO_RULE && reason <= REASON_RULE_STALE) || reason == REASON_NO_NODE;
}

/* The sender's agent has asked, and been answered just now: what was under way meanwhile tells it nothing. */
static __always_inline bool stale_is_known(const struct packet *p, const struct port_value *port)
{
	struct rule_key key;

	if (!(port->flags & PORT_HOLD) || p->hook == HOOK_NODE)
		return false;
	pending_key_inward(p, port, false, &key);
	return bpf_map_lookup_elem(&pendings, &key);
}

/* For arrivals, and for what one node here sent another that has no rule for it. */
static __noinline int stale_tell(const struct packet *p, int reason)
{
	struct mapping_key where = {};
	const struct mapping_value *local;
	const struct port_value *port = NULL;
	struct question *told;
	struct budget *budget;
	__u32 number = 0;

	where.vni = p->vni;
	store_address(where.address, p->source);
	local = bpf_map_lookup_elem(&mappings, &where);
	if (p->hook != HOOK_NODE && (!local || local->ifindex || !same_prefix(local->prefix, p->source_prefix)))
		return 0;
	store_address(where.address, p->destination);
	local = bpf_map_lookup_elem(&mappings, &where);
	if (local && local->ifindex)
		port = port_of(local->ifindex);
	if (port && p->hook != HOOK_NODE && !same_prefix(port->prefix, p->destination_prefix))
		return 0;
	if (port && (!(port->flags & PORT_NEGOTIATE) || stale_is_known(p, port)))
		return 0;
	/* An address that nobody here has: entry 0, which no port has but one whose interface's number is a multiple of 4,096. */
	if (port)
		number = port->number;
	budget = budget_of(number);
	if (!budget)
		return 0;
	if (!token_take(&budget->stale_next_ns, budget->interval_ns, budget->burst_ns, bpf_ktime_get_boot_ns())) {
		count(p, COUNTER_STALE_LIMITED);
		return 0;
	}
	told = bpf_ringbuf_reserve(&questions, sizeof(*told), 0);
	if (!told) {
		count(p, COUNTER_STALE_LIMITED);
		return 0;
	}
	__builtin_memset(told, 0, sizeof(*told));
	told->time_ns = bpf_ktime_get_boot_ns();
	told->kind = port ? QUESTION_STALE : QUESTION_GONE;
	told->key.vni = p->vni;
	store_address(told->key.local, p->destination);
	store_address(told->key.peer, p->source);
	told->key.protocol = p->protocol;
	told->key.port = p->destination_port;
	if (p->protocol == PROTO_ICMP)
		told->key.port = port && port->flags & PORT_ASK_REPLIES ? p->icmp_type : ICMP_ECHO;
	told->key.direction = DIRECTION_IN;
	told->key.width = WIDTH_PORT;
	told->ifindex = port ? port->ifindex : 0;
	told->number = number;
	told->icmp_type = p->icmp_type;
	if (p->hook != HOOK_NODE)
		copy_prefix(told->source_prefix, p->source_prefix);
	bpf_ringbuf_submit(told, 0);
	count(p, COUNTER_STALE_TOLD);
	return 0;
}

#endif /* OVNET_BPF_STAGE_STALE_H */
