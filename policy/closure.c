/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What leads to what. See closure.h.
 *
 * A thing hands on what leads to it when all that leads to it directly has done so. Where things lead to each other, none of
 * them is ever ready.
 */
#include "policy/closure.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"

#define NONE UINT32_MAX

static int arrow_compare(const void *a, const void *b)
{
	const struct closure_arrow *left = a, *right = b;

	if (left->from != right->from)
		return left->from < right->from ? -1 : 1;
	return (left->to > right->to) - (left->to < right->to);
}

/* Where the arrows of a thing begin among those that are sorted. */
static size_t arrows_of(const struct closure_arrow *arrows, size_t count, uint32_t from)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (arrows[middle].from < from)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * Each thing that waits is led to by another that waits: going back from any of them ends in a cycle. Returns 0 or -ENOMEM.
 */
static int cycle_find(size_t count, const struct closure_arrow *arrows, size_t arrow_count, const uint32_t *waiting,
	uint32_t **cycle, size_t *length)
{
	scope_free uint32_t *before = calloc(count, sizeof(*before));
	uint32_t *found = calloc(count, sizeof(*found));
	uint32_t at = 0;

	if (!before || !found) {
		free(found);
		return -ENOMEM;
	}
	memset(before, 0xff, count * sizeof(*before));
	for (size_t i = 0; i < arrow_count; i++)
		if (waiting[arrows[i].from] && before[arrows[i].to] == NONE)
			before[arrows[i].to] = arrows[i].from;
	while (!waiting[at])
		at++;
	for (size_t i = 0; i < count; i++)
		at = before[at];
	*length = 0;
	do {
		found[(*length)++] = at;
		at = before[at];
	} while (at != found[0]);
	*cycle = found;
	return 0;
}

int closure_make(size_t count, struct closure_arrow *arrows, size_t arrow_count, uint64_t **rows, uint32_t **cycle,
	size_t *cycle_length)
{
	size_t words = (count + 63) / 64, ready_count = 0;
	/* One more than needed, so that nothing of none is not taken for want of memory. */
	scope_free uint64_t *made = calloc(count * words + 1, sizeof(*made));
	scope_free uint32_t *waiting = calloc(count + 1, sizeof(*waiting));
	scope_free uint32_t *ready = calloc(count + 1, sizeof(*ready));
	int error;

	if (!made || !waiting || !ready)
		return -ENOMEM;
	if (arrow_count)
		qsort(arrows, arrow_count, sizeof(*arrows), arrow_compare);
	for (size_t i = 0; i < arrow_count; i++)
		waiting[arrows[i].to]++;
	for (size_t i = 0; i < count; i++) {
		made[i * words + i / 64] |= 1ull << i % 64;
		if (!waiting[i])
			ready[ready_count++] = (uint32_t)i;
	}
	for (size_t i = 0; i < ready_count; i++) {
		const uint64_t *from = made + ready[i] * words;

		for (size_t j = arrows_of(arrows, arrow_count, ready[i]); j < arrow_count && arrows[j].from == ready[i];
			j++) {
			uint64_t *to = made + arrows[j].to * words;

			for (size_t word = 0; word < words; word++)
				to[word] |= from[word];
			if (--waiting[arrows[j].to] == 0)
				ready[ready_count++] = arrows[j].to;
		}
	}
	if (ready_count < count) {
		error = cycle_find(count, arrows, arrow_count, waiting, cycle, cycle_length);
		return error ? error : -ELOOP;
	}
	*rows = made;
	made = NULL;
	return 0;
}
