/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sealing a set: what names each other is there, groups do not contain each other, and everything that does not depend
 * on who asks is worked out: which groups a group is in, and which policies each side of a vnet tries in which order.
 */
#include "policy/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"

#define MESSAGE_MAX 200

static struct set_group *group_at(const struct policy_set *set, size_t place)
{
	return (struct set_group *)set->groups.things[place];
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

/* Also notes where the groups are. */
static int resolve_items(const struct policy_set *set, const struct policy *policy, struct matcher *matcher,
	char message[MESSAGE_MAX])
{
	for (size_t i = 0; i < matcher->count; i++) {
		struct match_item *item = &matcher->items[i];

		if (item->kind == ITEM_GROUP && !keyed_find(&set->groups, item->id)) {
			snprintf(message, MESSAGE_MAX, "policy %u %s names a group that is not there", policy->id,
				policy->name);
			return -ENOENT;
		}
		if (item->kind == ITEM_VNET && !keyed_find(&set->vnets, item->id)) {
			snprintf(message, MESSAGE_MAX, "policy %u %s names vnet %llu, which is not there", policy->id,
				policy->name, (unsigned long long)item->id);
			return -ENOENT;
		}
		if (item->kind == ITEM_GROUP)
			item->place = (uint32_t)keyed_place(&set->groups, item->id);
	}
	return 0;
}

static int resolve_policies(const struct policy_set *set, char message[MESSAGE_MAX])
{
	for (size_t i = 0; i < set->policies.count; i++) {
		struct set_policy *entry = (struct set_policy *)set->policies.things[i];
		const struct policy *policy = &entry->policy;

		if (!keyed_find(&set->vnets, policy->vni)) {
			snprintf(message, MESSAGE_MAX, "policy %u %s is of vnet %u, which is not there", policy->id,
				policy->name, policy->vni);
			return -ENOENT;
		}
		if (resolve_items(set, policy, &entry->target, message) ||
			resolve_items(set, policy, &entry->near, message) ||
			resolve_items(set, policy, &entry->broad, message))
			return -ENOENT;
	}
	return 0;
}

/* ---- groups in groups */

/* While it runs, `waiting` counts for each group those that contain it and have not been passed on yet. */
struct closing {
	const struct policy_set *set;
	size_t words;
	uint64_t *rows;
	uint32_t *waiting;
	uint32_t *ready;
	size_t ready_count;
};

static size_t child_at(const struct policy_set *set, const struct policy_group *group, size_t i)
{
	return keyed_place(&set->groups, group->children[i]);
}

/* What contains a group contains all that is in it. */
static void pass_on(struct closing *closing, size_t place)
{
	const struct policy_group *group = &group_at(closing->set, place)->group;
	const uint64_t *from = closing->rows + place * closing->words;

	for (size_t i = 0; i < group->child_count; i++) {
		size_t child = child_at(closing->set, group, i);
		uint64_t *to = closing->rows + child * closing->words;

		for (size_t word = 0; word < closing->words; word++)
			to[word] |= from[word];
		if (--closing->waiting[child] == 0)
			closing->ready[closing->ready_count++] = (uint32_t)child;
	}
}

static void closing_start(struct closing *closing)
{
	for (size_t place = 0; place < closing->set->groups.count; place++) {
		const struct policy_group *group = &group_at(closing->set, place)->group;

		closing->rows[place * closing->words + place / 64] |= 1ull << place % 64;
		for (size_t i = 0; i < group->child_count; i++)
			closing->waiting[child_at(closing->set, group, i)]++;
	}
	for (size_t place = 0; place < closing->set->groups.count; place++)
		if (!closing->waiting[place])
			closing->ready[closing->ready_count++] = (uint32_t)place;
}

static bool contains(const struct policy_set *set, size_t place, size_t child)
{
	const struct policy_group *group = &group_at(set, place)->group;

	for (size_t i = 0; i < group->child_count; i++)
		if (child_at(set, group, i) == child)
			return true;
	return false;
}

/* The first group that contains this one and still waits itself. */
static size_t waiting_container(const struct closing *closing, size_t place)
{
	size_t container = 0;

	while (!closing->waiting[container] || !contains(closing->set, container, place))
		container++;
	return container;
}

/* Each group that waits is in another that waits: going up from any of them ends in a cycle. */
static void name_cycle(const struct closing *closing, char message[MESSAGE_MAX])
{
	static const char more[] = " in ...";
	size_t at = 0, first, length;

	while (!closing->waiting[at])
		at++;
	for (size_t i = 0; i < closing->set->groups.count; i++)
		at = waiting_container(closing, at);
	first = at;
	length = (size_t)snprintf(message, MESSAGE_MAX, "groups contain each other: %s",
		group_at(closing->set, at)->group.name);
	do {
		at = waiting_container(closing, at);
		if (length + strlen(" in ") + POLICY_NAME_MAX + sizeof(more) > MESSAGE_MAX) {
			snprintf(message + length, MESSAGE_MAX - length, "%s", more);
			return;
		}
		length += (size_t)snprintf(message + length, MESSAGE_MAX - length, " in %s",
			group_at(closing->set, at)->group.name);
	} while (at != first);
}

/* *rows is the caller's to free. */
static int close_groups(const struct policy_set *set, size_t words, uint64_t **rows, char message[MESSAGE_MAX])
{
	size_t count = set->groups.count;
	/* One more than needed, so that nothing of none is not taken for want of memory. */
	scope_free uint64_t *made = calloc(count * words + 1, sizeof(*made));
	scope_free uint32_t *waiting = calloc(count + 1, sizeof(*waiting));
	scope_free uint32_t *ready = calloc(count + 1, sizeof(*ready));
	struct closing closing = {set, words, made, waiting, ready, 0};

	if (!made || !waiting || !ready)
		return -ENOMEM;
	closing_start(&closing);
	for (size_t i = 0; i < closing.ready_count; i++)
		pass_on(&closing, ready[i]);
	if (closing.ready_count < count) {
		name_cycle(&closing, message);
		return -ELOOP;
	}
	*rows = made;
	made = NULL;
	return 0;
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
	size_t words = (set->groups.count + 63) / 64;
	scope_free uint64_t *rows = NULL;
	int error;

	if (set->sealed)
		return 0;
	error = check_children(set, message);
	if (!error)
		error = resolve_policies(set, message);
	if (!error)
		error = close_groups(set, words, &rows, message);
	if (!error)
		error = index_policies(set);
	if (error)
		return error;
	set->words = words;
	set->rows = rows;
	rows = NULL;
	set->sealed = true;
	return 0;
}
