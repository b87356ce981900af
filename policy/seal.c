/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sealing a set: what names each other is there, groups and handles do not contain each other, and everything that does
 * not depend on who asks is worked out: which groups a group is in, which handles are in a handle, and which policies each side of a vnet tries in which order.
 */
#include "policy/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/error.h"
#include "policy/closure.h"

#define MESSAGE_MAX 200

static struct set_group *group_at(const struct policy_set *set, size_t place)
{
	return (struct set_group *)set->groups.things[place];
}

static struct set_handle *handle_at(const struct policy_set *set, size_t place)
{
	return (struct set_handle *)set->handles.things[place];
}

/* ---- what is named is there */

static int check_children(const struct policy_set *set, char message[MESSAGE_MAX])
{
	for (size_t i = 0; i < set->groups.count; i++) {
		const struct policy_group *group = &group_at(set, i)->group;

		for (size_t j = 0; j < group->child_count; j++) {
			if (keyed_find(&set->groups, group->children[j]))
				continue;
			snprintf(message, MESSAGE_MAX, "group %s contains a group that is not there", group->name);
			return -ENOENT;
		}
	}
	return 0;
}

/* Notes where groups and handles are. `who` names them: "policy 3 web". */
static int resolve_items(const struct policy_set *set, const char *who, struct match_item *items, size_t count,
	char message[MESSAGE_MAX])
{
	for (size_t i = 0; i < count; i++) {
		struct match_item *item = &items[i];
		const struct keyed *list = item->kind == ITEM_GROUP    ? &set->groups
					   : item->kind == ITEM_HANDLE ? &set->handles
								       : &set->vnets;

		if (item->kind != ITEM_GROUP && item->kind != ITEM_HANDLE && item->kind != ITEM_VNET)
			continue;
		if (keyed_find(list, item->id)) {
			item->place = (uint32_t)keyed_place(list, item->id);
			continue;
		}
		if (item->kind == ITEM_VNET)
			snprintf(message, MESSAGE_MAX, "%s names vnet %llu, which is not there", who,
				(unsigned long long)item->id);
		else
			snprintf(message, MESSAGE_MAX, "%s names a %s that is not there", who,
				item->kind == ITEM_GROUP ? "group" : "handle");
		return -ENOENT;
	}
	return 0;
}

static int resolve_handles(const struct policy_set *set, char message[MESSAGE_MAX])
{
	for (size_t i = 0; i < set->handles.count; i++) {
		struct set_handle *handle = handle_at(set, i);
		char who[POLICY_NAME_MAX + 16];

		snprintf(who, sizeof(who), "handle %s", handle->name);
		if (resolve_items(set, who, handle->items, handle->count, message))
			return -ENOENT;
	}
	return 0;
}

static int resolve_policies(const struct policy_set *set, char message[MESSAGE_MAX])
{
	for (size_t i = 0; i < set->policies.count; i++) {
		struct set_policy *entry = (struct set_policy *)set->policies.things[i];
		struct matcher *const matchers[] = {&entry->target, &entry->near, &entry->broad};
		const struct policy *policy = &entry->policy;
		char who[POLICY_NAME_MAX + 32];

		if (!keyed_find(&set->vnets, policy->vni)) {
			snprintf(message, MESSAGE_MAX, "policy %u %s is of vnet %u, which is not there", policy->id,
				policy->name, policy->vni);
			return -ENOENT;
		}
		snprintf(who, sizeof(who), "policy %u %s", policy->id, policy->name);
		for (size_t j = 0; j < ARRAY_LEN(matchers); j++)
			if (resolve_items(set, who, matchers[j]->items, matchers[j]->count, message))
				return -ENOENT;
	}
	return 0;
}

/* ---- groups in groups, handles in handles */

struct arrows {
	struct closure_arrow *entries;
	size_t count, room;
};

/* From what contains to what is in it: a row has all that a group is in. */
static int group_arrows(const struct policy_set *set, struct arrows *arrows)
{
	for (size_t place = 0; place < set->groups.count; place++) {
		const struct policy_group *group = &group_at(set, place)->group;

		for (size_t i = 0; i < group->child_count; i++) {
			size_t child = keyed_place(&set->groups, group->children[i]);

			if (array_add(arrows, ((struct closure_arrow){(uint32_t)place, (uint32_t)child})))
				return -ENOMEM;
		}
	}
	return 0;
}

/* The other way round: a row has all that is in a handle. */
static int handle_arrows(const struct policy_set *set, struct arrows *arrows)
{
	for (size_t place = 0; place < set->handles.count; place++) {
		const struct set_handle *handle = handle_at(set, place);

		for (size_t i = 0; i < handle->count; i++) {
			const struct match_item *item = &handle->items[i];

			if (item->kind == ITEM_HANDLE &&
				array_add(arrows, ((struct closure_arrow){item->place, (uint32_t)place})))
				return -ENOMEM;
		}
	}
	return 0;
}

static const char *name_at(const struct policy_set *set, bool handles, uint32_t place)
{
	return handles ? handle_at(set, place)->name : group_at(set, place)->group.name;
}

static void name_cycle(const struct policy_set *set, bool handles, const uint32_t *cycle, size_t count,
	char message[MESSAGE_MAX])
{
	const char *joint = handles ? " has " : " in ";
	size_t length = (size_t)snprintf(message, MESSAGE_MAX, "%s contain each other: %s",
		handles ? "handles" : "groups", name_at(set, handles, cycle[0]));

	for (size_t i = 1; i <= count; i++) {
		if (length + strlen(joint) + POLICY_NAME_MAX + strlen(joint) + sizeof("...") > MESSAGE_MAX) {
			snprintf(message + length, MESSAGE_MAX - length, "%s...", joint);
			return;
		}
		length += (size_t)snprintf(message + length, MESSAGE_MAX - length, "%s%s", joint,
			name_at(set, handles, cycle[i % count]));
	}
}

/* *rows is the caller's to free. */
static int close_things(const struct policy_set *set, bool handles, uint64_t **rows, char message[MESSAGE_MAX])
{
	size_t count = handles ? set->handles.count : set->groups.count, length = 0;
	scope_free uint32_t *cycle = NULL;
	struct arrows arrows = {0};
	int error = handles ? handle_arrows(set, &arrows) : group_arrows(set, &arrows);

	if (!error)
		error = closure_make(count, arrows.entries, arrows.count, rows, &cycle, &length);
	if (error == -ELOOP)
		name_cycle(set, handles, cycle, length, message);
	free(arrows.entries);
	return error;
}

/* ---- the order in which policies are tried */

static bool stands_in(const struct set_policy *entry, enum rank rank)
{
	bool near = rank == RANK_NEAR_DENY || rank == RANK_NEAR_ALLOW;
	bool allow = rank == RANK_NEAR_ALLOW || rank == RANK_BROAD_ALLOW;

	if (entry->policy.allow != allow)
		return false;
	return near ? entry->near.count > 0 : entry->broad.count > 0 || entry->broad.negated;
}

static int order_compare(const void *a, const void *b)
{
	const struct set_policy *left = *(const struct set_policy *const *)a,
				*right = *(const struct set_policy *const *)b;

	if (left->policy.vni != right->policy.vni)
		return left->policy.vni < right->policy.vni ? -1 : 1;
	if (left->policy.side != right->policy.side)
		return left->policy.side < right->policy.side ? -1 : 1;
	return left->key < right->key ? -1 : 1;
}

/* Of a stretch of policies of one vnet and side: appends each rank's to `order`. Returns the new count there. */
static size_t rank_policies(const struct set_policy **policies, size_t count, const struct set_policy **order,
	size_t ordered, struct ranked ranked[RANK_MAX])
{
	for (enum rank rank = 0; rank < RANK_MAX; rank++) {
		ranked[rank].policies = order + ordered;
		for (size_t i = 0; i < count; i++)
			if (stands_in(policies[i], rank))
				order[ordered++] = policies[i];
		ranked[rank].count = (size_t)(order + ordered - ranked[rank].policies);
	}
	return ordered;
}

static int index_policies(struct policy_set *set)
{
	size_t count = set->policies.count, ordered = 0;
	scope_free const struct set_policy **sorted = calloc(count + 1, sizeof(*sorted));
	/* A policy stands in at most two ranks. */
	const struct set_policy **order = calloc(2 * count + 1, sizeof(*order));

	if (!sorted || !order) {
		free(order);
		return -ENOMEM;
	}
	for (size_t i = 0; i < count; i++)
		sorted[i] = (const struct set_policy *)set->policies.things[i];
	qsort(sorted, count, sizeof(*sorted), order_compare);
	for (size_t from = 0, to; from < count; from = to) {
		const struct policy *first = &sorted[from]->policy;
		struct set_vnet *vnet = keyed_find(&set->vnets, first->vni);

		for (to = from;
			to < count && sorted[to]->policy.vni == first->vni && sorted[to]->policy.side == first->side;)
			to++;
		ordered = rank_policies(sorted + from, to - from, order, ordered, vnet->ranked[first->side]);
	}
	set->order = order;
	return 0;
}

int policy_set_seal(struct policy_set *set, char message[200])
{
	scope_free uint64_t *rows = NULL, *handle_rows = NULL;
	int error;

	if (set->sealed)
		return 0;
	error = check_children(set, message);
	if (!error)
		error = resolve_handles(set, message);
	if (!error)
		error = resolve_policies(set, message);
	if (!error)
		error = close_things(set, false, &rows, message);
	if (!error)
		error = close_things(set, true, &handle_rows, message);
	if (!error)
		error = index_policies(set);
	if (error)
		return error;
	set->words = (set->groups.count + 63) / 64;
	set->rows = rows;
	set->handle_words = (set->handles.count + 63) / 64;
	set->handle_rows = handle_rows;
	rows = handle_rows = NULL;
	set->sealed = true;
	return 0;
}
