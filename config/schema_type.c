/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A reader for each type of value that stands for itself: numbers, words, names, addresses, lists. See schema_type.h.
 *
 * Leaves out what refers to groups, hosts and policies (schema_policy.c, schema_selector.c).
 */
#include "config/schema_type.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"
#include "lib/json.h"
#include "lib/name.h"
#include "proto/key.h"

int schema_refuse(struct schema_reader *reader, const char *path, const char *expected, const cJSON *value)
{
	char got[JSON_GOT_MAX];

	finding_add(reader->findings, path, "expected %s, got %s", expected, json_got(value, got));
	return -EINVAL;
}

int schema_no_memory(struct schema_reader *reader, const char *path)
{
	finding_add(reader->findings, path, "out of memory");
	return -EINVAL;
}

const char *schema_text(const cJSON *value)
{
	return cJSON_IsString(value) ? value->valuestring : NULL;
}

void *schema_place(void *target, const struct schema_row *row)
{
	return (char *)target + row->offset;
}

size_t *schema_count(void *target, const struct schema_row *row)
{
	return (size_t *)((char *)target + row->companion);
}

static bool *flag_of(void *target, const struct schema_row *row)
{
	return (bool *)((char *)target + row->companion);
}

static void number_put(void *target, const struct schema_row *row, long long number)
{
	uint8_t one = (uint8_t)number;
	uint16_t two = (uint16_t)number;
	uint32_t four = (uint32_t)number;
	const void *from = row->size == sizeof(one)   ? (void *)&one
			   : row->size == sizeof(two) ? (void *)&two
						      : (void *)&four;

	memcpy(schema_place(target, row), from, row->size);
}

static long long number_get(const void *target, const struct schema_row *row)
{
	uint32_t number;

	memcpy(&number, (const char *)target + row->offset, sizeof(number));
	return number;
}

SCHEMA_TYPE(number)
{
	const struct schema_row *bound = row->at_most ? schema_row_find(row->section, row->at_most) : NULL;
	long long most = bound ? number_get(target, bound) : 0; /* 0: there is none, or it was refused itself */
	char expected[SCHEMA_EXPECTED_MAX];
	long long number;

	snprintf(expected, sizeof(expected), "a whole number%s%s from %lld to %lld", row->unit ? " of " : "",
		row->unit ? row->unit : "", row->min, row->max);
	if (json_integer(value, row->min, row->max, &number) != 0)
		return schema_refuse(reader, path, expected, value);
	if (most != 0 && number > most) {
		if (!reader->by_default) {
			snprintf(expected, sizeof(expected), "at most the %lld of '%s'", most, bound->name);
			return schema_refuse(reader, path, expected, value);
		}
		number = most;
	}
	number_put(target, row, number);
	return 0;
}

/* A slot; "the locator's" is no value for the file but the default, which is known once the locator is. */
SCHEMA_TYPE(slot)
{
	*(uint8_t *)schema_place(target, row) = SCHEMA_NO_SLOT;
	return reader->by_default ? 0 : schema_read_number(reader, row, value, path, target);
}

/* "any", or a number: a port, or an ICMP type. */
SCHEMA_TYPE(port)
{
	const char *text = schema_text(value);
	long long number;

	if (text && strcmp(text, "any") == 0) {
		*flag_of(target, row) = true;
		return 0;
	}
	if (json_integer(value, row->min, row->max, &number) != 0)
		return schema_refuse(reader, path, row->expected, value);
	number_put(target, row, number);
	return 0;
}

/* As a port, with names for the common protocols. */
SCHEMA_TYPE(protocol)
{
	static const struct {
		const char *name;
		uint8_t number;
	} known[] = {{"icmp", 1}, {"tcp", 6}, {"udp", 17}};
	const char *text = schema_text(value);

	for (size_t i = 0; text && i < ARRAY_LEN(known); i++) {
		if (strcmp(text, known[i].name) == 0) {
			number_put(target, row, known[i].number);
			return 0;
		}
	}
	return schema_read_port(reader, row, value, path, target);
}

/* One of the row's words, stored as its index. */
SCHEMA_TYPE(word)
{
	const char *text = schema_text(value);

	for (int i = 0; text && row->words[i]; i++) {
		if (strcmp(text, row->words[i]) == 0) {
			number_put(target, row, row->min + i);
			return 0;
		}
	}
	return schema_refuse(reader, path, row->expected, value);
}

SCHEMA_TYPE(name)
{
	const char *text = schema_text(value);

	if (!text || !name_is_whole(text))
		return schema_refuse(reader, path, row->expected, value);
	strcpy(schema_place(target, row), text);
	return 0;
}

SCHEMA_TYPE(part)
{
	const char *text = schema_text(value);

	if (!text || !name_is_part(text))
		return schema_refuse(reader, path, row->expected, value);
	strcpy(schema_place(target, row), text);
	return 0;
}

/* An instance's name is that of a folder too. */
SCHEMA_TYPE(instance)
{
	const char *text = schema_text(value);

	if (text && (strcmp(text, ".") == 0 || strcmp(text, "..") == 0))
		return schema_refuse(reader, path, row->expected, value);
	return schema_read_part(reader, row, value, path, target);
}

SCHEMA_TYPE(file)
{
	const char *text = schema_text(value);
	size_t length = text ? strlen(text) : 0;

	if (length == 0 || length >= CONFIG_PATH_MAX)
		return schema_refuse(reader, path, row->expected, value);
	strcpy(schema_place(target, row), text);
	return 0;
}

SCHEMA_TYPE(endpoint)
{
	const char *text = schema_text(value);
	struct sockaddr_storage address;
	socklen_t length;

	if (!text || strlen(text) >= ENDPOINT_TEXT_MAX || endpoint_parse(text, &address, &length))
		return schema_refuse(reader, path, row->expected, value);
	strcpy(schema_place(target, row), text);
	return 0;
}

SCHEMA_TYPE(interface)
{
	const char *text = schema_text(value);

	if (!text || !name_is_interface(text))
		return schema_refuse(reader, path, row->expected, value);
	strcpy(schema_place(target, row), text);
	return 0;
}

SCHEMA_TYPE(uplinks)
{
	char(*uplinks)[CONFIG_IFNAME_MAX] = schema_place(target, row);
	size_t *count = schema_count(target, row);
	const cJSON *element;
	int result = 0;

	if (!cJSON_IsArray(value) || cJSON_GetArraySize(value) > row->max)
		return schema_refuse(reader, path, row->expected, value);
	cJSON_ArrayForEach(element, value) {
		const char *text = schema_text(element);
		char here[FINDING_PATH_MAX];

		snprintf(here, sizeof(here), "%s[%zu]", path, *count);
		if (text && name_is_interface(text))
			strcpy(uplinks[*count], text);
		else
			result = schema_refuse(reader, here, IFNAME_EXPECTED, element);
		(*count)++;
	}
	return result;
}

SCHEMA_TYPE(address)
{
	const char *text = schema_text(value);
	struct ipv4 address;

	if (!text || ipv4_parse(text, &address) != 0 || !ipv4_is_unicast(address))
		return schema_refuse(reader, path, row->expected, value);
	memcpy(schema_place(target, row), &address, sizeof(address));
	return 0;
}

/* "any" or an address: one end of a rule. */
SCHEMA_TYPE(end)
{
	const char *text = schema_text(value);

	if (text && strcmp(text, "any") == 0) {
		*flag_of(target, row) = true;
		return 0;
	}
	return schema_read_address(reader, row, value, path, target);
}

SCHEMA_TYPE(mac)
{
	const char *text = schema_text(value);
	struct mac mac;

	if (!text || mac_parse(text, &mac) != 0 || !mac_is_unicast(mac))
		return schema_refuse(reader, path, row->expected, value);
	memcpy(schema_place(target, row), &mac, sizeof(mac));
	return 0;
}

SCHEMA_TYPE(locator)
{
	const char *text = schema_text(value);
	struct locator locator;

	if (!text || locator_parse(text, &locator) != 0 || !locator_is_unicast(&locator))
		return schema_refuse(reader, path, row->expected, value);
	memcpy(schema_place(target, row), &locator, sizeof(locator));
	return 0;
}

/* A public key; all zeros is none. */
SCHEMA_TYPE(key)
{
	static const uint8_t zero[CONFIG_KEY_LEN];
	const char *text = schema_text(value);
	uint8_t key[CONFIG_KEY_LEN];

	if (!text || key_parse(text, key) != 0 || memcmp(key, zero, sizeof(key)) == 0)
		return schema_refuse(reader, path, row->expected, value);
	memcpy(schema_place(target, row), key, sizeof(key));
	return 0;
}

void schema_known_add(char known[SCHEMA_KNOWN_MAX], const char *name)
{
	size_t used = strlen(known);
	size_t wanted = strlen(name) + (used ? 2 : 0);

	if (used + wanted + sizeof(", ...") <= SCHEMA_KNOWN_MAX)
		snprintf(known + used, SCHEMA_KNOWN_MAX - used, "%s%s", used ? ", " : "", name);
	else if (used < 3 || strcmp(known + used - 3, "...") != 0)
		strcat(known, ", ...");
}

long schema_vnet_find(struct schema_reader *reader, const char *text, const char *expected, const cJSON *value,
	const char *path)
{
	const struct config *config = reader->config;
	char known[SCHEMA_KNOWN_MAX] = "", message[SCHEMA_KNOWN_MAX + 64];
	long index = text ? config_find_vnet(config, text) : -1;

	if (index >= 0)
		return index;
	for (size_t i = 0; i < config->vnet_count; i++) {
		if (config->vnets[i].name[0])
			schema_known_add(known, config->vnets[i].name);
	}
	snprintf(message, sizeof(message), "%s (there %s: %s)", expected, config->vnet_count == 1 ? "is" : "are",
		*known ? known : "none");
	schema_refuse(reader, path, message, value);
	return -1;
}

/* By its name, or by its number (as text or as a number). */
SCHEMA_TYPE(vnet)
{
	const char *text = schema_text(value);
	size_t *place = schema_place(target, row);
	long long number;
	char digits[16];
	long index;

	if (json_integer(value, 0, VNI_MAX, &number) == 0) {
		snprintf(digits, sizeof(digits), "%lld", number);
		text = digits;
	}
	if (reader->directory && text && config_find_vnet(reader->config, text) < 0) {
		*place = SCHEMA_NO_VNET;
		return 0;
	}
	index = schema_vnet_find(reader, text, row->expected, value, path);
	*place = index < 0 ? SCHEMA_NO_VNET : (size_t)index;
	return index < 0 ? -EINVAL : 0;
}

SCHEMA_TYPE(object)
{
	return schema_read(reader, row->child, value, path, schema_place(target, row));
}

SCHEMA_TYPE(signing_key)
{
	if (!value && reader->config->manager.present)
		return 0;
	return schema_read_file(reader, row, value, path, target);
}

/* TLS, or what no wire carries: loopback and unix sockets. */
SCHEMA_TYPE(url)
{
	static const char *const begins[] = {"https://", "http://127.0.0.1:", "http://[::1]:", "unix:/"};
	const char *text = schema_text(value);

	for (size_t i = 0; text && i < ARRAY_LEN(begins); i++)
		if (strncmp(text, begins[i], strlen(begins[i])) == 0 && strlen(text) > strlen(begins[i]))
			return schema_read_file(reader, row, value, path, target);
	return schema_refuse(reader, path, row->expected, value);
}

SCHEMA_TYPE(manager)
{
	struct config_manager *manager = schema_place(target, row);

	manager->present = true;
	return schema_read_object(reader, row, value, path, target);
}

SCHEMA_TYPE(resolve)
{
	struct config_resolve *resolve = schema_place(target, row);

	resolve->present = true;
	return schema_read_object(reader, row, value, path, target);
}

SCHEMA_TYPE(list)
{
	size_t *count = schema_count(target, row);
	char expected[SCHEMA_EXPECTED_MAX];
	const cJSON *element;
	char *elements;
	int result = 0;

	snprintf(expected, sizeof(expected), "%s, at most %lld", row->expected, row->max);
	if (!cJSON_IsArray(value) || cJSON_GetArraySize(value) > row->max)
		return schema_refuse(reader, path, expected, value);
	if (!value->child)
		return 0;
	elements = calloc((size_t)cJSON_GetArraySize(value), row->size);
	if (!elements)
		return schema_no_memory(reader, path);
	memcpy(schema_place(target, row), &elements, sizeof(elements));
	cJSON_ArrayForEach(element, value) {
		char *here = elements + *count * row->size;
		char place[FINDING_PATH_MAX];

		snprintf(place, sizeof(place), "%s[%zu]", path, *count);
		if (schema_read(reader, row->child, element, place, here) != 0) {
			result = -EINVAL;
			if (row->whole)
				memset(here, 0, row->size);
		}
		(*count)++;
	}
	return result;
}
