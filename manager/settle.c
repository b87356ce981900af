/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the manager fills in: numbers of vnets and policies, addresses from a vnet's subnet, versions of handles. See
 * change_internal.h. Each is given once and kept; none is given out twice at a time.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "manager/change_internal.h"

#define POLICY_ID_MOST UINT32_MAX

/* The member's value becomes this number. */
static int set_number(cJSON *body, const char *member, uint64_t number)
{
	return model_assign(body, member, cJSON_CreateNumber((double)number));
}

/* What an earlier write of the object had stays its own. */
static int keep(const struct object *before, cJSON *body, const char *member)
{
	const cJSON *value = before ? json_member(before->body, member) : NULL;

	if (!value || json_member(body, member))
		return 0;
	return model_assign(body, member, cJSON_Duplicate(value, true));
}

static int settle_vnet(struct manager *manager, struct change *change, const struct object *before, const char *path,
	cJSON *body)
{
	uint32_t vni;

	if (!before && json_member(body, "vni") && change->request.principal.role != ROLE_OPERATOR) {
		change_find(change, MHD_HTTP_FORBIDDEN, path, "vni is for operators to choose: leave it out");
		return -EINVAL;
	}
	if (json_member(body, "vni"))
		return 0;
	if (before)
		return keep(before, body, "vni");
	/* As with policies, below. */
	vni = (uint32_t)state_count(manager->state, MODEL_VNET) + 1;
	for (vni = vni < VNI_MAX ? vni : VNI_MAX; vni > 0; vni--)
		if (!state_vnet(manager->state, vni))
			return set_number(body, "vni", vni);
	change_find(change, MHD_HTTP_CONFLICT, path, "all VNIs are in use");
	return -EINVAL;
}

/* The lowest that is free. */
static int settle_policy(struct manager *manager, const struct object *before, cJSON *body)
{
	uint32_t id = (uint32_t)state_count(manager->state, MODEL_POLICY);

	if (before)
		return keep(before, body, "id");
	/* Among the first count + 1 numbers one is free; near the count it is found soonest. */
	for (uint32_t i = id + 1; i > 0; i--)
		if (!state_policy(manager->state, i))
			return set_number(body, "id", i);
	return -ENOMEM;
}

/* A new version whenever the entries are others. */
static int settle_handle(const struct object *before, cJSON *body)
{
	uint64_t version = before ? (uint64_t)object_number(before, "version", 0) : 0;
	bool same = before && cJSON_Compare(json_member(before->body, "entries"), json_member(body, "entries"), true);

	return set_number(body, "version", same ? version : version + 1);
}

/* "10.0.0.0/16" as its first and last address that a node may have. */
static int subnet_ends(const char *text, uint32_t *low, uint32_t *high)
{
	char copy[ADDRESS_TEXT_MAX], *slash;
	struct in_addr address;
	unsigned bits;

	snprintf(copy, sizeof(copy), "%s", text);
	slash = strchr(copy, '/');
	if (!slash)
		return -EINVAL;
	*slash = '\0';
	bits = (unsigned)atoi(slash + 1);
	if (inet_pton(AF_INET, copy, &address) != 1 || bits > 30)
		return -EINVAL;
	*low = ntohl(address.s_addr) + 1;
	*high = (ntohl(address.s_addr) | (uint32_t)(0xffffffffull >> bits)) - 1;
	return 0;
}

static struct ipv4 address_of(uint32_t number)
{
	return (struct ipv4){
		{(uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number}};
}

/*
 * The search goes on where nodes are likely to end, so that filling a subnet does not look at all of it each time: it begins behind as
 * many addresses as the vnet has nodes, and comes round.
 */
static bool address_free(struct manager *manager, const struct object *vnet, uint32_t low, uint32_t high,
	struct ipv4 *out)
{
	const struct anchor *anchor = state_anchor(manager->state, vnet->key);
	uint32_t size = high - low + 1, used = 0;
	const struct object *each;

	if (anchor)
		LIST_FOREACH(each, &anchor->nodes, of_vnet)
			used++;
	for (uint32_t i = 0; i < size; i++) {
		struct ipv4 address = address_of(low + (used + i) % size);

		if (state_at(manager->state, vnet->name, address, NULL))
			continue;
		*out = address;
		return true;
	}
	return false;
}

static int settle_node(struct manager *manager, struct change *change, const struct object *before, const char *path,
	cJSON *body)
{
	const struct object *vnet =
		state_find(manager->state, MODEL_VNET, cJSON_GetStringValue(json_member(body, "vnet")));
	char text[ADDRESS_TEXT_MAX];
	struct ipv4 address;
	uint32_t low, high;
	char account[MODEL_PART_MAX];
	int error = keep(before, body, "address");

	model_account(cJSON_GetStringValue(json_member(body, "name")), account);
	/* A vnet that is not there, or not for this account to know of, is a finding of the check. */
	if (error || json_member(body, "address") || !vnet || !object_vnet_has(vnet, account))
		return error;
	if (!object_text(vnet, "subnet") || subnet_ends(object_text(vnet, "subnet"), &low, &high)) {
		change_find(change, MHD_HTTP_UNPROCESSABLE_CONTENT, path,
			"expected an address, got none, and vnet %s has no subnet to take one from", vnet->name);
		return -EINVAL;
	}
	if (!address_free(manager, vnet, low, high, &address)) {
		change_find(change, MHD_HTTP_CONFLICT, path, "every address of %s (vnet %s) is in use",
			object_text(vnet, "subnet"), vnet->name);
		return -EINVAL;
	}
	return model_assign(body, "address", cJSON_CreateString(ipv4_format(address, text)));
}

int change_settle(struct manager *manager, struct change *change, const struct object *before, const char *path,
	cJSON *body)
{
	switch (model_kind_of(cJSON_GetStringValue(json_member(body, "kind")))) {
	case MODEL_VNET:
		return settle_vnet(manager, change, before, path, body);
	case MODEL_POLICY:
		return settle_policy(manager, before, body);
	case MODEL_HANDLE:
		return settle_handle(before, body);
	case MODEL_NODE:
		return settle_node(manager, change, before, path, body);
	default:
		return 0;
	}
}
