/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes the rule table what configuration, hand-made and negotiated rules, and mappings say, by difference.
 *
 * At every moment the table allows no more than it did before or will after: denies come first and go last. Epochs change
 * when all is done; until then sessions go on as they were, and then each proves itself against the new rules.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/managed.h"
#include "agent/mirror.h"
#include "agent/grant.h"
#include "agent/install.h"
#include "agent/revocation.h"
#include "lib/log.h"
#include "lib/time.h"

/* A moment for further events of the same kind: a start of many nodes is one change. */
#define RECONCILE_DELAY_NS (2 * NSEC_PER_MSEC)

void reconcile_soon(struct agent *agent)
{
	loop_timer_at(agent->reconcile_timer, time_now_ns() + RECONCILE_DELAY_NS);
}

static const struct rule_entry *find(const struct rule_list *list, const struct rule_key *key)
{
	size_t low = 0, high = list->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = memcmp(&list->entries[middle].key, key, sizeof(*key));

		if (order == 0)
			return &list->entries[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* A rule by hand stays while both ends are who they were; a negotiated one also while policies do not contradict it. */
static bool still_holds(struct agent *agent, const struct rule_entry *entry)
{
	if (entry->value.origin == ORIGIN_NEGOTIATED)
		return revocation_holds(agent, entry) &&
		       (entry->value.verdict != VERDICT_ALLOW || !rules_denied_above(agent, &entry->key));
	return rules_end_holds(agent, entry) && rules_peer_holds(agent, entry);
}

/* A rule of the file that is there already keeps the time it was made, and so the time it ends. */
static void keep_times(struct rule_list *list, const struct rule_list *have)
{
	for (size_t i = 0; i < list->count; i++) {
		struct rule_value *value = &list->entries[i].value;
		const struct rule_entry *old = find(have, &list->entries[i].key);

		if (!old || old->value.origin != value->origin || old->value.incarnation != value->incarnation ||
			old->value.peer_incarnation != value->peer_incarnation)
			continue;
		if (value->origin == ORIGIN_FILE && value->expires_ns != OVNET_NEVER)
			value->expires_ns += old->value.created_ns - value->created_ns;
		value->created_ns = old->value.created_ns;
	}
}

static void drop_expired(struct rule_list *list, uint64_t now_ns)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++)
		if (now_ns < list->entries[i].value.expires_ns)
			list->entries[kept++] = list->entries[i];
	list->count = kept;
}

static int keep(struct agent *agent, const struct rule_list *have, enum origin origin, struct rule_list *list)
{
	int error = 0;

	for (size_t i = 0; i < have->count && !error; i++)
		if (have->entries[i].value.origin == origin && still_holds(agent, &have->entries[i]))
			error = rules_append(list, &have->entries[i].key, &have->entries[i].value);
	return error;
}

static int wanted(struct agent *agent, const struct rule_list *have, struct rule_list *list)
{
	int error;

	agent->rules_by_hand = false;
	for (size_t i = 0; i < have->count; i++)
		agent->rules_by_hand |= have->entries[i].value.origin == ORIGIN_CONTROL;
	error = keep(agent, have, ORIGIN_NEGOTIATED, list);

	/* Of equal keys the last one stays: by hand before the file, the file before what was negotiated. */
	for (size_t i = 0; i < agent->config->rule_count && !error; i++)
		error = rules_expand(agent, &agent->config->rules[i], ORIGIN_FILE, agent->config_loaded_ns, list);
	if (!error)
		error = keep(agent, have, ORIGIN_CONTROL, list);
	if (error)
		return error;
	rules_sort(list);
	keep_times(list, have);
	drop_expired(list, time_now_ns());
	error = rules_derive(list);
	keep_times(list, have);
	return error;
}

struct change {
	struct agent *agent;
	bool *bump;
	unsigned *changed;
};

static void mark(const struct change *change, const struct rule_key *key)
{
	struct mapping_key local = {.vni = key->vni};
	struct mapping_value at;
	struct port_value port;

	++*change->changed;
	memcpy(local.address, key->local, 4);
	if (mirror_mapping(change->agent, &local, &at) == 0 && at.ifindex &&
		port_get(change->agent->maps->ports, at.ifindex, &port) == 0)
		change->bump[port.number] = true;
}

/* Hits are the kernel's to count. */
static bool same_value(const struct rule_value *a, const struct rule_value *b)
{
	return a->expires_ns == b->expires_ns && a->created_ns == b->created_ns && a->incarnation == b->incarnation &&
	       a->peer_incarnation == b->peer_incarnation && a->verdict == b->verdict && a->origin == b->origin &&
	       a->policy == b->policy && a->group == b->group && a->serial == b->serial;
}

/* A denial that found no room: what it would have been an exception of must not stay without it. */
static void close_above(const struct change *change, const struct rule_key *denied)
{
	struct rule_key key = *denied;
	struct rule_value value;

	key.port = 0;
	for (unsigned width = denied->width + 1u; width < WIDTH_MAX; width++) {
		key.width = width & 0xf;
		if (width >= WIDTH_PEER)
			key.protocol = 0;
		if (rule_get(change->agent->maps->rules, &key, &value) || value.verdict != VERDICT_ALLOW)
			continue;
		rule_del(change->agent->maps->rules, &key);
		grant_forget(change->agent, &key);
		mark(change, &key);
	}
}

/* Once a pair: nothing of it is granted while that denial is missing. */
static void close_pair(const struct change *change, const struct rule_list *have, const struct rule_key *denied)
{
	if (!install_unfit(change->agent, denied))
		return;
	for (size_t i = 0; i < have->count; i++) {
		const struct rule_entry *old = &have->entries[i];

		if (old->value.origin != ORIGIN_NEGOTIATED || old->value.verdict != VERDICT_ALLOW ||
			old->key.vni != denied->vni || old->key.direction != denied->direction ||
			memcmp(old->key.local, denied->local, 4) || memcmp(old->key.peer, denied->peer, 4))
			continue;
		rule_del(change->agent->maps->rules, &old->key);
		grant_forget(change->agent, &old->key);
		mark(change, &old->key);
	}
}

static int put(const struct change *change, const struct rule_list *list, const struct rule_list *have,
	enum verdict verdict)
{
	int error = 0;

	for (size_t i = 0; i < list->count; i++) {
		const struct rule_entry *new = &list->entries[i], *old = find(have, &new->key);
		int refused;

		if (new->value.verdict != verdict || (old && same_value(&old->value, &new->value)))
			continue;
		refused = rule_set(change->agent->maps->rules, &new->key, &new->value);
		if (!refused) {
			mark(change, &new->key);
			continue;
		}
		if (!error)
			log_error("rules: %s",
				refused == -E2BIG ? "limits.rules is reached; rules are missing" : strerror(-refused));
		error = refused;
		if (verdict != VERDICT_DENY)
			return error;
		close_pair(change, have, &new->key);
		close_above(change, &new->key);
	}
	return error;
}

static void take(const struct change *change, const struct rule_list *list, const struct rule_list *have,
	enum verdict verdict)
{
	for (size_t i = 0; i < have->count; i++) {
		const struct rule_entry *old = &have->entries[i];

		if (old->value.verdict != verdict || find(list, &old->key))
			continue;
		rule_del(change->agent->maps->rules, &old->key);
		grant_forget(change->agent, &old->key);
		mark(change, &old->key);
	}
}

static int rules_apply(struct agent *agent, bool bump[OVNET_PORTS_MAX], unsigned *changed)
{
	struct change change = {.agent = agent, .bump = bump, .changed = changed};
	struct rule_list have = {0}, list = {0};
	unsigned before;
	int error;

	error = rules_read(agent, &have);
	if (!error)
		error = wanted(agent, &have, &list);
	if (!error) {
		install_fits(agent);
		error = put(&change, &list, &have, VERDICT_DENY);
		if (!error)
			error = put(&change, &list, &have, VERDICT_ASK);
		if (!error)
			error = put(&change, &list, &have, VERDICT_ALLOW);
		/* Also when something did not fit: what must not be there any more goes in any case. */
		before = *changed;
		take(&change, &list, &have, VERDICT_ALLOW);
		take(&change, &list, &have, VERDICT_ASK);
		take(&change, &list, &have, VERDICT_DENY);
		/* What went has made room. */
		if (install_is_unfit(agent) && *changed != before)
			reconcile_soon(agent);
	}
	rules_free(&list);
	rules_free(&have);
	return error;
}

int reconcile_now(struct agent *agent, unsigned *mappings, unsigned *rules)
{
	bool bump[OVNET_PORTS_MAX] = {false};
	int error, failed;

	loop_timer_stop(agent->reconcile_timer);
	error = mappings_apply(agent, bump, mappings);
	failed = rules_apply(agent, bump, rules);
	for (size_t i = 0; i < agent->config->node_count; i++)
		if (agent->ports[i].attached && bump[agent->ports[i].number])
			ports_bump(agent, &agent->ports[i]);
	revocation_tell(agent);
	if (agent->managed)
		managed_reconciled(agent);
	return error ? error : failed;
}
