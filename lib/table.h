/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hash table of nodes that are part of what they find: it grows from nothing, and only its buckets are allocated.
 *
 * Who uses it computes the hash (64 bits, keyed where strangers choose what is hashed) and compares what has the same one.
 * It never shrinks before table_clear().
 */
#ifndef OVNET_LIB_TABLE_H
#define OVNET_LIB_TABLE_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define TABLE_ROOM_LEAST 8

struct table_node {
	struct table_node *next;
	uint64_t hash;
};

struct table {
	struct table_node **buckets;
	size_t room, count; /* room is 0 or a power of two */
};

/* The structure of `type` whose `member` is at `pointer`. */
#define container_of(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

static inline struct table_node **table_bucket(const struct table *table, uint64_t hash)
{
	return &table->buckets[hash & (table->room - 1)];
}

static inline void table_place(struct table *table, struct table_node *node)
{
	struct table_node **bucket = table_bucket(table, node->hash);

	node->next = *bucket;
	*bucket = node;
}

static inline void table_grow(struct table *table)
{
	struct table grown = {.room = table->room ? table->room * 2 : TABLE_ROOM_LEAST, .count = table->count};

	grown.buckets = calloc(grown.room, sizeof(*grown.buckets));
	if (!grown.buckets)
		return;
	for (size_t i = 0; i < table->room; i++) {
		struct table_node *node = table->buckets[i], *next;

		for (; node; node = next) {
			next = node->next;
			table_place(&grown, node);
		}
	}
	free(table->buckets);
	*table = grown;
}

/* Returns 0, or -ENOMEM: there is no bucket at all. A table that cannot grow gets slower, and goes on. */
static inline int table_add(struct table *table, struct table_node *node, uint64_t hash)
{
	if (table->count >= table->room)
		table_grow(table);
	if (!table->room)
		return -ENOMEM;
	node->hash = hash;
	table_place(table, node);
	table->count++;
	return 0;
}

static inline void table_remove(struct table *table, struct table_node *node)
{
	struct table_node **at = table_bucket(table, node->hash);

	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	table->count--;
}

/* The first node at or after `node`, within its bucket, that has this hash. */
static inline struct table_node *table_same(struct table_node *node, uint64_t hash)
{
	while (node && node->hash != hash)
		node = node->next;
	return node;
}

static inline struct table_node *table_find(const struct table *table, uint64_t hash)
{
	return table->room ? table_same(*table_bucket(table, hash), hash) : NULL;
}

/* Every node once, in no order, as long as none is added or removed. Begin and end with NULL. */
static inline struct table_node *table_next(const struct table *table, const struct table_node *node)
{
	size_t i = 0;

	if (node && node->next)
		return node->next;
	if (node)
		i = (node->hash & (table->room - 1)) + 1;
	for (; i < table->room; i++)
		if (table->buckets[i])
			return table->buckets[i];
	return NULL;
}

/* Gives the buckets back. The nodes are left to who owns them. */
static inline void table_clear(struct table *table)
{
	free(table->buckets);
	*table = (struct table){0};
}

#endif /* OVNET_LIB_TABLE_H */
