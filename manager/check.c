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
#include "manager/change_internal.h"

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

/* Whether who owns the object may speak of that one. What is another account's is spoken of only within a vnet that both are in. */
static bool may_name(struct check *check, const struct object *target)
{
	const struct object *vnet;
	char account[MODEL_PART_MAX];

	object_account(target, account);
	if (target->kind == MODEL_HOST || target->kind == MODEL_ACCOUNT || !strcmp(account, check->account))
		return true;
	if (target->kind == MODEL_VNET)
		return object_vnet_has(target, check->account);
	vnet = state_find(check->manager->state, MODEL_VNET, object_text(check->object, "vnet"));
	return vnet && object_vnet_has(vnet, check->account) && object_vnet_has(vnet, account);
}

static void check_reference(void *context, enum model_kind to, const char *name, const char *path)
{
	struct check *check = context;
	const struct object *target = state_find(check->manager->state, to, name);

	/* What may not be named is as if it were not there. */
	if (!target || !may_name(check, target))
		find(check, path, "expected a %s that is there, got '%s'", model_table[to].name, name);
}

static void check_gone(struct check *check)
{
	const struct anchor *anchor = state_anchor(check->manager->state, check->object->key);
	const struct object *referrer;

	if (!anchor)
		return;
	referrer = state_referrer(check->manager->state, check->object->key);
	if (referrer)
		find(check, "", "expected nothing to refer to what is deleted, but %s does", referrer->key);
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

/* ---- cycles, of groups and handles: from the object along what it contains back to it */

struct descent {
	struct check *check;
	enum model_kind kind;
	unsigned depth;
	bool found, deep;
	char through[MODEL_NAME_MAX];
};

static void descend(void *context, enum model_kind to, const char *name, const char *path)
{
	struct descent *descent = context;
	const struct object *object;
	char before[MODEL_NAME_MAX];

	(void)path;
	if (to != descent->kind || descent->found || descent->deep)
		return;
	if (!strcmp(name, descent->check->object->name)) {
		descent->found = true;
		return;
	}
	object = state_find(descent->check->manager->state, to, name);
	if (!object)
		return;
	if (descent->depth >= DEPTH_MOST) {
		descent->deep = true;
		return;
	}
	descent->depth++;
	memcpy(before, descent->through, sizeof(before));
	strcpy(descent->through, name);
	model_references(object->body, descend, descent);
	if (!descent->found)
		memcpy(descent->through, before, sizeof(before));
	descent->depth--;
}

static void check_cycle(struct check *check)
{
	struct descent descent = {.check = check, .kind = check->object->kind};

	model_references(check->object->body, descend, &descent);
	if (descent.found && *descent.through)
		find(check, "", "expected no %s within itself, got one through '%s'", model_table[descent.kind].name,
			descent.through);
	else if (descent.found)
		find(check, "", "expected no %s within itself", model_table[descent.kind].name);
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

/* Members that still have nodes in it stay. */
static void check_vnet(struct check *check)
{
	const struct anchor *anchor = state_anchor(check->manager->state, check->object->key);
	const struct object *node;
	char account[MODEL_PART_MAX];

	check_number(check, "vni");
	if (!anchor)
		return;
	LIST_FOREACH(node, &anchor->nodes, of_vnet) {
		object_account(node, account);
		if (object_vnet_has(check->object, account))
			continue;
		find(check, "members", "expected account %s, which has nodes in the vnet (%s)", account, node->key);
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

static void check_object(struct check *check)
{
	model_references(check->object->body, check_reference, check);
	check_owner(check);
	switch (check->object->kind) {
	case MODEL_HOST:
		check_host(check);
		break;
	case MODEL_VNET:
		check_vnet(check);
		break;
	case MODEL_NODE:
		check_node(check);
		break;
	case MODEL_ADDRESS:
		check_address(check);
		break;
	case MODEL_POLICY:
		check_number(check, "id");
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

int change_check(struct manager *manager, struct change *change)
{
	size_t count;
	const struct state_step *steps = state_steps(manager->state, &count);

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
		check_object(&check);
	}
	return 0;
}
