/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decides, asks and installs; see decision.h. What the programs and the socket bring is question.c's and transport.c's,
 * what becomes of rules later is grant.c's (renewal) and revocation.c's.
 */
#include <errno.h>
#include <string.h>

#include "agent/answer.h"
#include "agent/authority.h"
#include "agent/mirror.h"
#include "agent/decision.h"
#include "agent/hold.h"
#include "agent/identity.h"
#include "agent/install.h"
#include "agent/introduction.h"
#include "agent/monitor.h"
#include "agent/question.h"
#include "agent/resolve.h"
#include "agent/transport.h"
#include "lib/time.h"

/* In place of a question's id: nobody waits for these. No question has them: a port's number has 12 bits. */
#define RENEWAL (1ull << 63)
#define RENEWAL_ANEW (1ull << 62)
/* And under which configuration it was asked, in bits that neither uses: the former's answer says nothing under this one. */
#define GENERATION_BITS (0x3ffffull << 44)
#define GENERATION(agent) ((uint64_t)(agent)->generation << 44 & GENERATION_BITS)

/* The destination's rule outlives the source's by as much: a packet that was sent in time is let in. */
#define DECISION_MARGIN_NS (500 * NSEC_PER_MSEC)

void decision_flow(const struct rule_key *key, struct flow *out)
{
	bool inward = key->direction == DIRECTION_IN;

	*out = (struct flow){.vni = key->vni, .cast = CAST_UNICAST};
	memcpy(out->source.octet, inward ? key->peer : key->local, 4);
	memcpy(out->destination.octet, inward ? key->local : key->peer, 4);
	out->reach = key->width == WIDTH_ARP;
	if (out->reach)
		return;
	out->protocol = key->protocol;
	out->port = key->port;
}

void decision_side(struct agent *agent, const struct policy_set *set, enum policy_side side, const struct flow *flow,
	struct policy_answer *out)
{
	struct policy_identity source, destination;

	authority_identity(agent, flow->vni, flow->source, &source);
	authority_identity(agent, flow->vni, flow->destination, &destination);
	policy_answer(set, side, &source, &destination, CAST_UNICAST, flow->protocol, flow->port, out);
}

static bool allows(const struct policy_answer *answer, const struct flow *flow)
{
	const struct policy_decision *decision;

	if (flow->reach)
		return policy_reaches(answer);
	decision = policy_look(answer, flow->protocol, flow->port);
	return decision && decision->allow;
}

static enum source_says says(const struct policy_answer *out, const struct flow *flow)
{
	const struct policy_decision *decision = policy_look(out, flow->protocol, flow->port);
	bool by_default = !decision || decision->by == BY_DEFAULT;

	if (allows(out, flow))
		return by_default ? SOURCE_ALLOWS_BY_DEFAULT : SOURCE_ALLOWS_BY_POLICY;
	return by_default ? SOURCE_DENIES_BY_DEFAULT : SOURCE_DENIES;
}

/* ---- both ends */

static int end_find(struct agent *agent, uint32_t vni, struct ipv4 address, struct mapping_value *out)
{
	struct mapping_key key = {.vni = vni};

	memcpy(key.address, address.octet, 4);
	return mirror_mapping(agent, &key, out);
}

static int ends_find(struct agent *agent, const struct flow *flow, struct mapping_value *source,
	struct mapping_value *destination)
{
	int error = end_find(agent, flow->vni, flow->source, source);

	return error ? error : end_find(agent, flow->vni, flow->destination, destination);
}

/* What is known of one end's rules: who, when, and on whose word. */
static struct install install_of(struct agent *agent, const struct flow *flow, enum direction direction,
	const struct mapping_value *source, const struct mapping_value *destination)
{
	bool outward = direction == DIRECTION_OUT;

	return (struct install){
		.agent = agent,
		.flow = *flow,
		.direction = direction,
		.ifindex = outward ? source->ifindex : destination->ifindex,
		.incarnation = outward ? source->incarnation : destination->incarnation,
		.peer_incarnation = outward ? destination->incarnation : source->incarnation,
	};
}

/*
 * A denial for want of an answer (DTM-6). Of the whole pair, where nothing is known of it: who scans a host that is silent asks
 * once. Else of the flow alone.
 */
static void deny(struct agent *agent, const struct flow *flow, const struct mapping_value *source,
	const struct mapping_value *destination, uint64_t for_ns, bool allow, bool exact)
{
	struct install install = install_of(agent, flow, DIRECTION_OUT, source, destination);

	install.expires_ns = time_now_ns() + for_ns;
	if (!allow && !exact && !flow->reach && install_unless_known(&install))
		return;
	install_one(&install, allow, 0);
}

static void tell(struct agent *agent, const char *what, const struct flow *flow, bool granted, uint32_t policy)
{
	struct monitor_negotiation told = {.what = what, .flow = *flow, .granted = granted, .policy = policy};

	if (monitor_listens(agent))
		monitor_negotiation(agent, &told);
}

/* Between two nodes of this host both sides are asked here, and both ends' rules made. */
static void decide_here(struct agent *agent, const struct config_vnet *vnet, const struct flow *flow,
	const struct mapping_value *source, const struct mapping_value *destination)
{
	const struct policy_set *set = agent->config->policies;
	struct policy_answer in, out, joined;
	struct install install = install_of(agent, flow, DIRECTION_IN, source, destination);

	decision_side(agent, set, SIDE_IN, flow, &in);
	decision_side(agent, set, SIDE_OUT, flow, &out);
	policy_join(policy_set_find_vnet(set, flow->vni)->agreement, &in, &out, flow->protocol, flow->port, &joined);
	install.expires_ns = time_now_ns() + vnet->grant_lifetime_s * NSEC_PER_SEC + DECISION_MARGIN_NS;
	install.serial = agent_unique(agent);
	install.exact = vnet->answers == ANSWERS_EXACT;
	install_answer(&install, &joined);
	install = install_of(agent, flow, DIRECTION_OUT, source, destination);
	install.expires_ns = time_now_ns() + vnet->grant_lifetime_s * NSEC_PER_SEC;
	install.serial = agent->unique;
	install.exact = vnet->answers == ANSWERS_EXACT;
	install_answer(&install, &joined);
	tell(agent, "here", flow, allows(&joined, flow), 0);
}

/*
 * The own policies of the source alone refuse: what they refuse is denied without asking anybody, and the rest of the pair is
 * left to be asked for.
 */
static void deny_here(struct agent *agent, const struct config_vnet *vnet, const struct flow *flow,
	const struct policy_answer *out, const struct mapping_value *source, const struct mapping_value *destination)
{
	struct install install = install_of(agent, flow, DIRECTION_OUT, source, destination);

	install.expires_ns = time_now_ns() + vnet->grant_lifetime_s * NSEC_PER_SEC;
	install.serial = agent_unique(agent);
	install.exact = vnet->answers == ANSWERS_EXACT;
	install.ask = true;
	install_answer(&install, out);
	tell(agent, "own", flow, false, 0);
}

/* Returns true when there is nothing to wait for. */
static bool ask_peer(struct agent *agent, const struct config_vnet *vnet, const struct flow *flow,
	const struct policy_answer *out, const struct mapping_value *source, const struct mapping_value *destination,
	uint64_t id)
{
	struct message_ask ask = {.flow = *flow,
		.exact = vnet->answers == ANSWERS_EXACT,
		.source_says = says(out, flow)};
	struct engine_time now = transport_now();
	struct substrate at;
	long node = authority_node(agent, flow->vni, flow->source);
	int length, error;

	if (node < 0)
		return true;
	length =
		authority_node_passport(agent, (size_t)node, source->incarnation, id & RENEWAL ? 0 : id, &ask.passport);
	if (length < 0)
		return length != -EAGAIN || id & RENEWAL;
	ask.passport_length = (size_t)length;
	memcpy(at.octet, destination->prefix, OVNET_PREFIX_LEN);
	memcpy(at.octet + OVNET_PREFIX_LEN, flow->destination.octet, 4);
	error = engine_ask(transport_engine(agent), &now, &at, vnet->ask == ASK_AGENT, &ask, id | GENERATION(agent));
	if (!error) {
		tell(agent, "ask", flow, false, 0);
		return false;
	}
	tell(agent, error == -ENOENT ? "no-host" : "busy", flow, false, 0);
	/* The answer to a renewal of the same flow is on its way: who asks again meets it. */
	if (id != RENEWAL_ANEW && error != -EALREADY)
		deny(agent, flow, source, destination, DECISION_SILENCE_NS, false, vnet->answers == ANSWERS_EXACT);
	return true;
}

/* True when it must be asked for first where the destination lives, or who its host is: keys of hosts do not survive a restart. */
static bool is_unresolved(const struct agent *agent, const struct flow *flow, const struct mapping_value *destination)
{
	struct engine_host host;
	struct substrate at;

	if (time_now_ns() >= destination->expires_ns)
		return true;
	memcpy(at.octet, destination->prefix, OVNET_PREFIX_LEN);
	memcpy(at.octet + OVNET_PREFIX_LEN, flow->destination.octet, 4);
	return !destination->ifindex && authority_host_at(agent, &at, &host);
}

static bool ask(struct agent *agent, const struct rule_key *key, uint64_t id, bool resolved)
{
	const struct config_vnet *vnet = authority_vnet(agent, key->vni);
	struct mapping_value source, destination = {0};
	struct policy_answer out;
	struct flow flow;
	bool known;

	decision_flow(key, &flow);
	if (!vnet || end_find(agent, flow.vni, flow.source, &source) || !source.ifindex)
		return true;
	known = end_find(agent, flow.vni, flow.destination, &destination) == 0;
	if (!resolved && resolve_active(agent) && is_unresolved(agent, &flow, &destination) &&
		resolve_ask(agent, flow.vni, flow.source, flow.destination, id))
		return false;
	if (!known || time_now_ns() >= destination.expires_ns)
		return true;
	if (destination.ifindex) {
		decide_here(agent, vnet, &flow, &source, &destination);
		return true;
	}
	/* One of many ports under an ASK: a scan of them is answered from what is known. */
	if (install_knows_denied(agent, key, source.incarnation, destination.incarnation)) {
		deny(agent, &flow, &source, &destination, DECISION_SILENCE_NS, false, true);
		return true;
	}
	decision_side(agent, agent->config->policies, SIDE_OUT, &flow, &out);
	if (!allows(&out, &flow) && policy_set_find_vnet(agent->config->policies, key->vni)->agreement == AGREE_BOTH) {
		deny_here(agent, vnet, &flow, &out, &source, &destination);
		return true;
	}
	return ask_peer(agent, vnet, &flow, &out, &source, &destination, id);
}

bool decision_ask(struct agent *agent, const struct rule_key *key, uint64_t id)
{
	return ask(agent, key, id, false);
}

bool decision_ask_resolved(struct agent *agent, const struct rule_key *key, uint64_t id)
{
	return ask(agent, key, id, true);
}

/* What was granted to this address under the configuration before this one, or by an agent before this one, may live as long. */
static bool is_settled(const struct agent *agent, const struct config_vnet *vnet)
{
	return time_now_ns() > agent->config_loaded_ns + vnet->grant_lifetime_s * NSEC_PER_SEC + 2 * DECISION_MARGIN_NS;
}

/* The question has left when the destination's place and host are known: they are asked for first. */
static bool may_forward(struct agent *agent, const struct config_vnet *vnet, const struct flow *flow, uint64_t *holder)
{
	struct mapping_key where = {.vni = flow->vni};
	struct mapping_value source, destination;
	struct policy_answer out;

	memcpy(where.address, flow->source.octet, 4);
	if (!is_settled(agent, vnet) || ends_find(agent, flow, &source, &destination) ||
		!introduction_holds(agent, &where, &source, &destination) || time_now_ns() >= destination.expires_ns)
		return false;
	if (*holder == destination.incarnation)
		return true;
	if (is_unresolved(agent, flow, &destination))
		return false;
	decision_side(agent, agent->config->policies, SIDE_OUT, flow, &out);
	if (!allows(&out, flow))
		return false;
	*holder = destination.incarnation;
	return true;
}

bool decision_forwards(struct agent *agent, const struct rule_key *key, uint64_t *holder)
{
	const struct config_vnet *vnet = authority_vnet(agent, key->vni);
	struct flow flow;

	decision_flow(key, &flow);
	if (vnet && vnet->pending == PENDING_FORWARD && key->width == WIDTH_PORT &&
		may_forward(agent, vnet, &flow, holder))
		return true;
	*holder = 0;
	return false;
}

/* ---- the asked side */

static bool lives_there(const struct mapping_value *mapping, const struct engine_request *request)
{
	struct substrate expected;
	uint8_t slot = request->passport ? request->passport->slot : mapping->prefix[8] >> 2;

	if (substrate_of_node(&request->peer->locator, slot, request->flow.vni, request->flow.source, &expected))
		return false;
	return memcmp(expected.octet, mapping->prefix, OVNET_PREFIX_LEN) == 0;
}

/* A verified question fills the mapping for the answer, and tells a new holder of an address from the one before (ONM-5). */
static int source_place(struct agent *agent, const struct engine_request *request, struct mapping_value *source)
{
	const struct node_passport *passport = request->passport;
	struct mapping_key key = {.vni = request->flow.vni};
	uint64_t end_ns = passport ? mappings_passport_end(passport->not_after_s) : 0;
	int error;

	memcpy(key.address, request->flow.source.octet, 4);
	error = mirror_mapping(agent, &key, source);
	if (error == -ENOENT && passport) {
		error = mappings_learn(agent, &key, &request->peer->locator, passport->slot, end_ns);
		return error ? error : mirror_mapping(agent, &key, source);
	}
	/* Where it lived is forgotten: its agent asks anew, with the passport. */
	if (error)
		return error == -ENOENT ? -EAGAIN : error;
	if (source->ifindex || !lives_there(source, request))
		return -EPERM;
	/* What was learned stands as long as somebody vouches for it. Not for each question: the two clocks differ within a second. */
	if (source->expires_ns == OVNET_NEVER || end_ns < source->expires_ns + 2 * NSEC_PER_SEC)
		return 0;
	return mappings_extend(agent, &key, source, end_ns);
}

/*
 * Who asks, and until when that is vouched for. A renewal rests on the passport that came with the first question, also when that
 * was before a restart. *source is read again when its holder is another now.
 */
static int source_recall(struct agent *agent, const struct engine_request *request, struct policy_identity *identity,
	struct mapping_value *source, uint64_t *until_s)
{
	const struct node_passport *passport = request->passport;
	struct mapping_key key = {.vni = request->flow.vni};
	struct identity_value value;
	int changed;

	memcpy(key.address, request->flow.source.octet, 4);
	if (!passport) {
		if (mirror_identity(agent, &key, &value) || value.host != request->peer->host ||
			value.not_after_s <= transport_now().wall_s)
			return -EAGAIN;
		*until_s = value.not_after_s;
		authority_identity(agent, request->flow.vni, request->flow.source, identity);
		return 0;
	}
	changed = identity_remember(agent, &key, passport);
	if (changed < 0)
		return changed;
	if (changed && mirror_mapping(agent, &key, source))
		return -EAGAIN;
	*until_s = passport->not_after_s;
	/* What the configuration says of a node counts for more than what its passport claims (DTM-4). */
	if (authority_configured(agent, request->flow.vni, request->flow.source, identity))
		return 0;
	identity->node = passport->node;
	identity->account = passport->account;
	identity->group_count = passport->group_count;
	memcpy(identity->groups, passport->groups, passport->group_count * sizeof(identity->groups[0]));
	return 0;
}

/* Between the destination's policies and what the source's agent says of its own (DTM-14). */
static bool judge(const struct engine_request *request, enum policy_agreement agreement, struct policy_answer *in,
	bool *exact)
{
	bool source_allows =
		request->source_says == SOURCE_ALLOWS_BY_DEFAULT || request->source_says == SOURCE_ALLOWS_BY_POLICY;
	struct policy_answer out = {.complete = true}, joined;

	if (agreement == AGREE_BOTH) {
		/* Its agent holds every flow against its own policies itself: this answer may be as wide as ours is. */
		return source_allows && allows(in, &request->flow);
	}
	out.otherwise.allow = source_allows;
	out.otherwise.by = request->source_says == SOURCE_ALLOWS_BY_POLICY || request->source_says == SOURCE_DENIES
				   ? BY_GROUP
				   : BY_DEFAULT;
	policy_join(agreement, in, &out, request->flow.protocol, request->flow.port, &joined);
	*in = joined;
	*exact = true;
	return allows(in, &request->flow);
}

/* No grant outlives the passport that it rests on. */
static uint64_t lifetime_of(const struct config_vnet *vnet, uint64_t until_s)
{
	uint64_t wall_s = transport_now().wall_s;
	uint64_t left_s = until_s > wall_s ? until_s - wall_s : 0;

	return (left_s < vnet->grant_lifetime_s ? left_s : vnet->grant_lifetime_s) * NSEC_PER_SEC;
}

/* For a short while; of an address that nobody here has, all is refused at once. */
static int refuse(struct message_decision *out, uint64_t incarnation, uint64_t serial, bool exact)
{
	*out = (struct message_decision){
		.lifetime_ms = DECISION_SILENCE_NS / NSEC_PER_MSEC,
		.incarnation = incarnation,
		.serial = serial,
		.exact = exact,
		.otherwise = exact ? MESSAGE_UNSAID : MESSAGE_DENY,
	};
	return 0;
}

static int decide(struct agent *agent, const struct engine_request *request, bool *granted,
	struct message_decision *out)
{
	const struct config_vnet *vnet = authority_vnet(agent, request->flow.vni);
	struct mapping_key where = {.vni = request->flow.vni};
	uint64_t serial = agent_unique(agent), lifetime_ns, until_s;
	struct mapping_value source, destination;
	struct policy_identity who, self;
	struct install install;
	struct policy_answer in;
	bool exact;
	int error;

	*granted = false;
	memcpy(where.address, request->flow.destination.octet, 4);
	if (!vnet || mirror_mapping(agent, &where, &destination) || !destination.ifindex)
		return refuse(out, 0, serial, request->exact || request->renewal);
	/* A renewal is no word of the source's side. */
	if (request->renewal && vnet->agreement == AGREE_ONE)
		return -EAGAIN;
	error = source_place(agent, request, &source);
	if (error)
		return error == -EAGAIN ? error : refuse(out, destination.incarnation, serial, true);
	/* Of one who is not remembered, nothing is said: its agent asks anew, with the passport. */
	error = source_recall(agent, request, &who, &source, &until_s);
	if (error == -ESTALE)
		return refuse(out, destination.incarnation, serial, true);
	if (error)
		return -EAGAIN;

	authority_identity(agent, request->flow.vni, request->flow.destination, &self);
	policy_answer(agent->config->policies, SIDE_IN, &who, &self, request->flow.cast, request->flow.protocol,
		request->flow.port, &in);
	exact = request->exact || request->renewal || vnet->answers == ANSWERS_EXACT;
	*granted = judge(request, policy_set_find_vnet(agent->config->policies, request->flow.vni)->agreement, &in,
		&exact);
	lifetime_ns = lifetime_of(vnet, until_s);
	/* Of this, no rule here reminds us when policies change. */
	if (request->flow.reach && exact && !*granted && lifetime_ns > DECISION_SILENCE_NS)
		lifetime_ns = DECISION_SILENCE_NS;
	install = install_of(agent, &request->flow, DIRECTION_IN, &source, &destination);
	install.expires_ns = time_now_ns() + lifetime_ns + DECISION_MARGIN_NS;
	install.serial = serial;
	install.exact = exact;
	/* What this host has no rule for is not granted. */
	if (install_answer(&install, &in)) {
		*granted = false;
		return refuse(out, destination.incarnation, serial, true);
	}
	out->lifetime_ms = (uint32_t)(lifetime_ns / NSEC_PER_MSEC);
	out->incarnation = destination.incarnation;
	out->serial = serial;
	answer_write(&in, &request->flow, exact, out);
	tell(agent, "decide", &request->flow, *granted, out->policy);
	return 0;
}

int decision_decide(struct agent *agent, const struct engine_request *request, bool *granted,
	struct message_decision *out)
{
	int error = decide(agent, request, granted, out);

	/* What came before its question need wait no longer; what was not said of a renewal is asked for anew. */
	if (!error)
		hold_decided(agent, &request->flow);
	return error;
}

/* ---- the answer */

/* A renewal was met with silence: the peer may have forgotten the passport. The grant that is there goes on to its end. */
static void ask_anew(struct agent *agent, const struct config_vnet *vnet, const struct flow *flow,
	const struct mapping_value *source, const struct mapping_value *destination)
{
	struct policy_answer out;

	decision_side(agent, agent->config->policies, SIDE_OUT, flow, &out);
	ask_peer(agent, vnet, flow, &out, source, destination, RENEWAL_ANEW);
}

static const char *outcome_word(enum engine_outcome outcome)
{
	switch (outcome) {
	case OUTCOME_GRANTED:
		return "grant";
	case OUTCOME_REFUSED:
		return "refuse";
	case OUTCOME_SILENT:
		return "silence";
	case OUTCOME_NO_HOST:
		return "no-host";
	case OUTCOME_BUSY:
		break;
	}
	return "busy";
}

static void answer_install(struct agent *agent, const struct config_vnet *vnet, const struct flow *flow, bool granted,
	const struct message_decision *decision, const struct mapping_value *source,
	const struct mapping_value *destination)
{
	struct install install = install_of(agent, flow, DIRECTION_OUT, source, destination);
	enum policy_agreement agreement = policy_set_find_vnet(agent->config->policies, flow->vni)->agreement;
	struct policy_answer in, out, joined;

	/* What waits leaves now: of a host that was learned with this question, the way may have become known meanwhile. */
	hosts_resolve_at(agent, destination->nexthop);
	install.expires_ns = time_now_ns() + decision->lifetime_ms * NSEC_PER_MSEC;
	install.serial = decision->serial;
	install.exact = decision->exact || vnet->answers == ANSWERS_EXACT;
	answer_read(decision, flow, granted, &in);
	if (flow->reach && decision->exact) {
		install_reach(&install, granted);
		return;
	}
	/* The destination has joined both sides already where one suffices. */
	if (agreement == AGREE_ONE) {
		install_answer(&install, &in);
		return;
	}
	decision_side(agent, agent->config->policies, SIDE_OUT, flow, &out);
	policy_join(agreement, &in, &out, flow->protocol, flow->port, &joined);
	install_answer(&install, &joined);
}

/*
 * Who asked is who is there: on the port that the question came from. What that host learned of the node ends with the passport that
 * was shown, of which half the lifetime was left at least (authority.c); a half of that is for clocks that differ.
 */
static void introduce(struct agent *agent, const struct config_vnet *vnet, const struct flow *flow, uint64_t id,
	const struct mapping_value *source, const struct mapping_value *destination)
{
	struct mapping_key where = {.vni = flow->vni};
	long node = authority_node(agent, flow->vni, flow->source);

	memcpy(where.address, flow->source.octet, 4);
	if (node >= 0 && agent->ports[node].attached && agent->ports[node].number == id >> 32)
		introduction_note(agent, &where, source, destination,
			time_now_ns() + vnet->passport_lifetime_s * NSEC_PER_SEC / 4);
}

static struct rule_key key_of_flow(const struct flow *flow)
{
	struct rule_key key = {
		.vni = flow->vni,
		.protocol = flow->protocol,
		.port = flow->port,
		.direction = flow->reach ? 0 : DIRECTION_OUT,
		.width = flow->reach ? WIDTH_ARP : WIDTH_PORT,
	};

	memcpy(key.local, flow->source.octet, 4);
	memcpy(key.peer, flow->destination.octet, 4);
	return key;
}

/* It was asked by who the source was, and with what its side said, before a reload. */
static void ask_over(struct agent *agent, const struct flow *flow, uint64_t id)
{
	struct rule_key key = key_of_flow(flow);

	if (id == RENEWAL || id == RENEWAL_ANEW)
		decision_renew(agent, &key);
	else if (decision_ask(agent, &key, id))
		question_answered(agent, id);
	else
		question_asked_over(agent, id);
}

/* Silence may stand for the other side's word, never for the own one's. */
static bool silence_allows(struct agent *agent, const struct config_vnet *vnet, const struct flow *flow)
{
	struct policy_answer out;

	if (vnet->silence != SILENCE_ALLOW)
		return false;
	decision_side(agent, agent->config->policies, SIDE_OUT, flow, &out);
	if (vnet->agreement == AGREE_BOTH)
		return allows(&out, flow);
	return says(&out, flow) != SOURCE_DENIES;
}

void decision_decided(struct agent *agent, const struct flow *flow, uint64_t id, enum engine_outcome outcome,
	const struct message_decision *decision)
{
	const struct config_vnet *vnet = authority_vnet(agent, flow->vni);
	struct mapping_value source, destination;
	struct mapping_key where = {.vni = flow->vni};

	if ((id & GENERATION_BITS) != GENERATION(agent))
		return ask_over(agent, flow, id & ~GENERATION_BITS);
	id &= ~GENERATION_BITS;
	memcpy(where.address, flow->destination.octet, 4);
	/* An answer of somebody who held the address before is none. */
	if (decision && decision->incarnation && identity_seen(agent, &where, decision->incarnation))
		decision = NULL;
	tell(agent, outcome_word(outcome), flow, outcome == OUTCOME_GRANTED, decision ? decision->policy : 0);
	/* Nobody there has that address: where it is now is asked for, and then there. */
	if (decision && !decision->incarnation && resolve_gone(agent, flow->vni, flow->destination))
		return ask_over(agent, flow, id);
	if (vnet && !ends_find(agent, flow, &source, &destination) && source.ifindex && !destination.ifindex) {
		if (decision) {
			answer_install(agent, vnet, flow, outcome == OUTCOME_GRANTED, decision, &source, &destination);
			if (outcome == OUTCOME_GRANTED)
				introduce(agent, vnet, flow, id, &source, &destination);
		} else if (id == RENEWAL)
			ask_anew(agent, vnet, flow, &source, &destination);
		else if (id != RENEWAL_ANEW)
			deny(agent, flow, &source, &destination, DECISION_SILENCE_NS,
				outcome == OUTCOME_SILENT && silence_allows(agent, vnet, flow),
				vnet->answers == ANSWERS_EXACT);
	}
	question_answered(agent, id);
}

void decision_renew(struct agent *agent, const struct rule_key *key)
{
	const struct config_vnet *vnet = authority_vnet(agent, key->vni);
	struct mapping_value source, destination;
	struct engine_time now = transport_now();
	struct substrate at;
	struct flow flow;

	decision_flow(key, &flow);
	if (!vnet || ends_find(agent, &flow, &source, &destination) || !source.ifindex)
		return;
	if (destination.ifindex) {
		decide_here(agent, vnet, &flow, &source, &destination);
		return;
	}
	/*
	 * A whole answer is longer than what a renewal may be answered with, and a renewal does not tell what the source's side says, on
	 * which the answer rests where one suffices: both are asked for anew. So is what may rest on a passport of before the
	 * configuration was read, which may say of the node what is not so any more.
	 */
	if (vnet->answers == ANSWERS_WIDE || vnet->agreement == AGREE_ONE ||
		time_now_ns() < agent->config_loaded_ns + vnet->passport_lifetime_s * NSEC_PER_SEC)
		return ask_anew(agent, vnet, &flow, &source, &destination);
	memcpy(at.octet, destination.prefix, OVNET_PREFIX_LEN);
	memcpy(at.octet + OVNET_PREFIX_LEN, flow.destination.octet, 4);
	engine_renew(transport_engine(agent), &now, &at, vnet->ask == ASK_AGENT, &flow, RENEWAL | GENERATION(agent));
}
