/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Handles: names for addresses, groups, vnets and other handles. See schema_type.h.
 *
 * A handle may have 100,000 addresses: they go straight to where they will stay, and the path of an entry is put together
 * only when there is something to say about it.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/schema_type.h"
#include "lib/error.h"
#include "lib/json.h"

#define ENTRY_EXPECTED                                                                                                 \
	"group:NAME, vnet:NAME, handle:NAME, or an address, prefix or range like 10.0.0.5, 10.0.0.0/24, "              \
	"10.0.0.1-10.0.0.9"

SCHEMA_TYPE(handles)
{
	struct draft *draft = reader->draft;
	int result = schema_claim_names(reader, &draft->handle_names, value, row->name, "handle");

	result |= schema_read_list(reader, row, value, path, target);
	for (size_t i = 0; i < draft->handle_count; i++)
		draft->handles[i].id = policy_id(draft->handles[i].name);
	return result ? -EINVAL : 0;
}

uint64_t schema_handle(struct schema_reader *reader, const cJSON *value, const char *text, const char *path)
{
	const struct name *found = names_find_text(&reader->draft->handle_names, NAMES_EVERYWHERE, text);

	if (found)
		return found->id;
	schema_refuse(reader, path, "the name of one of 'handles' after 'handle:'", value);
	return 0;
}

static bool begins(const char *text, const char *prefix, const char **rest)
{
	size_t length = strlen(prefix);

	*rest = text + length;
	return strncmp(text, prefix, length) == 0;
}

/* What is not an address. `error` says why it is none. */
static int read_name(struct schema_reader *reader, const cJSON *value, const char *path, int error,
	struct policy_item *item)
{
	const char *text = schema_text(value), *rest;

	*item = (struct policy_item){.kind = ITEM_GROUP};
	if (text && begins(text, "group:", &rest)) {
		item->id = schema_group(reader, value, rest, path);
		return item->id ? 0 : -EINVAL;
	}
	if (text && begins(text, "handle:", &rest)) {
		item->kind = ITEM_HANDLE;
		item->id = schema_handle(reader, value, rest, path);
		return item->id ? 0 : -EINVAL;
	}
	if (text && begins(text, "vnet:", &rest)) {
		item->kind = ITEM_VNET;
		return schema_negotiated(reader, value, rest, path, &item->vni);
	}
	return schema_refuse_range(reader, path, error, ENTRY_EXPECTED, value);
}

struct entries {
	struct ipv4_range *ranges;
	size_t range_count;
	struct policy_item *items;
	size_t item_count;
};

static int read_entries(struct schema_reader *reader, const cJSON *list, const char *path, struct entries *out)
{
	const cJSON *element;
	size_t index = 0;
	int result = 0;

	cJSON_ArrayForEach(element, list) {
		const char *text = schema_text(element);
		struct ipv4_range *range = &out->ranges[out->range_count];
		int error = text ? ipv4_range_parse(text, range) : -EINVAL;

		if (error) {
			char here[FINDING_PATH_MAX];

			snprintf(here, sizeof(here), "%s[%zu]", path, index);
			error = read_name(reader, element, here, error, &out->items[out->item_count]);
			out->item_count += !error;
			result |= error;
		} else {
			out->range_count++;
		}
		index++;
	}
	return result ? -EINVAL : 0;
}

SCHEMA_TYPE(entries)
{
	struct policy_handle *handle = target;
	struct draft *draft = reader->draft;
	scope_free struct ipv4_range *ranges = NULL;
	struct entries entries = {0};
	size_t count = cJSON_IsArray(value) ? (size_t)cJSON_GetArraySize(value) : 0;
	char expected[SCHEMA_EXPECTED_MAX];
	int result;

	if (!cJSON_IsArray(value))
		return schema_refuse(reader, path, row->expected, value);
	if (count > (size_t)row->max - draft->entry_count) {
		snprintf(expected, sizeof(expected), "at most %lld entries in all handles", row->max);
		return schema_refuse(reader, path, expected, value);
	}
	draft->entry_count += count;
	/* One more than needed, so that nothing of none is not taken for want of memory. */
	ranges = entries.ranges = calloc(count + 1, sizeof(*ranges));
	entries.items = calloc(count + 1, sizeof(*entries.items));
	handle->items = entries.items;
	if (!entries.ranges || !entries.items)
		return schema_no_memory(reader, path);
	result = read_entries(reader, value, path, &entries);
	handle->count = entries.item_count;
	if (!result && entries.range_count &&
		policy_addresses_make(entries.ranges, entries.range_count, &handle->addresses) != 0)
		return schema_no_memory(reader, path);
	return result;
}
