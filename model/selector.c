/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Selectors of policies, entries of handles, services, and criteria of groups. See selector.h and internal.h.
 */
#include "model/selector.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/error.h"
#include "lib/json.h"
#include "model/internal.h"
#include "policy/service.h"

#define ADDRESSES_EXPECTED "an address, prefix or range like 10.0.0.5, 10.0.0.0/24, 10.0.0.1-10.0.0.9"
#define PATTERN_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-*"

/* What stands before a name in an item. */
static const struct prefix {
	const char *text;
	enum model_kind to;
	bool entry; /* a handle may have it too */
} prefixes[] = {
	{"node:", MODEL_NODE, false},
	{"group:", MODEL_GROUP, true},
	{"vnet:", MODEL_VNET, true},
	{"handle:", MODEL_HANDLE, true},
	{"account:", MODEL_ACCOUNT, false},
};

static const struct prefix *prefix_of(const char *text)
{
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		if (strncmp(text, prefixes[i].text, strlen(prefixes[i].text)) == 0)
			return &prefixes[i];
	}
	return NULL;
}

int model_item_parse(const char *text, struct model_item *out)
{
	const struct prefix *prefix = prefix_of(text);
	struct model_item item = {.kind = MODEL_ITEM_ANY};

	if (prefix) {
		item.kind = MODEL_ITEM_NAME;
		item.to = prefix->to;
		item.name = text + strlen(prefix->text);
	} else if (strcmp(text, "any") != 0) {
		item.kind = MODEL_ITEM_RANGE;
		if (ipv4_range_parse(text, &item.range) != 0)
			return -EINVAL;
	}
	*out = item;
	return 0;
}

bool model_selector_is_negated(const cJSON *selector)
{
	return cJSON_IsObject(selector);
}

const cJSON *model_selector_next(const cJSON *selector, const cJSON *item)
{
	const cJSON *items = cJSON_IsObject(selector) ? selector->child : selector;

	if (cJSON_IsArray(items))
		return item ? item->next : items->child;
	return item ? NULL : items;
}

/* ---- items */

static cJSON *read_name(struct reader *reader, const struct prefix *prefix, const cJSON *value, const char *path)
{
	const char *written = value->valuestring + strlen(prefix->text);
	char name[MODEL_NAME_MAX], text[MODEL_NAME_MAX + 16], message[200];

	if (model_name(prefix->to, reader->owner ? reader->owner : reader->account, written, name, message) != 0) {
		reader_tell(reader, path, message);
		return NULL;
	}
	snprintf(text, sizeof(text), "%s%s", prefix->text, name);
	return reader_made(reader, cJSON_CreateString(text));
}

static cJSON *read_range(struct reader *reader, const char *expected, const cJSON *value, const char *path)
{
	char text[ADDRESS_TEXT_MAX];
	struct ipv4_range range;
	int error = ipv4_range_parse(value->valuestring, &range);

	if (error == -ERANGE)
		return reader_refuse(reader, path, "a prefix that is zero beyond its length", value);
	if (error == -EDOM)
		return reader_refuse(reader, path, "a range whose lower address comes first", value);
	if (error)
		return reader_refuse(reader, path, expected, value);
	return reader_made(reader, cJSON_CreateString(ipv4_range_format(range, text)));
}

/* Of a selector, or an entry of a handle. */
static cJSON *read_item(struct reader *reader, bool entry, const cJSON *value, const char *path)
{
	const char *expected =
		entry ? "group:NAME, vnet:NAME, handle:NAME, or " ADDRESSES_EXPECTED
		      : "any, node:NAME, group:NAME, account:NAME, vnet:NAME, handle:NAME, or " ADDRESSES_EXPECTED;
	const struct prefix *prefix;

	if (!cJSON_IsString(value))
		return reader_refuse(reader, path, expected, value);
	prefix = prefix_of(value->valuestring);
	if (prefix && (prefix->entry || !entry))
		return read_name(reader, prefix, value, path);
	if (!entry && strcmp(value->valuestring, "any") == 0)
		return reader_made(reader, cJSON_CreateString("any"));
	return read_range(reader, expected, value, path);
}

/* A list of which every element was read, each once; NULL when one was not. */
static cJSON *read_items(struct reader *reader, bool entry, const cJSON *value, const char *path)
{
	cJSON *list = reader_made(reader, cJSON_CreateArray());
	const cJSON *element;
	bool whole = true;
	size_t index = 0;

	if (!list)
		return NULL;
	cJSON_ArrayForEach(element, value) {
		char here[MODEL_PATH_MAX];
		cJSON *made;

		reader_element(here, path, index++);
		made = read_item(reader, entry, element, here);
		if (made)
			cJSON_AddItemToArray(list, made);
		else
			whole = false;
	}
	if (whole)
		model_type_each_once(reader, list, value, path);
	return list;
}

/* ---- selectors */

/* A string, or a list of them; a list of one is that one. */
static cJSON *read_positive(struct reader *reader, const struct model_field *field, const cJSON *value,
	const char *path)
{
	char expected[MODEL_EXPECTED_MAX];
	cJSON *list, *only;
	int count;

	if (!cJSON_IsArray(value))
		return read_item(reader, false, value, path);
	count = cJSON_GetArraySize(value);
	if (count == 0 || count > field->max) {
		snprintf(expected, sizeof(expected), "a selector, or a list of at least one and at most %lld",
			field->max);
		return reader_refuse(reader, path, expected, value);
	}
	list = read_items(reader, false, value, path);
	if (!list || count > 1)
		return list;
	only = cJSON_DetachItemFromArray(list, 0);
	cJSON_Delete(list);
	return only;
}

cJSON *model_selector_read(struct reader *reader, const struct model_field *field, const cJSON *value, const char *path)
{
	char here[MODEL_PATH_MAX];
	cJSON *inner, *object;

	if (!cJSON_IsObject(value))
		return read_positive(reader, field, value, path);
	if (cJSON_GetArraySize(value) != 1 || !json_member(value, "not"))
		return reader_refuse(reader, path, "a selector, a list of them, or an object with the one key 'not'",
			value);
	reader_path(here, path, "not");
	inner = read_positive(reader, field, json_member(value, "not"), here);
	if (!inner)
		return NULL;
	object = reader_made(reader, cJSON_CreateObject());
	if (object && cJSON_AddItemToObject(object, "not", inner))
		return object;
	cJSON_Delete(object);
	cJSON_Delete(inner);
	return reader_made(reader, NULL);
}

cJSON *model_entries_read(struct reader *reader, const struct model_field *field, const cJSON *value, const char *path)
{
	char expected[MODEL_EXPECTED_MAX];

	if (!cJSON_IsArray(value) || cJSON_GetArraySize(value) > field->max)
		return reader_refuse(reader, path, model_type_expected(field, expected), value);
	return read_items(reader, true, value, path);
}

/* ---- services */

static cJSON *read_service(struct reader *reader, const cJSON *value, const char *path)
{
	struct policy_service services[SERVICE_TRANSPORTS_MAX];
	int count = cJSON_IsString(value) ? service_parse(value->valuestring, services) : -EINVAL;

	if (count == -ERANGE)
		return reader_refuse(reader, path,
			"ports from 1 to 65535 or ICMP types from 0 to 255, the lower one first", value);
	if (count < 0)
		return reader_refuse(reader, path,
			"a service like http, tcp/80, tcp/8000-9000, udp, icmp/echo, 47 (a protocol) or any", value);
	/* As it was written: people know "https" and not "tcp/443". */
	return reader_made(reader, cJSON_CreateString(value->valuestring));
}

cJSON *model_services_read(struct reader *reader, const struct model_field *field, const cJSON *value, const char *path)
{
	char expected[MODEL_EXPECTED_MAX];
	const cJSON *element;
	bool whole = true;
	size_t index = 0;
	cJSON *list;

	/* An empty list is no way to say "all". */
	if (!cJSON_IsArray(value) || !value->child || cJSON_GetArraySize(value) > field->max)
		return reader_refuse(reader, path, model_type_expected(field, expected), value);
	list = reader_made(reader, cJSON_CreateArray());
	if (!list)
		return NULL;
	cJSON_ArrayForEach(element, value) {
		char here[MODEL_PATH_MAX];
		cJSON *made;

		reader_element(here, path, index++);
		made = read_service(reader, element, here);
		if (made)
			cJSON_AddItemToArray(list, made);
		else
			whole = false;
	}
	if (whole)
		model_type_each_once(reader, list, value, path);
	return list;
}

/* ---- criteria */

static cJSON *read_pattern(struct reader *reader, const cJSON *value, const char *path)
{
	const char *text = cJSON_IsString(value) ? value->valuestring : "";
	size_t length = strspn(text, PATTERN_LETTERS);

	if (length == 0 || length >= MODEL_PART_MAX || text[length])
		return reader_refuse(reader, path, "a pattern of 1 to 31 letters, digits, '_', '.', '-' or '*'", value);
	return reader_made(reader, cJSON_CreateString(text));
}

/* Nodes of other accounts are in the group only where it says so: their names are not its owner's to give. */
static cJSON *read_whose(struct reader *reader, const cJSON *value, const char *path)
{
	const char *own = reader->owner ? reader->owner : "*";

	if (!value)
		return reader_made(reader, cJSON_CreateString(own));
	if (cJSON_IsString(value) && strcmp(value->valuestring, "*") == 0)
		return reader_made(reader, cJSON_CreateString("*"));
	return model_type_name(reader, MODEL_ACCOUNT, value, path);
}

static void add(struct reader *reader, cJSON *object, const char *name, cJSON *value)
{
	if (value && !cJSON_AddItemToObject(object, name, value)) {
		cJSON_Delete(value);
		reader->error = -ENOMEM;
	}
}

cJSON *model_match_read(struct reader *reader, const struct model_field *field, const cJSON *value, const char *path)
{
	const cJSON *name = json_member(value, "name"), *vnet = json_member(value, "vnet"), *member;
	char here[MODEL_PATH_MAX], expected[MODEL_EXPECTED_MAX];
	cJSON *object;

	if (!cJSON_IsObject(value) || !value->child)
		return reader_refuse(reader, path, model_type_expected(field, expected), value);
	object = reader_made(reader, cJSON_CreateObject());
	if (!object)
		return NULL;
	reader_path(here, path, "name");
	if (name)
		add(reader, object, "name", read_pattern(reader, name, here));
	reader_path(here, path, "vnet");
	if (vnet)
		add(reader, object, "vnet", model_type_name(reader, MODEL_VNET, vnet, here));
	reader_path(here, path, "account");
	add(reader, object, "account", read_whose(reader, json_member(value, "account"), here));
	cJSON_ArrayForEach(member, value) {
		cJSON key = {.type = cJSON_String, .valuestring = member->string};

		reader_path(here, path, member->string);
		if (strcmp(member->string, "name") != 0 && strcmp(member->string, "vnet") != 0 &&
			strcmp(member->string, "account") != 0)
			reader_refuse(reader, here, "name, vnet or account", &key);
	}
	return object;
}
