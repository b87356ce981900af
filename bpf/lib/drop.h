/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The end of a packet that is not carried: counted under one reason, and told to whoever listens.
 */
#ifndef OVNET_BPF_DROP_H
#define OVNET_BPF_DROP_H

#include "bpf/lib/packet.h"

_Static_assert(sizeof(struct counter_value) == (REASON_MAX + COUNTER_MAX) * sizeof(__u64),
	"a reason's number, or REASON_MAX plus a counter's, is its place");

static __always_inline void count_at(__u32 ifindex, __u32 place)
{
	struct counter_value *found = bpf_map_lookup_elem(&counters, &ifindex);

	if (found && place < REASON_MAX + COUNTER_MAX)
		((__u64 *)found)[place]++;
}

static __always_inline void count(const struct packet *p, enum counter what)
{
	count_at(p->ifindex, REASON_MAX + what);
}

static __noinline void drop_tell(const struct packet *p, enum reason reason)
{
	struct event *told = bpf_ringbuf_reserve(&events, sizeof(*told), 0);

	if (!told) {
		count(p, COUNTER_EVENTS_LOST);
		return;
	}
	told->time_ns = bpf_ktime_get_boot_ns();
	told->ifindex = p->ifindex;
	told->hook = p->hook;
	told->reason = reason;
	told->length = p->length;
	told->vni = p->vni;
	store_address(told->source, p->source);
	store_address(told->destination, p->destination);
	told->source_port = p->source_port;
	told->destination_port = p->destination_port;
	told->protocol = p->protocol;
	__builtin_memset(told->pad, 0, sizeof(told->pad));
	bpf_ringbuf_submit(told, 0);
}

static __always_inline void drop(const struct packet *p, enum reason reason)
{
	struct listener_value *listening;
	__u32 zero = 0;

	count_at(p->ifindex, reason);
	listening = bpf_map_lookup_elem(&listeners, &zero);
	if (listening && listening->drops)
		drop_tell(p, reason);
}

#endif /* OVNET_BPF_DROP_H */
