/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which documents concern a host. See view.h.
 */
#include "manager/view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/json.h"
#include "manager/view_internal.h"

/* A view in the making. */
struct gather {
	struct viewer *viewer;
	struct view view;
	struct group_set groups; /* all that are in it */
	struct group_set *own;   /* of each node: those it is in, and above */
	const struct object **nodes;
	size_t node_count;
	int error;
};

/* ---- begin and end */

struct viewer *viewer_new(struct state *state, const uint8_t authority[32])
{
	struct viewer *viewer = calloc(1, sizeof(*viewer));

	if (!viewer)
		return NULL;
	viewer->state = state;
	key_format(authority, viewer->authority);
	return viewer;
}

void viewer_free(struct viewer *viewer)
{
	if (!viewer)
		return;
	groups_free(viewer->groups);
	free(viewer);
}

const struct groups *viewer_groups(struct viewer *viewer)
{
	viewer->groups = groups_of(viewer->state, viewer->groups);
	return viewer->groups;
}

void view_free(struct view *view)
{
	for (size_t i = 0; i < view->count; i++)
		doc_release(view->entries[i]);
	free(view->entries);
	*view = (struct view){0};
}

static void take(struct gather *gather, struct doc *doc)
{
	if (!gather->error)
		gather->error = doc ? array_add(&gather->view, doc) : -ENOMEM;
	if (!gather->error)
		doc_hold(doc);
}

static int by_key(const void *a, const void *b)
{
	struct doc *const *x = a, *const *y = b;

	return strcmp((*x)->key, (*y)->key);
}

/* ---- selectors */

/* Whether an item of a selector could mean that node. What only a handle knows is taken to. */
static bool item_means(const struct gather *gather, const char *item, size_t node)
{
	const struct object *object = gather->nodes[node];
	struct ipv4_range range;
	long group;

	if (!strcmp(item, "any") || !strncmp(item, "handle:", 7))
		return true;
	if (!strncmp(item, "node:", 5))
		return !strcmp(item + 5, object->name);
	if (!strncmp(item, "vnet:", 5))
		return !strcmp(item + 5, object_text(object, "vnet"));
	if (!strncmp(item, "account:", 8)) {
		char account[MODEL_PART_MAX];

		object_account(object, account);
		return !strcmp(item + 8, account);
	}
	if (!strncmp(item, "group:", 6)) {
		group = groups_find(gather->viewer->groups, item + 6);
		return group >= 0 && gather->own[node].has[group];
	}
	return ipv4_range_parse(item, &range) == 0 && memcmp(range.low.octet, object->address.octet, 4) <= 0 &&
	       memcmp(object->address.octet, range.high.octet, 4) <= 0;
}

static bool list_means(const struct gather *gather, const cJSON *selector, size_t node)
{
	const cJSON *each;

	if (cJSON_IsString(selector))
		return item_means(gather, selector->valuestring, node);
	cJSON_ArrayForEach(each, selector) {
		if (item_means(gather, each->valuestring, node))
			return true;
	}
	return false;
}

static bool has_handle(const cJSON *selector)
{
	const cJSON *each;

	if (cJSON_IsString(selector))
		return !strncmp(selector->valuestring, "handle:", 7);
	cJSON_ArrayForEach(each, selector) {
		if (!strncmp(each->valuestring, "handle:", 7))
			return true;
	}
	return false;
}

static bool concerns(const struct gather *gather, const struct object *policy)
{
	const cJSON *target = json_member(policy->body, "target"), *negated = json_member(target, "not");
	const char *bundle = object_text(policy, "security_group");
	long group = bundle ? groups_find(gather->viewer->groups, bundle) : -1;

	for (size_t i = 0; i < gather->node_count; i++) {
		if (strcmp(object_text(gather->nodes[i], "vnet"), object_text(policy, "vnet")))
			continue;
		if (bundle) {
			if (group >= 0 && gather->own[i].has[group])
				return true;
		} else if (!target) {
			return true;
		} else if (negated) {
			if (has_handle(negated) || !list_means(gather, negated, i))
				return true;
		} else if (list_means(gather, target, i)) {
			return true;
		}
	}
	return false;
}

/* ---- gathering */

static struct doc *doc_of(struct gather *gather, struct object *object)
{
	switch (object->kind) {
	case MODEL_VNET:
		return view_vnet(gather->viewer, object);
	case MODEL_HANDLE:
		return view_handle(gather->viewer, object);
	default:
		return NULL;
	}
}

static bool has_doc(const struct gather *gather, const char *key)
{
	for (size_t i = 0; i < gather->view.count; i++)
		if (!strcmp(gather->view.entries[i]->key, key))
			return true;
	return false;
}

/* What a policy or a handle names is needed to read it: groups, vnets, handles and what these name in turn. */
static void take_named(void *context, enum model_kind to, const char *name, const char *path)
{
	struct gather *gather = context;
	struct object *object;
	long group;

	(void)path;
	if (to == MODEL_GROUP || to == MODEL_SECURITY_GROUP) {
		group = groups_find(gather->viewer->groups, name);
		if (group >= 0)
			group_set_add(&gather->groups, (size_t)group);
		return;
	}
	if (to != MODEL_VNET && to != MODEL_HANDLE)
		return;
	object = state_find(gather->viewer->state, to, name);
	if (!object || has_doc(gather, object->key))
		return;
	take(gather, doc_of(gather, object));
	if (to == MODEL_HANDLE)
		model_references(object->body, take_named, gather);
}

static void take_policies(struct gather *gather, struct object *vnet)
{
	const struct anchor *anchor = state_anchor(gather->viewer->state, vnet->key);
	struct object *policy;

	LIST_FOREACH(policy, &anchor->policies, of_vnet) {
		if (!concerns(gather, policy))
			continue;
		take(gather, view_policy(gather->viewer, policy));
		model_references(policy->body, take_named, gather);
	}
}

/* Each vnet of the nodes once. */
static void take_vnets(struct gather *gather)
{
	for (size_t i = 0; i < gather->node_count; i++) {
		struct object *vnet =
			state_find(gather->viewer->state, MODEL_VNET, object_text(gather->nodes[i], "vnet"));
		bool seen = false;

		for (size_t j = 0; j < i && !seen; j++)
			seen = !strcmp(object_text(gather->nodes[j], "vnet"), vnet->name);
		if (seen)
			continue;
		if (!has_doc(gather, vnet->key))
			take(gather, view_vnet(gather->viewer, vnet));
		take_policies(gather, vnet);
	}
}

static void take_nodes(struct gather *gather, const struct objects *nodes)
{
	struct object *node;

	LIST_FOREACH(node, nodes, of_host) {
		struct group_set *own = &gather->own[gather->node_count];

		gather->error = group_set_new(gather->viewer->groups, own);
		if (gather->error)
			return;
		gather->nodes[gather->node_count++] = node;
		groups_of_node(gather->viewer->groups, node, own);
		take(gather, doc_of_node(gather->viewer, node, own));
		group_set_above(gather->viewer->groups, own);
		for (size_t i = 0; i < own->count; i++)
			group_set_add(&gather->groups, own->entries[i]);
	}
}

static void take_groups(struct gather *gather)
{
	group_set_below(gather->viewer->groups, &gather->groups);
	for (size_t i = 0; i < gather->groups.count; i++)
		take(gather, view_group(gather->viewer, (struct object *)groups_object(gather->viewer->groups,
								gather->groups.entries[i])));
}

static void take_self(struct gather *gather, const struct object *host)
{
	struct doc *self = doc_of_self(gather->viewer, host);

	take(gather, self);
	doc_release(self);
}

static void gather_all(struct gather *gather, const struct object *host)
{
	const struct anchor *anchor = state_anchor(gather->viewer->state, host->key);
	const struct object *each;
	size_t count = 0;

	take_self(gather, host);
	if (!anchor)
		return;
	LIST_FOREACH(each, &anchor->nodes, of_host)
		count++;
	gather->nodes = calloc(count + 1, sizeof(*gather->nodes));
	gather->own = calloc(count + 1, sizeof(*gather->own));
	if (!gather->nodes || !gather->own || group_set_new(gather->viewer->groups, &gather->groups)) {
		gather->error = -ENOMEM;
		return;
	}
	take_nodes(gather, &anchor->nodes);
	if (!gather->error)
		take_vnets(gather);
	if (!gather->error)
		take_groups(gather);
}

int view_make(struct viewer *viewer, const struct object *host, struct view *out)
{
	struct gather gather = {.viewer = viewer};

	if (!viewer_groups(viewer))
		return -ENOMEM;
	gather_all(&gather, host);
	for (size_t i = 0; gather.own && i < gather.node_count; i++)
		group_set_free(&gather.own[i]);
	group_set_free(&gather.groups);
	free(gather.own);
	free(gather.nodes);
	if (gather.error) {
		view_free(&gather.view);
		return gather.error;
	}
	qsort(gather.view.entries, gather.view.count, sizeof(*gather.view.entries), by_key);
	*out = gather.view;
	return 0;
}
