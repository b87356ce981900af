/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects by key, in memory. See store_table.h.
 */
#include "manager/store_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"

void store_table_free(struct store_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		free(table->entries[i].key);
		free(table->entries[i].body);
	}
	free(table->entries);
	free(table->slots);
	*table = (struct store_table){};
}

static size_t table_hash(const char *key)
{
	uint64_t hash = 0xcbf29ce484222325ull; /* FNV-1a */

	while (*key)
		hash = (hash ^ (unsigned char)*key++) * 0x100000001b3ull;
	return (size_t)(hash ^ hash >> 32);
}

/* The slot of `key`, or the free one where it belongs. */
static size_t table_slot(const struct store_table *table, const char *key)
{
	size_t slot = table_hash(key) & (table->slot_count - 1);

	while (table->slots[slot] && strcmp(table->entries[table->slots[slot] - 1].key, key) != 0)
		slot = (slot + 1) & (table->slot_count - 1);
	return slot;
}

/* Keeps at least half of the slots free. */
static int table_grow(struct store_table *table)
{
	size_t slot_count = table->slot_count ? table->slot_count * 2 : 256;
	uint32_t *slots;

	if (2 * (table->count + 1) <= table->slot_count)
		return 0;
	slots = calloc(slot_count, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(table->slots);
	table->slots = slots;
	table->slot_count = slot_count;
	for (size_t i = 0; i < table->count; i++)
		table->slots[table_slot(table, table->entries[i].key)] = (uint32_t)i + 1;
	return 0;
}

static size_t entry_octets(const struct store_entry *entry)
{
	return entry->body ? strlen(entry->key) + strlen(entry->body) : 0;
}

int store_table_set(struct store_table *table, const char *key, uint64_t revision, const char *body)
{
	char *copy = body ? strdup(body) : NULL, *name = NULL;
	struct store_entry *entry;
	size_t slot;

	if ((body && !copy) || table_grow(table))
		goto fail;
	slot = table_slot(table, key);
	if (!table->slots[slot]) {
		name = strdup(key);
		if (!name || array_add(table, ((struct store_entry){.key = name})))
			goto fail;
		table->slots[slot] = (uint32_t)table->count;
	}
	entry = &table->entries[table->slots[slot] - 1];
	table->octets -= entry_octets(entry);
	free(entry->body);
	entry->body = copy;
	entry->revision = revision;
	table->octets += entry_octets(entry);
	return 0;
fail:
	free(copy);
	free(name);
	return -ENOMEM;
}

int store_table_apply(struct store_table *table, const struct store_change *change)
{
	for (size_t i = 0; i < change->count; i++) {
		int error = store_table_set(table, change->writes[i].key, change->revision, change->writes[i].body);

		if (error)
			return error;
	}
	return 0;
}

const struct store_entry *store_table_find(const struct store_table *table, const char *key)
{
	size_t slot;

	if (!table->slot_count)
		return NULL;
	slot = table_slot(table, key);
	if (!table->slots[slot] || !table->entries[table->slots[slot] - 1].body)
		return NULL;
	return &table->entries[table->slots[slot] - 1];
}

static int entry_compare(const void *a, const void *b)
{
	return strcmp(((const struct store_entry *)a)->key, ((const struct store_entry *)b)->key);
}

int store_table_walk(struct store_table *table, store_object_fn fn, void *context)
{
	int result;

	if (table->count)
		qsort(table->entries, table->count, sizeof(*table->entries), entry_compare);
	for (size_t i = 0; i < table->count; i++) {
		const struct store_entry *entry = &table->entries[i];

		result = entry->body ? fn(context, entry->key, entry->revision, entry->body) : 0;
		if (result)
			return result;
	}
	return 0;
}
