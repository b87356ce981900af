/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The guard, tc egress of a port: a node hears from ovnet only, never from the host's own stack.
 */
#include "bpf/lib/program.h"

SEC("tc")
int guard(struct __sk_buff *skb)
{
	struct packet p = {.hook = HOOK_GUARD, .ifindex = skb->ifindex, .length = skb->len};

	if (skb->tc_index == DELIVERED) {
		skb->tc_index = 0;
		return TC_ACT_OK;
	}
	drop(&p, REASON_HOST_TO_PORT);
	return TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
