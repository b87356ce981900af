/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The graph of groups. See groups.h.
 */
#include "manager/groups.h"

#include <fnmatch.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/json.h"

struct group {
	struct table_node by_name;
	const struct object *object;
	struct {
		size_t *entries;
		size_t count, room;
	} children, parents;
};

struct groups {
	uint64_t generation;
	struct table by_name;
	struct group *entries;
	size_t count;
	size_t *matching; /* those with criteria */
	size_t matching_count;
};

static uint64_t hash_name(const char *name)
{
	static const uint8_t key[crypto_shorthash_KEYBYTES];
	uint64_t hash;

	crypto_shorthash((uint8_t *)&hash, (const uint8_t *)name, strlen(name), key);
	return hash;
}

long groups_find(const struct groups *groups, const char *name)
{
	uint64_t hash = hash_name(name);
	struct table_node *node = table_find(&groups->by_name, hash);

	for (; node; node = table_same(node->next, hash)) {
		struct group *group = container_of(node, struct group, by_name);

		if (!strcmp(group->object->name, name))
			return group - groups->entries;
	}
	return -1;
}

const struct object *groups_object(const struct groups *groups, size_t index)
{
	return groups->entries[index].object;
}

/* ---- making */

void groups_free(struct groups *groups)
{
	if (!groups)
		return;
	for (size_t i = 0; i < groups->count; i++) {
		free(groups->entries[i].children.entries);
		free(groups->entries[i].parents.entries);
	}
	table_clear(&groups->by_name);
	free(groups->entries);
	free(groups->matching);
	free(groups);
}

static int add_all(struct groups *groups, const struct objects *objects)
{
	const struct object *each;

	LIST_FOREACH(each, objects, of_kind) {
		struct group *group = &groups->entries[groups->count++];

		group->object = each;
		if (table_add(&groups->by_name, &group->by_name, hash_name(each->name)))
			return -ENOMEM;
		if (json_member(each->body, "match"))
			groups->matching[groups->matching_count++] = groups->count - 1;
	}
	return 0;
}

static int add_edges(struct groups *groups, size_t index)
{
	const cJSON *each;
	int error = 0;

	cJSON_ArrayForEach(each, json_member(groups->entries[index].object->body, "groups")) {
		long child = groups_find(groups, each->valuestring);

		if (child < 0)
			continue;
		error = array_add(&groups->entries[index].children, (size_t)child);
		if (!error)
			error = array_add(&groups->entries[child].parents, index);
		if (error)
			return error;
	}
	return 0;
}

struct groups *groups_of(struct state *state, struct groups *former)
{
	size_t count = state_count(state, MODEL_GROUP) + state_count(state, MODEL_SECURITY_GROUP);
	struct groups *groups;
	int error;

	if (former && former->generation == state_groups_generation(state))
		return former;
	groups_free(former);
	groups = calloc(1, sizeof(*groups));
	if (!groups)
		return NULL;
	groups->generation = state_groups_generation(state);
	groups->entries = calloc(count + 1, sizeof(*groups->entries));
	groups->matching = calloc(count + 1, sizeof(*groups->matching));
	error = groups->entries && groups->matching ? 0 : -ENOMEM;
	if (!error)
		error = add_all(groups, state_all(state, MODEL_GROUP));
	if (!error)
		error = add_all(groups, state_all(state, MODEL_SECURITY_GROUP));
	for (size_t i = 0; i < groups->count && !error; i++)
		error = add_edges(groups, i);
	if (!error)
		return groups;
	groups_free(groups);
	return NULL;
}

/* ---- sets */

int group_set_new(const struct groups *groups, struct group_set *out)
{
	struct group_set set = {
		.has = calloc(groups->count + 1, sizeof(*set.has)),
		.entries = calloc(groups->count + 1, sizeof(*set.entries)),
	};

	if (!set.has || !set.entries) {
		group_set_free(&set);
		return -ENOMEM;
	}
	*out = set;
	return 0;
}

void group_set_free(struct group_set *set)
{
	free(set->has);
	free(set->entries);
	*set = (struct group_set){0};
}

void group_set_add(struct group_set *set, size_t group)
{
	if (set->has[group])
		return;
	set->has[group] = true;
	set->entries[set->count++] = group;
}

/* The list grows while it is walked. */
void group_set_below(const struct groups *groups, struct group_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		for (size_t j = 0; j < groups->entries[set->entries[i]].children.count; j++)
			group_set_add(set, groups->entries[set->entries[i]].children.entries[j]);
}

void group_set_above(const struct groups *groups, struct group_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		for (size_t j = 0; j < groups->entries[set->entries[i]].parents.count; j++)
			group_set_add(set, groups->entries[set->entries[i]].parents.entries[j]);
}

/* ---- nodes */

/*
 * Criteria take nodes of the group's own account; those of others only where they say so, and of one vnet, which the check has
 * seen to be open to the group's account.
 */
static bool meets(const struct object *group, const struct object *node)
{
	const cJSON *match = json_member(group->body, "match");
	const char *name = cJSON_GetStringValue(json_member(match, "name"));
	const char *vnet = cJSON_GetStringValue(json_member(match, "vnet"));
	const char *account = cJSON_GetStringValue(json_member(match, "account"));
	char own[MODEL_PART_MAX], nodes[MODEL_PART_MAX];

	object_account(group, own);
	object_account(node, nodes);
	if (!account)
		account = own;
	if ((strcmp(account, "*") && strcmp(nodes, account)) || (strcmp(nodes, own) && !vnet))
		return false;
	if (vnet && strcmp(vnet, object_text(node, "vnet")))
		return false;
	return !name || !fnmatch(name, strchr(node->name, '/') + 1, 0);
}

static void add_named(const struct groups *groups, const struct object *node, const char *member, struct group_set *set)
{
	const cJSON *each;

	cJSON_ArrayForEach(each, json_member(node->body, member)) {
		long group = groups_find(groups, each->valuestring);

		if (group >= 0)
			group_set_add(set, (size_t)group);
	}
}

void groups_of_node(const struct groups *groups, const struct object *node, struct group_set *set)
{
	add_named(groups, node, "groups", set);
	add_named(groups, node, "security_groups", set);
	for (size_t i = 0; i < groups->matching_count; i++)
		if (meets(groups->entries[groups->matching[i]].object, node))
			group_set_add(set, groups->matching[i]);
}
