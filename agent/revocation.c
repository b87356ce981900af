/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ends what was granted; see revocation.h. A change of policies is compared with what they were before, rule by rule, so that
 * exactly the rules go that it contradicts. Peers are told after the rules are gone.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/authority.h"
#include "agent/mirror.h"
#include "agent/decision.h"
#include "agent/identity.h"
#include "agent/install.h"
#include "agent/monitor.h"
#include "agent/resolve.h"
#include "agent/revocation.h"
#include "agent/transport.h"
#include "lib/array.h"
#include "lib/log.h"
#include "lib/time.h"
#include "policy/compare.h"

struct told {
	struct substrate address; /* any of the peer host's; of a node's, its first nine octets */
	struct message_notice notice;
};

struct place {
	struct mapping_key key;
	struct mapping_value value;
};

struct revocations {
	bool started;               /* rules that an agent before this one left have been looked at */
	bool trial, started_before; /* nothing is noted meanwhile; what `started` was */
	const struct config *before;
	struct told *entries;
	size_t count, room;
	/* Where nodes elsewhere were that the configuration no longer has, by key: until all are told. */
	struct {
		struct place *entries;
		size_t count, room;
	} gone;
};

int revocation_open(struct agent *agent)
{
	agent->revocations = calloc(1, sizeof(*agent->revocations));
	return agent->revocations ? 0 : -ENOMEM;
}

void revocation_close(struct agent *agent)
{
	if (!agent->revocations)
		return;
	free(agent->revocations->entries);
	free(agent->revocations->gone.entries);
	free(agent->revocations);
	agent->revocations = NULL;
}

/* ---- what is to be told */

static int compare_places(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct mapping_key));
}

void revocation_mapping_gone(struct agent *agent, const struct mapping_key *key, const struct mapping_value *value)
{
	/* What was learned ends with the passport, and all that rests on it does too. */
	if (!agent->authority || value->ifindex || value->expires_ns != OVNET_NEVER)
		return;
	if (array_add(&agent->revocations->gone, ((struct place){*key, *value})))
		log_error("negotiation: out of memory: a peer is not told of a revocation; its rule ends by itself");
}

/* Where the peer was, when the configuration has it no more. */
static const struct mapping_value *gone_find(struct agent *agent, const struct mapping_key *key)
{
	const struct revocations *revocations = agent->revocations;
	const struct place *found = NULL;

	if (revocations->gone.count)
		found = bsearch(key, revocations->gone.entries, revocations->gone.count, sizeof(*found),
			compare_places);
	return found ? &found->value : NULL;
}

static bool peer_is_gone(struct agent *agent, const struct rule_key *key)
{
	struct mapping_key where = {.vni = key->vni};

	memcpy(where.address, key->peer, 4);
	return gone_find(agent, &where);
}

static void note(struct agent *agent, const struct rule_key *key, const struct message_notice *notice)
{
	struct mapping_key where = {.vni = key->vni};
	const struct mapping_value *former;
	struct told told = {.notice = *notice};
	struct mapping_value at;

	if (agent->revocations->trial)
		return;
	memcpy(where.address, key->peer, 4);
	former = gone_find(agent, &where);
	if (former)
		at = *former;
	if (!agent->authority || (!former && mirror_mapping(agent, &where, &at)) || at.ifindex)
		return;
	memcpy(told.address.octet, at.prefix, OVNET_PREFIX_LEN);
	/* A node that goes is told once a host, not once a rule: see tell_once(). */
	if (notice->scope != SCOPE_NODE)
		memcpy(told.address.octet + OVNET_PREFIX_LEN, key->peer, 4);
	if (array_add(agent->revocations, told))
		log_error("negotiation: out of memory: a peer is not told of a revocation; its rule ends by itself");
}

/* The node here is not there any more, or is someone else now. */
static void note_gone(struct agent *agent, const struct rule_key *key)
{
	struct message_notice notice = {.flow = {.vni = key->vni, .cast = CAST_UNICAST}, .scope = SCOPE_NODE};

	memcpy(notice.flow.source.octet, key->local, 4);
	note(agent, key, &notice);
}

static void note_place(struct agent *agent, const struct rule_key *key, const struct policy_place *place)
{
	struct message_notice notice = {.scope = SCOPE_FLOW};

	decision_flow(key, &notice.flow);
	if (!notice.flow.reach) {
		notice.flow.protocol = place->protocol;
		notice.flow.port = place->port;
	}
	note(agent, key, &notice);
}

static int compare_told(const void *a, const void *b)
{
	const struct told *x = a, *y = b;
	int order = memcmp(&x->address, &y->address, sizeof(x->address));

	return order ? order : memcmp(&x->notice, &y->notice, sizeof(x->notice));
}

/* Of thousands of rules that go, many say the same to the same host. */
static void tell_once(struct revocations *revocations)
{
	size_t kept = 0;

	if (revocations->count)
		qsort(revocations->entries, revocations->count, sizeof(*revocations->entries), compare_told);
	for (size_t i = 0; i < revocations->count; i++)
		if (!kept || compare_told(&revocations->entries[kept - 1], &revocations->entries[i]))
			revocations->entries[kept++] = revocations->entries[i];
	revocations->count = kept;
}

void revocation_tell(struct agent *agent)
{
	struct revocations *revocations = agent->revocations;
	struct engine_time now = transport_now();

	revocations->started = true;
	revocations->gone.count = 0;
	if (!agent->transport)
		return;
	tell_once(revocations);
	for (size_t i = 0; i < revocations->count; i++) {
		struct told *told = &revocations->entries[i];
		struct monitor_negotiation shown = {.what = "withdraw", .flow = told->notice.flow};
		int error;

		told->notice.serial = agent_unique(agent);
		error = engine_withdraw(transport_engine(agent), &now, &told->address, &told->notice, NULL);
		if (error)
			log_warning("negotiation: a peer cannot be told of a revocation: %s; its rule ends by itself",
				strerror(-error));
		if (monitor_listens(agent))
			monitor_negotiation(agent, &shown);
	}
	if (revocations->count)
		transport_flush(agent);
	revocations->count = 0;
}

/* ---- does a rule still hold? */

static void side_before(struct agent *agent, enum policy_side side, const struct flow *flow, struct policy_answer *out)
{
	struct policy_identity source, destination;

	authority_identity_before(agent, flow->vni, flow->source, &source);
	authority_identity_before(agent, flow->vni, flow->destination, &destination);
	policy_answer(agent->revocations->before->policies, side, &source, &destination, CAST_UNICAST, flow->protocol,
		flow->port, out);
}

/* What this host has to say about the flow: one side, or both when both ends are here. */
static void say(struct agent *agent, const struct flow *flow, enum direction direction, bool here, bool before,
	struct policy_answer *out)
{
	const struct policy_set *set = before ? agent->revocations->before->policies : agent->config->policies;
	const struct policy_vnet *vnet = policy_set_find_vnet(set, flow->vni);
	struct policy_answer sides[2];

	for (enum policy_side side = SIDE_IN; side <= SIDE_OUT; side++) {
		if (before)
			side_before(agent, side, flow, &sides[side]);
		else
			decision_side(agent, set, side, flow, &sides[side]);
	}
	if (here && vnet)
		policy_join(vnet->agreement, &sides[SIDE_IN], &sides[SIDE_OUT], flow->protocol, flow->port, out);
	else
		*out = sides[direction == DIRECTION_IN ? SIDE_IN : SIDE_OUT];
}

static enum policy_verdict verdict_of(const struct rule_value *value)
{
	switch (value->verdict) {
	case VERDICT_ALLOW:
		return POLICY_ALLOW;
	case VERDICT_DENY:
		return POLICY_DENY;
	case VERDICT_ASK:
		break;
	}
	return POLICY_ASK;
}

static bool reach_contradicts(const struct rule_value *value, const struct policy_answer *before,
	const struct policy_answer *after)
{
	bool was = policy_reaches(before), is = policy_reaches(after);

	return was != is && (value->verdict == VERDICT_ALLOW) != is;
}

/*
 * After a start: does a denial, with the exceptions beneath it, say what the policies say now? The one who asked does not know why
 * it was refused, and asks again; the one who refused must tell those whom it has denied more than it would now.
 */
static bool denial_stands(struct agent *agent, const struct rule_entry *entry, bool here, struct policy_place *place)
{
	struct policy_rule rules[POLICY_RULES_MAX];
	struct policy_answer answer;
	struct flow flow;
	size_t count;

	decision_flow(&entry->key, &flow);
	if (entry->key.direction != DIRECTION_IN || entry->key.width == WIDTH_ARP)
		return false;
	say(agent, &flow, DIRECTION_IN, here, false, &answer);
	count = policy_rules(&answer, flow.protocol, flow.port, entry->key.width == WIDTH_PORT, DECISION_RULES_MOST,
		rules);
	for (size_t i = 0; i < count; i++) {
		struct rule_key key = entry->key;
		struct rule_value value;

		if (rules[i].verdict == POLICY_DENY)
			continue;
		key.width = rules[i].width & 0xf;
		key.protocol = rules[i].width <= POLICY_WIDTH_PROTOCOL ? rules[i].protocol : 0;
		key.port = rules[i].width == POLICY_WIDTH_PORT ? rules[i].port : 0;
		if (rule_get(agent->maps->rules, &key, &value) == 0 && value.verdict != VERDICT_DENY)
			continue;
		*place = (struct policy_place){rules[i].protocol, rules[i].port};
		return false;
	}
	return true;
}

/* One side's answer means another thing then. */
static bool agreement_changed(struct agent *agent, uint32_t vni)
{
	const struct policy_vnet *before = policy_set_find_vnet(agent->revocations->before->policies, vni);
	const struct policy_vnet *after = policy_set_find_vnet(agent->config->policies, vni);

	return !before || !after || before->agreement != after->agreement;
}

/*
 * After a start nobody knows what the policies were: what is allowed must follow from those that are.
 */
static bool contradicts(struct agent *agent, const struct rule_entry *entry, bool here, struct policy_place *place)
{
	static const struct policy_answer all = {.complete = true, .otherwise = {.allow = true}};
	const struct policy_vnet *vnet = policy_set_find_vnet(agent->config->policies, entry->key.vni);
	bool started = agent->revocations->before, strength;
	struct policy_answer before = all, after;
	struct flow flow;

	decision_flow(&entry->key, &flow);
	*place = (struct policy_place){flow.protocol, flow.port};
	if (started && agreement_changed(agent, entry->key.vni))
		return true;
	if (!started && entry->value.verdict != VERDICT_ALLOW)
		return !denial_stands(agent, entry, here, place);
	if (started)
		say(agent, &flow, entry->key.direction, here, true, &before);
	say(agent, &flow, entry->key.direction, here, false, &after);
	if (entry->key.width == WIDTH_ARP)
		return reach_contradicts(&entry->value, &before, &after);
	strength = started && vnet && vnet->agreement == AGREE_ONE;
	return policy_contradicts(&before, &after, (enum policy_width)entry->key.width, entry->key.protocol,
		entry->key.port, verdict_of(&entry->value), strength, place);
}

/* The node here is in other groups now: what its peers have decided rests on who it was, and is asked for anew. */
static bool is_another(struct agent *agent, uint32_t vni, const __u8 local[4])
{
	struct policy_identity before, after;
	struct ipv4 address;

	if (!agent->revocations->before)
		return false;
	memcpy(address.octet, local, 4);
	authority_identity_before(agent, vni, address, &before);
	authority_identity(agent, vni, address, &after);
	return before.account != after.account || before.group_count != after.group_count ||
	       memcmp(before.groups, after.groups, after.group_count * sizeof(after.groups[0]));
}

static void note_changed(struct agent *agent, const struct rule_key *key)
{
	const struct policy_place place = {key->protocol, key->port};

	note_place(agent, key, &place);
}

/* What the source's side denies by itself is no word about what the destination allows, unless one side suffices. */
static bool concerns_peer(struct agent *agent, const struct rule_entry *entry)
{
	return entry->key.direction == DIRECTION_IN || entry->value.verdict == VERDICT_ALLOW ||
	       policy_set_find_vnet(agent->config->policies, entry->key.vni)->agreement == AGREE_ONE;
}

bool revocation_holds(struct agent *agent, const struct rule_entry *entry)
{
	struct mapping_key where = {.vni = entry->key.vni};
	struct mapping_value peer = {0};
	struct policy_place place;

	if (!rules_end_holds(agent, entry)) {
		note_gone(agent, &entry->key);
		return false;
	}
	if (!rules_peer_holds(agent, entry)) {
		if (peer_is_gone(agent, &entry->key))
			note_changed(agent, &entry->key);
		return false;
	}
	if (!authority_vnet(agent, entry->key.vni)) {
		note_gone(agent, &entry->key);
		return false;
	}
	/* Nothing but interfaces has changed. */
	if (agent->revocations->started && !agent->revocations->before)
		return true;
	memcpy(where.address, entry->key.peer, 4);
	if (mirror_mapping(agent, &where, &peer))
		return false;
	if (entry->key.direction != DIRECTION_IN && is_another(agent, entry->key.vni, entry->key.local)) {
		note_changed(agent, &entry->key);
		return false;
	}
	if (!contradicts(agent, entry, peer.ifindex != 0, &place))
		return true;
	if (!peer.ifindex && concerns_peer(agent, entry))
		note_place(agent, &entry->key, &place);
	return false;
}

void revocation_compare_with(struct agent *agent, const struct config *old)
{
	/* Without policies of before there is nothing to compare with: as after a start. */
	if (old && !old->policies)
		agent->revocations->started = false;
	agent->revocations->before = old && old->policies ? old : NULL;
}

void revocation_trial_begin(struct agent *agent, const struct config *own)
{
	agent->revocations->trial = true;
	agent->revocations->started_before = agent->revocations->started;
	revocation_compare_with(agent, own);
}

void revocation_trial_end(struct agent *agent)
{
	agent->revocations->before = NULL;
	agent->revocations->started = agent->revocations->started_before;
	agent->revocations->trial = false;
}

/* ---- what peers say */

static bool is_of(const struct engine_host *peer, const struct mapping_value *mapping)
{
	return !mapping->ifindex && memcmp(mapping->prefix, peer->locator.octet, 8) == 0 &&
	       (peer->locator.length == 64 || mapping->prefix[8] == peer->locator.octet[8]);
}

static int end_find(struct agent *agent, uint32_t vni, struct ipv4 address, struct mapping_value *out)
{
	struct mapping_key key = {.vni = vni};

	memcpy(key.address, address.octet, 4);
	return mirror_mapping(agent, &key, out);
}

static void bump_ifindex(struct agent *agent, uint32_t ifindex)
{
	for (size_t i = 0; i < agent->config->node_count; i++)
		if (agent->ports[i].attached && agent->ports[i].ifindex == ifindex)
			ports_bump(agent, &agent->ports[i]);
}

enum covering {
	COVERING_ALL,
	COVERING_ALLOWS,
	/* The narrowest ALLOW, and all that is wider: a denial that it was an exception of would keep the node from asking again. */
	COVERING_FROM_ALLOW,
};

/* The rules of one end that say something about this flow, narrow to wide; of those only what was decided before `serial`. */
static void remove_covering(struct agent *agent, const struct flow *flow, enum direction direction, uint32_t ifindex,
	uint64_t serial, enum covering which)
{
	struct rule_key key = {.vni = flow->vni,
		.direction = direction,
		.protocol = flow->protocol,
		.port = flow->port};
	bool outward = direction == DIRECTION_OUT, bump = false;

	memcpy(key.local, outward ? flow->source.octet : flow->destination.octet, 4);
	memcpy(key.peer, outward ? flow->destination.octet : flow->source.octet, 4);
	/* What the node was told of ARP goes with what it may begin: it must be able to ask again. */
	for (unsigned width = flow->reach ? WIDTH_ARP : WIDTH_PORT; width <= (outward ? WIDTH_ARP : WIDTH_PEER);
		width++) {
		struct rule_value value;

		key.width = width & 0xf;
		if (width == WIDTH_ARP)
			key.direction = 0;
		if (width >= WIDTH_PROTOCOL)
			key.port = 0;
		if (width >= WIDTH_PEER)
			key.protocol = 0;
		if (rule_get(agent->maps->rules, &key, &value) || value.origin != ORIGIN_NEGOTIATED ||
			value.serial > serial)
			continue;
		if (which != COVERING_ALL && value.verdict != VERDICT_ALLOW)
			continue;
		if (which == COVERING_FROM_ALLOW)
			which = COVERING_ALL;
		install_remove(agent, &key, &value, &bump);
	}
	if (bump)
		bump_ifindex(agent, ifindex);
}

struct sweep_peer {
	struct agent *agent;
	uint32_t vni;
	uint8_t peer[4];
};

static int remove_of_peer(void *context, const struct rule_key *key, const struct rule_value *value)
{
	struct sweep_peer *sweep = context;
	bool bump = false;

	if (value->origin == ORIGIN_NEGOTIATED && key->vni == sweep->vni && memcmp(key->peer, sweep->peer, 4) == 0)
		install_remove(sweep->agent, key, value, &bump);
	return 0;
}

void revocation_of_peer(struct agent *agent, uint32_t vni, struct ipv4 address)
{
	struct sweep_peer sweep = {.agent = agent, .vni = vni};

	memcpy(sweep.peer, address.octet, 4);
	rule_each(agent->maps->rules, remove_of_peer, &sweep);
}

/* The holder of an address elsewhere has gone: nothing that rests on it holds, and nothing of it is remembered. */
static void forget_peer(struct agent *agent, uint32_t vni, struct ipv4 address)
{
	struct mapping_key key = {.vni = vni};

	/* Where it can be asked for, its place is doubted as well. */
	if (resolve_gone(agent, vni, address))
		return;
	memcpy(key.address, address.octet, 4);
	revocation_of_peer(agent, vni, address);
	mappings_renew(agent, &key);
}

static void show(struct agent *agent, const char *what, const struct message_notice *notice)
{
	struct monitor_negotiation shown = {.what = what, .flow = notice->flow};

	if (monitor_listens(agent))
		monitor_negotiation(agent, &shown);
}

void revocation_withdrawn(struct agent *agent, const struct engine_host *peer, const struct message_notice *notice)
{
	const struct flow *flow = &notice->flow;
	struct mapping_value source = {0}, destination = {0};
	bool have_source = end_find(agent, flow->vni, flow->source, &source) == 0;
	bool have_destination = end_find(agent, flow->vni, flow->destination, &destination) == 0;
	const struct config_vnet *vnet = authority_vnet(agent, flow->vni);

	show(agent, "withdrawn", notice);
	if (notice->scope == SCOPE_NODE) {
		if (have_source && is_of(peer, &source))
			forget_peer(agent, flow->vni, flow->source);
		else if (have_destination && is_of(peer, &destination))
			forget_peer(agent, flow->vni, flow->destination);
		return;
	}
	if (!have_source || !have_destination)
		return;
	/*
	 * Only who manages the other end may speak of it. Where both must agree, what the source's side takes back is no word about
	 * what this side has denied, and whom it must tell when it does so no more.
	 */
	if (source.ifindex && is_of(peer, &destination)) {
		struct rule_key end = {.vni = flow->vni, .direction = DIRECTION_OUT};

		remove_covering(agent, flow, DIRECTION_OUT, source.ifindex, notice->serial, COVERING_ALL);
		/*
		 * The notice speaks of the rules that the other host has. Of denials this one may have more: for one port, from an
		 * answer before the wide one that the other host has put in its place. To ask once more costs a question.
		 */
		memcpy(end.local, flow->source.octet, 4);
		memcpy(end.peer, flow->destination.octet, 4);
		install_doubt_denials(agent, &end, notice->serial);
	} else if (destination.ifindex && is_of(peer, &source))
		remove_covering(agent, flow, DIRECTION_IN, destination.ifindex, UINT64_MAX,
			vnet && vnet->agreement == AGREE_ONE ? COVERING_ALL : COVERING_ALLOWS);
}

void revocation_stale(struct agent *agent, const struct engine_host *peer, const struct message_notice *notice)
{
	const struct flow *flow = &notice->flow;
	struct mapping_value source, destination;

	show(agent, "stale", notice);
	if (end_find(agent, flow->vni, flow->destination, &destination) || !is_of(peer, &destination))
		return;
	if (notice->scope == SCOPE_NODE) {
		forget_peer(agent, flow->vni, flow->destination);
		return;
	}
	if (end_find(agent, flow->vni, flow->source, &source) || !source.ifindex)
		return;
	remove_covering(agent, flow, DIRECTION_OUT, source.ifindex, notice->serial, COVERING_FROM_ALLOW);
}

void revocation_arrival(struct agent *agent, const struct question *question)
{
	static const uint8_t none[OVNET_PREFIX_LEN];
	struct message_notice notice = {.scope = question->kind == QUESTION_GONE ? SCOPE_NODE : SCOPE_FLOW};
	struct engine_time now = transport_now();
	struct substrate address;
	struct mapping_value source;

	decision_flow(&question->key, &notice.flow);
	if (!agent->transport)
		return;
	notice.serial = agent_unique(agent);
	if (memcmp(question->source_prefix, none, sizeof(none)) == 0) {
		/* From a neighbour on this host: its agent is this one. */
		if (end_find(agent, notice.flow.vni, notice.flow.source, &source) == 0 && source.ifindex)
			remove_covering(agent, &notice.flow, DIRECTION_OUT, source.ifindex, UINT64_MAX,
				COVERING_FROM_ALLOW);
		return;
	}
	if (notice.scope == SCOPE_NODE)
		notice.flow.source = (struct ipv4){{0}};
	memcpy(address.octet, question->source_prefix, OVNET_PREFIX_LEN);
	memcpy(address.octet + OVNET_PREFIX_LEN, question->key.peer, 4);
	engine_stale(transport_engine(agent), &now, &address, &notice);
}

/* ---- by hand */

struct flush {
	struct agent *agent;
	uint32_t vni;
	unsigned removed;
};

static int flush_one(void *context, const struct rule_key *key, const struct rule_value *value)
{
	struct flush *flush = context;
	bool bump = false;

	if (flush->vni && key->vni != flush->vni)
		return 0;
	/* What rests on other rules than those that go comes back with the reconciliation that follows. */
	if (value->origin == ORIGIN_DERIVED && authority_vnet(flush->agent, key->vni))
		rule_del(flush->agent->maps->rules, key);
	if (value->origin == ORIGIN_NEGOTIATED && install_remove(flush->agent, key, value, &bump) == 0)
		flush->removed++;
	return 0;
}

unsigned revocation_flush(struct agent *agent, uint32_t vni)
{
	struct flush flush = {agent, vni, 0};

	rule_each(agent->maps->rules, flush_one, &flush);
	identity_flush(agent, vni);
	if (agent->transport)
		engine_forget_passports(transport_engine(agent));
	reconcile_soon(agent);
	for (size_t i = 0; i < agent->config->node_count; i++)
		if (agent->ports[i].attached)
			ports_bump(agent, &agent->ports[i]);
	return flush.removed;
}
