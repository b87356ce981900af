/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Learned mappings and their use; see resolve_use.h.
 */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "agent/resolve_use.h"
#include "lib/array.h"

#define INHERITED_WITHIN_NS 1000000000ull

struct use {
	struct mapping_key key; /* first: the tree compares it */
	uint64_t noted_ns, refresh_ns, expires_ns;
	struct ipv4 source;
	bool used, told;
};

struct due {
	struct mapping_key key;
	struct ipv4 source;
	bool over;
};

struct due_list {
	struct due *entries;
	size_t count, room;
	uint64_t now_ns;
};

struct resolve_uses {
	void *tree;
};

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct mapping_key));
}

struct resolve_uses *resolve_uses_new(void)
{
	return calloc(1, sizeof(struct resolve_uses));
}

void resolve_uses_free(struct resolve_uses *uses)
{
	if (!uses)
		return;
	tdestroy(uses->tree, free);
	free(uses);
}

static struct use *find(const struct resolve_uses *uses, const struct mapping_key *key)
{
	struct use **found = tfind(key, &uses->tree, compare);

	return found ? *found : NULL;
}

static struct use *find_or_make(struct resolve_uses *uses, const struct mapping_key *key)
{
	struct use *use = find(uses, key);

	if (use)
		return use;
	use = calloc(1, sizeof(*use));
	if (!use)
		return NULL;
	use->key = *key;
	if (tsearch(use, &uses->tree, compare))
		return use;
	free(use);
	return NULL;
}

/* Between 0 and 1023, the same for the same address. */
static uint64_t splay(const struct mapping_key *key)
{
	uint64_t mixed = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < sizeof(*key); i++)
		mixed = (mixed ^ ((const uint8_t *)key)[i]) * 0x100000001b3ull;
	return ((mixed ^ mixed >> 31) * 0xbf58476d1ce4e5b9ull) >> 54;
}

void resolve_use_note(struct resolve_uses *uses, const struct mapping_key *key, uint64_t now_ns, uint64_t expires_ns)
{
	struct use *use = find_or_make(uses, key);
	uint64_t life_ns = expires_ns > now_ns ? expires_ns - now_ns : 0;

	if (!use)
		return;
	/* At three quarters of its life, give or take an eighth. */
	use->noted_ns = now_ns;
	use->expires_ns = expires_ns;
	use->refresh_ns = now_ns + life_ns / 8 * 5 + life_ns / 4 * splay(key) / 1024;
	use->used = false;
	use->told = true;
}

void resolve_use_inherit(struct resolve_uses *uses, const struct mapping_key *key, uint64_t now_ns, uint64_t expires_ns)
{
	struct use *use = find_or_make(uses, key);

	if (!use)
		return;
	use->expires_ns = expires_ns;
	use->refresh_ns = now_ns + INHERITED_WITHIN_NS * splay(key) / 1024;
}

void resolve_use_forget(struct resolve_uses *uses, const struct mapping_key *key)
{
	struct use *use = find(uses, key);

	if (!use)
		return;
	tdelete(key, &uses->tree, compare);
	free(use);
}

bool resolve_use_was_told(const struct resolve_uses *uses, const struct mapping_key *key)
{
	const struct use *use = find(uses, key);

	return use && use->told;
}

void resolve_use_mark(struct resolve_uses *uses, const struct mapping_key *key, struct ipv4 source, uint64_t last_ns)
{
	struct use *use = find(uses, key);

	if (!use || last_ns < use->noted_ns)
		return;
	use->used = true;
	use->source = source;
}

static void look(const void *node, VISIT visit, void *context)
{
	const struct use *use = *(struct use *const *)node;
	struct due_list *list = context;
	bool over = list->now_ns >= use->expires_ns;

	if (visit != postorder && visit != leaf)
		return;
	/* What finds no room is looked at again next time. */
	if (over || (use->used && list->now_ns >= use->refresh_ns))
		(void)array_add(list, ((struct due){use->key, use->source, over}));
}

void resolve_use_due(struct resolve_uses *uses, uint64_t now_ns,
	void (*fn)(void *context, const struct mapping_key *key, struct ipv4 source), void *context)
{
	struct due_list list = {.now_ns = now_ns};

	twalk_r(uses->tree, look, &list);
	for (size_t i = 0; i < list.count; i++) {
		const struct due *due = &list.entries[i];

		if (due->over)
			resolve_use_forget(uses, &due->key);
		else
			fn(context, &due->key, due->source);
	}
	free(list.entries);
}
