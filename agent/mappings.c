/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mapping table: nodes of this host that are online, and nodes elsewhere as the configuration has them, as their agents said
 * when they asked, or as the resolver said.
 * An entry that stays the same keeps its incarnation and its dummy MAC, across reloads and restarts.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/mirror.h"
#include "agent/authority.h"
#include "agent/revocation.h"
#include "lib/array.h"
#include "lib/log.h"
#include "lib/time.h"

struct mapping_entry {
	struct mapping_key key;
	struct mapping_value value;
};

struct mapping_list {
	struct mapping_entry *entries;
	size_t count;
	size_t room;
};

/* The dummy MACs in use: open addressing, at most half full. */
struct mac_set {
	uint64_t *slots; /* 0: free; no MAC given out is 0 */
	size_t size;     /* a power of two */
};

static int append(void *context, const struct mapping_key *key, const struct mapping_value *value)
{
	struct mapping_list *list = context;

	return array_add(list, ((struct mapping_entry){*key, *value}));
}

static void list_free(struct mapping_list *list)
{
	free(list->entries);
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct mapping_key));
}

static void sort(struct mapping_list *list)
{
	if (list->count)
		qsort(list->entries, list->count, sizeof(*list->entries), compare);
}

static const struct mapping_entry *find(const struct mapping_list *list, const struct mapping_key *key)
{
	if (!list->count)
		return NULL;
	return bsearch(key, list->entries, list->count, sizeof(*list->entries), compare);
}

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

/* True when it was not there before. */
static bool mac_add(struct mac_set *set, const uint8_t mac[6])
{
	uint64_t value = 0;
	size_t i;

	memcpy(&value, mac, 6);
	for (i = mix(value) & (set->size - 1); set->slots[i]; i = (i + 1) & (set->size - 1))
		if (set->slots[i] == value)
			return false;
	set->slots[i] = value;
	return true;
}

static void mac_of_seed(uint64_t seed, uint8_t mac[6])
{
	uint64_t hash = mix(seed);

	memcpy(mac, &hash, 6);
	mac[0] = (mac[0] & 0xfc) | 0x02;
}

/*
 * A locally administered unicast MAC from (vnet, address), tried further until no other destination and no node here has
 * it: the same on every start, mostly, even when nothing was left in the kernel.
 */
static void mac_make(struct mac_set *set, const struct mapping_key *key, uint8_t mac[6])
{
	uint64_t seed;

	memcpy(&seed, key, sizeof(seed));
	do
		mac_of_seed(seed++, mac);
	while (!mac_add(set, mac));
}

static int mac_set_fill(struct mac_set *set, const struct agent *agent, const struct mapping_list *have)
{
	size_t most = have->count + agent->config->node_count * 2 + agent->config->mapping_count;

	set->size = 64;
	while (set->size < most * 2)
		set->size *= 2;
	set->slots = calloc(set->size, sizeof(*set->slots));
	if (!set->slots)
		return -ENOMEM;
	for (size_t i = 0; i < have->count; i++)
		mac_add(set, have->entries[i].value.mac);
	for (size_t i = 0; i < agent->config->node_count; i++)
		mac_add(set, agent->config->nodes[i].mac.octet);
	return 0;
}

/* `value` has place and incarnation (0: as before, or a new one); the rest comes from what was there, or is made. */
static int want(struct agent *agent, struct mapping_list *list, const struct mapping_list *have, struct mac_set *macs,
	const struct mapping_key *key, struct mapping_value value)
{
	const struct mapping_entry *old = find(have, key);
	bool same = old && memcmp(old->value.prefix, value.prefix, sizeof(value.prefix)) == 0 &&
		    old->value.ifindex == value.ifindex;

	if (old)
		memcpy(value.mac, old->value.mac, 6);
	else
		mac_make(macs, key, value.mac);
	if (!value.incarnation)
		value.incarnation = same ? old->value.incarnation : agent_unique(agent);
	value.expires_ns = OVNET_NEVER;
	return append(list, key, &value);
}

static int want_node(struct agent *agent, size_t index, struct mapping_list *list, const struct mapping_list *have,
	struct mac_set *macs)
{
	const struct config_node *node = &agent->config->nodes[index];
	struct mapping_key key = {.vni = agent->config->vnets[node->vnet].vni};
	struct mapping_value value = {.ifindex = agent->ports[index].ifindex};
	struct port_value port;

	if (!agent->ports[index].attached || port_get(agent->maps->ports, value.ifindex, &port))
		return 0;
	memcpy(key.address, node->address.octet, 4);
	memcpy(value.prefix, port.prefix, sizeof(value.prefix));
	value.incarnation = port.incarnation;
	return want(agent, list, have, macs, &key, value);
}

static int want_remote(struct agent *agent, const struct config_mapping *mapping, struct mapping_list *list,
	const struct mapping_list *have, struct mac_set *macs)
{
	struct mapping_key key = {.vni = agent->config->vnets[mapping->vnet].vni};
	struct mapping_value value = {0};
	char text[ADDRESS_TEXT_MAX];
	struct substrate substrate;
	int error;

	memcpy(key.address, mapping->address.octet, 4);
	error = substrate_of_node(&mapping->locator, mapping->slot, key.vni, mapping->address, &substrate);
	if (!error)
		error = hosts_place(agent, &mapping->locator, &value.nexthop);
	if (error) {
		log_error("mapping %s: %s", ipv4_format(mapping->address, text),
			error == -ENOSPC ? "limits.hosts is reached" : strerror(-error));
		return 0;
	}
	memcpy(value.prefix, substrate.octet, sizeof(value.prefix));
	return want(agent, list, have, macs, &key, value);
}

/* What was learned stays to its end, unless somebody who knows better speaks of it, or its vnet is gone. */
static int want_learned(struct agent *agent, const struct mapping_entry *old, struct mapping_list *list)
{
	struct mapping_entry kept = *old;
	struct locator locator = {.length = 64};

	if (old->value.expires_ns == OVNET_NEVER || old->value.expires_ns <= time_now_ns() || old->value.ifindex ||
		!authority_vnet(agent, old->key.vni))
		return 0;
	for (size_t i = 0; i < list->count; i++)
		if (compare(&list->entries[i].key, &old->key) == 0)
			return 0;
	memcpy(locator.octet, old->value.prefix, 8);
	if (hosts_place(agent, &locator, &kept.value.nexthop))
		return 0;
	return append(list, &kept.key, &kept.value);
}

static void bump_vnet(const struct agent *agent, uint32_t vni, bool bump[OVNET_PORTS_MAX])
{
	for (size_t i = 0; i < agent->config->node_count; i++)
		if (agent->ports[i].attached && agent->config->vnets[agent->config->nodes[i].vnet].vni == vni)
			bump[agent->ports[i].number] = true;
}

static int apply(struct agent *agent, const struct mapping_list *list, const struct mapping_list *have,
	bool bump[OVNET_PORTS_MAX], unsigned *changed)
{
	char text[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < have->count; i++) {
		if (find(list, &have->entries[i].key))
			continue;
		revocation_mapping_gone(agent, &have->entries[i].key, &have->entries[i].value);
		mirror_mapping_del(agent, &have->entries[i].key);
		bump_vnet(agent, have->entries[i].key.vni, bump);
		++*changed;
	}
	for (size_t i = 0; i < list->count; i++) {
		const struct mapping_entry *new = &list->entries[i], *old = find(have, &new->key);
		struct ipv4 address;
		int error;

		if (old && memcmp(&old->value, &new->value, sizeof(new->value)) == 0)
			continue;
		error = mirror_mapping_set(agent, &new->key, &new->value);
		if (error) {
			memcpy(address.octet, new->key.address, 4);
			log_error("mapping %s of vnet %u: %s", ipv4_format(address, text), new->key.vni,
				error == -E2BIG ? "limits.mappings is reached" : strerror(-error));
			return error;
		}
		if (old)
			bump_vnet(agent, new->key.vni, bump);
		++*changed;
	}
	return 0;
}

int mappings_apply(struct agent *agent, bool bump[OVNET_PORTS_MAX], unsigned *changed)
{
	struct mapping_list have = {0}, list = {0};
	struct mac_set macs = {0};
	int error;

	error = mapping_each(agent->maps->mappings, append, &have);
	sort(&have);
	if (!error)
		error = mac_set_fill(&macs, agent, &have);
	hosts_begin(agent);
	for (size_t i = 0; i < agent->config->node_count && !error; i++)
		error = want_node(agent, i, &list, &have, &macs);
	for (size_t i = 0; i < agent->config->mapping_count && !error; i++)
		error = want_remote(agent, &agent->config->mappings[i], &list, &have, &macs);
	for (size_t i = 0; i < have.count && !error; i++)
		error = want_learned(agent, &have.entries[i], &list);
	sort(&list);
	if (!error)
		error = apply(agent, &list, &have, bump, changed);
	hosts_end(agent);
	free(macs.slots);
	list_free(&list);
	list_free(&have);
	return error;
}

/* Of this host's own nodes, too, none may have it. */
static bool mac_is_free(const struct agent *agent, const uint8_t mac[6])
{
	for (size_t i = 0; i < agent->config->node_count; i++)
		if (memcmp(agent->config->nodes[i].mac.octet, mac, 6) == 0)
			return false;
	return !mirror_mac_taken(agent, mac);
}

static int place(struct agent *agent, const struct mapping_key *key, const struct locator *locator, uint8_t slot,
	struct mapping_value *value)
{
	struct substrate substrate;
	struct ipv4 address;
	int error;

	memcpy(address.octet, key->address, 4);
	error = substrate_of_node(locator, slot, key->vni, address, &substrate);
	if (!error)
		error = hosts_place(agent, locator, &value->nexthop);
	if (!error)
		memcpy(value->prefix, substrate.octet, sizeof(value->prefix));
	return error;
}

uint64_t mappings_passport_end(uint64_t not_after_s)
{
	struct timespec wall;

	clock_gettime(CLOCK_REALTIME, &wall);
	if (not_after_s <= (uint64_t)wall.tv_sec)
		return 0;
	return time_now_ns() + (not_after_s - (uint64_t)wall.tv_sec) * NSEC_PER_SEC;
}

int mappings_learn(struct agent *agent, const struct mapping_key *key, const struct locator *locator, uint8_t slot,
	uint64_t expires_ns)
{
	struct mapping_value value = {.expires_ns = expires_ns, .incarnation = agent_unique(agent)};
	uint64_t seed;
	int error;

	if (expires_ns <= time_now_ns())
		return -EKEYEXPIRED;
	error = place(agent, key, locator, slot, &value);
	if (error)
		return error;
	memcpy(&seed, key, sizeof(seed));
	do
		mac_of_seed(seed++, value.mac);
	while (!mac_is_free(agent, value.mac));
	error = mirror_mapping_set(agent, key, &value);
	hosts_resolve_at(agent, value.nexthop);
	return error;
}

int mappings_extend(struct agent *agent, const struct mapping_key *key, struct mapping_value *value,
	uint64_t expires_ns)
{
	if (value->expires_ns == OVNET_NEVER || expires_ns <= value->expires_ns)
		return 0;
	/* No new epoch: sessions prove themselves again at the end that they know. */
	value->expires_ns = expires_ns;
	return mirror_mapping_set(agent, key, value);
}

bool mappings_known(void *context, uint32_t vni, struct ipv4 address)
{
	struct mapping_key key = {.vni = vni};
	struct mapping_value value;

	memcpy(key.address, address.octet, 4);
	return mirror_mapping(context, &key, &value) == 0 && time_now_ns() < value.expires_ns;
}

static void bump_now(struct agent *agent, uint32_t vni)
{
	bool bump[OVNET_PORTS_MAX] = {false};

	bump_vnet(agent, vni, bump);
	for (size_t i = 0; i < agent->config->node_count; i++)
		if (agent->ports[i].attached && bump[agent->ports[i].number])
			ports_bump(agent, &agent->ports[i]);
}

static bool is_learned(const struct mapping_value *value)
{
	return !value->ifindex && value->expires_ns != OVNET_NEVER;
}

int mappings_told(struct agent *agent, const struct mapping_key *key, const struct locator *locator, uint8_t slot,
	uint64_t expires_ns)
{
	struct mapping_value old, value;
	int error = mirror_mapping(agent, key, &old);

	if (error == -ENOENT)
		return mappings_learn(agent, key, locator, slot, expires_ns);
	if (error || !is_learned(&old))
		return error;
	value = old;
	error = place(agent, key, locator, slot, &value);
	if (error)
		return error;
	if (memcmp(value.prefix, old.prefix, sizeof(old.prefix)) == 0)
		return mappings_extend(agent, key, &old, expires_ns);
	/* It keeps its dummy MAC (ONM-4); what was agreed with its former host holds no more. */
	value.incarnation = agent_unique(agent);
	value.expires_ns = expires_ns;
	error = mirror_mapping_set(agent, key, &value);
	if (error)
		return error;
	hosts_resolve_at(agent, value.nexthop);
	bump_now(agent, key->vni);
	reconcile_soon(agent);
	return 0;
}

int mappings_forget(struct agent *agent, const struct mapping_key *key)
{
	struct mapping_value value;

	if (mirror_mapping(agent, key, &value))
		return -ENOENT;
	if (!is_learned(&value))
		return -EPERM;
	mirror_mapping_del(agent, key);
	bump_now(agent, key->vni);
	reconcile_soon(agent);
	return 0;
}

void mappings_renew(struct agent *agent, const struct mapping_key *key)
{
	struct mapping_value value;

	if (mirror_mapping(agent, key, &value) || value.ifindex)
		return;
	value.incarnation = agent_unique(agent);
	mirror_mapping_set(agent, key, &value);
	bump_now(agent, key->vni);
	/* Rules of the file about that address are made anew for its new holder. */
	reconcile_soon(agent);
}
