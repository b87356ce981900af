/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From an answer to rules in the kernel; see install.h.
 */
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "agent/authority.h"
#include "agent/decision.h"
#include "agent/grant.h"
#include "agent/install.h"
#include "lib/array.h"
#include "lib/log.h"
#include "lib/time.h"

/* Of the table, one node's negotiated rules, and those of one peer of a node here: others must find room. */
#define HELD_SHARE 4
#define HELD_SHARE_INWARD 16
#define HELD_BUCKETS 4096

/* The latest whole answer about a pair, seen from one of its ends, and the rules it became. */
struct pair {
	struct rule_key key;                    /* without what is narrower than the pair */
	uint64_t answer_ends_ns;                /* 0: what follows is not an answer any more */
	uint64_t serial;                        /* of that answer */
	uint64_t ends_ns;                       /* no rule that was made of an answer is left then */
	uint64_t incarnation, peer_incarnation; /* it was about these two */
	struct policy_answer answer;
	size_t count;
	struct rule_key rules[POLICY_RULES_MAX];
};

struct installed {
	void *pairs; /* tree, by key */
	struct {
		struct rule_key *entries;
		size_t count, room;
	} unfit; /* pairs of which people's denials found no room */
	uint64_t full_logged_ns;
	/* Negotiated rules of each node here, by a hash of its address; counted anew by each sweep. */
	uint32_t held[HELD_BUCKETS], counting[HELD_BUCKETS];
};

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct rule_key));
}

static struct rule_key pair_key(const struct rule_key *rule)
{
	struct rule_key key = {.vni = rule->vni, .direction = rule->direction};

	memcpy(key.local, rule->local, 4);
	memcpy(key.peer, rule->peer, 4);
	return key;
}

static struct pair *pair_find(struct agent *agent, const struct rule_key *rule)
{
	struct rule_key key = pair_key(rule);
	struct pair **found = tfind(&key, &agent->installed->pairs, compare);

	return found ? *found : NULL;
}

static struct pair *pair_get(struct agent *agent, const struct rule_key *rule)
{
	struct pair *pair = pair_find(agent, rule);

	if (pair)
		return pair;
	pair = calloc(1, sizeof(*pair));
	if (!pair)
		return NULL;
	pair->key = pair_key(rule);
	if (!tsearch(pair, &agent->installed->pairs, compare)) {
		free(pair);
		return NULL;
	}
	return pair;
}

static void pair_add(struct pair *pair, const struct rule_key *rule)
{
	if (pair && pair->count < POLICY_RULES_MAX)
		pair->rules[pair->count++] = *rule;
}

static void pair_take(struct pair *pair, const struct rule_key *rule, uint64_t ends_ns)
{
	pair_add(pair, rule);
	if (pair && pair->ends_ns < ends_ns)
		pair->ends_ns = ends_ns;
}

static bool pair_has(const struct rule_key *rules, size_t count, const struct rule_key *rule)
{
	for (size_t i = 0; i < count; i++)
		if (memcmp(&rules[i], rule, sizeof(*rule)) == 0)
			return true;
	return false;
}

static bool pair_is_unfit(const struct agent *agent, const struct rule_key *rule)
{
	struct rule_key key = pair_key(rule);

	return pair_has(agent->installed->unfit.entries, agent->installed->unfit.count, &key);
}

/* What an agent before this one left. Rules of vnets with exact answers stand each by itself. */
static int take_over(void *context, const struct rule_key *key, const struct rule_value *value)
{
	struct agent *agent = context;
	const struct config_vnet *vnet = authority_vnet(agent, key->vni);

	if (value->origin != ORIGIN_NEGOTIATED)
		return 0;
	grant_note(agent, key, value);
	if (vnet && vnet->answers == ANSWERS_WIDE && key->width != WIDTH_ARP)
		pair_take(pair_get(agent, key), key, value->expires_ns);
	return 0;
}

int install_open(struct agent *agent)
{
	agent->installed = calloc(1, sizeof(*agent->installed));
	if (!agent->installed)
		return -ENOMEM;
	return rule_each(agent->maps->rules, take_over, agent);
}

void install_close(struct agent *agent)
{
	if (!agent->installed)
		return;
	tdestroy(agent->installed->pairs, free);
	free(agent->installed->unfit.entries);
	free(agent->installed);
	agent->installed = NULL;
}

static void bump(const struct install *install)
{
	struct agent *agent = install->agent;

	for (size_t i = 0; i < agent->config->node_count; i++)
		if (agent->ports[i].ifindex == install->ifindex && agent->ports[i].attached)
			ports_bump(agent, &agent->ports[i]);
}

static const char *full_text(int error)
{
	switch (error) {
	case -E2BIG:
		return "limits.rules is reached; what was granted is missing";
	case -EDQUOT:
		return "a node has its share of limits.rules; what it was granted is missing";
	default:
		return strerror(-error);
	}
}

static void tell_full(struct agent *agent, int error)
{
	uint64_t now_ns = time_now_ns();

	if (now_ns < agent->installed->full_logged_ns + NSEC_PER_SEC)
		return;
	agent->installed->full_logged_ns = now_ns;
	log_error("rules: %s", full_text(error));
}

static uint32_t *held_by(uint32_t buckets[HELD_BUCKETS], const struct rule_key *key)
{
	uint32_t local, peer = 0;

	memcpy(&local, key->local, sizeof(local));
	/* Inward, it is the peer that asks, and its share that is used. */
	if (key->direction == DIRECTION_IN)
		memcpy(&peer, key->peer, sizeof(peer));
	return &buckets[((local ^ key->vni * 0x85ebca6bu ^ peer * 0xc2b2ae35u) * 0x9e3779b1u) >> 20];
}

void install_count(struct agent *agent, const struct rule_key *key)
{
	if (agent->installed)
		++*held_by(agent->installed->counting, key);
}

struct ended {
	uint64_t now_ns;
	struct pair **entries;
	size_t count, room;
};

static void pair_look(const void *node, VISIT visit, void *context)
{
	struct pair *pair = *(struct pair *const *)node;
	struct ended *ended = context;

	/* Without memory for it, it is looked at again. */
	if ((visit == postorder || visit == leaf) && ended->now_ns >= pair->ends_ns)
		(void)array_add(ended, pair);
}

/* A pair whose rules have all run out is not kept for one that may never speak again. */
static void pairs_end(struct installed *installed)
{
	struct ended ended = {.now_ns = time_now_ns()};

	twalk_r(installed->pairs, pair_look, &ended);
	for (size_t i = 0; i < ended.count; i++) {
		tdelete(ended.entries[i], &installed->pairs, compare);
		free(ended.entries[i]);
	}
	free(ended.entries);
}

void install_counted(struct agent *agent)
{
	struct installed *installed = agent->installed;

	if (!installed)
		return;
	memcpy(installed->held, installed->counting, sizeof(installed->held));
	memset(installed->counting, 0, sizeof(installed->counting));
	pairs_end(installed);
}

void install_fits(struct agent *agent)
{
	agent->installed->unfit.count = 0;
}

bool install_unfit(struct agent *agent, const struct rule_key *denied)
{
	struct rule_key key = pair_key(denied);

	if (pair_is_unfit(agent, denied))
		return false;
	if (array_add(&agent->installed->unfit, key))
		log_error("rules: out of memory");
	return true;
}

bool install_is_unfit(const struct agent *agent)
{
	return agent->installed->unfit.count;
}

static bool held_has_room(struct agent *agent, const struct rule_key *key)
{
	uint32_t share = key->direction == DIRECTION_IN ? HELD_SHARE_INWARD : HELD_SHARE;

	return *held_by(agent->installed->held, key) < agent->config->limits.rules / share;
}

static bool is_live_allow(const struct rule_value *value)
{
	return value->verdict == VERDICT_ALLOW;
}

/* A rule of the file or by hand stands above what is negotiated. */
static bool outranks(const struct rule_value *old)
{
	return (old->origin == ORIGIN_FILE || old->origin == ORIGIN_CONTROL) && time_now_ns() < old->expires_ns;
}

/* Over a negotiated rule with the same key; those of people stay. Sets *revoked when an ALLOW was there that this is not. */
static int rewrite_rule(struct agent *agent, const struct rule_key *key, struct rule_value *value, bool *revoked)
{
	struct rule_value old;
	int error = rule_get(agent->maps->rules, key, &old);

	if (error)
		return error;
	if (outranks(&old))
		return -EEXIST;
	if (is_live_allow(&old) && value->verdict != VERDICT_ALLOW)
		*revoked = true;
	value->hits = old.hits;
	if (old.verdict == value->verdict && old.incarnation == value->incarnation &&
		old.peer_incarnation == value->peer_incarnation)
		value->created_ns = old.created_ns;
	return rule_set(agent->maps->rules, key, value);
}

/* Writes one rule. Returns 0, or -errno (told): -EDQUOT, who asks has its share; -E2BIG, the table is full. */
static int write_rule(const struct install *install, const struct rule_key *key, struct rule_value *value,
	bool *revoked)
{
	struct agent *agent = install->agent;
	bool room = held_has_room(agent, key);
	int error;

	/* What people deny is not granted, at whatever width they deny it. */
	if (value->verdict == VERDICT_ALLOW && rules_denied_above(agent, key))
		return -EACCES;
	/* Nor where they deny something of the pair for which there was no room: it would be allowed with the rest. */
	if (value->verdict == VERDICT_ALLOW && pair_is_unfit(agent, key)) {
		tell_full(agent, -E2BIG);
		return -E2BIG;
	}
	error = room ? rule_insert(agent->maps->rules, key, value) : -EEXIST;

	if (!error)
		++*held_by(agent->installed->held, key);
	if (error == -EEXIST) {
		error = rewrite_rule(agent, key, value, revoked);
		if (error == -ENOENT && !room)
			error = -EDQUOT;
	}
	/* A rule of people's with this very key says what it says. */
	if (error == -EEXIST)
		return 0;
	if (error)
		tell_full(agent, error);
	else
		grant_note(agent, key, value);
	return error;
}

static struct rule_key key_of(const struct install *install)
{
	struct rule_key key = {.vni = install->flow.vni, .direction = install->direction};
	bool outward = install->direction == DIRECTION_OUT;

	memcpy(key.local, outward ? install->flow.source.octet : install->flow.destination.octet, 4);
	memcpy(key.peer, outward ? install->flow.destination.octet : install->flow.source.octet, 4);
	return key;
}

static struct rule_value value_of(const struct install *install, enum verdict verdict)
{
	return (struct rule_value){
		.expires_ns = install->expires_ns,
		.created_ns = time_now_ns(),
		.incarnation = install->incarnation,
		.peer_incarnation = install->peer_incarnation,
		.serial = install->serial,
		.verdict = verdict,
		.origin = ORIGIN_NEGOTIATED,
	};
}

/* Of several rules that let ARP be answered, the last to end counts; a DENY only where there is none. */
void install_reach(const struct install *install, bool allow)
{
	struct agent *agent = install->agent;
	struct rule_key key = key_of(install);
	struct rule_value value = value_of(install, allow ? VERDICT_ALLOW : VERDICT_DENY), old;
	int error;

	key.direction = 0;
	key.width = WIDTH_ARP;
	if (allow) {
		value.origin = ORIGIN_DERIVED;
		value.serial = 0;
	}
	if (rule_insert(agent->maps->rules, &key, &value) != -EEXIST)
		return;
	if (rule_get(agent->maps->rules, &key, &old))
		return;
	value.hits = old.hits;
	if (old.incarnation == value.incarnation && old.peer_incarnation == value.peer_incarnation &&
		old.verdict == VERDICT_ALLOW && time_now_ns() < old.expires_ns &&
		(!allow || old.expires_ns >= value.expires_ns))
		return;
	error = rule_set(agent->maps->rules, &key, &value);
	if (error)
		tell_full(agent, error);
}

static enum verdict verdict_of(const struct install *install, enum policy_verdict verdict)
{
	switch (verdict) {
	case POLICY_ALLOW:
		return install->ask ? VERDICT_ASK : VERDICT_ALLOW;
	case POLICY_DENY:
		return VERDICT_DENY;
	case POLICY_ASK:
		break;
	}
	return VERDICT_ASK;
}

static void rule_of(const struct install *install, const struct policy_rule *rule, struct rule_key *key,
	struct rule_value *value)
{
	*key = key_of(install);
	*value = value_of(install, verdict_of(install, rule->verdict));
	key->width = rule->width;
	if (rule->width <= POLICY_WIDTH_PROTOCOL)
		key->protocol = rule->protocol;
	if (rule->width == POLICY_WIDTH_PORT)
		key->port = rule->port;
	value->policy = rule->policy;
	/* At most one of them is there, and the policy says which. */
	value->group = rule->group ? rule->group : rule->handle;
}

/* A rule for one port beneath an ASK, of which the new answer says the same. */
static bool still_said(const struct policy_answer *answer, const struct rule_key *key, const struct rule_value *value)
{
	const struct policy_decision *decision;

	if (key->width != WIDTH_PORT || value->verdict == VERDICT_ASK)
		return false;
	decision = policy_look(answer, key->protocol, key->port);
	return decision && decision->allow == (value->verdict == VERDICT_ALLOW);
}

/* What the answer before said of this pair, and this one does not, goes; the pair's rules are those that are left. */
static void take_former(const struct install *install, const struct policy_answer *answer, struct pair *pair,
	const struct rule_key *keys, size_t count, bool *revoked)
{
	struct agent *agent = install->agent;
	size_t former = pair->count;
	struct rule_key rules[POLICY_RULES_MAX];

	memcpy(rules, pair->rules, former * sizeof(rules[0]));
	memcpy(pair->rules, keys, count * sizeof(keys[0]));
	pair->count = count;
	for (size_t i = 0; i < former; i++) {
		struct rule_value value;

		if (pair_has(keys, count, &rules[i]) || rule_get(agent->maps->rules, &rules[i], &value) ||
			value.origin != ORIGIN_NEGOTIATED)
			continue;
		/* Of more than there is room for, each ends by its own time, or by a notice that names it. */
		if (still_said(answer, &rules[i], &value))
			pair_add(pair, &rules[i]);
		else
			install_remove(agent, &rules[i], &value, revoked);
	}
}

static int answer_install(const struct install *install, const struct policy_answer *answer)
{
	const struct flow *flow = &install->flow;
	struct policy_rule rules[POLICY_RULES_MAX];
	struct rule_key keys[POLICY_RULES_MAX];
	struct rule_value values[POLICY_RULES_MAX];
	bool revoked = false, exact = install->exact || !answer->complete, reaches = policy_reaches(answer);
	bool fits = true;
	size_t count = 0;
	int error = 0;

	if (!(flow->reach && exact))
		count = policy_rules(answer, flow->protocol, flow->port, exact, DECISION_RULES_MOST, rules);
	for (size_t i = 0; i < count; i++)
		rule_of(install, &rules[i], &keys[i], &values[i]);
	/* Exceptions before the wide denial that they are of: else what is allowed would be dropped for a moment. */
	for (size_t i = 0; i < count; i++)
		if (values[i].verdict != VERDICT_DENY) {
			int refused = write_rule(install, &keys[i], &values[i], &revoked);

			error = error ? error : refused;
			fits &= refused != -E2BIG;
		}
	for (size_t i = 0; i < count; i++)
		if (values[i].verdict == VERDICT_DENY)
			write_rule(install, &keys[i], &values[i], &revoked);
	if (!exact) {
		struct pair *pair = pair_get(install->agent, &keys[0]);

		if (pair) {
			take_former(install, answer, pair, keys, count, &revoked);
			pair->answer = *answer;
			pair->answer_ends_ns = install->ask ? 0 : install->expires_ns;
			if (pair->ends_ns < install->expires_ns)
				pair->ends_ns = install->expires_ns;
			pair->serial = install->serial;
			pair->incarnation = install->incarnation;
			pair->peer_incarnation = install->peer_incarnation;
		}
	}
	/*
	 * Where there is still to be asked, so is for ARP. A denial speaks of what the node may begin: that nobody may send to it
	 * does not keep it from asking.
	 */
	if (reaches ? !install->ask && fits : install->direction == DIRECTION_OUT)
		install_reach(install, reaches);
	if (revoked)
		bump(install);
	return error;
}

/* Of two questions about one pair the later decision may have come first: then what it says of this flow counts. */
static bool superseded(const struct install *install, const struct pair *pair)
{
	return pair && install->direction == DIRECTION_OUT && install->serial < pair->serial &&
	       pair->incarnation == install->incarnation && pair->peer_incarnation == install->peer_incarnation &&
	       time_now_ns() < pair->answer_ends_ns;
}

int install_answer(const struct install *install, const struct policy_answer *answer)
{
	struct rule_key key = key_of(install);
	struct pair *pair = pair_find(install->agent, &key);
	struct install newer = *install;

	if (!superseded(install, pair))
		return answer_install(install, answer);
	newer.exact = true;
	newer.serial = pair->serial;
	newer.expires_ns = pair->answer_ends_ns;
	return answer_install(&newer, &pair->answer);
}

void install_one(const struct install *install, bool allow, uint32_t policy)
{
	struct policy_rule rule = {
		.width = POLICY_WIDTH_PORT,
		.protocol = install->flow.protocol,
		.port = install->flow.port,
		.verdict = allow ? POLICY_ALLOW : POLICY_DENY,
		.policy = policy,
	};
	struct rule_value value;
	struct rule_key key;
	bool revoked = false;

	if (install->flow.reach)
		return install_reach(install, allow);
	rule_of(install, &rule, &key, &value);
	write_rule(install, &key, &value, &revoked);
	if (allow)
		install_reach(install, true);
	if (revoked)
		bump(install);
}

bool install_unless_known(const struct install *install)
{
	struct rule_key key = key_of(install);
	struct rule_value value = value_of(install, VERDICT_DENY), old;

	key.width = WIDTH_PEER;
	/* What has run out is not known any more. */
	if (rule_get(install->agent->maps->rules, &key, &old) == 0 && time_now_ns() < old.expires_ns &&
		old.incarnation == value.incarnation && old.peer_incarnation == value.peer_incarnation)
		return false;
	return rule_set(install->agent->maps->rules, &key, &value) == 0;
}

bool install_knows_denied(struct agent *agent, const struct rule_key *key, uint64_t incarnation,
	uint64_t peer_incarnation)
{
	const struct pair *pair = pair_find(agent, key);
	const struct policy_decision *decision;

	if (!pair || time_now_ns() >= pair->answer_ends_ns || key->width != WIDTH_PORT ||
		pair->incarnation != incarnation || pair->peer_incarnation != peer_incarnation)
		return false;
	decision = policy_look(&pair->answer, key->protocol, key->port);
	return decision && !decision->allow;
}

static void forget_answer(const void *node, VISIT visit, void *context)
{
	(void)context;
	if (visit == postorder || visit == leaf)
		(*(struct pair *const *)node)->answer_ends_ns = 0;
}

void install_forget_answers(struct agent *agent)
{
	if (agent->installed)
		twalk_r(agent->installed->pairs, forget_answer, NULL);
}

void install_doubt_denials(struct agent *agent, const struct rule_key *end, uint64_t serial)
{
	const struct pair *pair = pair_find(agent, end);
	bool revoked = false;

	for (size_t i = 0; pair && i < pair->count; i++) {
		struct rule_value value;

		if (rule_get(agent->maps->rules, &pair->rules[i], &value) == 0 && value.origin == ORIGIN_NEGOTIATED &&
			value.verdict == VERDICT_DENY && value.serial <= serial)
			install_remove(agent, &pair->rules[i], &value, &revoked);
	}
}

int install_remove(struct agent *agent, const struct rule_key *key, const struct rule_value *value, bool *bump_port)
{
	int error = rule_del(agent->maps->rules, key);
	struct pair *pair = pair_find(agent, key);

	if (pair)
		pair->answer_ends_ns = 0;
	grant_forget(agent, key);
	if (is_live_allow(value) && key->width != WIDTH_ARP)
		*bump_port = true;
	return error;
}
