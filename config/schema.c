/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of ovnet.json, and a reader for each type of value in it. See schema.h.
 *
 * A reader gets NULL for a required value that is missing, and its row's default as if it stood in the file.
 */
#include "config/schema.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"
#include "lib/json.h"

#define EXPECTED_MAX 160
#define KNOWN_MAX 160 /* a list of what there is, in a message */

/* What messages say of values that several rows have. */
#define NAME_EXPECTED "a name of 1 to 31 letters, digits, '_', '.' or '-'"
#define IFNAME_EXPECTED "an interface name of 1 to 15 characters without '/', ':', '%' or space"
#define IPV4_EXPECTED "an IPv4 unicast address like 10.0.0.2"
#define LOCATOR_EXPECTED "an IPv6 prefix like fd00:1:0:1::/64, or /72 for a single slot, zero beyond its length"
#define VNET_EXPECTED "the name or number of a vnet of this host"

static int refuse(struct schema_reader *reader, const char *path, const char *expected, const cJSON *value)
{
	char got[FINDING_GOT_MAX];

	finding_add(reader->findings, path, "expected %s, got %s", expected, finding_got(value, got));
	return -EINVAL;
}

/* The text of a string, or NULL for any other value. */
static const char *text_of(const cJSON *value)
{
	return cJSON_IsString(value) ? value->valuestring : NULL;
}

static void *place_of(void *target, const struct schema_row *row)
{
	return (char *)target + row->offset;
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

	memcpy(place_of(target, row), from, row->size);
}

static long long number_get(const void *target, const struct schema_row *row)
{
	uint32_t number;

	memcpy(&number, (const char *)target + row->offset, sizeof(number));
	return number;
}

static const struct schema_row *row_find(enum schema_section section, const char *name)
{
	size_t count;
	const struct schema_row *rows = schema_rows(&count);

	for (size_t i = 0; i < count; i++) {
		if (rows[i].section == section && strcmp(rows[i].name, name) == 0)
			return &rows[i];
	}
	return NULL;
}

static int read_number(struct schema_reader *reader, const struct schema_row *row, const cJSON *value, const char *path,
	void *target)
{
	const struct schema_row *bound = row->at_most ? row_find(row->section, row->at_most) : NULL;
	long long most = bound ? number_get(target, bound) : 0; /* 0: there is none, or it was refused itself */
	char expected[EXPECTED_MAX];
	long long number;

	snprintf(expected, sizeof(expected), "a whole number%s%s from %lld to %lld", row->unit ? " of " : "",
		row->unit ? row->unit : "", row->min, row->max);
	if (json_integer(value, row->min, row->max, &number) != 0)
		return refuse(reader, path, expected, value);
	if (most != 0 && number > most) {
		if (!reader->by_default) {
			snprintf(expected, sizeof(expected), "at most the %lld of '%s'", most, bound->name);
			return refuse(reader, path, expected, value);
		}
		number = most;
	}
	number_put(target, row, number);
	return 0;
}

/* A slot; "the locator's" is no value for the file but the default, which is known once the locator is. */
static int read_slot(struct schema_reader *reader, const struct schema_row *row, const cJSON *value, const char *path,
	void *target)
{
	*(uint8_t *)place_of(target, row) = SCHEMA_NO_SLOT;
	return reader->by_default ? 0 : read_number(reader, row, value, path, target);
}

/* "any", or a number: a port, or an ICMP type. */
static int read_port(struct schema_reader *reader, const struct schema_row *row, const cJSON *value, const char *path,
	void *target)
{
	const char *text = text_of(value);
	long long number;

	if (text && strcmp(text, "any") == 0) {
		*flag_of(target, row) = true;
		return 0;
	}
	if (json_integer(value, row->min, row->max, &number) != 0)
		return refuse(reader, path, row->expected, value);
	number_put(target, row, number);
	return 0;
}

/* As a port, with names for the common protocols. */
static int read_protocol(struct schema_reader *reader, const struct schema_row *row, const cJSON *value,
	const char *path, void *target)
{
	static const struct {
		const char *name;
		uint8_t number;
	} known[] = {{"icmp", 1}, {"tcp", 6}, {"udp", 17}};
	const char *text = text_of(value);

	for (size_t i = 0; text && i < ARRAY_LEN(known); i++) {
		if (strcmp(text, known[i].name) == 0) {
			number_put(target, row, known[i].number);
			return 0;
		}
	}
	return read_port(reader, row, value, path, target);
}

/* One of the row's words, stored as its index. */
static int read_word(struct schema_reader *reader, const struct schema_row *row, const cJSON *value, const char *path,
	void *target)
{
	const char *text = text_of(value);

	for (int i = 0; text && row->words[i]; i++) {
		if (strcmp(text, row->words[i]) == 0) {
			number_put(target, row, i);
			return 0;
		}
	}
	return refuse(reader, path, row->expected, value);
}

static int read_name(struct schema_reader *reader, const struct schema_row *row, const cJSON *value, const char *path,
	void *target)
{
	static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
	const char *text = text_of(value);
	size_t length = text ? strspn(text, good) : 0;

	if (length == 0 || length >= CONFIG_NAME_MAX || text[length] != '\0')
		return refuse(reader, path, row->expected, value);
	strcpy(place_of(target, row), text);
	return 0;
}

/* An instance's name is that of a folder too. */
static int read_instance(struct schema_reader *reader, const struct schema_row *row, const cJSON *value,
	const char *path, void *target)
{
	const char *text = text_of(value);

	if (text && (strcmp(text, ".") == 0 || strcmp(text, "..") == 0))
		return refuse(reader, path, row->expected, value);
	return read_name(reader, row, value, path, target);
}

/* What the kernel takes for the name of an interface; a percent sign would be a format there. */
static bool interface_is_good(const char *text)
{
	size_t length = strlen(text);

	if (length == 0 || length >= CONFIG_IFNAME_MAX || strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return false;
	for (; *text; text++) {
		if ((unsigned char)*text <= ' ' || *text == 0x7f || strchr("/:%", *text))
			return false;
	}
	return true;
}

static int read_interface(struct schema_reader *reader, const struct schema_row *row, const cJSON *value,
	const char *path, void *target)
{
	const char *text = text_of(value);

	if (!text || !interface_is_good(text))
		return refuse(reader, path, row->expected, value);
	strcpy(place_of(target, row), text);
	return 0;
}

static int read_uplinks(struct schema_reader *reader, const struct schema_row *row, const cJSON *value,
	const char *path, void *target)
{
	char(*uplinks)[CONFIG_IFNAME_MAX] = place_of(target, row);
	size_t *count = (size_t *)((char *)target + row->companion);
	const cJSON *element;
	int result = 0;

	if (!cJSON_IsArray(value) || cJSON_GetArraySize(value) > row->max)
		return refuse(reader, path, row->expected, value);
	cJSON_ArrayForEach(element, value) {
		const char *text = text_of(element);
		char here[FINDING_PATH_MAX];

		snprintf(here, sizeof(here), "%s[%zu]", path, *count);
		if (text && interface_is_good(text))
			strcpy(uplinks[*count], text);
		else
			result = refuse(reader, here, IFNAME_EXPECTED, element);
		(*count)++;
	}
	return result;
}

static int read_address(struct schema_reader *reader, const struct schema_row *row, const cJSON *value,
	const char *path, void *target)
{
	const char *text = text_of(value);
	struct ipv4 address;

	if (!text || ipv4_parse(text, &address) != 0 || !ipv4_is_unicast(address))
		return refuse(reader, path, row->expected, value);
	memcpy(place_of(target, row), &address, sizeof(address));
	return 0;
}

/* "any" or an address: one end of a rule. */
static int read_end(struct schema_reader *reader, const struct schema_row *row, const cJSON *value, const char *path,
	void *target)
{
	const char *text = text_of(value);

	if (text && strcmp(text, "any") == 0) {
		*flag_of(target, row) = true;
		return 0;
	}
	return read_address(reader, row, value, path, target);
}

static int read_mac(struct schema_reader *reader, const struct schema_row *row, const cJSON *value, const char *path,
	void *target)
{
	const char *text = text_of(value);
	struct mac mac;

	if (!text || mac_parse(text, &mac) != 0 || !mac_is_unicast(mac))
		return refuse(reader, path, row->expected, value);
	memcpy(place_of(target, row), &mac, sizeof(mac));
	return 0;
}

/* Not what can be no host's: zeros, link-local, multicast. */
static bool locator_is_good(const struct locator *locator)
{
	static const uint8_t zero[8];
	const uint8_t *o = locator->octet;

	return o[0] != 0xff && !(o[0] == 0xfe && (o[1] & 0xc0) == 0x80) && memcmp(o, zero, sizeof(zero)) != 0;
}

static int read_locator(struct schema_reader *reader, const struct schema_row *row, const cJSON *value,
	const char *path, void *target)
{
	const char *text = text_of(value);
	struct locator locator;

	if (!text || locator_parse(text, &locator) != 0 || !locator_is_good(&locator))
		return refuse(reader, path, row->expected, value);
	memcpy(place_of(target, row), &locator, sizeof(locator));
	return 0;
}

/* Adds to a list of words for a message; past its end it is cut, and shows that. */
static void known_add(char known[KNOWN_MAX], const char *name)
{
	size_t used = strlen(known);
	size_t wanted = strlen(name) + (used ? 2 : 0);

	if (used + wanted + sizeof(", ...") <= KNOWN_MAX)
		snprintf(known + used, KNOWN_MAX - used, "%s%s", used ? ", " : "", name);
	else if (used < 3 || strcmp(known + used - 3, "...") != 0)
		strcat(known, ", ...");
}

/* A vnet by its name, or by its number (as text or as a number). */
static int read_vnet(struct schema_reader *reader, const struct schema_row *row, const cJSON *value, const char *path,
	void *target)
{
	const struct config *config = reader->config;
	char known[KNOWN_MAX] = "", expected[sizeof(known) + 64], digits[16];
	const char *text = text_of(value);
	size_t *place = place_of(target, row);
	long long number;
	long index;

	if (json_integer(value, 0, VNI_MAX, &number) == 0) {
		snprintf(digits, sizeof(digits), "%lld", number);
		text = digits;
	}
	index = text ? config_find_vnet(config, text) : -1;
	*place = index < 0 ? SCHEMA_NO_VNET : (size_t)index;
	if (index >= 0)
		return 0;

	for (size_t i = 0; i < config->vnet_count; i++) {
		if (config->vnets[i].name[0])
			known_add(known, config->vnets[i].name);
	}
	snprintf(expected, sizeof(expected), "%s (there %s: %s)", row->expected, config->vnet_count == 1 ? "is" : "are",
		*known ? known : "none");
	return refuse(reader, path, expected, value);
}

static int read_object(struct schema_reader *reader, const struct schema_row *row, const cJSON *value, const char *path,
	void *target)
{
	return schema_read(reader, row->child, value, path, place_of(target, row));
}

static int read_list(struct schema_reader *reader, const struct schema_row *row, const cJSON *value, const char *path,
	void *target)
{
	size_t *count = (size_t *)((char *)target + row->companion);
	char expected[EXPECTED_MAX];
	const cJSON *element;
	char *elements;
	int result = 0;

	snprintf(expected, sizeof(expected), "%s, at most %lld", row->expected, row->max);
	if (!cJSON_IsArray(value) || cJSON_GetArraySize(value) > row->max)
		return refuse(reader, path, expected, value);
	if (!value->child)
		return 0;
	elements = calloc((size_t)cJSON_GetArraySize(value), row->size);
	if (!elements) {
		finding_add(reader->findings, path, "out of memory");
		return -EINVAL;
	}
	memcpy(place_of(target, row), &elements, sizeof(elements));
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

#define PLACE(type, member) .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)
#define LIST(type, list, count)                                                                                        \
	.offset = offsetof(type, list), .size = sizeof(*((type *)0)->list), .companion = offsetof(type, count)

static const char *const uplink_mode_words[] =
	{[UPLINK_AUTO] = "auto", [UPLINK_TC] = "tc", [UPLINK_XDP] = "xdp", [UPLINK_XDP + 1] = NULL};
static const char *const delivery_words[] =
	{[DELIVERY_AUTO] = "auto", [DELIVERY_PORT] = "port", [DELIVERY_PEER] = "peer", [DELIVERY_PEER + 1] = NULL};
static const char *const verdict_words[] = {"deny", "allow", NULL}; /* as the flag `allow` */

/* Rows of one section are read from top to bottom: what others refer to comes first. */
static const struct schema_row table[] = {
	{SCHEMA_TOP, "instance", read_instance, .expected = NAME_EXPECTED ", and not just '.' or '..'",
		.fallback = "default", PLACE(struct config, instance)},
	{SCHEMA_TOP, "locator", read_locator, .required = true, .expected = LOCATOR_EXPECTED,
		PLACE(struct config, locator)},
	{SCHEMA_TOP, "uplinks", read_uplinks, .required = true, .expected = "a list of at most 8 interface names",
		.max = CONFIG_UPLINKS_MAX, PLACE(struct config, uplinks),
		.companion = offsetof(struct config, uplink_count)},
	{SCHEMA_TOP, "uplink_mode", read_word, .expected = "auto, tc or xdp", .fallback = "auto",
		.words = uplink_mode_words, PLACE(struct config, uplink_mode)},
	{SCHEMA_TOP, "delivery", read_word, .expected = "auto, port or peer", .fallback = "auto",
		.words = delivery_words, PLACE(struct config, delivery)},
	{SCHEMA_TOP, "vnets", read_list, .required = true, .expected = "a list of vnets", .child = SCHEMA_VNET,
		.max = 1024, LIST(struct config, vnets, vnet_count)},
	{SCHEMA_TOP, "nodes", read_list, .expected = "a list of nodes", .child = SCHEMA_NODE, .max = 1024,
		LIST(struct config, nodes, node_count)},
	{SCHEMA_TOP, "mappings", read_list, .expected = "a list of mappings", .child = SCHEMA_MAPPING, .max = 1048576,
		LIST(struct config, mappings, mapping_count)},
	{SCHEMA_TOP, "rules", read_list, .expected = "a list of rules", .child = SCHEMA_RULE, .max = 1048576,
		.whole = true, LIST(struct config, rules, rule_count)},
	{SCHEMA_TOP, "limits", read_object, .fallback = "{}", .child = SCHEMA_LIMITS, PLACE(struct config, limits)},
	{SCHEMA_TOP, "idle", read_object, .fallback = "{}", .child = SCHEMA_IDLE, PLACE(struct config, idle)},

	{SCHEMA_VNET, "name", read_name, .required = true, .expected = NAME_EXPECTED, PLACE(struct config_vnet, name)},
	{SCHEMA_VNET, "vni", read_number, .required = true, .min = 1, .max = VNI_MAX, PLACE(struct config_vnet, vni)},

	{SCHEMA_NODE, "name", read_name, .required = true, .expected = NAME_EXPECTED, PLACE(struct config_node, name)},
	{SCHEMA_NODE, "port", read_interface, .required = true, .expected = IFNAME_EXPECTED,
		PLACE(struct config_node, port)},
	{SCHEMA_NODE, "vnet", read_vnet, .required = true, .expected = VNET_EXPECTED, PLACE(struct config_node, vnet)},
	{SCHEMA_NODE, "address", read_address, .required = true, .expected = IPV4_EXPECTED,
		PLACE(struct config_node, address)},
	{SCHEMA_NODE, "mac", read_mac, .required = true, .expected = "a unicast MAC address like 02:00:00:00:00:0a",
		PLACE(struct config_node, mac)},
	{SCHEMA_NODE, "slot", read_slot, .max = SLOT_MAX, .fallback = "the locator's", PLACE(struct config_node, slot)},

	{SCHEMA_MAPPING, "vnet", read_vnet, .required = true, .expected = VNET_EXPECTED,
		PLACE(struct config_mapping, vnet)},
	{SCHEMA_MAPPING, "address", read_address, .required = true, .expected = IPV4_EXPECTED,
		PLACE(struct config_mapping, address)},
	{SCHEMA_MAPPING, "locator", read_locator, .required = true, .expected = LOCATOR_EXPECTED,
		PLACE(struct config_mapping, locator)},
	{SCHEMA_MAPPING, "slot", read_slot, .max = SLOT_MAX, .fallback = "the locator's",
		PLACE(struct config_mapping, slot)},

	{SCHEMA_RULE, "vnet", read_vnet, .required = true, .expected = VNET_EXPECTED, PLACE(struct config_rule, vnet)},
	{SCHEMA_RULE, "from", read_end, .required = true, .expected = "any, or " IPV4_EXPECTED,
		PLACE(struct config_rule, from), .companion = offsetof(struct config_rule, from_any)},
	{SCHEMA_RULE, "to", read_end, .required = true, .expected = "any, or " IPV4_EXPECTED,
		PLACE(struct config_rule, to), .companion = offsetof(struct config_rule, to_any)},
	{SCHEMA_RULE, "protocol", read_protocol, .expected = "tcp, udp, icmp, any or a number from 0 to 255",
		.max = 255, .fallback = "any", PLACE(struct config_rule, protocol),
		.companion = offsetof(struct config_rule, protocol_any)},
	{SCHEMA_RULE, "port", read_port, .expected = "any or a number from 0 to 65535", .max = 65535, .fallback = "any",
		PLACE(struct config_rule, port), .companion = offsetof(struct config_rule, port_any)},
	{SCHEMA_RULE, "verdict", read_word, .required = true, .expected = "allow or deny", .words = verdict_words,
		PLACE(struct config_rule, allow)},
	{SCHEMA_RULE, "lifetime", read_number, .unit = "seconds", .max = 31536000, .fallback = "0",
		PLACE(struct config_rule, lifetime_s)},
	{SCHEMA_RULE, "policy", read_number, .max = UINT32_MAX, .fallback = "0", PLACE(struct config_rule, policy)},

	{SCHEMA_LIMITS, "sessions", read_number, .unit = "sessions", .min = 1, .max = 4194304, .fallback = "65536",
		PLACE(struct config_limits, sessions)},
	{SCHEMA_LIMITS, "rules", read_number, .unit = "rules", .min = 1, .max = 1048576, .fallback = "65536",
		PLACE(struct config_limits, rules)},
	{SCHEMA_LIMITS, "mappings", read_number, .unit = "mappings", .min = 1, .max = 1048576, .fallback = "65536",
		PLACE(struct config_limits, mappings)},
	{SCHEMA_LIMITS, "hosts", read_number, .unit = "hosts", .min = 1, .max = 65536, .fallback = "4096",
		PLACE(struct config_limits, hosts)},
	{SCHEMA_LIMITS, "sessions_per_port", read_number, .unit = "sessions", .min = 1, .max = 4194304,
		.fallback = "16384", .at_most = "sessions", PLACE(struct config_limits, sessions_per_port)},

	{SCHEMA_IDLE, "tcp_opening", read_number, .unit = "seconds", .min = 1, .max = 604800, .fallback = "30",
		PLACE(struct config_idle, tcp_opening)},
	{SCHEMA_IDLE, "tcp_established", read_number, .unit = "seconds", .min = 1, .max = 604800, .fallback = "7200",
		PLACE(struct config_idle, tcp_established)},
	{SCHEMA_IDLE, "tcp_closing", read_number, .unit = "seconds", .min = 1, .max = 604800, .fallback = "10",
		PLACE(struct config_idle, tcp_closing)},
	{SCHEMA_IDLE, "udp", read_number, .unit = "seconds", .min = 1, .max = 604800, .fallback = "60",
		PLACE(struct config_idle, udp)},
	{SCHEMA_IDLE, "icmp", read_number, .unit = "seconds", .min = 1, .max = 604800, .fallback = "10",
		PLACE(struct config_idle, icmp)},
	{SCHEMA_IDLE, "other", read_number, .unit = "seconds", .min = 1, .max = 604800, .fallback = "60",
		PLACE(struct config_idle, other)},
};

const struct schema_row *schema_rows(size_t *count)
{
	*count = ARRAY_LEN(table);
	return table;
}

/* How many letters must be put in, taken out or replaced to make one word of the other (Levenshtein). */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[32];
	size_t length = strlen(b);

	if (length >= ARRAY_LEN(row) || strlen(a) >= ARRAY_LEN(row))
		return ARRAY_LEN(row);
	for (unsigned j = 0; j <= length; j++)
		row[j] = j;
	for (unsigned i = 1; a[i - 1]; i++) {
		unsigned corner = row[0];

		row[0] = i;
		for (size_t j = 1; j <= length; j++) {
			unsigned best = corner + (a[i - 1] != b[j - 1]);

			corner = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[length];
}

/* Says that a key is unknown, and which known one is near, or else which ones there are. */
static void tell_unknown(struct schema_reader *reader, enum schema_section section, const char *key, const char *path)
{
	char known[KNOWN_MAX] = "";
	const char *nearest = NULL;
	unsigned least = strlen(key) < 6 ? 2 : 3; /* that far away it is another word */

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		unsigned steps;

		if (table[i].section != section)
			continue;
		known_add(known, table[i].name);
		steps = distance(key, table[i].name);
		if (steps < least) {
			least = steps;
			nearest = table[i].name;
		}
	}
	if (nearest)
		finding_add(reader->findings, path, "expected a known key like '%s', got '%.40s'", nearest, key);
	else
		finding_add(reader->findings, path, "expected one of the keys %s, got '%.40s'", known, key);
}

/* Reads a row's default, by the same reader as a value of the file. */
static int read_fallback(struct schema_reader *reader, const struct schema_row *row, const char *path, void *target)
{
	char first = row->fallback[0];
	bool number = first >= '0' && first <= '9';
	cJSON value = {
		.type = first == '{' ? cJSON_Object
			: number     ? cJSON_Number
				     : cJSON_String,
		.valuestring = (char *)row->fallback, /* is only read */
		.valuedouble = number ? strtod(row->fallback, NULL) : 0,
	};
	int result;

	reader->by_default = true;
	result = row->read(reader, row, &value, path, target);
	reader->by_default = false;
	return result;
}

int schema_read(struct schema_reader *reader, enum schema_section section, const cJSON *object, const char *path,
	void *target)
{
	const char *dot = *path ? "." : "";
	char here[FINDING_PATH_MAX];
	const cJSON *child;
	int result = 0;

	if (!cJSON_IsObject(object))
		return refuse(reader, path, "an object", object);

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		const struct schema_row *row = &table[i];
		const cJSON *value;
		int error = 0;

		if (row->section != section)
			continue;
		snprintf(here, sizeof(here), "%s%s%s", path, dot, row->name);
		value = json_member(object, row->name);
		if (value || row->required)
			error = row->read(reader, row, value, here, target);
		else if (row->fallback)
			error = read_fallback(reader, row, here, target);
		if (error)
			result = error;
	}

	cJSON_ArrayForEach(child, object) {
		if (row_find(section, child->string))
			continue;
		snprintf(here, sizeof(here), "%s%s%s", path, dot, child->string);
		tell_unknown(reader, section, child->string, here);
		result = -EINVAL;
	}
	return result;
}
