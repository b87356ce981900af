/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Budgets of ports; see budget.h. The programs count up while this counts down, so every change is atomic.
 */
#include "agent/budget.h"
#include "lib/time.h"

/* The table is that of the nodes' own questions: of what arrives before its question, a port may have this part. */
#define HOLDS_SHARE 4

void budget_limit(struct budget *budget, const struct config_limits *limits, bool fresh)
{
	if (fresh)
		budget->next_ns = budget->stale_next_ns = budget->hold_next_ns = 0;
	budget->interval_ns = NSEC_PER_SEC / limits->questions;
	budget->burst_ns = budget->interval_ns * limits->questions_burst;
	budget->pending_quota = limits->pending_per_port;
	budget->holds_quota = (limits->pending_per_port + HOLDS_SHARE - 1) / HOLDS_SHARE;
	budget->packets_quota = limits->queue_packets;
	budget->bytes_quota = limits->queue_bytes;
}

/* Never below nothing: what has been settled meanwhile is not given back twice. */
static void subtract(__u64 *held, __u64 amount)
{
	__u64 now = __atomic_load_n(held, __ATOMIC_RELAXED);

	while (!__atomic_compare_exchange_n(held, &now, now > amount ? now - amount : 0, true, __ATOMIC_RELAXED,
		__ATOMIC_RELAXED))
		;
}

void budget_give_back(struct budget *budget, const struct queue_packet *packet)
{
	subtract(packet->held ? &budget->held_packets : &budget->queued_packets, 1);
	subtract(packet->held ? &budget->held_bytes : &budget->queued_bytes, packet->length);
}

void budget_clear(struct budget *budget)
{
	budget->pending = 0;
	budget->queued_packets = 0;
	budget->queued_bytes = 0;
	budget->holds = 0;
	budget->held_packets = 0;
	budget->held_bytes = 0;
}

static void settle(__u64 *count, __u64 *seen, bool quiet)
{
	__u64 now = __atomic_load_n(count, __ATOMIC_RELAXED), stuck = now;

	if (quiet && now && now == *seen)
		__atomic_compare_exchange_n(count, &stuck, 0, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	*seen = now;
}

void budget_settle(struct budget *budget, struct budget_settled *settled, bool quiet, bool quiet_held)
{
	settle(&budget->queued_packets, &settled->packets, quiet);
	settle(&budget->queued_bytes, &settled->bytes, quiet);
	settle(&budget->held_packets, &settled->held_packets, quiet_held);
	settle(&budget->held_bytes, &settled->held_bytes, quiet_held);
}
