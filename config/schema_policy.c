/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The types of values that negotiation needs: hosts, groups, accounts, policies and what is in them. See schema_type.h.
 *
 * A list whose elements may name each other is walked for their names first. Leaves out selectors (schema_selector.c) and handles (schema_handle.c).
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/schema_type.h"
#include "policy/service.h"
#include "lib/error.h"
#include "lib/json.h"
#include "lib/name.h"

int schema_claim_names(struct schema_reader *reader, struct names *names, const cJSON *list, const char *path,
	const char *owners)
{
	struct name name = {.scope = NAMES_EVERYWHERE, .list = path};
	const cJSON *element;
	int result = 0;

	cJSON_ArrayForEach(element, list) {
		char here[FINDING_PATH_MAX];

		name.text = schema_text(json_member(element, "name"));
		snprintf(here, sizeof(here), "%s[%zu].name", path, name.index);
		if (name.text) {
			name.id = policy_id(name.text);
			result |= names_claim(names, &name, owners, reader->findings, here);
		}
		name.index++;
	}
	return result;
}

/* ---- hosts and the identity */

SCHEMA_TYPE(hosts)
{
	struct draft *draft = reader->draft;
	int result = schema_claim_names(reader, &draft->host_names, value, row->name, "host");

	result |= schema_read_list(reader, row, value, path, target);
	for (size_t i = 0; i < draft->config.host_count; i++)
		draft->config.hosts[i].id = policy_id(draft->config.hosts[i].name);
	return result ? -EINVAL : 0;
}

SCHEMA_TYPE(host)
{
	const char *text = schema_text(value);
	const struct name *found = text ? names_find_text(&reader->draft->host_names, NAMES_EVERYWHERE, text) : NULL;

	if (!found)
		return schema_refuse(reader, path, row->expected, value);
	memcpy(schema_place(target, row), &found->index, sizeof(found->index));
	return 0;
}

SCHEMA_TYPE(identity)
{
	struct config_identity *identity = schema_place(target, row);

	/* Even if it is refused: then nothing else is told to be without one, or to be another host. */
	identity->present = true;
	identity->host = SIZE_MAX;
	return schema_read_object(reader, row, value, path, target);
}

/* ---- groups and accounts */

SCHEMA_TYPE(groups)
{
	int result = schema_claim_names(reader, &reader->draft->group_names, value, row->name, "group");

	result |= schema_read_list(reader, row, value, path, target);
	return result ? -EINVAL : 0;
}

uint64_t schema_group(struct schema_reader *reader, const cJSON *value, const char *text, const char *path)
{
	const struct name *found = text ? names_find_text(&reader->draft->group_names, NAMES_EVERYWHERE, text) : NULL;

	if (reader->directory && text && name_is_whole(text))
		return policy_id(text);
	if (found)
		return found->id;
	schema_refuse(reader, path, "the name of one of 'groups'", value);
	return 0;
}

uint64_t schema_account(struct schema_reader *reader, const cJSON *value, const char *text, const char *path)
{
	struct name name = {.scope = NAMES_EVERYWHERE, .text = text, .list = "accounts"};

	if (!text || !name_is_whole(text)) {
		schema_refuse(reader, path,
			"the name of an account: 1 to 31 letters, digits, '_', '.' or '-', or two of those with '/' between",
			value);
		return 0;
	}
	name.id = policy_id(text);
	return names_claim(&reader->draft->account_names, &name, NULL, reader->findings, path) ? 0 : name.id;
}

SCHEMA_TYPE(account)
{
	uint64_t id = schema_account(reader, value, schema_text(value), path);

	memcpy(schema_place(target, row), &id, sizeof(id));
	return id ? 0 : -EINVAL;
}

/* Writes the groups of a list, each once, to `ids`, which has room for all of them. */
static int read_group_list(struct schema_reader *reader, const cJSON *value, const char *path, uint64_t *ids,
	size_t *count)
{
	const cJSON *element;
	size_t index = 0;
	int result = 0;

	cJSON_ArrayForEach(element, value) {
		char here[FINDING_PATH_MAX];
		uint64_t id;

		snprintf(here, sizeof(here), "%s[%zu]", path, index++);
		id = schema_group(reader, element, schema_text(element), here);
		for (size_t i = 0; id && i < *count; i++) {
			if (ids[i] == id) {
				schema_refuse(reader, here, "each group once", element);
				id = 0;
			}
		}
		if (id)
			ids[(*count)++] = id;
		else
			result = -EINVAL;
	}
	return result;
}

static int refuse_length(struct schema_reader *reader, const struct schema_row *row, const cJSON *value,
	const char *path)
{
	char expected[SCHEMA_EXPECTED_MAX];

	snprintf(expected, sizeof(expected), "%s, at most %lld", row->expected, row->max);
	return schema_refuse(reader, path, expected, value);
}

SCHEMA_TYPE(membership)
{
	if (!cJSON_IsArray(value) || cJSON_GetArraySize(value) > row->max)
		return refuse_length(reader, row, value, path);
	return read_group_list(reader, value, path, schema_place(target, row), schema_count(target, row));
}

SCHEMA_TYPE(children)
{
	uint64_t *ids;

	if (!cJSON_IsArray(value) || cJSON_GetArraySize(value) > row->max)
		return refuse_length(reader, row, value, path);
	ids = calloc((size_t)cJSON_GetArraySize(value) + 1, sizeof(*ids));
	if (!ids)
		return schema_no_memory(reader, path);
	memcpy(schema_place(target, row), &ids, sizeof(ids));
	return read_group_list(reader, value, path, ids, schema_count(target, row));
}

/* ---- policies */

/* Names of nodes: one identifier each in the whole file, and one node each in its vnet. */
static int claim_node(struct schema_reader *reader, const char *list, size_t index, size_t vnet, const char *text)
{
	struct names *names = &reader->draft->node_names;
	struct name name = {NAMES_EVERYWHERE, policy_id(text), text, list, index};
	const struct name *earlier;
	char path[FINDING_PATH_MAX];
	int result;

	snprintf(path, sizeof(path), "%s[%zu].name", list, index);
	result = names_claim(names, &name, NULL, reader->findings, path);
	if (result || vnet == SCHEMA_NO_VNET)
		return result;
	name.scope = vnet;
	/* Two nodes of this host are compared elsewhere (check.c), whatever their vnets. */
	earlier = names_find(names, vnet, name.id);
	if (earlier && strcmp(earlier->list, "nodes") == 0 && strcmp(list, "nodes") == 0)
		return 0;
	return names_claim(names, &name, "node of the vnet", reader->findings, path);
}

static int claim_nodes(struct schema_reader *reader)
{
	const struct config *config = reader->config;
	int result = 0;

	for (size_t i = 0; i < config->node_count; i++) {
		if (*config->nodes[i].name)
			result |= claim_node(reader, "nodes", i, config->nodes[i].vnet, config->nodes[i].name);
	}
	for (size_t i = 0; i < config->mapping_count; i++) {
		if (*config->mappings[i].name)
			result |= claim_node(reader, "mappings", i, config->mappings[i].vnet, config->mappings[i].name);
	}
	return result;
}

SCHEMA_TYPE(policies)
{
	int result = claim_nodes(reader);

	result |= schema_read_list(reader, row, value, path, target);
	return result ? -EINVAL : 0;
}

SCHEMA_TYPE(policy_id)
{
	struct name name = {.scope = NAMES_EVERYWHERE, .text = "", .list = "policies"};
	const struct name *earlier;
	uint32_t id;
	int error = schema_read_number(reader, row, value, path, target);

	if (error)
		return error;
	memcpy(&id, schema_place(target, row), sizeof(id));
	name.id = id;
	name.index = reader->draft->policy_count; /* so many were read before it */
	error = names_add(&reader->draft->policy_ids, &name, &earlier);
	if (error == -ENOMEM)
		return schema_no_memory(reader, path);
	if (error)
		finding_add(reader->findings, path,
			"expected a number that no other policy has, got %u as in policies[%zu]", id, earlier->index);
	return error ? -EINVAL : 0;
}

SCHEMA_TYPE(policy_vnet)
{
	size_t index;
	struct schema_row place = *row;
	int error;

	/* The same as elsewhere, but what a policy has is the number. */
	place.offset = 0;
	error = schema_read_vnet(reader, &place, value, path, &index);
	if (error)
		return error;
	if (reader->config->vnets[index].authorization != AUTHORIZATION_NEGOTIATED)
		return schema_refuse(reader, path, SCHEMA_NEGOTIATED_EXPECTED, value);
	memcpy(schema_place(target, row), &reader->config->vnets[index].vni, sizeof(uint32_t));
	return 0;
}

/* One service more; a name may be two. */
static int read_service(struct schema_reader *reader, const cJSON *value, const char *path,
	struct policy_service *services, size_t *count)
{
	const char *text = schema_text(value);
	int added = text ? service_parse(text, services + *count) : -EINVAL;

	if (added == -ERANGE)
		return schema_refuse(reader, path,
			"ports from 1 to 65535 or ICMP types from 0 to 255, the lower one first", value);
	if (added < 0)
		return schema_refuse(reader, path,
			"a service like http, tcp/80, tcp/8000-9000, udp, icmp/echo, 47 (a protocol) or any", value);
	*count += (size_t)added;
	return 0;
}

SCHEMA_TYPE(services)
{
	struct policy_service *services;
	const cJSON *element;
	size_t index = 0;
	int result = 0;

	/* An empty list is no way to say "all". */
	if (!cJSON_IsArray(value) || !value->child || cJSON_GetArraySize(value) > row->max)
		return refuse_length(reader, row, value, path);
	services = calloc((size_t)cJSON_GetArraySize(value), SERVICE_TRANSPORTS_MAX * sizeof(*services));
	if (!services)
		return schema_no_memory(reader, path);
	memcpy(schema_place(target, row), &services, sizeof(services));
	cJSON_ArrayForEach(element, value) {
		char here[FINDING_PATH_MAX];

		snprintf(here, sizeof(here), "%s[%zu]", path, index++);
		result |= read_service(reader, element, here, services, schema_count(target, row));
	}
	return result ? -EINVAL : 0;
}

SCHEMA_TYPE(casts)
{
	static const char *const words[] = {"unicast", "multicast", "broadcast"}; /* bits 0, 1, 2 */
	uint8_t *casts = schema_place(target, row);
	const cJSON *element;
	size_t index = 0;
	int result = 0;

	if (!cJSON_IsArray(value) || !value->child)
		return schema_refuse(reader, path, row->expected, value);
	cJSON_ArrayForEach(element, value) {
		const char *text = schema_text(element);
		char here[FINDING_PATH_MAX];
		uint8_t cast = 0;

		snprintf(here, sizeof(here), "%s[%zu]", path, index++);
		for (size_t i = 0; text && i < ARRAY_LEN(words); i++) {
			if (strcmp(text, words[i]) == 0)
				cast = (uint8_t)(1u << i);
		}
		if (!cast)
			result = schema_refuse(reader, here, "unicast, multicast or broadcast", element);
		*casts |= cast;
	}
	return result;
}
