/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Selectors: who a policy is about. "any", "node:A", "group:web", "vnet:Z", "account:x", "handle:h", an address, a prefix, a range; a list
 * of them; or {"not": ...} around either. See schema_type.h.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/schema_type.h"
#include "lib/error.h"
#include "lib/json.h"

#define ITEM_EXPECTED                                                                                                      \
	"any, node:NAME, group:NAME, account:NAME, vnet:NAME, handle:NAME, or an address, prefix or range like 10.0.0.5, " \
	"10.0.0.0/24, 10.0.0.1-10.0.0.9"

/* What an item is read for. */
struct item_reader {
	struct schema_reader *reader;
	const cJSON *value; /* as it stands in the file, for messages */
	const char *path;
	uint32_t vni; /* of the policy; 0: it was refused */
	struct policy_item *item;
};

int schema_refuse_range(struct schema_reader *reader, const char *path, int error, const char *expected,
	const cJSON *value)
{
	if (error == -ERANGE)
		expected = "a prefix that is zero beyond its length";
	else if (error == -EDOM)
		expected = "a range whose lower address comes first";
	return schema_refuse(reader, path, expected, value);
}

static int read_range(struct item_reader *in, const char *text)
{
	struct ipv4_range range;
	int error = ipv4_range_parse(text, &range);

	if (error)
		return schema_refuse_range(in->reader, in->path, error, ITEM_EXPECTED, in->value);
	*in->item = (struct policy_item){.kind = ITEM_RANGE, .low = range.low, .high = range.high};
	return 0;
}

/* ---- names */

static int read_node(struct item_reader *in, const char *text)
{
	const struct config *config = in->reader->config;
	const struct name *found = NULL;
	char expected[SCHEMA_EXPECTED_MAX] = "";

	*in->item = (struct policy_item){.kind = ITEM_NODE, .id = policy_id(text)};
	/* Without a vnet nobody can say. And where a manager says what concerns this host, others that it names are elsewhere. */
	if (in->vni == 0 || (config->manager.present && name_is_whole(text)))
		return 0;
	for (size_t i = 0; i < config->vnet_count && !found; i++) {
		if (config->vnets[i].vni != in->vni)
			continue;
		found = names_find_text(&in->reader->draft->node_names, i, text);
		snprintf(expected, sizeof(expected), "the name of a node or mapping of vnet '%s' after 'node:'",
			config->vnets[i].name);
	}
	return found ? 0 : schema_refuse(in->reader, in->path, expected, in->value);
}

static int read_group(struct item_reader *in, const char *text)
{
	uint64_t id = schema_group(in->reader, in->value, text, in->path);

	*in->item = (struct policy_item){.kind = ITEM_GROUP, .id = id};
	return id ? 0 : -EINVAL;
}

static int read_account(struct item_reader *in, const char *text)
{
	uint64_t id = schema_account(in->reader, in->value, text, in->path);

	*in->item = (struct policy_item){.kind = ITEM_ACCOUNT, .id = id};
	return id ? 0 : -EINVAL;
}

static int read_handle(struct item_reader *in, const char *text)
{
	uint64_t id = schema_handle(in->reader, in->value, text, in->path);

	*in->item = (struct policy_item){.kind = ITEM_HANDLE, .id = id};
	return id ? 0 : -EINVAL;
}

int schema_negotiated(struct schema_reader *reader, const cJSON *value, const char *text, const char *path,
	uint32_t *vni)
{
	long index =
		schema_vnet_find(reader, text, "the name or number of a vnet of this host after 'vnet:'", value, path);

	if (index < 0)
		return -EINVAL;
	if (reader->config->vnets[index].authorization != AUTHORIZATION_NEGOTIATED)
		return schema_refuse(reader, path, SCHEMA_NEGOTIATED_EXPECTED, value);
	*vni = reader->config->vnets[index].vni;
	return 0;
}

static int read_vnet(struct item_reader *in, const char *text)
{
	*in->item = (struct policy_item){.kind = ITEM_VNET};
	return schema_negotiated(in->reader, in->value, text, in->path, &in->item->vni);
}

static int read_item(struct item_reader *in)
{
	static const struct {
		const char *prefix;
		int (*read)(struct item_reader *in, const char *text);
	} kinds[] = {
		{"node:", read_node},
		{"group:", read_group},
		{"account:", read_account},
		{"vnet:", read_vnet},
		{"handle:", read_handle},
	};
	const char *text = schema_text(in->value);

	if (!text)
		return schema_refuse(in->reader, in->path, ITEM_EXPECTED, in->value);
	if (strcmp(text, "any") == 0) {
		*in->item = (struct policy_item){.kind = ITEM_ANY};
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		size_t length = strlen(kinds[i].prefix);

		if (strncmp(text, kinds[i].prefix, length) == 0)
			return kinds[i].read(in, text + length);
	}
	return read_range(in, text);
}

/* ---- the whole */

static int read_items(struct item_reader *in, const struct schema_row *row, const cJSON *value, const char *path,
	struct policy_selector *selector)
{
	bool list = cJSON_IsArray(value);
	size_t count = list ? (size_t)cJSON_GetArraySize(value) : 1;
	const cJSON *element = list ? value->child : value;
	char expected[SCHEMA_EXPECTED_MAX], here[FINDING_PATH_MAX];
	struct policy_item *items;
	int result = 0;

	if (count == 0 || count > (size_t)row->max) {
		snprintf(expected, sizeof(expected), "a selector, or a list of at least one and at most %lld",
			row->max);
		return schema_refuse(in->reader, path, expected, value);
	}
	items = calloc(count, sizeof(*items));
	if (!items)
		return schema_no_memory(in->reader, path);
	selector->items = items;
	selector->count = count;
	for (size_t i = 0; i < count; i++, element = element->next) {
		snprintf(here, sizeof(here), list ? "%s[%zu]" : "%s", path, i);
		in->value = element;
		in->path = here;
		in->item = &items[i];
		result |= read_item(in);
	}
	return result ? -EINVAL : 0;
}

SCHEMA_TYPE(selector)
{
	const struct policy *policy = target;
	struct policy_selector *selector = schema_place(target, row);
	struct item_reader in = {.reader = reader, .vni = policy->vni};
	char here[FINDING_PATH_MAX];

	if (!cJSON_IsObject(value))
		return read_items(&in, row, value, path, selector);
	if (cJSON_GetArraySize(value) != 1 || !json_member(value, "not"))
		return schema_refuse(reader, path, "a selector, a list of them, or an object with the one key 'not'",
			value);
	selector->negated = true;
	snprintf(here, sizeof(here), "%s.not", path);
	return read_items(&in, row, json_member(value, "not"), here, selector);
}
