/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects by key, in memory: what the changes of a log amount to. For stores and backups that keep a log.
 */
#ifndef OVNET_MANAGER_STORE_TABLE_H
#define OVNET_MANAGER_STORE_TABLE_H

#include "manager/store.h"

struct store_entry {
	char *key, *body; /* body NULL: deleted */
	uint64_t revision;
};

struct store_table {
	struct store_entry *entries;
	size_t count, room;
	uint32_t *slots;   /* index + 1 of an entry; 0: free */
	size_t slot_count; /* a power of two, or 0 */
	size_t octets;     /* of keys and bodies that are there */
};

#define scope_table __attribute__((cleanup(store_table_free)))
void store_table_free(struct store_table *table);

/* Sets an object, or deletes it (body NULL). Strings are copied. Returns 0 or -ENOMEM. */
int store_table_set(struct store_table *table, const char *key, uint64_t revision, const char *body);
/* Every write of a change. Returns 0 or -ENOMEM. */
int store_table_apply(struct store_table *table, const struct store_change *change);
/* The object, or NULL: it is not there. */
const struct store_entry *store_table_find(const struct store_table *table, const char *key);
/*
 * Hands out what is there in order of keys (octet by octet). Afterwards nothing can be set or found any more. A callback's nonzero
 * result ends the walk and is returned.
 */
int store_table_walk(struct store_table *table, store_object_fn fn, void *context);

#endif /* OVNET_MANAGER_STORE_TABLE_H */
