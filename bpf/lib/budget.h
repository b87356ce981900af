/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a port may ask and hold: token buckets, and counts that have a quota.
 */
#ifndef OVNET_BPF_BUDGET_H
#define OVNET_BPF_BUDGET_H

#include "bpf/lib/packet.h"

/* Takes a token from a bucket that is full again at *next_ns (GCRA: one word, one compare-and-swap). */
static __always_inline bool token_take(__u64 *next_ns, __u64 interval_ns, __u64 burst_ns, __u64 now_ns)
{
	__u64 next = *(volatile __u64 *)next_ns;
	__u64 from = next > now_ns ? next : now_ns;

	if (from - now_ns > burst_ns)
		return false;
	/* Who loses the race to another CPU goes without. */
	return __sync_val_compare_and_swap(next_ns, next, from + interval_ns) == next;
}

/* Takes one from a count that has a quota. */
static __always_inline bool quota_take(__u64 *held, __u64 quota, __u64 amount)
{
	if (__sync_fetch_and_add(held, amount) + amount <= quota)
		return true;
	__sync_fetch_and_sub(held, amount);
	return false;
}

static __always_inline struct budget *budget_of(__u32 number)
{
	return bpf_map_lookup_elem(&budgets, &number);
}

#endif /* OVNET_BPF_BUDGET_H */
