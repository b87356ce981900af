/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From rules as people write them (sender, responder) to rules of the data path (a node here, its peer, a direction).
 * A written rule means one at the sender's host and one at the responder's; each host makes the ones of its own nodes.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/mirror.h"
#include "lib/array.h"
#include "lib/time.h"

int rules_append(struct rule_list *list, const struct rule_key *key, const struct rule_value *value)
{
	return array_add(list, ((struct rule_entry){*key, *value}));
}

void rules_free(struct rule_list *list)
{
	free(list->entries);
	*list = (struct rule_list){0};
}

bool rules_denied_above(struct agent *agent, const struct rule_key *narrow)
{
	struct rule_key key = *narrow;
	struct rule_value value;

	/* Hardly ever is there any such rule in a vnet that negotiates. */
	if (!agent->config->rule_count && !agent->rules_by_hand)
		return false;
	for (unsigned width = narrow->width; width < WIDTH_MAX; width++) {
		key.width = width & 0xf;
		if (width >= WIDTH_PROTOCOL)
			key.port = 0;
		if (width >= WIDTH_PEER)
			key.protocol = 0;
		if (rule_get(agent->maps->rules, &key, &value) == 0 && value.verdict == VERDICT_DENY &&
			(value.origin == ORIGIN_FILE || value.origin == ORIGIN_CONTROL) &&
			time_now_ns() < value.expires_ns)
			return true;
	}
	return false;
}

static int collect(void *context, const struct rule_key *key, const struct rule_value *value)
{
	return rules_append(context, key, value);
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct rule_key));
}

int rules_read(struct agent *agent, struct rule_list *list)
{
	int error = rule_each(agent->maps->rules, collect, list);

	if (list->count)
		qsort(list->entries, list->count, sizeof(*list->entries), compare);
	return error;
}

/* Among equal keys, in the order in which they were added. */
static int compare_placed(const void *a, const void *b)
{
	const struct rule_entry *x = a, *y = b;
	int order = compare(x, y);

	return order ? order : x->value.hits < y->value.hits ? -1 : 1;
}

static bool end_holds(struct agent *agent, uint32_t vni, const __u8 address[4], uint64_t incarnation)
{
	struct mapping_key key = {.vni = vni};
	struct mapping_value at;

	memcpy(key.address, address, 4);
	return mirror_mapping(agent, &key, &at) == 0 && at.incarnation == incarnation;
}

bool rules_end_holds(struct agent *agent, const struct rule_entry *entry)
{
	return end_holds(agent, entry->key.vni, entry->key.local, entry->value.incarnation);
}

bool rules_peer_holds(struct agent *agent, const struct rule_entry *entry)
{
	return end_holds(agent, entry->key.vni, entry->key.peer, entry->value.peer_incarnation);
}

void rules_sort(struct rule_list *list)
{
	size_t kept = 0;

	/* New entries have no hits yet: the field holds their place while they are sorted. */
	for (size_t i = 0; i < list->count; i++)
		list->entries[i].value.hits = i;
	if (list->count)
		qsort(list->entries, list->count, sizeof(*list->entries), compare_placed);
	for (size_t i = 0; i < list->count; i++) {
		if (i + 1 < list->count && compare(&list->entries[i], &list->entries[i + 1]) == 0)
			continue;
		list->entries[kept] = list->entries[i];
		list->entries[kept++].value.hits = 0;
	}
	list->count = kept;
}

int rules_derive(struct rule_list *list)
{
	size_t count = list->count;

	for (size_t i = 0; i < count; i++) {
		struct rule_key key = list->entries[i].key;
		struct rule_value value = list->entries[i].value;
		struct rule_value *before = NULL;
		int error;

		if (value.verdict != VERDICT_ALLOW || key.width == WIDTH_ARP)
			continue;
		key.direction = 0;
		key.width = WIDTH_ARP;
		key.protocol = 0;
		key.port = 0;
		/* In key order the rules of a pair follow each other, so the last one added is the pair's, if any is. */
		if (list->count > count && memcmp(&list->entries[list->count - 1].key, &key, sizeof(key)) == 0)
			before = &list->entries[list->count - 1].value;
		if (before) {
			if (before->expires_ns < value.expires_ns)
				before->expires_ns = value.expires_ns;
			continue;
		}
		value.origin = ORIGIN_DERIVED;
		value.policy = 0;
		value.group = 0;
		value.serial = 0;
		error = rules_append(list, &key, &value);
		if (error)
			return error;
	}
	rules_sort(list);
	return 0;
}

struct expansion {
	struct agent *agent;
	const struct config_rule *written;
	uint32_t vni;
	enum origin origin;
	uint64_t created_ns;
	struct rule_list *list;
	struct mapping_key from_key;
	struct mapping_value from;
	int error;
};

static int expand_end(const struct expansion *e, const struct mapping_key *local, const struct mapping_value *at,
	const struct mapping_key *peer, const struct mapping_value *peer_at, enum direction direction)
{
	const struct config_rule *written = e->written;
	struct rule_key key = {.vni = e->vni, .direction = direction};
	struct rule_value value = {
		.created_ns = e->created_ns,
		.expires_ns = OVNET_NEVER,
		.incarnation = at->incarnation,
		.peer_incarnation = peer_at->incarnation,
		.verdict = written->allow ? VERDICT_ALLOW : VERDICT_DENY,
		.origin = e->origin,
		.policy = written->policy,
	};

	if (!at->ifindex)
		return 0;
	memcpy(key.local, local->address, 4);
	memcpy(key.peer, peer->address, 4);
	key.width = written->protocol_any ? WIDTH_PEER : written->port_any ? WIDTH_PROTOCOL : WIDTH_PORT;
	key.protocol = written->protocol_any ? 0 : written->protocol;
	key.port = key.width == WIDTH_PORT ? written->port : 0;
	if (written->lifetime_s)
		value.expires_ns = e->created_ns + written->lifetime_s * NSEC_PER_SEC;
	return rules_append(e->list, &key, &value);
}

static int expand_to(void *context, const struct mapping_key *key, const struct mapping_value *value)
{
	struct expansion *e = context;

	if (key->vni != e->vni || memcmp(key->address, e->from_key.address, 4) == 0)
		return 0;
	if (!e->written->to_any && memcmp(key->address, e->written->to.octet, 4))
		return 0;
	e->error = expand_end(e, &e->from_key, &e->from, key, value, DIRECTION_OUT);
	if (!e->error)
		e->error = expand_end(e, key, value, &e->from_key, &e->from, DIRECTION_IN);
	return e->error;
}

/* One end given, the other looked up: no walk over the table for each of many rules. */
static int expand_responder(struct expansion *e)
{
	struct mapping_key to = {.vni = e->vni};
	struct mapping_value at;

	if (e->written->to_any)
		return mapping_each(e->agent->maps->mappings, expand_to, e);
	memcpy(to.address, e->written->to.octet, 4);
	if (mirror_mapping(e->agent, &to, &at))
		return 0;
	return expand_to(e, &to, &at);
}

static int expand_from(void *context, const struct mapping_key *key, const struct mapping_value *value)
{
	struct expansion *e = context;

	if (key->vni != e->vni)
		return 0;
	e->from_key = *key;
	e->from = *value;
	return expand_responder(e);
}

int rules_expand(struct agent *agent, const struct config_rule *written, enum origin origin, uint64_t created_ns,
	struct rule_list *list)
{
	struct expansion e = {
		.agent = agent,
		.written = written,
		.vni = agent->config->vnets[written->vnet].vni,
		.origin = origin,
		.created_ns = created_ns,
		.list = list,
	};
	struct mapping_key from = {.vni = e.vni};
	struct mapping_value at;

	if (written->from_any)
		return mapping_each(agent->maps->mappings, expand_from, &e);
	memcpy(from.address, written->from.octet, 4);
	if (mirror_mapping(agent, &from, &at))
		return 0;
	return expand_from(&e, &from, &at);
}
