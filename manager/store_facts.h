/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Facts in memory, for a store that has one process: by key, some with an end. Time is passed in.
 */
#ifndef OVNET_MANAGER_STORE_FACTS_H
#define OVNET_MANAGER_STORE_FACTS_H

#include "manager/store.h"

struct store_fact {
	char *key, *text;
	uint64_t end_ns; /* 0: none */
};

struct store_facts {
	struct store_fact *entries; /* in order of keys */
	size_t count, room;
};

void store_facts_free(struct store_facts *facts);
/* `text` NULL: it is removed. Returns 0 or -ENOMEM. */
int store_facts_set(struct store_facts *facts, const char *key, const char *text, uint64_t end_ns);
/* Hands out, in order of keys, those that begin with `prefix`; what has ended is removed. */
int store_facts_walk(struct store_facts *facts, const char *prefix, uint64_t now_ns, store_object_fn fn, void *context);

#endif /* OVNET_MANAGER_STORE_FACTS_H */
