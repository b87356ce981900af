/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Facts in memory. See store_facts.h.
 */
#include "manager/store_facts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"

static void fact_free(struct store_fact *fact)
{
	free(fact->key);
	free(fact->text);
}

void store_facts_free(struct store_facts *facts)
{
	for (size_t i = 0; i < facts->count; i++)
		fact_free(&facts->entries[i]);
	free(facts->entries);
	*facts = (struct store_facts){};
}

/* Where `key` is or belongs. */
static size_t facts_place(const struct store_facts *facts, const char *key)
{
	size_t low = 0, high = facts->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(facts->entries[middle].key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void facts_remove(struct store_facts *facts, size_t place)
{
	fact_free(&facts->entries[place]);
	facts->count--;
	memmove(&facts->entries[place], &facts->entries[place + 1], (facts->count - place) * sizeof(*facts->entries));
}

int store_facts_set(struct store_facts *facts, const char *key, const char *text, uint64_t end_ns)
{
	size_t place = facts_place(facts, key);
	bool there = place < facts->count && strcmp(facts->entries[place].key, key) == 0;
	struct store_fact fact = {.end_ns = end_ns};

	if (!text) {
		if (there)
			facts_remove(facts, place);
		return 0;
	}
	fact.key = strdup(key);
	fact.text = strdup(text);
	if (!fact.key || !fact.text)
		goto fail;
	if (there) {
		fact_free(&facts->entries[place]);
		facts->entries[place] = fact;
		return 0;
	}
	if (array_add(facts, fact))
		goto fail;
	memmove(&facts->entries[place + 1], &facts->entries[place],
		(facts->count - 1 - place) * sizeof(*facts->entries));
	facts->entries[place] = fact;
	return 0;
fail:
	fact_free(&fact);
	return -ENOMEM;
}

int store_facts_walk(struct store_facts *facts, const char *prefix, uint64_t now_ns, store_object_fn fn, void *context)
{
	size_t length = strlen(prefix), place = facts_place(facts, prefix);

	while (place < facts->count && strncmp(facts->entries[place].key, prefix, length) == 0) {
		const struct store_fact *fact = &facts->entries[place];
		int result;

		if (fact->end_ns && fact->end_ns <= now_ns) {
			facts_remove(facts, place);
			continue;
		}
		result = fn(context, fact->key, 0, fact->text);
		if (result)
			return result;
		place++;
	}
	return 0;
}
