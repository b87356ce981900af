/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A large set of addresses. See addresses.h.
 *
 * Ranges that overlap or touch are merged; what is left is kept in the order of Eytzinger: the middle one first, then the
 * middles of both halves, and so on, so that a search goes from place k to 2k or 2k + 1 and what it reads next can be
 * fetched ahead. Why this and not a sorted array or a trie: docs/adr/0014. Two sets with the same addresses have the same octets.
 */
#include "policy/addresses.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"

#define LINE 64 /* octets that the processor fetches at once */

struct span {
	uint32_t low, high; /* host byte order */
};

#define SPANS_A_LINE (LINE / sizeof(struct span))

struct policy_addresses {
	size_t holders, count;
	struct span *spans; /* from 1 to `count`; place 0 is not used, so that 8 of a generation fill a line */
};

static uint32_t host_order(struct ipv4 address)
{
	return (uint32_t)address.octet[0] << 24 | (uint32_t)address.octet[1] << 16 | (uint32_t)address.octet[2] << 8 |
	       address.octet[3];
}

static int span_compare(const void *a, const void *b)
{
	const struct span *left = a, *right = b;

	return (left->low > right->low) - (left->low < right->low);
}

/* Sorts, and merges those that overlap or touch. Returns how many are left. */
static size_t spans_merge(struct span *spans, size_t count)
{
	size_t merged = 0;

	qsort(spans, count, sizeof(*spans), span_compare);
	for (size_t i = 0; i < count; i++) {
		struct span *last = merged ? &spans[merged - 1] : NULL;

		if (!last || (uint64_t)last->high + 1 < spans[i].low)
			spans[merged++] = spans[i];
		else if (spans[i].high > last->high)
			last->high = spans[i].high;
	}
	return merged;
}

/* Lays what is sorted out below place `at`, from left to right. Returns the next one that has no place. No deeper than 21. */
static const struct span *spans_lay(struct policy_addresses *addresses, size_t at, const struct span *next)
{
	if (at > addresses->count)
		return next;
	next = spans_lay(addresses, 2 * at, next);
	addresses->spans[at] = *next;
	return spans_lay(addresses, 2 * at + 1, next + 1);
}

int policy_addresses_make(const struct ipv4_range *ranges, size_t count, struct policy_addresses **out)
{
	scope_free struct span *sorted = NULL;
	struct policy_addresses *made;
	size_t octets;

	if (count > POLICY_ADDRESSES_MAX)
		return -ENOSPC;
	/* One more than needed, so that nothing of none is not taken for want of memory. */
	sorted = calloc(count + 1, sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		sorted[i] = (struct span){host_order(ranges[i].low), host_order(ranges[i].high)};
		if (sorted[i].low > sorted[i].high)
			return -EINVAL;
	}
	made = calloc(1, sizeof(*made));
	if (!made)
		return -ENOMEM;
	made->holders = 1;
	made->count = spans_merge(sorted, count);
	octets = ((made->count + 1) * sizeof(*made->spans) + LINE - 1) / LINE * LINE;
	made->spans = aligned_alloc(LINE, octets);
	if (!made->spans) {
		free(made);
		return -ENOMEM;
	}
	memset(made->spans, 0, octets);
	spans_lay(made, 1, sorted);
	*out = made;
	return 0;
}

struct policy_addresses *policy_addresses_hold(struct policy_addresses *addresses)
{
	if (addresses)
		addresses->holders++;
	return addresses;
}

void policy_addresses_release(struct policy_addresses *addresses)
{
	if (!addresses || --addresses->holders)
		return;
	free(addresses->spans);
	free(addresses);
}

bool policy_addresses_have(const struct policy_addresses *addresses, struct ipv4 address)
{
	uint32_t wanted = host_order(address);
	size_t at = 1;

	if (!addresses)
		return false;
	while (at <= addresses->count) {
		/* Three generations down, of which all eight lie in one line. It may be past the end: nothing is read there. */
		__builtin_prefetch((const void *)((uintptr_t)addresses->spans +
						  at * SPANS_A_LINE * sizeof(struct span)));
		at = 2 * at + (addresses->spans[at].low <= wanted);
	}
	/* Back to where the search last went right: the last range that does not begin above the address; 0: there is none. */
	at >>= __builtin_ctzll(at) + 1;
	return at && wanted <= addresses->spans[at].high;
}

size_t policy_addresses_count(const struct policy_addresses *addresses)
{
	return addresses ? addresses->count : 0;
}

size_t policy_addresses_octets(const struct policy_addresses *addresses)
{
	return addresses ? sizeof(*addresses) + (addresses->count + 1) * sizeof(*addresses->spans) : 0;
}

bool policy_addresses_equal(const struct policy_addresses *a, const struct policy_addresses *b)
{
	size_t count = policy_addresses_count(a);

	if (count != policy_addresses_count(b))
		return false;
	return a == b || count == 0 || memcmp(a->spans, b->spans, (count + 1) * sizeof(*a->spans)) == 0;
}
