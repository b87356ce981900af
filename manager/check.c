/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What must hold between objects. See change_internal.h. Looked at is what the steps touch: all else held before, and nothing
 * in it has changed.
 */
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "manager/agents.h"
#include "manager/change_internal.h"
#include "model/selector.h"
#include "policy/policy.h"

#define DEPTH_MOST 64 /* of groups in groups, and of handles in handles */

struct check {
	struct manager *manager;
	struct change *change;
	const struct object *object;
	char account[MODEL_PART_MAX]; /* the object's */
};

static void PRINTF_LIKE(3, 4) find(struct check *check, const char *member, const char *format, ...)
{
	char path[MODEL_KEY_MAX + 64], message[400];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	snprintf(path, sizeof(path), "%s%s%s", check->object->key, *member ? " " : "", member);
	change_find(check->change, MHD_HTTP_UNPROCESSABLE_CONTENT, path, "%s", message);
}

/* ---- references */

/* The vnet that an object speaks of others within: a policy's, or that of a group's criteria. */
static const struct object *within(const struct check *check)
{
	const char *name = object_text(check->object, "vnet");

	if (check->object->kind == MODEL_GROUP)
		name = cJSON_GetStringValue(json_member(json_member(check->object->body, "match"), "vnet"));
	else if (check->object->kind != MODEL_POLICY)
		return NULL;
	return state_find(check->manager->state, MODEL_VNET, name);
}

/*
 * Whether who owns the object may speak of that one. What is another account's is spoken of only by policies and criteria, as
 * the other end, and only within a vnet that both are in. Nobody puts himself into groups of others, or others into his own.
 */
static bool may_name(struct check *check, const struct object *target)
{
	const struct object *vnet;
	char account[MODEL_PART_MAX];

	object_account(target, account);
	switch (target->kind) {
	case MODEL_HOST:
		return true;
	case MODEL_VNET:
		return object_vnet_has(target, check->account);
	case MODEL_ACCOUNT:
		if (check->object->kind == MODEL_VNET)
			return true;
		break;
	case MODEL_SECURITY_GROUP:
		return !strcmp(account, check->account);
	default:
		break;
	}
	if (!strcmp(account, check->account))
		return true;
	vnet = within(check);
	if (!vnet || !object_vnet_has(vnet, check->account) || !object_vnet_has(vnet, account))
		return false;
	return target->kind != MODEL_NODE || !strcmp(object_text(target, "vnet"), vnet->name);
}

static void check_reference(void *context, enum model_kind to, const char *name, const char *path)
{
	struct check *check = context;
	const struct object *target = state_find(check->manager->state, to, name);

	/* What may not be named is as if it were not there. */
	if (!target || !may_name(check, target))
		find(check, path, "expected a %s that is there, got '%s'", model_table[to].name, name);
}

/* Named is one that who asks may see. When there is more to say than is told, what refers is not looked for any more. */
static void check_gone(struct check *check)
{
	const struct state *state = check->manager->state;
	const struct object *referrer = NULL, *first;

	if (!state_anchor(state, check->object->key))
		return;
	if (check->change->findings.count >= HTTP_FINDINGS_MAX) {
		find(check, "", "expected nothing to refer to what is deleted");
		return;
	}
	first = referrer = state_referrer(state, check->object->key, NULL);
	while (referrer && !auth_sees(&check->change->request.principal, referrer))
		referrer = state_referrer(state, check->object->key, referrer);
	if (first)
		find(check, "", "expected nothing to refer to what is deleted, but %s does",
			referrer ? referrer->key : "something of another account");
}

/* Of an account that goes, nothing may be left. */
static void check_account_gone(struct check *check)
{
	char account[MODEL_PART_MAX];

	for (size_t kind = 0; kind < MODEL_KINDS; kind++) {
		const struct object *each;

		if (!model_table[kind].of_account)
			continue;
		LIST_FOREACH(each, state_all(check->manager->state, (enum model_kind)kind), of_kind) {
			object_account(each, account);
			if (strcmp(account, check->object->name))
				continue;
			find(check, "", "expected an account without objects, but %s is there", each->key);
			return;
		}
	}
}

/* ---- cycles, of groups and handles: from the object along what it contains back to it, each looked at once */

struct descent {
	struct check *check;
	enum model_kind kind;
	uint64_t walk;
	unsigned depth, height; /* where it is; the greatest height of what was looked at there */
	bool found, deep;
	char through[300]; /* the way back, from the end */
};

static void found_through(struct descent *descent, const char *name)
{
	char before[sizeof(descent->through)];

	memcpy(before, descent->through, sizeof(before));
	snprintf(descent->through, sizeof(descent->through), "%s > %.230s", name, before);
}

static void descend(void *context, enum model_kind to, const char *name, const char *path)
{
	struct descent *descent = context;
	unsigned height = descent->height;
	struct object *object;

	(void)path;
	if (to != descent->kind || descent->found || descent->deep)
		return;
	if (!strcmp(name, descent->check->object->name)) {
		descent->found = true;
		snprintf(descent->through, sizeof(descent->through), "%s", name);
		return;
	}
	object = state_find(descent->check->manager->state, to, name);
	if (!object)
		return;
	if (object->walk != descent->walk) {
		if (descent->depth >= DEPTH_MOST) {
			descent->deep = true;
			return;
		}
		/* A cycle among others is their finding; it ends here. */
		object->walk = descent->walk;
		object->height = 0;
		descent->depth++;
		descent->height = 0;
		model_references(object->body, descend, descent);
		object->height = (uint8_t)(descent->height + 1);
		descent->depth--;
		if (descent->found)
			found_through(descent, name);
	}
	descent->height = object->height > height ? object->height : height;
	descent->deep |= descent->depth + object->height > DEPTH_MOST;
}

static void check_cycle(struct check *check)
{
	static uint64_t walks;
	struct descent descent = {.check = check, .kind = check->object->kind, .walk = ++walks};

	model_references(check->object->body, descend, &descent);
	if (descent.found)
		find(check, "", "expected no %s within itself, got %s > %s", model_table[descent.kind].name,
			check->object->name, descent.through);
	else if (descent.deep)
		find(check, "", "expected at most %d levels of one in another, got more", DEPTH_MOST);
}

/* ---- kinds */

static void check_owner(struct check *check)
{
	if (!model_table[check->object->kind].of_account ||
		state_find(check->manager->state, MODEL_ACCOUNT, check->account))
		return;
	find(check, "name", "expected an account that is there, got '%s'", check->account);
}

static void check_host(struct check *check)
{
	const struct object *other = state_host_at(check->manager->state, &check->object->locator, check->object);

	if (other)
		find(check, "locator", "expected a prefix that no other host has, but %s does", other->name);
}

static void check_address(struct check *check)
{
	const struct object *other;

	if (!check->object->placed || !object_text(check->object, "vnet"))
		return;
	other = state_at(check->manager->state, object_text(check->object, "vnet"), check->object->address,
		check->object);
	if (other)
		find(check, "address", "expected an address that is free in vnet %s, got '%s'",
			object_text(check->object, "vnet"), object_text(check->object, "address"));
}

/* A further address is one of a node of the same network. */
static void check_address_of(struct check *check)
{
	const struct object *node = state_find(check->manager->state, MODEL_NODE, object_text(check->object, "node"));

	check_address(check);
	if (node && may_name(check, node) && strcmp(object_text(node, "vnet"), object_text(check->object, "vnet")))
		find(check, "node", "expected a node of vnet %s, got '%s'", object_text(check->object, "vnet"),
			node->name);
}

static void check_slot(struct check *check)
{
	const struct object *host = state_find(check->manager->state, MODEL_HOST, object_text(check->object, "host"));
	long long slot = object_number(check->object, "slot", -1);

	if (host && slot >= 0 && host->locator.length == 72 && slot != host->locator.octet[8] >> 2)
		find(check, "slot", "expected %d, the slot of host %s, got %lld", host->locator.octet[8] >> 2,
			host->name, slot);
}

/* An interface is one node's. */
static void check_port(struct check *check)
{
	const struct object *each;

	LIST_FOREACH(each, &check->object->host->nodes, of_host) {
		if (each == check->object || strcmp(object_text(each, "port"), object_text(check->object, "port")))
			continue;
		find(check, "port", "expected an interface that no other node of host %s has, got '%s'",
			object_text(check->object, "host"), object_text(check->object, "port"));
		return;
	}
}

static void check_node(struct check *check)
{
	const struct object *vnet = state_find(check->manager->state, MODEL_VNET, object_text(check->object, "vnet"));

	if (vnet && !object_vnet_has(vnet, check->account))
		find(check, "vnet", "expected a vnet that account %s owns or is a member of, got '%s'", check->account,
			vnet->name);
	check_address(check);
	check_slot(check);
	if (check->object->host)
		check_port(check);
}

static void check_number(struct check *check, const char *member)
{
	if (state_same_number(check->manager->state, check->object))
		find(check, member, "expected a number that is free, got %llu", (unsigned long long)check->object->id);
}

static bool members_shrink(const struct object *before, const struct object *after)
{
	const cJSON *each;

	cJSON_ArrayForEach(each, json_member(before->body, "members")) {
		if (!object_vnet_has(after, each->valuestring))
			return true;
	}
	return false;
}

/* Members that still have something in it stay. */
static void check_vnet(struct check *check, const struct object *before)
{
	const struct object *each = NULL;
	char account[MODEL_PART_MAX];

	check_number(check, "vni");
	if (!before || !members_shrink(before, check->object))
		return;
	while ((each = state_referrer(check->manager->state, check->object->key, each))) {
		object_account(each, account);
		if (object_vnet_has(check->object, account))
			continue;
		find(check, "members", "expected account %s, which has %s in the vnet (%s)", account,
			each->kind == MODEL_NODE ? "nodes" : "something", each->key);
		return;
	}
}

/* Nodes name both kinds, and for agents they are one. */
static void check_group_name(struct check *check)
{
	enum model_kind other = check->object->kind == MODEL_GROUP ? MODEL_SECURITY_GROUP : MODEL_GROUP;

	if (state_find(check->manager->state, other, check->object->name))
		find(check, "name", "expected a name that no %s has, got '%s'", model_table[other].name,
			check->object->name);
}

static void check_token(struct check *check)
{
	const char *role = object_text(check->object, "role");

	if (!strcmp(role, "operator") && strcmp(check->account, MODEL_SYSTEM))
		find(check, "role", "expected a role other than operator: those are of account " MODEL_SYSTEM);
	if (!strcmp(role, "join") && !object_text(check->object, "host"))
		find(check, "host", "expected the host that is to join, got nothing");
}

/* ---- for whom policies speak */

/* Whether criteria take nodes of other accounts into the group. */
static bool takes_strangers(const struct object *group)
{
	const char *account = cJSON_GetStringValue(json_member(json_member(group->body, "match"), "account"));
	char own[MODEL_PART_MAX];

	object_account(group, own);
	return account && strcmp(account, own) != 0;
}

static const struct groups *groups_now(struct manager *manager)
{
	return viewer_groups(agents_viewer(manager));
}

static bool has_strangers(const struct groups *groups, const char *name)
{
	long group = groups ? groups_find(groups, name) : -1;
	struct group_set set;
	bool found = false;

	if (group < 0 || group_set_new(groups, &set))
		return true;
	group_set_add(&set, (size_t)group);
	group_set_below(groups, &set);
	for (size_t i = 0; i < set.count; i++)
		found |= takes_strangers(groups_object(groups, set.entries[i]));
	group_set_free(&set);
	return found;
}

static bool is_own_target(const struct check *check, const struct groups *groups, const char *text)
{
	struct model_item item;
	char account[MODEL_PART_MAX];

	if (model_item_parse(text, &item) || item.kind != MODEL_ITEM_NAME)
		return false;
	if (item.to == MODEL_ACCOUNT)
		return !strcmp(item.name, check->account);
	model_account(item.name, account);
	if (strcmp(account, check->account))
		return false;
	return item.to == MODEL_NODE || (item.to == MODEL_GROUP && !has_strangers(groups, item.name));
}

/* In a vnet of somebody else's an account decides for its own nodes, and for no others. */
static void check_target(struct check *check)
{
	const struct object *vnet = state_find(check->manager->state, MODEL_VNET, object_text(check->object, "vnet"));
	const struct groups *groups = groups_now(check->manager);
	const cJSON *target = json_member(check->object->body, "target"), *item = NULL;
	char owner[MODEL_PART_MAX];

	if (!vnet || !object_vnet_has(vnet, check->account) || object_text(check->object, "security_group"))
		return;
	object_account(vnet, owner);
	if (!strcmp(owner, check->account))
		return;
	if (model_selector_is_negated(target)) {
		find(check, "target", "expected nodes or groups of account %s, or account:%s, as the vnet is another's",
			check->account, check->account);
		return;
	}
	while ((item = model_selector_next(target, item))) {
		if (is_own_target(check, groups, item->valuestring))
			continue;
		find(check, "target",
			"expected nodes or groups of account %s alone, or account:%s, as the vnet is another's, got '%s'",
			check->account, check->account, item->valuestring);
		return;
	}
}

/* What is in a group has changed: policies that speak for it are looked at again. */
static void check_targets(struct manager *manager, struct change *change)
{
	const struct object *policy;

	LIST_FOREACH(policy, state_all(manager->state, MODEL_POLICY), of_kind) {
		struct check check = {.manager = manager, .change = change, .object = policy};

		object_account(policy, check.account);
		check_target(&check);
	}
}

static void check_object(struct check *check, const struct object *before)
{
	model_references(check->object->body, check_reference, check);
	check_owner(check);
	switch (check->object->kind) {
	case MODEL_HOST:
		check_host(check);
		break;
	case MODEL_VNET:
		check_vnet(check, before);
		break;
	case MODEL_NODE:
		check_node(check);
		break;
	case MODEL_ADDRESS:
		check_address_of(check);
		break;
	case MODEL_POLICY:
		check_number(check, "id");
		check_target(check);
		break;
	case MODEL_TOKEN:
		check_token(check);
		break;
	case MODEL_GROUP:
		check_cycle(check);
		check_group_name(check);
		break;
	case MODEL_SECURITY_GROUP:
		check_group_name(check);
		break;
	case MODEL_HANDLE:
		check_cycle(check);
		break;
	default:
		break;
	}
}

/* ---- how many groups a vnet may know: as many as who evaluates its policies takes */

static size_t groups_of_vnet(const struct manager *manager, const struct object *vnet)
{
	static const enum model_kind kinds[] = {MODEL_GROUP, MODEL_SECURITY_GROUP};
	size_t count = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const struct object *group;

		LIST_FOREACH(group, state_all(manager->state, kinds[i]), of_kind) {
			char account[MODEL_PART_MAX];

			object_account(group, account);
			count += object_vnet_has(vnet, account);
		}
	}
	return count;
}

static void check_vnet_groups(struct check *check, const struct object *vnet)
{
	size_t count = groups_of_vnet(check->manager, vnet);

	if (count > POLICY_SET_GROUPS_MAX)
		find(check, "", "expected at most %d groups and security groups of the accounts in vnet %s, got %zu",
			POLICY_SET_GROUPS_MAX, vnet->name, count);
}

/* Looks at the vnets that the step makes larger. `last` is the account whose groups were looked at already. */
static void check_room(struct check *check, bool is_new, char last[MODEL_PART_MAX])
{
	const struct state *state = check->manager->state;
	const struct object *vnet;

	if (state_count(state, MODEL_GROUP) + state_count(state, MODEL_SECURITY_GROUP) <= POLICY_SET_GROUPS_MAX)
		return;
	if (check->object->kind == MODEL_VNET)
		check_vnet_groups(check, check->object);
	if (!is_new || (check->object->kind != MODEL_GROUP && check->object->kind != MODEL_SECURITY_GROUP) ||
		!strcmp(check->account, last))
		return;
	strcpy(last, check->account);
	LIST_FOREACH(vnet, state_all(state, MODEL_VNET), of_kind)
		if (object_vnet_has(vnet, check->account))
			check_vnet_groups(check, vnet);
}

int change_check(struct manager *manager, struct change *change)
{
	size_t count;
	const struct state_step *steps = state_steps(manager->state, &count);
	char last[MODEL_PART_MAX] = "";
	bool targets = false;

	for (size_t i = 0; i < count; i++) {
		struct check check = {.manager = manager, .change = change, .object = steps[i].after};

		if (!check.object) {
			check.object = steps[i].before;
			if (!check.object)
				continue;
			check_gone(&check);
			if (check.object->kind == MODEL_ACCOUNT)
				check_account_gone(&check);
			continue;
		}
		object_account(check.object, check.account);
		check_object(&check, steps[i].before);
		check_room(&check, !steps[i].before, last);
		targets |= check.object->kind == MODEL_GROUP && has_strangers(groups_now(manager), check.object->name);
	}
	if (targets)
		check_targets(manager, change);
	return 0;
}
