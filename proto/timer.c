/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The heap of timers. See timer.h.
 */
#include "proto/timer.h"

#include <stddef.h>

/* Two heaps, each without siblings, become one; the earlier root is the root. */
static struct timer *merge(struct timer *a, struct timer *b)
{
	struct timer *later = b;

	if (b->at_ns < a->at_ns) {
		later = a;
		a = b;
	}
	later->next = a->child;
	if (later->next)
		later->next->link = &later->next;
	later->link = &a->child;
	a->child = later;
	return a;
}

/* Siblings become one heap: by pairs from the left, then all from the right, which is what keeps the cost logarithmic. */
static struct timer *combine(struct timer *first)
{
	struct timer *pairs = NULL, *root = NULL;

	while (first) {
		struct timer *pair = first, *second = first->next;

		first = second ? second->next : NULL;
		pair->next = NULL;
		if (second) {
			second->next = NULL;
			pair = merge(pair, second);
		}
		pair->next = pairs;
		pairs = pair;
	}
	while (pairs) {
		struct timer *pair = pairs;

		pairs = pair->next;
		pair->next = NULL;
		root = root ? merge(root, pair) : pair;
	}
	return root;
}

static void put(struct timers *timers, struct timer *heap)
{
	if (!heap)
		return;
	timers->root = timers->root ? merge(timers->root, heap) : heap;
	timers->root->link = &timers->root;
}

void timer_set(struct timers *timers, struct timer *timer, uint64_t at_ns)
{
	timer_stop(timers, timer);
	timer->at_ns = at_ns;
	put(timers, timer);
}

void timer_stop(struct timers *timers, struct timer *timer)
{
	struct timer *children = timer->child;

	if (!timer->link)
		return;
	*timer->link = timer->next;
	if (timer->next)
		timer->next->link = timer->link;
	timer->child = NULL;
	timer->next = NULL;
	timer->link = NULL;
	put(timers, combine(children));
}
