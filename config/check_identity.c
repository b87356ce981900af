/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What must hold between hosts, the identity of this one, and the vnets that need it. See check.h.
 */
#include <stdlib.h>
#include <string.h>

#include "config/check.h"
#include "config/schema.h"
#include "lib/error.h"

/* By locator, the wider one of two first; then as in the file. */
static int host_by_locator(const void *a, const void *b)
{
	const struct config_host *left = *(const struct config_host *const *)a;
	const struct config_host *right = *(const struct config_host *const *)b;
	int order = memcmp(left->locator.octet, right->locator.octet, 8);

	if (!order)
		order = left->locator.length - right->locator.length;
	if (!order)
		order = left->locator.octet[8] - right->locator.octet[8];
	return order ? order : (left > right) - (left < right);
}

static int host_by_key(const void *a, const void *b)
{
	const struct config_host *left = *(const struct config_host *const *)a;
	const struct config_host *right = *(const struct config_host *const *)b;
	int order = memcmp(left->key, right->key, sizeof(left->key));

	return order ? order : (left > right) - (left < right);
}

/* Tells of two hosts that share something, at the later one. */
static void tell_shared(struct findings *findings, const struct config *config, const struct config_host *a,
	const struct config_host *b, const char *member, const char *expected)
{
	size_t earlier = (size_t)((a < b ? a : b) - config->hosts), later = (size_t)((a < b ? b : a) - config->hosts);
	char path[FINDING_PATH_MAX];

	snprintf(path, sizeof(path), "hosts[%zu].%s", later, member);
	finding_add(findings, path, "expected %s, got that of hosts[%zu]", expected, earlier);
}

static void check_locators(struct findings *findings, const struct config *config, const struct config_host **sorted)
{
	const struct config_host *widest = NULL;

	qsort(sorted, config->host_count, sizeof(*sorted), host_by_locator);
	for (size_t i = 0; i < config->host_count; i++) {
		const struct config_host *host = sorted[i];

		/* What overlaps with a /64 follows it; two /72 overlap only when they are the same. */
		if (widest && check_overlap(&widest->locator, &host->locator))
			tell_shared(findings, config, widest, host, "locator",
				"a locator that overlaps with no other host's");
		else
			widest = host;
	}
}

static void check_keys(struct findings *findings, const struct config *config, const struct config_host **sorted)
{
	static const uint8_t refused[CONFIG_KEY_LEN];

	qsort(sorted, config->host_count, sizeof(*sorted), host_by_key);
	for (size_t i = 1; i < config->host_count; i++) {
		if (memcmp(sorted[i]->key, refused, sizeof(refused)) != 0 &&
			memcmp(sorted[i]->key, sorted[i - 1]->key, sizeof(refused)) == 0)
			tell_shared(findings, config, sorted[i - 1], sorted[i], "key", "a key that no other host has");
	}
}

void check_hosts(struct findings *findings, const struct config *config)
{
	scope_free const struct config_host **sorted = calloc(config->host_count + 1, sizeof(*sorted));

	if (!sorted) {
		finding_add(findings, "hosts", "out of memory");
		return;
	}
	for (size_t i = 0; i < config->host_count; i++)
		sorted[i] = &config->hosts[i];
	check_locators(findings, config, sorted);
	check_keys(findings, config, sorted);
}

static void check_self(struct findings *findings, const struct config *config)
{
	const struct config_identity *identity = &config->identity;
	char path[FINDING_PATH_MAX], own[ADDRESS_TEXT_MAX], text[ADDRESS_TEXT_MAX];
	const struct locator *locator;

	if (!identity->present || identity->host >= config->host_count)
		return;
	locator = &config->hosts[identity->host].locator;
	/* One of length 0 was refused. */
	if (!locator->length || !config->locator.length || memcmp(locator, &config->locator, sizeof(*locator)) == 0)
		return;
	snprintf(path, sizeof(path), "hosts[%zu].locator", identity->host);
	finding_add(findings, path, "expected %s, the locator of this host, got '%s'",
		locator_format(&config->locator, own), locator_format(locator, text));
}

static void check_vnets(struct findings *findings, struct config *config)
{
	for (size_t i = 0; i < config->vnet_count; i++) {
		struct config_vnet *vnet = &config->vnets[i];
		char path[FINDING_PATH_MAX];

		/* Where one side suffices, what nobody wrote must not mean "all". */
		if (vnet->default_out == DEFAULT_UNSET)
			vnet->default_out = vnet->agreement == AGREE_ONE ? DEFAULT_DENY : DEFAULT_ALLOW;
		if (vnet->authorization != AUTHORIZATION_NEGOTIATED || config->identity.present)
			continue;
		snprintf(path, sizeof(path), "vnets[%zu].authorization", i);
		finding_add(findings, path, "expected static, as there is no 'identity', got 'negotiated'");
	}
}

static void settle(const struct config *config, size_t vnet, struct ipv4 address, const char *name,
	struct policy_identity *identity)
{
	identity->vni = vnet == SCHEMA_NO_VNET || vnet >= config->vnet_count ? 0 : config->vnets[vnet].vni;
	identity->address = address;
	identity->node = *name ? policy_id(name) : 0;
}

void check_settle(struct config *config, const struct config *vnets)
{
	for (size_t i = 0; i < config->mapping_count; i++) {
		struct config_mapping *mapping = &config->mappings[i];

		settle(vnets, mapping->vnet, mapping->address, mapping->name, &mapping->identity);
	}
}

static void check_resolve(struct findings *findings, const struct config *config)
{
	if (config->resolve.present && !config->identity.present)
		finding_add(findings, "resolve", "expected none, as there is no 'identity' to negotiate with");
}

void check_identity(struct findings *findings, struct config *config)
{
	check_hosts(findings, config);
	check_self(findings, config);
	check_vnets(findings, config);
	check_resolve(findings, config);
	for (size_t i = 0; i < config->node_count; i++) {
		struct config_node *node = &config->nodes[i];

		settle(config, node->vnet, node->address, node->name, &node->identity);
	}
	check_settle(config, config);
}
