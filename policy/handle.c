/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Handles of a set while it is built: checked by itself each, and brought into the form in which answer.c reads it. That what
 * they name is there, and that none contains itself, is checked in seal.c.
 *
 * Addresses that came made are held, not copied. The few that are written as items become such a set of their own.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"
#include "policy/internal.h"

static bool item_is_valid(const struct policy_item *item)
{
	switch (item->kind) {
	case ITEM_GROUP:
	case ITEM_HANDLE:
		return item->id != 0;
	case ITEM_VNET:
		return item->vni > 0 && item->vni <= VNI_MAX;
	case ITEM_RANGE:
		return memcmp(item->low.octet, item->high.octet, sizeof(item->low.octet)) <= 0;
	case ITEM_ANY:
	case ITEM_NODE:
	case ITEM_ACCOUNT:
		break;
	}
	return false;
}

static bool handle_is_valid(const struct policy_handle *handle)
{
	if (handle->id == 0 || !memchr(handle->name, '\0', sizeof(handle->name)) || (handle->count && !handle->items))
		return false;
	for (size_t i = 0; i < handle->count; i++)
		if (!item_is_valid(&handle->items[i]))
			return false;
	return true;
}

static int own_addresses(struct set_handle *entry, const struct policy_handle *handle)
{
	scope_free struct ipv4_range *ranges = NULL;
	size_t count = 0;

	for (size_t i = 0; i < handle->count; i++)
		count += handle->items[i].kind == ITEM_RANGE;
	if (!count)
		return 0;
	ranges = calloc(count, sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	count = 0;
	for (size_t i = 0; i < handle->count; i++)
		if (handle->items[i].kind == ITEM_RANGE)
			ranges[count++] = (struct ipv4_range){handle->items[i].low, handle->items[i].high};
	return policy_addresses_make(ranges, count, &entry->own);
}

static int other_items(struct set_handle *entry, const struct policy_handle *handle)
{
	entry->items = calloc(handle->count + 1, sizeof(*entry->items));
	if (!entry->items)
		return -ENOMEM;
	for (size_t i = 0; i < handle->count; i++) {
		const struct policy_item *item = &handle->items[i];

		if (item->kind != ITEM_RANGE)
			entry->items[entry->count++] = (struct match_item){
				.kind = item->kind,
				.id = item->kind == ITEM_VNET ? item->vni : item->id,
			};
	}
	return 0;
}

void set_handle_free(void *thing)
{
	struct set_handle *entry = thing;

	policy_addresses_release(entry->shared);
	policy_addresses_release(entry->own);
	free(entry->items);
	free(entry);
}

int policy_set_handle(struct policy_set *set, const struct policy_handle *handle)
{
	struct set_handle *entry;
	int error;

	if (set->sealed || !handle_is_valid(handle))
		return -EINVAL;
	if (set->handles.count == POLICY_SET_HANDLES_MAX)
		return -ENOSPC;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	entry->key = handle->id;
	memcpy(entry->name, handle->name, sizeof(entry->name));
	entry->shared = policy_addresses_hold(handle->addresses);
	error = own_addresses(entry, handle);
	if (!error)
		error = other_items(entry, handle);
	if (!error)
		error = keyed_add(&set->handles, &entry->key);
	if (error)
		set_handle_free(entry);
	return error;
}

const char *policy_set_handle_name(const struct policy_set *set, uint64_t handle)
{
	const struct set_handle *entry = keyed_find(&set->handles, handle);

	return entry ? entry->name : NULL;
}

struct policy_addresses *policy_set_handle_addresses(const struct policy_set *set, uint64_t handle)
{
	const struct set_handle *entry = keyed_find(&set->handles, handle);

	return entry ? entry->shared : NULL;
}

bool policy_names_handle(const struct policy *policy, uint64_t id)
{
	for (size_t i = 0; i < policy->peer.count; i++) {
		const struct policy_item *item = &policy->peer.items[i];

		if (item->id == id && (item->kind == ITEM_GROUP || item->kind == ITEM_HANDLE))
			return item->kind == ITEM_HANDLE;
	}
	return false;
}
