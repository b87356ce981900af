/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The uplink program, tc ingress of an uplink: the life of a packet that arrives from the substrate.
 *
 * What is not for this host's prefix, and what is for the host itself (VNI 0), goes on to the host's stack untouched.
 * All else is for a node here, or is dropped.
 */
#include "bpf/lib/program.h"

#include "bpf/stage/uplink.h"
#include "bpf/stage/hold.h"
#include "bpf/stage/stale.h"

SEC("tc")
int uplink_tc(struct __sk_buff *skb)
{
	struct packet p = {.hook = HOOK_UPLINK_TC, .ifindex = skb->ifindex, .length = skb->len};
	int outcome = uplink_stages(skb, &p);

	if (pending_may_help(outcome))
		outcome = hold(skb, &p, outcome);
	if (outcome < 0)
		return STAGE_ACTION(outcome);
	if (stale_matters(outcome))
		stale_tell(&p, outcome);
	drop(&p, outcome);
	return TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
