/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timers that are part of what they wake: a pairing heap (Fredman, Sedgewick, Sleator, Tarjan 1986). Nothing is allocated, so setting
 * one cannot fail; setting costs O(1), stopping and taking the next O(log n) amortized.
 *
 * It knows no clock: who uses it compares the earliest with the time that it was given.
 */
#ifndef OVNET_PROTO_TIMER_H
#define OVNET_PROTO_TIMER_H

#include <stdint.h>

struct timer {
	uint64_t at_ns;
	struct timer *child, *next;
	struct timer **link; /* what points here; NULL: not set */
	int kind;            /* the user's: what it is part of */
};

struct timers {
	struct timer *root; /* the earliest; NULL: none is set */
};

/* Replaces an earlier setting. */
void timer_set(struct timers *timers, struct timer *timer, uint64_t at_ns);
/* Nothing happens when it is not set. */
void timer_stop(struct timers *timers, struct timer *timer);

#endif /* OVNET_PROTO_TIMER_H */
