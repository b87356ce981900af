/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The authority in static mode: the configuration file says who is who, and a key on this host signs passports that say the
 * same to peers. See authority.h.
 */
#include <errno.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/authority.h"
#include "agent/managed.h"
#include "agent/mirror.h"
#include "agent/resolve.h"
#include "agent/resolve_file.h"
#include "lib/error.h"
#include "lib/log.h"
#include "maps/access.h"

/* The host's own passport lives as long as those of nodes may at most be wanted to: by default a quarter of an hour. */
#define HOST_PASSPORT_S 900

/* From (vnet, address) to who has it: open addressing over what the configuration holds. */
struct authority_index {
	const struct policy_identity **slots;
	size_t size; /* a power of two */
};

/* A node's passport; length 0: none. */
struct node_papers {
	uint64_t incarnation, revision, signed_s;
	struct node_passport_octets passport;
};

/*
 * Nodes whose passports are signed together. Which nodes those are is fixed by their places in the configuration, so that one that
 * comes online makes no other batch of this host anew: each new one costs every peer a signature.
 */
struct batch {
	size_t count;
	size_t nodes[PASSPORT_BATCH_MAX];
	struct node_passport passports[PASSPORT_BATCH_MAX];
	struct node_passport_octets octets[PASSPORT_BATCH_MAX];
};

struct authority {
	struct host_key key;
	struct authority_key signing;
	uint8_t public_key[32];
	struct authority_index index, before;
	struct authority_index kept, kept_before; /* during a trial */
	struct node_papers *papers;               /* one a node of the configuration */
};

static uint64_t wall_s(void)
{
	return (uint64_t)time(NULL);
}

/* ---- who has an address */

static size_t index_place(const struct authority_index *index, uint32_t vni, struct ipv4 address)
{
	uint64_t x = (uint64_t)vni << 32 | (uint64_t)address.octet[0] << 24 | (uint64_t)address.octet[1] << 16 |
		     (uint64_t)address.octet[2] << 8 | address.octet[3];

	x = (x ^ x >> 31) * 0xbf58476d1ce4e5b9ull;
	return (x ^ x >> 29) & (index->size - 1);
}

static const struct policy_identity *index_find(const struct authority_index *index, uint32_t vni, struct ipv4 address)
{
	if (!index->size)
		return NULL;
	for (size_t i = index_place(index, vni, address); index->slots[i]; i = (i + 1) & (index->size - 1))
		if (index->slots[i]->vni == vni && ipv4_equal(index->slots[i]->address, address))
			return index->slots[i];
	return NULL;
}

static void index_add(struct authority_index *index, const struct policy_identity *identity)
{
	size_t i = index_place(index, identity->vni, identity->address);

	while (index->slots[i])
		i = (i + 1) & (index->size - 1);
	index->slots[i] = identity;
}

static int index_make(const struct config *config, struct authority_index *out)
{
	size_t most = config->node_count + config->mapping_count;
	struct authority_index index = {.size = 64};

	while (index.size < most * 2)
		index.size *= 2;
	index.slots = calloc(index.size, sizeof(*index.slots));
	if (!index.slots)
		return -ENOMEM;
	for (size_t i = 0; i < config->node_count; i++)
		index_add(&index, &config->nodes[i].identity);
	for (size_t i = 0; i < config->mapping_count; i++)
		index_add(&index, &config->mappings[i].identity);
	*out = index;
	return 0;
}

/* What a passport said, or the resolver, where the configuration does not name the node. */
static bool identity_of_passport(const struct agent *agent, struct policy_identity *out)
{
	struct mapping_key key = {.vni = out->vni};
	struct identity_value value;

	memcpy(key.address, out->address.octet, 4);
	if (mirror_identity(agent, &key, &value) || value.not_after_s <= wall_s() ||
		(!value.node && !value.account && !value.group_count))
		return false;
	out->node = value.node;
	out->account = value.account;
	out->group_count = value.group_count <= POLICY_GROUPS_MAX ? value.group_count : POLICY_GROUPS_MAX;
	memcpy(out->groups, value.groups, out->group_count * sizeof(out->groups[0]));
	return true;
}

static bool identity_find(const struct agent *agent, const struct authority_index *index, uint32_t vni,
	struct ipv4 address, bool configured, struct policy_identity *out)
{
	const struct policy_identity *found = index_find(index, vni, address);

	*out = (struct policy_identity){.vni = vni, .address = address};
	/* A mapping without a name says where, and not who. */
	if (found && (found->node || found->account || found->group_count)) {
		*out = *found;
		return true;
	}
	return !configured && identity_of_passport(agent, out);
}

bool authority_identity(const struct agent *agent, uint32_t vni, struct ipv4 address, struct policy_identity *out)
{
	return identity_find(agent, &agent->authority->index, vni, address, false, out);
}

bool authority_configured(const struct agent *agent, uint32_t vni, struct ipv4 address, struct policy_identity *out)
{
	return identity_find(agent, &agent->authority->index, vni, address, true, out);
}

bool authority_identity_before(const struct agent *agent, uint32_t vni, struct ipv4 address,
	struct policy_identity *out)
{
	return identity_find(agent, &agent->authority->before, vni, address, false, out);
}

/* ---- hosts and vnets */

static void host_of_config(const struct config_host *host, struct engine_host *out)
{
	*out = (struct engine_host){.host = host->id, .locator = host->locator};
	memcpy(out->key, host->key, sizeof(out->key));
}

int authority_host_at(const struct agent *agent, const struct substrate *address, struct engine_host *out)
{
	const struct config *config = agent->config;

	for (size_t i = 0; i < config->host_count; i++) {
		if (!locator_has(&config->hosts[i].locator, address))
			continue;
		host_of_config(&config->hosts[i], out);
		return 0;
	}
	return resolve_host_at(agent, address, out) ? resolve_file_host_at(agent, address, out) : 0;
}

int authority_host_of(const struct agent *agent, const uint8_t key[32], struct engine_host *out)
{
	const struct config *config = agent->config;

	for (size_t i = 0; i < config->host_count; i++) {
		if (memcmp(config->hosts[i].key, key, 32))
			continue;
		host_of_config(&config->hosts[i], out);
		return 0;
	}
	return resolve_host_of(agent, key, out) ? resolve_file_host_of(agent, key, out) : 0;
}

const struct config_vnet *authority_vnet(const struct agent *agent, uint32_t vni)
{
	if (!agent->authority)
		return NULL;
	for (size_t i = 0; i < agent->config->vnet_count; i++)
		if (agent->config->vnets[i].vni == vni)
			return agent->config->vnets[i].authorization == AUTHORIZATION_NEGOTIATED
				       ? &agent->config->vnets[i]
				       : NULL;
	return NULL;
}

long authority_node(const struct agent *agent, uint32_t vni, struct ipv4 address)
{
	for (size_t i = 0; i < agent->config->node_count; i++) {
		const struct config_node *node = &agent->config->nodes[i];

		if (agent->ports[i].attached && ipv4_equal(node->address, address) &&
			agent->config->vnets[node->vnet].vni == vni)
			return (long)i;
	}
	return -1;
}

/* ---- passports */

int authority_host_passport(struct agent *agent, uint8_t out[HOST_PASSPORT_LEN])
{
	const struct authority *authority = agent->authority;
	const struct config_host *self = &agent->config->hosts[agent->config->identity.host];
	struct host_passport passport = {
		.host = self->id,
		.locator = self->locator,
		.not_before_s = wall_s(),
		.not_after_s = wall_s() + HOST_PASSPORT_S,
		.revision = agent_unique(agent),
	};

	if (agent->managed)
		return managed_host_passport(agent, out);
	memcpy(passport.key, self->key, sizeof(passport.key));
	host_passport_sign(&passport, authority->signing.secret, out);
	return 0;
}

/*
 * Between reloads nothing changes in what is said of an incarnation, so a passport that is only signed again keeps its revision: else a
 * question in flight with the former would be refused, because of a neighbour that came online.
 */
static uint64_t papers_revision(struct agent *agent, const struct node_papers *papers, uint64_t incarnation)
{
	return papers->passport.length && papers->incarnation == incarnation ? papers->revision : agent_unique(agent);
}

static void batch_add(struct agent *agent, struct batch *batch, size_t index, uint64_t incarnation)
{
	const struct config_node *node = &agent->config->nodes[index];
	const struct policy_identity *identity = &node->identity;
	struct node_passport *passport = &batch->passports[batch->count];

	*passport = (struct node_passport){
		.vni = identity->vni,
		.slot = node->slot,
		.node = identity->node,
		.account = identity->account,
		.host = agent->config->hosts[agent->config->identity.host].id,
		.incarnation = incarnation,
		.not_before_s = wall_s(),
		.not_after_s = wall_s() + agent->config->vnets[node->vnet].passport_lifetime_s,
		.revision = papers_revision(agent, &agent->authority->papers[index], incarnation),
		.address_count = 1,
		.addresses = {node->address},
		.group_count = identity->group_count,
	};
	memcpy(passport->groups, identity->groups, identity->group_count * sizeof(passport->groups[0]));
	batch->nodes[batch->count++] = index;
}

/* The incarnation of a node that is online and may ask, or 0. */
static uint64_t node_incarnation(const struct agent *agent, size_t index)
{
	const struct config_node *node = &agent->config->nodes[index];
	struct mapping_key key = {.vni = node->identity.vni};
	struct mapping_value value;

	if (!agent->ports[index].attached || !authority_vnet(agent, key.vni))
		return 0;
	memcpy(key.address, node->address.octet, 4);
	return mirror_mapping(agent, &key, &value) ? 0 : value.incarnation;
}

/* Signs for the node, and for those beside it that are online. Returns 0 or -errno. */
static int batch_sign(struct agent *agent, size_t wanted, uint64_t incarnation)
{
	scope_free struct batch *batch = calloc(1, sizeof(*batch));
	size_t first = wanted - wanted % PASSPORT_BATCH_MAX;
	int error;

	if (!batch)
		return -ENOMEM;
	for (size_t i = first; i < first + PASSPORT_BATCH_MAX && i < agent->config->node_count; i++) {
		uint64_t now = i == wanted ? incarnation : node_incarnation(agent, i);

		if (now || i == wanted)
			batch_add(agent, batch, i, now);
	}
	error = node_passports_sign(batch->passports, batch->count, agent->authority->signing.secret, batch->octets);
	if (error)
		return error;
	for (size_t i = 0; i < batch->count; i++)
		agent->authority->papers[batch->nodes[i]] = (struct node_papers){
			.incarnation = batch->passports[i].incarnation,
			.revision = batch->passports[i].revision,
			.signed_s = batch->passports[i].not_before_s,
			.passport = batch->octets[i],
		};
	return 0;
}

int authority_node_passport(struct agent *agent, size_t node, uint64_t incarnation, uint64_t id, const uint8_t **octets)
{
	const struct node_papers *papers = &agent->authority->papers[node];
	uint64_t half_s = agent->config->vnets[agent->config->nodes[node].vnet].passport_lifetime_s / 2;

	if (agent->managed)
		return managed_node_passport(agent, node, incarnation, id, octets);
	if (papers->incarnation != incarnation || !papers->passport.length || wall_s() >= papers->signed_s + half_s) {
		int error = batch_sign(agent, node, incarnation);

		if (error)
			return error;
	}
	*octets = papers->passport.octets;
	return (int)papers->passport.length;
}

/* ---- start and end */

void authority_engine_config(const struct agent *agent, struct engine_config *out)
{
	const struct authority *authority = agent->authority;

	host_of_config(&agent->config->hosts[agent->config->identity.host], &out->self);
	out->key = authority->key;
	memcpy(out->authority, authority->public_key, sizeof(out->authority));
	/* Without a manager every host can sign passports, for itself too, so what makes a host one of ours is the file. */
	out->closed = !agent->managed;
	authority_host_passport((struct agent *)agent, out->passport);
}

static int refuse(const char *path, const char *why)
{
	log_error("identity %s: %s", path, why);
	return -EINVAL;
}

static int read_key(const char *path, enum key_kind wanted, struct host_key *host, struct authority_key *authority)
{
	enum key_kind kind;
	int error = key_read(path, &kind, host, authority);

	if (error == -EPERM)
		return refuse(path, "others than its owner may read the key: chmod 600");
	if (error == -EBADMSG || (!error && kind != wanted))
		return refuse(path,
			wanted == KEY_HOST ? "not a host's key: make one with 'ovnetctl key new host FILE'"
					   : "not an authority's key: make one with 'ovnetctl key new authority FILE'");
	if (error)
		log_error("identity %s: %s", path, strerror(-error));
	return error;
}

static int read_keys(const struct config *config, struct authority *authority)
{
	const struct config_identity *identity = &config->identity;
	int error = key_library();

	if (!error)
		error = read_key(identity->key, KEY_HOST, &authority->key, NULL);
	if (!error && *identity->signing_key)
		error = read_key(identity->signing_key, KEY_AUTHORITY, NULL, &authority->signing);
	if (error)
		return error;
	if (memcmp(authority->key.public_key, config->hosts[identity->host].key, 32))
		return refuse(identity->key, "is not the key that 'hosts' has for this host");
	if (*identity->signing_key && memcmp(authority->signing.public_key, identity->authority, 32))
		return refuse(identity->signing_key, "is not the key of 'identity.authority'");
	memcpy(authority->public_key, identity->authority, 32);
	return 0;
}

static int prepare(struct agent *agent, struct authority *authority)
{
	struct node_papers *papers = calloc(agent->config->node_count + 1, sizeof(*papers));
	struct authority_index index;
	int error = papers ? index_make(agent->config, &index) : -ENOMEM;

	if (error) {
		free(papers);
		return error;
	}
	free(authority->papers);
	authority->papers = papers;
	free(authority->before.slots);
	authority->before = authority->index;
	authority->index = index;
	return 0;
}

int authority_trial_begin(struct agent *agent, const struct config *config)
{
	struct authority *authority = agent->authority;
	struct authority_index index;
	int error = index_make(config, &index);

	if (error)
		return error;
	authority->kept = authority->index;
	authority->kept_before = authority->before;
	authority->before = authority->index;
	authority->index = index;
	return 0;
}

void authority_trial_end(struct agent *agent)
{
	struct authority *authority = agent->authority;

	free(authority->index.slots);
	authority->index = authority->kept;
	authority->before = authority->kept_before;
}

int authority_open(struct agent *agent)
{
	struct authority *authority;
	int error;

	if (!agent->config->identity.present)
		return 0;
	authority = calloc(1, sizeof(*authority));
	if (!authority)
		return -ENOMEM;
	error = read_keys(agent->config, authority);
	if (!error)
		error = prepare(agent, authority);
	agent->authority = authority;
	if (error)
		authority_close(agent);
	return error;
}

int authority_reload(struct agent *agent)
{
	return agent->authority ? prepare(agent, agent->authority) : 0;
}

void authority_close(struct agent *agent)
{
	struct authority *authority = agent->authority;

	if (!authority)
		return;
	free(authority->index.slots);
	free(authority->before.slots);
	free(authority->papers);
	sodium_memzero(authority, sizeof(*authority));
	free(authority);
	agent->authority = NULL;
}
