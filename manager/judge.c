/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Policies by vnet. See judge.h.
 *
 * The documents are put together to a configuration, which is what the reader of an agent takes. What it must have beside them (a
 * host, an uplink) says nothing about policies.
 */
#include "manager/judge.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "lib/error.h"
#include "lib/log.h"
#include "lib/table.h"
#include "manager/concern.h"

struct judged {
	struct table_node by_name;
	struct config *config; /* NULL: to be made */
	int error;             /* why it could not be: not tried again before something changes */
	char name[MODEL_NAME_MAX];
};

struct judge {
	struct manager *manager;
	struct table by_name;
};

static uint64_t hash_name(const char *name)
{
	static const uint8_t key[crypto_shorthash_KEYBYTES];
	uint64_t hash;

	crypto_shorthash((uint8_t *)&hash, (const uint8_t *)name, strlen(name), key);
	return hash;
}

static struct judged *judged_find(const struct judge *judge, const char *name)
{
	uint64_t hash = hash_name(name);
	struct table_node *node = table_find(&judge->by_name, hash);

	for (; node; node = table_same(node->next, hash)) {
		struct judged *judged = container_of(node, struct judged, by_name);

		if (!strcmp(judged->name, name))
			return judged;
	}
	return NULL;
}

static struct judged *judged_take(struct judge *judge, const char *name)
{
	struct judged *judged = judged_find(judge, name);

	if (judged)
		return judged;
	judged = calloc(1, sizeof(*judged));
	if (!judged || table_add(&judge->by_name, &judged->by_name, hash_name(name))) {
		free(judged);
		return NULL;
	}
	strcpy(judged->name, name);
	return judged;
}

/* ---- a vnet's configuration */

struct making {
	struct manager *manager;
	struct viewer *viewer;
	const struct groups *groups;
	struct group_set named;
	FILE *lists[4];              /* vnets, groups, policies, handles */
	const struct object **taken; /* vnets and handles that are in it */
	size_t taken_count, taken_room;
};
enum { LIST_VNETS, LIST_GROUPS, LIST_POLICIES, LIST_HANDLES };

static void write_doc(FILE *list, const struct doc *doc)
{
	if (doc)
		fprintf(list, "%s%s", ftell(list) ? "," : "", doc->text);
}

static bool taken(struct making *making, const struct object *object)
{
	const struct object **grown;

	for (size_t i = 0; i < making->taken_count; i++)
		if (making->taken[i] == object)
			return true;
	if (making->taken_count == making->taken_room) {
		grown = reallocarray(making->taken, making->taken_room * 2 + 16, sizeof(*grown));
		if (!grown)
			return true;
		making->taken = grown;
		making->taken_room = making->taken_room * 2 + 16;
	}
	making->taken[making->taken_count++] = object;
	return false;
}

static void take_named(void *context, enum model_kind to, const char *name, const char *path)
{
	struct making *making = context;
	struct object *object;
	long group;

	(void)path;
	if (to == MODEL_GROUP || to == MODEL_SECURITY_GROUP) {
		group = groups_find(making->groups, name);
		if (group >= 0)
			group_set_add(&making->named, (size_t)group);
		return;
	}
	if (to != MODEL_VNET && to != MODEL_HANDLE)
		return;
	object = state_find(making->manager->state, to, name);
	if (!object || taken(making, object))
		return;
	if (to == MODEL_VNET) {
		write_doc(making->lists[LIST_VNETS], view_vnet(making->viewer, object));
		return;
	}
	write_doc(making->lists[LIST_HANDLES], view_handle(making->viewer, object));
	model_references(object->body, take_named, making);
}

/* Every group: what a node is in, and what is in what, decides too where a policy does not name it. */
static void take_all(struct making *making, const struct object *vnet)
{
	const struct anchor *anchor = state_anchor(making->manager->state, vnet->key);
	struct object *policy;
	size_t count = state_count(making->manager->state, MODEL_GROUP) +
		       state_count(making->manager->state, MODEL_SECURITY_GROUP);

	take_named(making, MODEL_VNET, vnet->name, "");
	if (anchor)
		LIST_FOREACH(policy, &anchor->policies, of_vnet) {
			write_doc(making->lists[LIST_POLICIES], view_policy(making->viewer, policy));
			model_references(policy->body, take_named, making);
		}
	for (size_t i = 0; i < count; i++) {
		struct object *group = (struct object *)groups_object(making->groups, i);
		char account[MODEL_PART_MAX];

		object_account(group, account);
		if (making->named.has[i] || object_vnet_has(vnet, account))
			group_set_add(&making->named, i);
	}
	group_set_below(making->groups, &making->named);
	for (size_t i = 0; i < making->named.count; i++)
		write_doc(making->lists[LIST_GROUPS],
			view_group(making->viewer,
				(struct object *)groups_object(making->groups, making->named.entries[i])));
}

static void report(void *context, const char *message)
{
	log_error("policies of vnet %s: %s", (const char *)context, message);
}

static int parse(const struct manager *manager, const char *name, char *const lists[4], struct config **out)
{
	scope_free char *text = NULL;
	char key[KEY_TEXT_MAX];
	int length;

	key_format(manager->authority.public_key, key);
	length = asprintf(&text,
		"{\"manager\":{\"url\":\"unix:/-\"},\"locator\":\"fd00::/64\",\"uplinks\":[],\"hosts\":[{\"name\":\"manager\",\"locator\":\"fd00::/64\",\"key\":\"%s\"}],"
		"\"identity\":{\"host\":\"manager\",\"key\":\"-\",\"authority\":\"%s\"},"
		"\"vnets\":[%s],\"groups\":[%s],\"policies\":[%s],\"handles\":[%s]}",
		key, key, lists[0], lists[1], lists[2], lists[3]);
	if (length < 0)
		return -ENOMEM;
	return config_parse(text, (size_t)length, "manager", report, (void *)name, out);
}

static int make(struct manager *manager, const struct object *vnet, struct config **out)
{
	struct making making = {.manager = manager, .viewer = agents_viewer(manager)};
	char *lists[4] = {NULL};
	size_t lengths[4];
	int error = -ENOMEM;

	making.groups = viewer_groups(making.viewer);
	if (!making.groups || group_set_new(making.groups, &making.named))
		return -ENOMEM;
	for (size_t i = 0; i < 4; i++)
		making.lists[i] = open_memstream(&lists[i], &lengths[i]);
	if (making.lists[0] && making.lists[1] && making.lists[2] && making.lists[3]) {
		take_all(&making, vnet);
		error = 0;
	}
	for (size_t i = 0; i < 4; i++)
		if (making.lists[i] && fclose(making.lists[i]))
			error = -ENOMEM;
	if (!error)
		error = parse(manager, vnet->name, lists, out);
	for (size_t i = 0; i < 4; i++)
		free(lists[i]);
	group_set_free(&making.named);
	free(making.taken);
	return error;
}

/* ---- asking */

int judge_identity(struct manager *manager, const struct object *node, struct policy_identity *out)
{
	const struct object *vnet = state_find(manager->state, MODEL_VNET, object_text(node, "vnet"));
	const struct groups *groups = viewer_groups(agents_viewer(manager));
	struct policy_identity identity = {.vni = (uint32_t)vnet->id, .address = node->address, .node = node->id};
	char account[MODEL_PART_MAX];
	struct group_set set;

	if (!groups || group_set_new(groups, &set))
		return -ENOMEM;
	object_account(node, account);
	identity.account = policy_id(account);
	groups_of_node(groups, node, &set);
	for (size_t i = 0; i < set.count && i < POLICY_GROUPS_MAX; i++)
		identity.groups[identity.group_count++] = policy_id(groups_object(groups, set.entries[i])->name);
	group_set_free(&set);
	*out = identity;
	return 0;
}

int judge_ask(struct manager *manager, const struct object *vnet, const struct policy_identity *source,
	const struct policy_identity *destination, uint8_t protocol, uint16_t port, struct policy_answer *in,
	struct policy_answer *out, struct policy_answer *joined)
{
	struct judged *judged = judged_take(manager->judge, vnet->name);
	struct policy_answer sides[2];
	const struct policy_vnet *found;

	if (!judged)
		return -ENOMEM;
	if (!judged->config && !judged->error)
		judged->error = make(manager, vnet, &judged->config);
	if (judged->error)
		return judged->error;
	found = policy_set_find_vnet(judged->config->policies, source->vni);
	if (!found)
		return -EINVAL;
	in = in ? in : &sides[SIDE_IN];
	out = out ? out : &sides[SIDE_OUT];
	policy_answer(judged->config->policies, SIDE_IN, source, destination, CAST_UNICAST, protocol, port, in);
	policy_answer(judged->config->policies, SIDE_OUT, source, destination, CAST_UNICAST, protocol, port, out);
	policy_join(found->agreement, in, out, protocol, port, joined);
	return 0;
}

/* ---- changes, start and end */

static void forget(void *context, const char *name)
{
	struct judged *judged = judged_find(context, name);

	if (!judged)
		return;
	config_free(judged->config);
	judged->config = NULL;
	judged->error = 0;
}

void judge_changed(struct manager *manager, const struct state_change *change)
{
	for (size_t i = 0; i < change->count; i++) {
		if (change->steps[i].before)
			concern_vnets(manager->state, change->steps[i].before, forget, manager->judge);
		if (change->steps[i].after)
			concern_vnets(manager->state, change->steps[i].after, forget, manager->judge);
	}
}

int judge_open(struct manager *manager)
{
	manager->judge = calloc(1, sizeof(*manager->judge));
	return manager->judge ? 0 : -ENOMEM;
}

void judge_close(struct manager *manager)
{
	struct judge *judge = manager->judge;
	struct table_node *node;

	if (!judge)
		return;
	while ((node = table_next(&judge->by_name, NULL))) {
		struct judged *judged = container_of(node, struct judged, by_name);

		table_remove(&judge->by_name, node);
		config_free(judged->config);
		free(judged);
	}
	table_clear(&judge->by_name);
	free(judge);
	manager->judge = NULL;
}
