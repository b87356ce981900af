/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From objects to vnets. See concern.h.
 */
#include "manager/concern.h"

void concern_vnets(const struct state *state, const struct object *object, concern_fn fn, void *context)
{
	const struct object *vnet;
	char account[MODEL_PART_MAX];

	switch (object->kind) {
	case MODEL_VNET:
		fn(context, object->name);
		break;
	case MODEL_POLICY:
		fn(context, object_text(object, "vnet"));
		break;
	case MODEL_GROUP:
	case MODEL_SECURITY_GROUP:
	case MODEL_HANDLE:
		/* What an account has may be named by policies of every vnet that it is in. */
		object_account(object, account);
		LIST_FOREACH(vnet, state_all(state, MODEL_VNET), of_kind) {
			if (object_vnet_has(vnet, account))
				fn(context, vnet->name);
		}
		break;
	default:
		break;
	}
}

struct hosts {
	const struct state *state;
	concern_fn fn;
	void *context;
};

static void hosts_of_vnet(void *context, const char *name)
{
	const struct hosts *hosts = context;
	const struct anchor *anchor;
	const struct object *node;
	char key[MODEL_KEY_MAX];

	model_key(MODEL_VNET, name, key);
	anchor = state_anchor(hosts->state, key);
	if (!anchor)
		return;
	LIST_FOREACH(node, &anchor->nodes, of_vnet) {
		hosts->fn(hosts->context, object_text(node, "host"));
	}
}

void concern_hosts(const struct state *state, const struct object *object, concern_fn fn, void *context)
{
	struct hosts hosts = {state, fn, context};

	if (object->kind == MODEL_HOST)
		fn(context, object->name);
	else if (object->kind == MODEL_NODE)
		fn(context, object_text(object, "host"));
	else
		concern_vnets(state, object, hosts_of_vnet, &hosts);
}
