/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What must hold between the values of a configuration. See check.h.
 *
 * Hosts and identities are in check_identity.c. Lists that may be long are sorted before they are searched; those that
 * hold a host's own nodes and vnets are short.
 */
#include "config/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/schema.h"
#include "lib/error.h"

/* An address of a vnet, and which node or mapping has it. */
struct place {
	size_t vnet;
	struct ipv4 address;
	const char *list; /* "nodes" or "mappings" */
	size_t index;
};

/* All of them, sorted by vnet and address, then as in the file. */
struct places {
	struct place *list;
	size_t count;
	config_known_fn known; /* may be NULL: who else has an address */
	void *context;
};

static int compare(size_t a, size_t b)
{
	return (a > b) - (a < b);
}

static int place_order(const struct place *a, const struct place *b)
{
	int order = compare(a->vnet, b->vnet);

	return order ? order : memcmp(a->address.octet, b->address.octet, sizeof(a->address.octet));
}

static int place_compare(const void *a, const void *b)
{
	const struct place *left = a, *right = b;
	int order = place_order(left, right);

	if (!order)
		order = -strcmp(left->list, right->list); /* nodes before mappings */
	return order ? order : compare(left->index, right->index);
}

static int place_search(const void *key, const void *element)
{
	return place_order(key, element);
}

static void places_add(struct places *places, size_t vnet, struct ipv4 address, const char *list, size_t index)
{
	/* A refused address is zero. */
	if (vnet != SCHEMA_NO_VNET && ipv4_is_unicast(address))
		places->list[places->count++] = (struct place){vnet, address, list, index};
}

/* Returns 0 and the places (free `list`), or -ENOMEM. */
static int places_of(const struct config *config, struct places *out)
{
	struct places places = {.list = calloc(config->node_count + config->mapping_count + 1, sizeof(struct place))};

	if (!places.list)
		return -ENOMEM;
	for (size_t i = 0; i < config->node_count; i++)
		places_add(&places, config->nodes[i].vnet, config->nodes[i].address, "nodes", i);
	for (size_t i = 0; i < config->mapping_count; i++)
		places_add(&places, config->mappings[i].vnet, config->mappings[i].address, "mappings", i);
	qsort(places.list, places.count, sizeof(*places.list), place_compare);
	*out = places;
	return 0;
}

static bool places_have(const struct places *places, size_t vnet, struct ipv4 address)
{
	struct place key = {.vnet = vnet, .address = address};

	return bsearch(&key, places->list, places->count, sizeof(key), place_search);
}

static void check_places(struct findings *findings, const struct places *places)
{
	for (size_t i = 1; i < places->count; i++) {
		const struct place *earlier = &places->list[i - 1], *later = &places->list[i];
		char path[FINDING_PATH_MAX], text[ADDRESS_TEXT_MAX];

		if (place_order(earlier, later) != 0)
			continue;
		snprintf(path, sizeof(path), "%s[%zu].address", later->list, later->index);
		finding_add(findings, path,
			"expected an address that nobody else in the vnet has, got '%s' as in %s[%zu]",
			ipv4_format(later->address, text), earlier->list, earlier->index);
	}
}

static void check_vnets(struct findings *findings, const struct config *config)
{
	for (size_t i = 0; i < config->vnet_count; i++) {
		const struct config_vnet *vnet = &config->vnets[i];
		bool same_name = false, same_number = false;
		char path[FINDING_PATH_MAX], digits[16];

		for (size_t j = 0; j < config->vnet_count; j++) {
			const struct config_vnet *other = &config->vnets[j];

			if (i == j)
				continue;
			if (j < i && !same_name && *vnet->name && strcmp(vnet->name, other->name) == 0) {
				same_name = true;
				snprintf(path, sizeof(path), "vnets[%zu].name", i);
				finding_add(findings, path,
					"expected a name that no other vnet has, got '%s' as in vnets[%zu]", vnet->name,
					j);
			}
			if (j < i && !same_number && vnet->vni && vnet->vni == other->vni) {
				same_number = true;
				snprintf(path, sizeof(path), "vnets[%zu].vni", i);
				finding_add(findings, path,
					"expected a VNI that no other vnet has, got %u as in vnets[%zu]", vnet->vni, j);
			}
			/* A vnet may be called by its name or its number, so these two must not be taken for each other. */
			snprintf(digits, sizeof(digits), "%u", other->vni);
			if (other->vni && strcmp(vnet->name, digits) == 0) {
				snprintf(path, sizeof(path), "vnets[%zu].name", i);
				finding_add(findings, path,
					"expected a name that is not another vnet's VNI, got '%s' as in vnets[%zu]",
					vnet->name, j);
			}
		}
	}
}

static void check_uplinks(struct findings *findings, const struct config *config)
{
	for (size_t i = 0; i < config->uplink_count; i++) {
		char path[FINDING_PATH_MAX];

		for (size_t j = 0; j < i; j++) {
			if (!*config->uplinks[i] || strcmp(config->uplinks[i], config->uplinks[j]) != 0)
				continue;
			snprintf(path, sizeof(path), "uplinks[%zu]", i);
			finding_add(findings, path, "expected each uplink once, got '%s' as in uplinks[%zu]",
				config->uplinks[i], j);
			break;
		}
	}
}

/* Names and ports of nodes, each once. */
static void check_nodes(struct findings *findings, const struct config *config)
{
	for (size_t i = 0; i < config->node_count; i++) {
		const struct config_node *node = &config->nodes[i];
		bool same_name = false, same_port = false;
		char path[FINDING_PATH_MAX];

		for (size_t j = 0; j < config->uplink_count; j++) {
			if (!*node->port || strcmp(node->port, config->uplinks[j]) != 0)
				continue;
			snprintf(path, sizeof(path), "nodes[%zu].port", i);
			finding_add(findings, path,
				"expected an interface that is no uplink, got '%s' as in uplinks[%zu]", node->port, j);
		}
		for (size_t j = 0; j < i; j++) {
			const struct config_node *other = &config->nodes[j];

			if (!same_name && *node->name && strcmp(node->name, other->name) == 0) {
				same_name = true;
				snprintf(path, sizeof(path), "nodes[%zu].name", i);
				finding_add(findings, path,
					"expected a name that no other node has, got '%s' as in nodes[%zu]", node->name,
					j);
			}
			if (!same_port && *node->port && strcmp(node->port, other->port) == 0) {
				same_port = true;
				snprintf(path, sizeof(path), "nodes[%zu].port", i);
				finding_add(findings, path,
					"expected a port that no other node has, got '%s' as in nodes[%zu]", node->port,
					j);
			}
		}
	}
}

/* A /72 is one slot of its /64: a node there can have no other. */
static void settle_slot(struct findings *findings, const struct locator *locator, const char *list, size_t index,
	uint8_t *slot)
{
	char path[FINDING_PATH_MAX], text[ADDRESS_TEXT_MAX];
	uint8_t own = locator->length == 72 ? locator->octet[8] >> 2 : 0;

	if (*slot == SCHEMA_NO_SLOT) {
		*slot = own;
	} else if (locator->length == 72 && *slot != own) {
		snprintf(path, sizeof(path), "%s[%zu].slot", list, index);
		finding_add(findings, path, "expected %u, the slot of %s, got %u", own, locator_format(locator, text),
			*slot);
	}
}

bool check_overlap(const struct locator *a, const struct locator *b)
{
	size_t octets = (a->length < b->length ? a->length : b->length) / 8u;

	return octets > 0 && memcmp(a->octet, b->octet, octets) == 0;
}

static void check_locators(struct findings *findings, struct config *config)
{
	for (size_t i = 0; i < config->node_count; i++) {
		/* Of an element that is no object nothing was read, its slot neither. */
		if (ipv4_is_unicast(config->nodes[i].address))
			settle_slot(findings, &config->locator, "nodes", i, &config->nodes[i].slot);
	}
	for (size_t i = 0; i < config->mapping_count; i++) {
		struct config_mapping *mapping = &config->mappings[i];
		char path[FINDING_PATH_MAX], text[ADDRESS_TEXT_MAX], own[ADDRESS_TEXT_MAX];

		if (check_overlap(&mapping->locator, &config->locator)) {
			snprintf(path, sizeof(path), "mappings[%zu].locator", i);
			finding_add(findings, path,
				"expected the prefix of another host, got '%s' within or around this host's %s",
				locator_format(&mapping->locator, text), locator_format(&config->locator, own));
		}
		settle_slot(findings, &mapping->locator, "mappings", i, &mapping->slot);
	}
}

/* One end of a rule must be somebody. */
static int check_end(struct findings *findings, const struct config *config, const struct places *places,
	const struct config_rule *rule, const char *path, bool any, struct ipv4 address)
{
	char text[ADDRESS_TEXT_MAX];

	if (any || places_have(places, rule->vnet, address) ||
		(places->known && places->known(places->context, config->vnets[rule->vnet].vni, address)))
		return 0;
	finding_add(findings, path, "expected any, or an address that a node or mapping of vnet '%s' has, got '%s'",
		config->vnets[rule->vnet].name, ipv4_format(address, text));
	return -EINVAL;
}

/* What a port may be depends on the protocol. */
static int check_port(struct findings *findings, const struct config_rule *rule, const char *path)
{
	const char *expected;

	if (rule->port_any)
		return 0;
	if (rule->protocol_any || (rule->protocol != 1 && rule->protocol != 6 && rule->protocol != 17))
		expected = "any, as only tcp, udp and icmp have something narrower";
	else if (rule->protocol == 1 && rule->port > 255)
		expected = "any or an ICMP type from 0 to 255";
	else if (rule->protocol != 1 && rule->port == 0)
		expected = "any or a port from 1 to 65535";
	else
		return 0;
	finding_add(findings, path, "expected %s, got %u", expected, rule->port);
	return -EINVAL;
}

/* `prefix` stands before the members' names: "rules[3]." or nothing. */
static int rule_check(struct findings *findings, const struct config *config, const struct places *places,
	const struct config_rule *rule, const char *prefix)
{
	char path[FINDING_PATH_MAX];
	int result = 0;

	snprintf(path, sizeof(path), "%sfrom", prefix);
	result |= check_end(findings, config, places, rule, path, rule->from_any, rule->from);
	snprintf(path, sizeof(path), "%sto", prefix);
	result |= check_end(findings, config, places, rule, path, rule->to_any, rule->to);
	snprintf(path, sizeof(path), "%sport", prefix);
	result |= check_port(findings, rule, path);
	return result;
}

int check_rule(struct findings *findings, const struct config *config, const struct config_rule *rule,
	config_known_fn known, void *context)
{
	struct places places;
	int result = places_of(config, &places);

	if (result)
		return result;
	places.known = known;
	places.context = context;
	result = rule_check(findings, config, &places, rule, "");
	free(places.list);
	return result;
}

/* Orders rules by what they select; 0: the same packets. */
static int rule_order(const struct config_rule *a, const struct config_rule *b)
{
	int order = compare(a->vnet, b->vnet);

	if (!order)
		order = compare(a->from_any, b->from_any);
	if (!order)
		order = memcmp(&a->from, &b->from, sizeof(a->from));
	if (!order)
		order = compare(a->to_any, b->to_any);
	if (!order)
		order = memcmp(&a->to, &b->to, sizeof(a->to));
	if (!order)
		order = compare(a->protocol_any, b->protocol_any);
	if (!order)
		order = compare(a->protocol, b->protocol);
	if (!order)
		order = compare(a->port_any, b->port_any);
	return order ? order : compare(a->port, b->port);
}

static int rule_compare(const void *a, const void *b)
{
	const struct config_rule *left = *(const struct config_rule *const *)a;
	const struct config_rule *right = *(const struct config_rule *const *)b;
	int order = rule_order(left, right);

	return order ? order : compare((size_t)left, (size_t)right);
}

/* A rule of which something was refused is all zeros. */
static bool rule_is_void(const struct config_rule *rule)
{
	return !rule->from_any && !ipv4_is_unicast(rule->from);
}

static int check_rules(struct findings *findings, const struct config *config, const struct places *places)
{
	scope_free const struct config_rule **sorted = calloc(config->rule_count + 1, sizeof(*sorted));
	char path[FINDING_PATH_MAX];
	size_t count = 0;

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < config->rule_count; i++) {
		if (rule_is_void(&config->rules[i]))
			continue;
		snprintf(path, sizeof(path), "rules[%zu].", i);
		rule_check(findings, config, places, &config->rules[i], path);
		sorted[count++] = &config->rules[i];
	}
	qsort(sorted, count, sizeof(*sorted), rule_compare);
	for (size_t i = 1; i < count; i++) {
		if (rule_order(sorted[i - 1], sorted[i]) != 0)
			continue;
		snprintf(path, sizeof(path), "rules[%td]", sorted[i] - config->rules);
		finding_add(findings, path, "expected one rule for the same packets, got another than rules[%td]",
			sorted[i - 1] - config->rules);
	}
	return 0;
}

/* Of nodes elsewhere; those of this host are told from them by their locator, and so is nothing here. */
void check_directory(struct findings *findings, struct config *directory, const struct config *own)
{
	struct places places;
	size_t kept = 0;

	for (size_t i = 0; i < directory->mapping_count; i++) {
		struct config_mapping *mapping = &directory->mappings[i];

		if (ipv4_is_unicast(mapping->address))
			settle_slot(findings, &mapping->locator, "mappings", i, &mapping->slot);
	}
	check_hosts(findings, directory);
	if (places_of(directory, &places) != 0) {
		finding_add(findings, "", "out of memory");
		return;
	}
	check_places(findings, &places);
	free(places.list);
	check_settle(directory, own);
	for (size_t i = 0; i < directory->mapping_count; i++)
		if (directory->mappings[i].vnet != SCHEMA_NO_VNET)
			directory->mappings[kept++] = directory->mappings[i];
	directory->mapping_count = kept;
}

void check_config(struct findings *findings, struct config *config)
{
	struct places places;

	check_vnets(findings, config);
	check_uplinks(findings, config);
	check_nodes(findings, config);
	check_locators(findings, config);
	check_identity(findings, config);
	if (places_of(config, &places) != 0) {
		finding_add(findings, "", "out of memory");
		return;
	}
	check_places(findings, &places);
	if (check_rules(findings, config, &places) != 0)
		finding_add(findings, "", "out of memory");
	free(places.list);
}
