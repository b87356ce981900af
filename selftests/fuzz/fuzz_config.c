/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: the JSON reader and the checker of configurations, from memory.
 *
 * Beyond not crashing: what is accepted says nothing and keeps its promises, what is refused says why; a rule in an accepted
 * configuration is accepted by hand too; and every pair of its nodes gets an answer from the policies.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "lib/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void count(void *context, const char *message)
{
	must(*message);
	++*(unsigned *)context;
}

static void check_accepted(const struct config *config)
{
	must(config->uplink_count <= CONFIG_UPLINKS_MAX);
	must(config->limits.pending > 0 && config->limits.pending_per_port <= config->limits.pending);
	must(config->limits.sessions > 0 && config->limits.sessions_per_port <= config->limits.sessions);
	for (size_t i = 0; i < config->vnet_count; i++) {
		must(config->vnets[i].vni >= 1 && config->vnets[i].vni <= VNI_MAX);
		must(config_find_vnet(config, config->vnets[i].name) == (long)i);
	}
	for (size_t i = 0; i < config->node_count; i++) {
		const struct config_node *node = &config->nodes[i];
		struct substrate address;

		must(node->vnet < config->vnet_count && ipv4_is_unicast(node->address) && mac_is_unicast(node->mac));
		must(substrate_of_node(&config->locator, node->slot, config->vnets[node->vnet].vni, node->address,
			     &address) == 0);
	}
	for (size_t i = 0; i < config->mapping_count; i++) {
		const struct config_mapping *mapping = &config->mappings[i];
		struct substrate address;

		must(mapping->vnet < config->vnet_count && ipv4_is_unicast(mapping->address));
		must(substrate_of_node(&mapping->locator, mapping->slot, config->vnets[mapping->vnet].vni,
			     mapping->address, &address) == 0);
	}
}

static void check_identity(const struct config *config, size_t vnet, struct ipv4 address,
	const struct policy_identity *identity)
{
	must(identity->vni == config->vnets[vnet].vni && ipv4_equal(identity->address, address));
	must(identity->group_count <= POLICY_GROUPS_MAX);
	for (size_t i = 0; i < identity->group_count; i++)
		must(identity->groups[i] != 0);
}

static void check_negotiated(const struct config *config)
{
	bool negotiated = false;

	for (size_t i = 0; i < config->vnet_count; i++) {
		const struct config_vnet *vnet = &config->vnets[i];

		must(vnet->default_in != DEFAULT_UNSET && vnet->default_out != DEFAULT_UNSET);
		must(vnet->grant_lifetime_s >= 1 && vnet->passport_lifetime_s >= 60);
		if (vnet->authorization != AUTHORIZATION_NEGOTIATED)
			continue;
		negotiated = true;
		must(config->identity.present && policy_set_find_vnet(config->policies, vnet->vni));
	}
	must(negotiated == (config->policies != NULL));
	if (config->identity.present) {
		must(config->identity.host < config->host_count && *config->identity.key);
		must(memcmp(&config->hosts[config->identity.host].locator, &config->locator, sizeof(config->locator)) ==
			0);
	}
	for (size_t i = 0; i < config->node_count; i++)
		check_identity(config, config->nodes[i].vnet, config->nodes[i].address, &config->nodes[i].identity);
	for (size_t i = 0; i < config->mapping_count; i++)
		check_identity(config, config->mappings[i].vnet, config->mappings[i].address,
			&config->mappings[i].identity);
}

static void check_answers(const struct config *config)
{
	for (size_t i = 0; config->policies && i < config->node_count * config->mapping_count && i < 64; i++) {
		const struct policy_identity *node = &config->nodes[i % config->node_count].identity;
		const struct policy_identity *other = &config->mappings[i / config->node_count].identity;
		struct policy_answer answer;
		struct policy_rule rules[POLICY_RULES_MAX];

		policy_answer(config->policies, SIDE_IN, other, node, CAST_UNICAST, 6, 80, &answer);
		must(policy_rules(&answer, 6, 80, false, POLICY_RULES_MAX, rules) >= 1);
		policy_answer(config->policies, SIDE_OUT, node, other, CAST_UNICAST, 17, 53, &answer);
		must(policy_rules(&answer, 17, 53, true, POLICY_RULES_MAX, rules) == 1);
	}
}

static void check_rules(const struct config *config, const cJSON *tree)
{
	const cJSON *element;
	size_t i = 0;

	cJSON_ArrayForEach(element, json_member(tree, "rules")) {
		struct config_rule rule = {0};
		char message[200];

		must(i < config->rule_count && config->rules[i].vnet < config->vnet_count);
		must(config_rule_from_json(config, element, &rule, NULL, NULL, message) == 0);
		must(rule.vnet == config->rules[i].vnet && rule.port == config->rules[i].port);
		i++;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_error error = {.message = ""};
	struct config *config = NULL;
	unsigned reports = 0;
	cJSON *tree = json_parse((const char *)data, size, &error);

	must(tree || *error.message);
	if (config_parse((const char *)data, size, "fuzz.json", count, &reports, &config) == 0) {
		must(tree && reports == 0);
		check_accepted(config);
		check_negotiated(config);
		check_answers(config);
		check_rules(config, tree);
		config_free(config);
	} else {
		must(reports >= 1 && reports <= 51);
	}
	cJSON_Delete(tree);
	return 0;
}
