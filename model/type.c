/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A reader for each type of field that stands for itself, and what messages say of every type. See internal.h.
 *
 * Leaves out selectors and what is like them (selector.c).
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/address.h"
#include "lib/error.h"
#include "lib/json.h"
#include "lib/name.h"
#include "model/internal.h"
#include "proto/key.h"

#define ADDRESSES_EXPECTED "an address, prefix or range like 10.0.0.5, 10.0.0.0/24, 10.0.0.1-10.0.0.9"
#define SUBNET_MIN 8 /* bits of the prefix */
#define SUBNET_MAX 30

static const char *text_of(const cJSON *value)
{
	return cJSON_IsString(value) ? value->valuestring : NULL;
}

/* ---- what messages say */

const char *model_words(const char *const *words, char out[MODEL_EXPECTED_MAX])
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; words[i] && used < MODEL_EXPECTED_MAX; i++)
		used += (size_t)snprintf(out + used, MODEL_EXPECTED_MAX - used, "%s%s",
			i == 0         ? ""
			: words[i + 1] ? ", "
				       : " or ",
			words[i]);
	return out;
}

const char *model_type_expected(const struct model_field *field, char out[MODEL_EXPECTED_MAX])
{
	static const char *const plain[] = {
		[MODEL_PART] = MODEL_PART_EXPECTED,
		[MODEL_BOOL] = "true or false",
		[MODEL_IPV4] = "an IPv4 unicast address like 10.0.0.2",
		[MODEL_SUBNET] = "a subnet like 10.0.0.0/16, of length 8 to 30 and zero beyond it",
		[MODEL_MAC] = "a unicast MAC address like 02:00:00:00:00:0a",
		[MODEL_LOCATOR] =
			"an IPv6 prefix like fd00:1:0:1::/64, or /72 for a single slot, zero beyond its length",
		[MODEL_INTERFACE] = "an interface name of 1 to 15 characters without '/', ':', '%' or space",
		[MODEL_KEY] = "a public key: 44 characters of base64",
		[MODEL_MATCH] = "an object with at least one of name, vnet and account",
	};
	char words[MODEL_EXPECTED_MAX];

	switch (field->type) {
	case MODEL_TEXT:
		snprintf(out, MODEL_EXPECTED_MAX, "a text of at most %lld octets without control characters",
			field->max);
		break;
	case MODEL_NUMBER:
		snprintf(out, MODEL_EXPECTED_MAX, "a whole number from %lld to %lld", field->min, field->max);
		break;
	case MODEL_WORD:
		model_words(field->words, out);
		break;
	case MODEL_WORDS:
		snprintf(out, MODEL_EXPECTED_MAX, "a list of %.200s%s", model_words(field->words, words),
			field->min ? ", not empty" : "");
		break;
	case MODEL_REF:
		snprintf(out, MODEL_EXPECTED_MAX, "the name of %s %s", MODEL_A(field->to));
		break;
	case MODEL_REFS:
		snprintf(out, MODEL_EXPECTED_MAX, "a list of at most %lld names of %s", field->max,
			model_table[field->to].plural);
		break;
	case MODEL_SELECTOR:
		snprintf(out, MODEL_EXPECTED_MAX,
			"any, node:NAME, group:NAME, account:NAME, vnet:NAME, handle:NAME, or " ADDRESSES_EXPECTED);
		break;
	case MODEL_SERVICES:
		snprintf(out, MODEL_EXPECTED_MAX, "a list of services, not empty, at most %lld", field->max);
		break;
	case MODEL_ENTRIES:
		snprintf(out, MODEL_EXPECTED_MAX, "a list of at most %lld entries", field->max);
		break;
	default:
		snprintf(out, MODEL_EXPECTED_MAX, "%s", plain[field->type]);
	}
	return out;
}

static cJSON *refuse(struct reader *reader, const struct model_field *field, const cJSON *value, const char *path)
{
	char expected[MODEL_EXPECTED_MAX];

	return reader_refuse(reader, path, model_type_expected(field, expected), value);
}

static cJSON *made_text(struct reader *reader, const char *text)
{
	return reader_made(reader, cJSON_CreateString(text));
}

/* ---- single values */

static bool text_is_good(const char *text, long long most)
{
	if ((long long)strlen(text) > most)
		return false;
	for (; *text; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	}
	return true;
}

static bool word_is_good(const char *text, const char *const *words)
{
	for (; *words; words++) {
		if (strcmp(*words, text) == 0)
			return true;
	}
	return false;
}

static const char *ipv4_canonical(const char *text, char out[ADDRESS_TEXT_MAX])
{
	struct ipv4 address;

	return ipv4_parse(text, &address) == 0 && ipv4_is_unicast(address) ? ipv4_format(address, out) : NULL;
}

/* All of it unicast; a single host, or two, are no subnet. */
static const char *subnet_canonical(const char *text, char out[ADDRESS_TEXT_MAX])
{
	struct ipv4_range range;
	uint32_t size;

	if (!strchr(text, '/') || ipv4_range_parse(text, &range) != 0 || !ipv4_is_unicast(range.low) ||
		!ipv4_is_unicast(range.high))
		return NULL;
	size = ipv4_number(range.high) - ipv4_number(range.low);
	if (size < (1u << (32 - SUBNET_MAX)) - 1 || size > (1u << (32 - SUBNET_MIN)) - 1)
		return NULL;
	return ipv4_range_format(range, out);
}

static const char *mac_canonical(const char *text, char out[ADDRESS_TEXT_MAX])
{
	struct mac mac;

	return mac_parse(text, &mac) == 0 && mac_is_unicast(mac) ? mac_format(mac, out) : NULL;
}

static const char *locator_canonical(const char *text, char out[ADDRESS_TEXT_MAX])
{
	struct locator locator;

	return locator_parse(text, &locator) == 0 && locator_is_unicast(&locator) ? locator_format(&locator, out)
										  : NULL;
}

/* All zeros is none. */
static bool key_is_good(const char *text)
{
	static const uint8_t zero[32];
	uint8_t key[32];

	return key_parse(text, key) == 0 && memcmp(key, zero, sizeof(key)) != 0;
}

/* What a string becomes; NULL when it is none of that type. */
static const char *canonical(const struct model_field *field, const char *text, char out[ADDRESS_TEXT_MAX])
{
	switch (field->type) {
	case MODEL_PART:
		return name_is_part(text) && strcmp(text, ".") != 0 && strcmp(text, "..") != 0 ? text : NULL;
	case MODEL_TEXT:
		return text_is_good(text, field->max) ? text : NULL;
	case MODEL_WORD:
		return word_is_good(text, field->words) ? text : NULL;
	case MODEL_IPV4:
		return ipv4_canonical(text, out);
	case MODEL_SUBNET:
		return subnet_canonical(text, out);
	case MODEL_MAC:
		return mac_canonical(text, out);
	case MODEL_LOCATOR:
		return locator_canonical(text, out);
	case MODEL_INTERFACE:
		return name_is_interface(text) ? text : NULL;
	case MODEL_KEY:
		return key_is_good(text) ? text : NULL;
	default:
		return NULL;
	}
}

static cJSON *read_string(struct reader *reader, const struct model_field *field, const cJSON *value, const char *path)
{
	char buffer[ADDRESS_TEXT_MAX];
	const char *text = text_of(value) ? canonical(field, value->valuestring, buffer) : NULL;

	return text ? made_text(reader, text) : refuse(reader, field, value, path);
}

static cJSON *read_number(struct reader *reader, const struct model_field *field, const cJSON *value, const char *path)
{
	long long number;

	if (json_integer(value, field->min, field->max, &number) != 0)
		return refuse(reader, field, value, path);
	return reader_made(reader, cJSON_CreateNumber((double)number));
}

static cJSON *read_bool(struct reader *reader, const struct model_field *field, const cJSON *value, const char *path)
{
	if (!cJSON_IsBool(value))
		return refuse(reader, field, value, path);
	return reader_made(reader, cJSON_CreateBool(cJSON_IsTrue(value)));
}

/* ---- names */

cJSON *model_type_name(struct reader *reader, enum model_kind to, const cJSON *value, const char *path)
{
	char name[MODEL_NAME_MAX], message[200], expected[64];
	const char *text = text_of(value);

	if (!text) {
		snprintf(expected, sizeof(expected), "the name of %s %s", MODEL_A(to));
		return reader_refuse(reader, path, expected, value);
	}
	if (model_name(to, reader->owner ? reader->owner : reader->account, text, name, message) != 0) {
		reader_tell(reader, path, message);
		return NULL;
	}
	return made_text(reader, name);
}

/* ---- lists */

/* An item of a list. The hash makes nearly all comparisons short; the text decides. */
struct item {
	uint64_t hash;
	const char *text;
	size_t index;
};

static int item_compare(const void *a, const void *b)
{
	const struct item *left = a, *right = b;
	int order = (left->hash > right->hash) - (left->hash < right->hash);

	if (!order)
		order = strcmp(left->text, right->text);
	return order ? order : (left->index > right->index) - (left->index < right->index);
}

/* FNV-1a: who makes texts that share one gains nothing, since what is equal is sorted and not chained. */
static uint64_t hash_of(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3ull;
	return hash;
}

/* Marks, by index, what was there before. Returns how many. */
static size_t mark_repeated(struct item *items, size_t count, bool *repeated)
{
	size_t found = 0;

	qsort(items, count, sizeof(*items), item_compare);
	for (size_t i = 1; i < count; i++) {
		if (items[i].hash == items[i - 1].hash && strcmp(items[i].text, items[i - 1].text) == 0) {
			repeated[items[i].index] = true;
			found++;
		}
	}
	return found;
}

void model_type_each_once(struct reader *reader, const cJSON *list, const cJSON *elements, const char *path)
{
	size_t count = (size_t)cJSON_GetArraySize(list), index = 0;
	scope_free struct item *items = calloc(count + 1, sizeof(*items));
	scope_free bool *repeated = calloc(count + 1, sizeof(*repeated));
	const cJSON *element;

	if (!items || !repeated) {
		reader->error = -ENOMEM;
		return;
	}
	cJSON_ArrayForEach(element, list) {
		items[index] = (struct item){hash_of(element->valuestring), element->valuestring, index};
		index++;
	}
	if (mark_repeated(items, count, repeated) == 0)
		return;
	index = 0;
	cJSON_ArrayForEach(element, elements) {
		char here[MODEL_PATH_MAX];

		reader_element(here, path, index);
		if (repeated[index++])
			reader_refuse(reader, here, "each once", element);
	}
}

static cJSON *read_element(struct reader *reader, const struct model_field *field, const cJSON *value, const char *path)
{
	char expected[MODEL_EXPECTED_MAX];

	if (field->type == MODEL_REFS)
		return model_type_name(reader, field->to, value, path);
	if (!text_of(value) || !word_is_good(value->valuestring, field->words))
		return reader_refuse(reader, path, model_words(field->words, expected), value);
	return made_text(reader, value->valuestring);
}

/* Words, or names. */
static cJSON *read_list(struct reader *reader, const struct model_field *field, const cJSON *value, const char *path)
{
	long long count = cJSON_IsArray(value) ? cJSON_GetArraySize(value) : -1;
	const cJSON *element;
	bool whole = true;
	size_t index = 0;
	cJSON *list;

	if (count < field->min || (field->max && count > field->max))
		return refuse(reader, field, value, path);
	if (count == 0)
		return NULL;
	list = reader_made(reader, cJSON_CreateArray());
	if (!list)
		return NULL;
	cJSON_ArrayForEach(element, value) {
		char here[MODEL_PATH_MAX];
		cJSON *made;

		reader_element(here, path, index++);
		made = read_element(reader, field, element, here);
		if (made)
			cJSON_AddItemToArray(list, made);
		else
			whole = false;
	}
	if (whole)
		model_type_each_once(reader, list, value, path);
	return list;
}

cJSON *model_type_read(struct reader *reader, const struct model_field *field, const cJSON *value, const char *path)
{
	switch (field->type) {
	case MODEL_NUMBER:
		return read_number(reader, field, value, path);
	case MODEL_BOOL:
		return read_bool(reader, field, value, path);
	case MODEL_REF:
		return model_type_name(reader, field->to, value, path);
	case MODEL_WORDS:
	case MODEL_REFS:
		return read_list(reader, field, value, path);
	case MODEL_SELECTOR:
		return model_selector_read(reader, field, value, path);
	case MODEL_SERVICES:
		return model_services_read(reader, field, value, path);
	case MODEL_ENTRIES:
		return model_entries_read(reader, field, value, path);
	case MODEL_MATCH:
		return model_match_read(reader, field, value, path);
	default:
		return read_string(reader, field, value, path);
	}
}
