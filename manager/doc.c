/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects as agents are told of them. See view.h.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "manager/view_internal.h"

struct doc *doc_make(const char *key, cJSON *json)
{
	char *text = cJSON_PrintUnformatted(json);
	size_t length = text ? strlen(text) : 0, key_length = strlen(key) + 1;
	struct doc *doc = text ? malloc(sizeof(*doc) + length + 1 + key_length) : NULL;
	crypto_generichash_state hash;
	uint8_t digest[crypto_generichash_BYTES_MIN];

	cJSON_Delete(json);
	if (!doc) {
		free(text);
		return NULL;
	}
	*doc = (struct doc){.references = 1, .length = length};
	memcpy(doc->text, text, length + 1);
	memcpy(doc->text + length + 1, key, key_length);
	doc->key = doc->text + length + 1;
	free(text);
	crypto_generichash_init(&hash, NULL, 0, sizeof(digest));
	crypto_generichash_update(&hash, (const uint8_t *)doc->key, key_length);
	crypto_generichash_update(&hash, (const uint8_t *)doc->text, length);
	crypto_generichash_final(&hash, digest, sizeof(digest));
	memcpy(&doc->digest, digest, sizeof(doc->digest));
	return doc;
}

struct doc *doc_hold(struct doc *doc)
{
	doc->references++;
	return doc;
}

void doc_release(struct doc *doc)
{
	if (doc && --doc->references == 0)
		free(doc);
}

/* ---- kinds */

static void copy_member(cJSON *to, const struct object *from, const char *member)
{
	const cJSON *value = json_member(from->body, member);

	if (value)
		cJSON_AddItemToObject(to, member, cJSON_Duplicate(value, true));
}

static cJSON *named(const struct object *object)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddStringToObject(json, "name", object->name);
	return json;
}

static cJSON *copied(const struct object *object, const char *const *members)
{
	cJSON *json = named(object);

	for (; *members; members++)
		copy_member(json, object, *members);
	return json;
}

static cJSON *vnet_json(const struct object *vnet)
{
	static const char *const members[] = {"vni", "pending", "replies", "silence", "answers", "ask", "agreement",
		"default_in", "default_out", "grant_lifetime", "passport_lifetime", NULL};
	cJSON *json = copied(vnet, members);

	cJSON_AddStringToObject(json, "authorization", "negotiated");
	return json;
}

static cJSON *group_json(const struct object *group)
{
	static const char *const members[] = {"groups", "default_in", "default_out", NULL};

	return copied(group, members);
}

static cJSON *handle_json(const struct object *handle)
{
	static const char *const members[] = {"entries", NULL};

	return copied(handle, members);
}

/* One of a security group is about its members. */
static cJSON *policy_json(const struct object *policy)
{
	static const char *const members[] = {"id", "vnet", "side", "peers", "services", "cast", "verdict", NULL};
	const char *bundle = object_text(policy, "security_group");
	char target[MODEL_NAME_MAX + 8];
	cJSON *json = copied(policy, members);

	if (bundle) {
		snprintf(target, sizeof(target), "group:%s", bundle);
		cJSON_AddStringToObject(json, "target", target);
	} else {
		copy_member(json, policy, "target");
	}
	return json;
}

static struct doc *kept(struct viewer *viewer, struct object *object, cJSON *(*make)(const struct object *object))
{
	(void)viewer;
	if (!object->doc)
		object->doc = doc_make(object->key, make(object));
	return object->doc;
}

struct doc *view_policy(struct viewer *viewer, struct object *policy)
{
	return kept(viewer, policy, policy_json);
}

struct doc *view_vnet(struct viewer *viewer, struct object *vnet)
{
	return kept(viewer, vnet, vnet_json);
}

struct doc *view_group(struct viewer *viewer, struct object *group)
{
	return kept(viewer, group, group_json);
}

struct doc *view_handle(struct viewer *viewer, struct object *handle)
{
	return kept(viewer, handle, handle_json);
}

/* What groups a node is in may change without it: its document is made anew when any group has. */
struct doc *doc_of_node(struct viewer *viewer, struct object *node, const struct group_set *groups)
{
	static const char *const members[] = {"port", "vnet", "address", "mac", "slot", NULL};
	char account[MODEL_PART_MAX];
	struct doc *doc;
	cJSON *json, *list;

	if (node->doc && node->doc_generation == state_groups_generation(viewer->state))
		return node->doc;
	json = copied(node, members);
	object_account(node, account);
	cJSON_AddStringToObject(json, "account", account);
	list = cJSON_AddArrayToObject(json, "groups");
	for (size_t i = 0; i < groups->count; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(groups_object(viewer->groups, groups->entries[i])->name));
	doc = doc_make(node->key, json);
	if (doc && node->doc && node->doc->digest == doc->digest) {
		doc_release(doc);
		doc = node->doc;
	} else if (doc) {
		doc_release(node->doc);
		node->doc = doc;
	}
	node->doc_generation = state_groups_generation(viewer->state);
	return doc;
}

struct doc *doc_of_self(struct viewer *viewer, const struct object *host)
{
	cJSON *json = cJSON_CreateObject(), *self = named(host);

	copy_member(self, host, "locator");
	copy_member(self, host, "key");
	cJSON_AddItemToObject(json, "host", self);
	cJSON_AddStringToObject(json, "authority", viewer->authority);
	return doc_make("self", json);
}
