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
