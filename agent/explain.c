/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `explain`: one transmission, what policies say of it (desired) and what the data path holds for it (live), as far
 * as this host knows either (DTM-19). Facts only, in the shape of docs/control.md; ovnetctl puts them in words.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "agent/authority.h"
#include "agent/mirror.h"
#include "agent/decision.h"
#include "agent/resolve.h"
#include "agent/show.h"
#include "lib/json.h"
#include "lib/time.h"

/* What is asked when an ICMP type is not given. */
#define ICMP_ECHO_REQUEST 8

/* One end, as this host knows it. */
struct end {
	struct ipv4 address;
	const char *name; /* NULL: none is known */
	long node;        /* of this host: its place in config.nodes; else -1 */
	bool elsewhere;   /* the configuration has a mapping for it */
	bool mapped;      /* `at` is what the data path has */
	struct mapping_value at;
};

struct explanation {
	struct agent *agent;
	uint64_t now_ns;
	const struct config_vnet *vnet;
	struct flow flow;
	struct end source, destination;
	cJSON *result;
};

/* ---- what is asked */

static bool is_meant(const char *name, struct ipv4 address, const char *text, const struct ipv4 *parsed)
{
	return parsed ? ipv4_equal(address, *parsed) : strcmp(name, text) == 0;
}

/*
 * The end that `text`, a name or an address, means in a vnet. Returns how much is known of it, 0 or 1; or -ENOENT: there is
 * no such name.
 */
static int end_find(struct agent *agent, size_t vnet, const char *text, struct end *out)
{
	const struct config *config = agent->config;
	struct mapping_key key = {.vni = config->vnets[vnet].vni};
	struct end end = {.node = -1};
	const struct ipv4 *parsed = ipv4_parse(text, &end.address) ? NULL : &end.address;

	for (size_t i = 0; i < config->node_count; i++) {
		const struct config_node *node = &config->nodes[i];

		if (node->vnet != vnet || !is_meant(node->name, node->address, text, parsed))
			continue;
		end.node = (long)i;
		end.name = node->name;
		end.address = node->address;
	}
	for (size_t i = 0; i < config->mapping_count && end.node < 0; i++) {
		const struct config_mapping *mapping = &config->mappings[i];

		if (mapping->vnet != vnet || !is_meant(mapping->name, mapping->address, text, parsed))
			continue;
		end.elsewhere = true;
		end.name = *mapping->name ? mapping->name : NULL;
		end.address = mapping->address;
	}
	if (!parsed && end.node < 0 && !end.elsewhere)
		return -ENOENT;
	memcpy(key.address, end.address.octet, 4);
	end.mapped = mirror_mapping(agent, &key, &end.at) == 0;
	*out = end;
	return end.mapped || end.node >= 0 || end.elsewhere;
}

/* The vnet that knows most of the ends. Returns its place; -ENOENT: none has such names; -EEXIST: several do equally. */
static long vnet_guess(struct agent *agent, const char *source, const char *destination)
{
	long best = -ENOENT;
	int most = -1;

	for (size_t i = 0; i < agent->config->vnet_count; i++) {
		struct end end;
		int known = end_find(agent, i, source, &end), other = end_find(agent, i, destination, &end);

		if (known < 0 || other < 0 || known + other < most)
			continue;
		best = known + other == most ? -EEXIST : (long)i;
		most = known + other;
	}
	return best;
}

static long vnet_choose(struct agent *agent, const cJSON *arguments, const char *source, const char *destination,
	struct control_answer *answer)
{
	const cJSON *name = json_member(arguments, "vnet");
	long vnet;

	if (!name) {
		vnet = vnet_guess(agent, source, destination);
		if (vnet == -EEXIST)
			control_refuse(answer, "vnet", "expected which one, as the ends may be in several");
		else if (vnet < 0)
			control_refuse(answer, NULL, "no vnet of this host has both '%.40s' and '%.40s'", source,
				destination);
		return vnet;
	}
	vnet = cJSON_IsString(name) ? config_find_vnet(agent->config, name->valuestring) : -1;
	if (vnet < 0)
		control_refuse(answer, "vnet", "expected the name or number of a vnet of this host");
	return vnet;
}

/* Protocol and port by the same checks as those of a rule, whoever its ends are. Returns false when refused. */
static bool service_read(const struct explanation *explanation, const cJSON *arguments, struct control_answer *answer,
	struct flow *flow)
{
	const cJSON *protocol = json_member(arguments, "protocol"), *port = json_member(arguments, "port");
	cJSON *rule = cJSON_CreateObject();
	struct config_rule read;
	char message[200];
	int error;

	cJSON_AddStringToObject(rule, "vnet", explanation->vnet->name);
	cJSON_AddStringToObject(rule, "from", "any");
	cJSON_AddStringToObject(rule, "to", "any");
	cJSON_AddStringToObject(rule, "verdict", "allow");
	if (protocol)
		cJSON_AddItemToObject(rule, "protocol", cJSON_Duplicate(protocol, true));
	if (port)
		cJSON_AddItemToObject(rule, "port", cJSON_Duplicate(port, true));
	error = config_rule_from_json(explanation->agent->config, rule, &read, mappings_known, explanation->agent,
		message);
	cJSON_Delete(rule);
	if (error) {
		control_refuse(answer, NULL, "%s", message);
		return false;
	}
	if (read.protocol_any) {
		control_refuse(answer, "protocol", "expected tcp, udp, icmp or a number, as one transmission has one");
		return false;
	}
	if (read.port_any && (read.protocol == IPPROTO_TCP || read.protocol == IPPROTO_UDP)) {
		control_refuse(answer, "port", "expected the responder's port, as tcp and udp have one");
		return false;
	}
	flow->protocol = read.protocol;
	flow->port = !read.port_any ? read.port : read.protocol == IPPROTO_ICMP ? ICMP_ECHO_REQUEST : 0;
	return true;
}

static bool explanation_read(const cJSON *arguments, struct control_answer *answer, struct explanation *explanation)
{
	const cJSON *source = json_member(arguments, "source"), *destination = json_member(arguments, "destination");
	struct agent *agent = explanation->agent;
	struct flow *flow = &explanation->flow;
	long vnet;

	if (!cJSON_IsString(source) || !cJSON_IsString(destination)) {
		control_refuse(answer, cJSON_IsString(source) ? "destination" : "source",
			"expected an IPv4 address or a node's name");
		return false;
	}
	vnet = vnet_choose(agent, arguments, source->valuestring, destination->valuestring, answer);
	if (vnet < 0)
		return false;
	explanation->vnet = &agent->config->vnets[vnet];
	if (end_find(agent, (size_t)vnet, source->valuestring, &explanation->source) < 0) {
		control_refuse(answer, "source", "vnet '%s' has no such node here", explanation->vnet->name);
		return false;
	}
	if (end_find(agent, (size_t)vnet, destination->valuestring, &explanation->destination) < 0) {
		control_refuse(answer, "destination", "vnet '%s' has no such node here", explanation->vnet->name);
		return false;
	}
	if (ipv4_equal(explanation->source.address, explanation->destination.address)) {
		control_refuse(answer, "destination", "expected another node than the source");
		return false;
	}
	*flow = (struct flow){
		.vni = explanation->vnet->vni,
		.source = explanation->source.address,
		.destination = explanation->destination.address,
		.cast = CAST_UNICAST,
	};
	return service_read(explanation, arguments, answer, flow);
}

/* ---- who the ends are */

static bool is_expired(const struct explanation *explanation, const struct end *end)
{
	return end->mapped && explanation->now_ns >= end->at.expires_ns;
}

static bool is_here(const struct end *end)
{
	return end->node >= 0 || (end->mapped && end->at.ifindex);
}

static void add_host(const struct agent *agent, cJSON *object, const struct end *end)
{
	struct locator locator = {.length = 64};
	struct substrate address;
	struct engine_host host;
	char text[ADDRESS_TEXT_MAX];
	const char *name = NULL;
	cJSON *entry;

	if (is_here(end)) {
		locator = agent->config->locator;
		name = show_identity(agent);
	} else if (end->mapped) {
		memcpy(locator.octet, end->at.prefix, 8);
		memcpy(address.octet, end->at.prefix, OVNET_PREFIX_LEN);
		memcpy(address.octet + OVNET_PREFIX_LEN, end->address.octet, 4);
		if (authority_host_at(agent, &address, &host) == 0) {
			locator = host.locator;
			name = show_host_name(agent, host.host);
		}
	} else {
		cJSON_AddNullToObject(object, "host");
		return;
	}
	entry = cJSON_AddObjectToObject(object, "host");
	show_add_text(entry, "name", name);
	cJSON_AddStringToObject(entry, "locator", locator_format(&locator, text));
}

/* Groups by their names; null when it is not known who the end is. */
static void add_groups(const struct explanation *explanation, cJSON *object, const struct end *end)
{
	const struct agent *agent = explanation->agent;
	struct policy_identity identity;
	cJSON *groups;

	if (!agent->authority || !agent->config->policies ||
		!authority_identity(agent, explanation->flow.vni, end->address, &identity)) {
		cJSON_AddNullToObject(object, "groups");
		return;
	}
	groups = cJSON_AddArrayToObject(object, "groups");
	for (size_t i = 0; i < identity.group_count; i++) {
		const char *name = policy_set_group_name(agent->config->policies, identity.groups[i]);

		cJSON_AddItemToArray(groups, name ? cJSON_CreateString(name) : cJSON_CreateNull());
	}
}

static void add_end(const struct explanation *explanation, const char *which, const struct end *end)
{
	cJSON *entry = cJSON_AddObjectToObject(explanation->result, which);
	bool here = is_here(end);

	show_add_text(entry, "name", end->name);
	show_add_address(entry, "address", end->address.octet);
	cJSON_AddStringToObject(entry, "where", here ? "local" : end->mapped || end->elsewhere ? "remote" : "unknown");
	cJSON_AddStringToObject(entry, "state",
		!end->mapped                   ? "absent"
		: is_expired(explanation, end) ? "expired"
					       : "up");
	show_add_text(entry, "port", end->node >= 0 ? explanation->agent->config->nodes[end->node].port : NULL);
	if (end->mapped) {
		show_add_substrate(entry, "substrate", end->at.prefix, end->address.octet);
		json_add_u64(entry, "incarnation", end->at.incarnation);
		show_add_seconds_to(entry, "expires_in_s", explanation->now_ns, end->at.expires_ns);
	} else {
		cJSON_AddNullToObject(entry, "substrate");
		cJSON_AddNullToObject(entry, "incarnation");
		cJSON_AddNullToObject(entry, "expires_in_s");
	}
	add_host(explanation->agent, entry, end);
	add_groups(explanation, entry, end);
}

/* ---- desired */

static const char *by_name(enum policy_by by)
{
	switch (by) {
	case BY_ADDRESS:
		return "address";
	case BY_GROUP:
		return "group";
	case BY_DEFAULT:
		break;
	}
	return "default";
}

/* What an answer says of the flow, and whether it is this host that decides so. */
static void add_decision(const struct explanation *explanation, cJSON *desired, const char *name,
	const struct policy_answer *answer, bool here)
{
	const struct flow *flow = &explanation->flow;
	const struct policy_decision *decision = answer ? policy_look(answer, flow->protocol, flow->port) : NULL;
	cJSON *entry;

	if (!decision) {
		cJSON_AddNullToObject(desired, name);
		return;
	}
	entry = cJSON_AddObjectToObject(desired, name);
	cJSON_AddStringToObject(entry, "verdict", decision->allow ? "allow" : "deny");
	cJSON_AddStringToObject(entry, "by", by_name(decision->by));
	cJSON_AddNumberToObject(entry, "policy", decision->policy);
	show_add_decider(explanation->agent, entry, decision->policy, decision->group, decision->handle);
	cJSON_AddBoolToObject(entry, "here", here);
}

/*
 * A side is judged when it is known who its end is; the other end may be known by its address alone. Returns the verdict in
 * all.
 */
static const char *add_desired(const struct explanation *explanation)
{
	const struct policy_set *set = explanation->agent->config->policies;
	struct agent *agent = explanation->agent;
	const struct flow *flow = &explanation->flow;
	bool source_here = is_here(&explanation->source), destination_here = is_here(&explanation->destination);
	const struct policy_decision *decision;
	struct policy_answer in, out, joined;
	struct policy_identity identity;
	bool source_known, destination_known;
	cJSON *desired;

	if (!authority_vnet(agent, flow->vni)) {
		cJSON_AddNullToObject(explanation->result, "desired");
		return "unknown";
	}
	source_known = authority_identity(agent, flow->vni, flow->source, &identity);
	destination_known = authority_identity(agent, flow->vni, flow->destination, &identity);
	desired = cJSON_AddObjectToObject(explanation->result, "desired");
	decision_side(agent, set, SIDE_OUT, flow, &out);
	decision_side(agent, set, SIDE_IN, flow, &in);
	add_decision(explanation, desired, "source", source_known ? &out : NULL, source_here);
	add_decision(explanation, desired, "destination", destination_known ? &in : NULL, destination_here);
	if (!source_known || !destination_known) {
		cJSON_AddNullToObject(desired, "joined");
		return "unknown";
	}
	policy_join(policy_set_find_vnet(set, flow->vni)->agreement, &in, &out, flow->protocol, flow->port, &joined);
	add_decision(explanation, desired, "joined", &joined, source_here && destination_here);
	decision = policy_look(&joined, flow->protocol, flow->port);
	return !decision ? "unknown" : decision->allow ? "allow" : "deny";
}

/* ---- live */

static struct rule_key rule_key_of(const struct flow *flow, enum direction direction, enum width width)
{
	bool outward = direction == DIRECTION_OUT;
	struct rule_key key = {.vni = flow->vni, .direction = direction, .width = width};

	memcpy(key.local, outward ? flow->source.octet : flow->destination.octet, 4);
	memcpy(key.peer, outward ? flow->destination.octet : flow->source.octet, 4);
	if (width <= WIDTH_PROTOCOL)
		key.protocol = flow->protocol;
	if (width == WIDTH_PORT)
		key.port = flow->port;
	if (width == WIDTH_ARP)
		key.direction = 0;
	return key;
}

static const char *width_name(enum width width)
{
	static const char *const names[] = {"port", "protocol", "peer", "arp"};

	return names[width];
}

/* What the programs would find at one end; the order of reasons is theirs (bpf/stage/rule.h). */
struct live {
	const char *verdict; /* as of a rule, or "none" */
	enum reason reason;  /* why not, or REASON_NONE */
};

/* Adds one rule if it is there; the first live one decides. */
static void add_rule(const struct explanation *explanation, cJSON *list, enum direction direction, enum width width,
	const struct end *local, const struct end *peer, bool reachable, struct live *live)
{
	struct rule_key key = rule_key_of(&explanation->flow, direction, width);
	bool stale, expired, decides;
	struct rule_value value;
	cJSON *entry;

	if (rule_get(explanation->agent->maps->rules, &key, &value))
		return;
	stale = value.incarnation != local->at.incarnation || !peer->mapped ||
		value.peer_incarnation != peer->at.incarnation;
	expired = explanation->now_ns >= value.expires_ns;
	decides = reachable && !stale && !expired && width < WIDTH_MAX && strcmp(live->verdict, "none") == 0;
	entry = show_rule(explanation->agent, &key, &value, explanation->now_ns);
	cJSON_AddStringToObject(entry, "end", direction == DIRECTION_OUT ? "source" : "destination");
	cJSON_AddStringToObject(entry, "width", width_name(width));
	cJSON_AddStringToObject(entry, "state", stale ? "stale" : expired ? "expired" : "live");
	cJSON_AddBoolToObject(entry, "decides", decides);
	cJSON_AddItemToArray(list, entry);
	if (decides) {
		live->verdict = value.verdict == VERDICT_ALLOW  ? "allow"
				: value.verdict == VERDICT_DENY ? "deny"
								: "ask";
		live->reason = value.verdict == VERDICT_ALLOW  ? REASON_NONE
			       : value.verdict == VERDICT_DENY ? REASON_RULE_DENY
							       : REASON_NO_RULE;
	} else if (reachable && width < WIDTH_MAX && strcmp(live->verdict, "none") == 0) {
		live->reason = stale ? REASON_RULE_STALE : REASON_RULE_EXPIRED;
	}
}

/* One end, if it is a node here that is online. Returns its verdict, or NULL. */
static const char *add_live(const struct explanation *explanation, cJSON *all, cJSON *rules, enum direction direction)
{
	bool outward = direction == DIRECTION_OUT;
	const struct end *local = outward ? &explanation->source : &explanation->destination;
	const struct end *peer = outward ? &explanation->destination : &explanation->source;
	const char *name = outward ? "source" : "destination";
	bool reachable = peer->mapped && !is_expired(explanation, peer), negotiates;
	struct live live = {"none", REASON_NO_RULE};
	cJSON *entry;

	if (!local->mapped || !local->at.ifindex) {
		cJSON_AddNullToObject(all, name);
		return NULL;
	}
	if (!reachable)
		live.reason = peer->mapped ? REASON_MAPPING_EXPIRED
			      : outward    ? REASON_NO_MAPPING
					   : REASON_UNKNOWN_SOURCE;
	for (enum width width = WIDTH_PORT; width <= WIDTH_ARP; width++)
		add_rule(explanation, rules, direction, width, local, peer, reachable, &live);
	/* What arrives is never asked for; nor is what a rule denies, nor where an address is that nobody can be asked about. */
	negotiates = outward && (reachable || resolve_active(explanation->agent)) && live.reason != REASON_NONE &&
		     live.reason != REASON_RULE_DENY && authority_vnet(explanation->agent, explanation->flow.vni);
	entry = cJSON_AddObjectToObject(all, name);
	cJSON_AddStringToObject(entry, "verdict", live.verdict);
	show_add_text(entry, "reason", live.reason ? reason_name(live.reason) : NULL);
	show_add_text(entry, "description", live.reason ? reason_description(live.reason) : NULL);
	cJSON_AddBoolToObject(entry, "negotiates", negotiates);
	return live.verdict;
}

/* Returns the verdict of those ends that are here: allow when none refuses. */
static const char *add_lives(const struct explanation *explanation)
{
	cJSON *all = cJSON_AddObjectToObject(explanation->result, "live");
	cJSON *rules = cJSON_AddArrayToObject(explanation->result, "rules");
	const char *source = add_live(explanation, all, rules, DIRECTION_OUT);
	const char *destination = add_live(explanation, all, rules, DIRECTION_IN);

	if (!source)
		return destination ? destination : "unknown";
	return destination && strcmp(source, "allow") == 0 ? destination : source;
}

struct matching {
	const struct explanation *explanation;
	cJSON *list;
};

static int add_session(void *context, const struct session_key *key, const struct session_value *value)
{
	const struct matching *matching = context;
	const struct flow *flow = &matching->explanation->flow;
	bool outward = value->direction == DIRECTION_OUT;
	/* Of ICMP the ports are identifiers. */
	bool any_port = key->protocol == IPPROTO_ICMP;

	if (key->vni != flow->vni || key->protocol != flow->protocol ||
		memcmp(outward ? key->local : key->peer, flow->source.octet, 4) ||
		memcmp(outward ? key->peer : key->local, flow->destination.octet, 4) ||
		(!any_port && (outward ? key->peer_port : key->local_port) != flow->port))
		return 0;
	cJSON_AddItemToArray(matching->list,
		show_session(matching->explanation->agent, key, value, matching->explanation->now_ns));
	return 0;
}

static void add_question(void *context, const struct question_view *view)
{
	const struct matching *matching = context;
	const struct flow *flow = &matching->explanation->flow;
	struct flow asked;

	decision_flow(&view->key, &asked);
	if (asked.vni != flow->vni || !ipv4_equal(asked.source, flow->source) ||
		!ipv4_equal(asked.destination, flow->destination))
		return;
	if (asked.reach || (asked.protocol == flow->protocol && asked.port == flow->port))
		cJSON_AddItemToArray(matching->list, show_question(matching->explanation->agent, view));
}

/* ---- the whole */

static void add_head(const struct explanation *explanation)
{
	const struct agent *agent = explanation->agent;
	const struct config_vnet *vnet = explanation->vnet;
	const struct policy_vnet *joined =
		agent->config->policies ? policy_set_find_vnet(agent->config->policies, vnet->vni) : NULL;
	bool negotiated = authority_vnet(agent, vnet->vni);
	char text[8];

	cJSON_AddStringToObject(explanation->result, "instance", agent->config->instance);
	show_add_text(explanation->result, "host", show_identity(agent));
	show_add_vnet(agent, explanation->result, vnet->vni);
	cJSON_AddStringToObject(explanation->result, "authorization", negotiated ? "negotiated" : "static");
	show_add_text(explanation->result, "agreement",
		!negotiated || !joined           ? NULL
		: joined->agreement == AGREE_ONE ? "one"
						 : "both");
	cJSON_AddStringToObject(explanation->result, "protocol", show_protocol(explanation->flow.protocol, text));
	cJSON_AddNumberToObject(explanation->result, "port", explanation->flow.port);
}

void show_explanation(struct agent *agent, struct control_client *client, const cJSON *arguments,
	struct control_answer *answer)
{
	struct explanation explanation = {.agent = agent, .now_ns = time_now_ns()};
	struct matching matching = {.explanation = &explanation};
	const char *desired, *live;
	cJSON *verdict;

	(void)client;
	if (!explanation_read(arguments, answer, &explanation))
		return;
	explanation.result = answer->result = cJSON_CreateObject();
	add_head(&explanation);
	verdict = cJSON_AddObjectToObject(explanation.result, "verdict");
	add_end(&explanation, "source", &explanation.source);
	add_end(&explanation, "destination", &explanation.destination);
	desired = add_desired(&explanation);
	live = add_lives(&explanation);
	cJSON_AddStringToObject(verdict, "desired", desired);
	cJSON_AddStringToObject(verdict, "live", live);
	matching.list = cJSON_AddArrayToObject(explanation.result, "sessions");
	session_each(agent->maps->sessions, add_session, &matching);
	matching.list = cJSON_AddArrayToObject(explanation.result, "questions");
	question_each(agent, add_question, &matching);
}
