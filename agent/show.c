/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commands of the control socket that only read: what the maps and the agent's tables say, as docs/control.md has
 * it. Those about negotiation are in show_negotiation.c and explain.c.
 */
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "agent/show.h"
#include "lib/json.h"
#include "lib/time.h"

#define SESSIONS_LISTED 10000

const char *show_vnet_name(const struct agent *agent, uint32_t vni)
{
	for (size_t i = 0; i < agent->config->vnet_count; i++)
		if (agent->config->vnets[i].vni == vni)
			return agent->config->vnets[i].name;
	return "";
}

const char *show_protocol(uint8_t protocol, char text[8])
{
	switch (protocol) {
	case IPPROTO_ICMP:
		return "icmp";
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	default:
		snprintf(text, 8, "%u", protocol);
		return text;
	}
}

void show_interface(const struct agent *agent, unsigned ifindex, const char **name, const char **kind,
	const char **node)
{
	*name = *kind = *node = "";
	for (size_t i = 0; i < agent->config->uplink_count; i++) {
		if (agent->uplinks[i].ifindex != ifindex)
			continue;
		*name = agent->uplinks[i].name;
		*kind = "uplink";
		return;
	}
	for (size_t i = 0; i < agent->config->node_count; i++) {
		if (agent->ports[i].ifindex != ifindex)
			continue;
		*name = agent->config->nodes[i].port;
		*kind = "port";
		*node = agent->config->nodes[i].name;
		return;
	}
}

/* The vnet an argument names. Returns its VNI, 0 when none was given, or -1 when there is no such vnet (refused). */
static long argument_vnet(const struct agent *agent, const cJSON *arguments, struct control_answer *answer)
{
	const cJSON *name = json_member(arguments, "vnet");
	long index;

	if (!name)
		return 0;
	index = cJSON_IsString(name) ? config_find_vnet(agent->config, name->valuestring) : -1;
	if (index < 0) {
		control_refuse(answer, "vnet", "expected the name or number of a vnet of this host, got '%.40s'",
			cJSON_IsString(name) ? name->valuestring : "(not a string)");
		return -1;
	}
	return (long)agent->config->vnets[index].vni;
}

struct selection {
	struct agent *agent;
	cJSON *list;
	uint64_t now_ns;
	uint32_t vni; /* 0: all */
	bool by_address;
	struct ipv4 address;
	long long limit;
	long long total;
};

/* Returns false when an argument was refused. */
static bool select_by(struct agent *agent, const cJSON *arguments, struct control_answer *answer,
	struct selection *selection)
{
	const cJSON *address = json_member(arguments, "address"), *limit = json_member(arguments, "limit");
	long vni = argument_vnet(agent, arguments, answer);

	if (vni < 0)
		return false;
	*selection = (struct selection){
		.agent = agent,
		.now_ns = time_now_ns(),
		.vni = (uint32_t)vni,
		.limit = SESSIONS_LISTED,
	};
	if (address && (!cJSON_IsString(address) || ipv4_parse(address->valuestring, &selection->address))) {
		control_refuse(answer, "address", "expected an IPv4 address");
		return false;
	}
	selection->by_address = address;
	if (limit && json_integer(limit, 1, 10000000, &selection->limit)) {
		control_refuse(answer, "limit", "expected a number from 1 to 10000000");
		return false;
	}
	return true;
}

static bool selected(const struct selection *selection, uint32_t vni, const uint8_t *one, const uint8_t *other)
{
	if (selection->vni && selection->vni != vni)
		return false;
	return !selection->by_address || memcmp(selection->address.octet, one, 4) == 0 ||
	       (other && memcmp(selection->address.octet, other, 4) == 0);
}

void show_add_address(cJSON *object, const char *name, const uint8_t octets[4])
{
	char text[ADDRESS_TEXT_MAX];
	struct ipv4 address;

	memcpy(address.octet, octets, 4);
	cJSON_AddStringToObject(object, name, ipv4_format(address, text));
}

static void add_mac(cJSON *object, const char *name, const uint8_t octets[6])
{
	char text[ADDRESS_TEXT_MAX];
	struct mac mac;

	memcpy(mac.octet, octets, 6);
	cJSON_AddStringToObject(object, name, mac_format(mac, text));
}

void show_add_substrate(cJSON *object, const char *name, const uint8_t prefix[OVNET_PREFIX_LEN],
	const uint8_t address[4])
{
	char text[ADDRESS_TEXT_MAX];
	struct substrate substrate;

	memcpy(substrate.octet, prefix, OVNET_PREFIX_LEN);
	memcpy(substrate.octet + OVNET_PREFIX_LEN, address, 4);
	cJSON_AddStringToObject(object, name, substrate_format(&substrate, text));
}

void show_add_vnet(const struct agent *agent, cJSON *object, uint32_t vni)
{
	cJSON_AddStringToObject(object, "vnet", show_vnet_name(agent, vni));
	cJSON_AddNumberToObject(object, "vni", vni);
}

void show_add_seconds_to(cJSON *object, const char *name, uint64_t now_ns, uint64_t at_ns)
{
	if (at_ns == OVNET_NEVER)
		cJSON_AddNullToObject(object, name);
	else
		cJSON_AddNumberToObject(object, name, at_ns > now_ns ? (double)((at_ns - now_ns) / NSEC_PER_SEC) : 0);
}

void show_add_seconds_since(cJSON *object, const char *name, uint64_t now_ns, uint64_t at_ns)
{
	cJSON_AddNumberToObject(object, name, at_ns < now_ns ? (double)((now_ns - at_ns) / NSEC_PER_SEC) : 0);
}

void show_add_fill(cJSON *object, const char *name, uint64_t used, uint64_t size)
{
	cJSON *fill = cJSON_AddObjectToObject(object, name);

	cJSON_AddNumberToObject(fill, "used", (double)used);
	cJSON_AddNumberToObject(fill, "size", (double)size);
}

void show_add_text(cJSON *object, const char *name, const char *text)
{
	if (text)
		cJSON_AddStringToObject(object, name, text);
	else
		cJSON_AddNullToObject(object, name);
}

void show_add_decider(const struct agent *agent, cJSON *object, uint32_t policy, uint64_t group, uint64_t handle)
{
	const struct policy_set *set = agent->config->policies;
	const struct policy *found = set && policy ? policy_set_find(set, policy) : NULL;

	show_add_text(object, "policy_name", found ? found->name : NULL);
	show_add_text(object, "group", set && group ? policy_set_group_name(set, group) : NULL);
	show_add_text(object, "handle", set && handle ? policy_set_handle_name(set, handle) : NULL);
}

static const char *direction_name(unsigned direction)
{
	switch (direction) {
	case DIRECTION_OUT:
		return "out";
	case DIRECTION_IN:
		return "in";
	default:
		return "both";
	}
}

/* ---- status */

static int count_rule(void *context, const struct rule_key *key, const struct rule_value *value)
{
	(void)key, (void)value;
	++*(unsigned *)context;
	return 0;
}

static int count_session(void *context, const struct session_key *key, const struct session_value *value)
{
	(void)key, (void)value;
	++*(unsigned *)context;
	return 0;
}

static int count_mapping(void *context, const struct mapping_key *key, const struct mapping_value *value)
{
	(void)key, (void)value;
	++*(unsigned *)context;
	return 0;
}

static void add_fills(struct agent *agent, cJSON *result)
{
	unsigned rules = 0, sessions = 0, mappings = 0, hosts = 0;

	rule_each(agent->maps->rules, count_rule, &rules);
	session_each(agent->maps->sessions, count_session, &sessions);
	mapping_each(agent->maps->mappings, count_mapping, &mappings);
	for (uint32_t i = 0; i < agent->config->limits.hosts; i++)
		hosts += agent->hosts[i].locator.length != 0;
	show_add_fill(result, "rules", rules, agent->config->limits.rules);
	show_add_fill(result, "sessions", sessions, agent->config->limits.sessions);
	show_add_fill(result, "mappings", mappings, agent->config->limits.mappings);
	show_add_fill(result, "hosts", hosts, agent->config->limits.hosts);
}

static void add_uplinks(const struct agent *agent, cJSON *result)
{
	cJSON *uplinks = cJSON_AddArrayToObject(result, "uplinks");

	for (size_t i = 0; i < agent->config->uplink_count; i++) {
		const struct agent_uplink *uplink = &agent->uplinks[i];
		cJSON *entry = cJSON_CreateObject();

		cJSON_AddStringToObject(entry, "name", uplink->name);
		cJSON_AddNumberToObject(entry, "ifindex", uplink->ifindex);
		cJSON_AddStringToObject(entry, "state", uplink->attached ? "attached" : "absent");
		cJSON_AddStringToObject(entry, "programs", uplink->attached ? ports_uplink_programs(uplink) : "");
		cJSON_AddItemToArray(uplinks, entry);
	}
}

void show_status(struct agent *agent, struct control_client *client, const cJSON *arguments,
	struct control_answer *answer)
{
	struct substrate host = substrate_of_host(&agent->config->locator);
	cJSON *result = cJSON_CreateObject();
	char text[ADDRESS_TEXT_MAX];
	struct utsname kernel;
	unsigned up = 0;

	(void)client, (void)arguments;
	uname(&kernel);
	for (size_t i = 0; i < agent->config->node_count; i++)
		up += agent->ports[i].attached;
	cJSON_AddStringToObject(result, "version", OVNET_VERSION);
	cJSON_AddStringToObject(result, "instance", agent->config->instance);
	cJSON_AddNumberToObject(result, "pid", getpid());
	show_add_seconds_since(result, "uptime_s", time_now_ns(), agent->started_ns);
	cJSON_AddStringToObject(result, "kernel", kernel.release);
	cJSON_AddStringToObject(result, "locator", locator_format(&agent->config->locator, text));
	cJSON_AddStringToObject(result, "host_address", substrate_format(&host, text));
	add_uplinks(agent, result);
	cJSON_AddNumberToObject(result, "ports_up", up);
	cJSON_AddNumberToObject(result, "ports_configured", (double)agent->config->node_count);
	add_fills(agent, result);
	cJSON_AddStringToObject(result, "config", agent->config_path);
	show_add_seconds_since(result, "config_loaded_s", time_now_ns(), agent->config_loaded_ns);
	show_add_manager(agent, result);
	show_add_negotiation(agent, result);
	answer->result = result;
}

/* ---- port list */

static uint64_t drops_of(const struct agent *agent, unsigned ifindex)
{
	struct counter_value value;
	uint64_t drops = 0;

	if (!ifindex || counter_get(agent->maps->counters, ifindex, &value))
		return 0;
	for (int reason = REASON_NONE + 1; reason < REASON_MAX; reason++)
		drops += counter_drops(&value, reason);
	return drops;
}

static cJSON *port_json(struct agent *agent, size_t index)
{
	const struct config_node *node = &agent->config->nodes[index];
	const struct config_vnet *vnet = &agent->config->vnets[node->vnet];
	const struct agent_port *port = &agent->ports[index];
	const struct port_state *state = &agent->states[port->number];
	cJSON *entry = cJSON_CreateObject();
	struct substrate substrate = {0};

	substrate_of_node(&agent->config->locator, node->slot, vnet->vni, node->address, &substrate);
	cJSON_AddStringToObject(entry, "name", node->name);
	cJSON_AddStringToObject(entry, "port", node->port);
	cJSON_AddStringToObject(entry, "state", port->attached ? "up" : port->failed ? "failed" : "absent");
	cJSON_AddNumberToObject(entry, "ifindex", port->ifindex);
	show_add_vnet(agent, entry, vnet->vni);
	show_add_address(entry, "address", node->address.octet);
	add_mac(entry, "mac", node->mac.octet);
	cJSON_AddNumberToObject(entry, "slot", node->slot);
	show_add_substrate(entry, "substrate", substrate.octet, node->address.octet);
	cJSON_AddNumberToObject(entry, "mtu", port->link.mtu);
	cJSON_AddNumberToObject(entry, "sessions", port->attached ? (double)state->sessions : 0);
	cJSON_AddNumberToObject(entry, "session_quota", agent->config->limits.sessions_per_port);
	json_add_u64(entry, "drops", drops_of(agent, port->ifindex));
	cJSON_AddStringToObject(entry, "delivery", port->peer_delivery ? "peer" : "port");
	json_add_u64(entry, "epoch", port->attached ? state->epoch : 0);
	return entry;
}

void show_ports(struct agent *agent, struct control_client *client, const cJSON *arguments,
	struct control_answer *answer)
{
	cJSON *list;

	(void)client, (void)arguments;
	answer->result = cJSON_CreateObject();
	list = cJSON_AddArrayToObject(answer->result, "ports");
	for (size_t i = 0; i < agent->config->node_count; i++)
		cJSON_AddItemToArray(list, port_json(agent, i));
}

/* ---- rule list */

static const char *verdict_name(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_ALLOW:
		return "allow";
	case VERDICT_DENY:
		return "deny";
	case VERDICT_ASK:
		break;
	}
	return "ask";
}

static const char *origin_name(enum origin origin)
{
	switch (origin) {
	case ORIGIN_DERIVED:
		return "derived";
	case ORIGIN_FILE:
		return "file";
	case ORIGIN_CONTROL:
		return "control";
	case ORIGIN_NEGOTIATED:
		break;
	}
	return "negotiated";
}

static const char *rule_protocol(const struct rule_key *key, char text[8])
{
	if (key->width == WIDTH_ARP)
		return "arp";
	return key->width == WIDTH_PEER ? "any" : show_protocol(key->protocol, text);
}

cJSON *show_rule(const struct agent *agent, const struct rule_key *key, const struct rule_value *value, uint64_t now_ns)
{
	/* In rules of people the number is theirs, and names no policy. */
	bool negotiated = value->origin == ORIGIN_NEGOTIATED;
	const struct policy_set *set = agent->config->policies;
	const struct policy *found = negotiated && set ? policy_set_find(set, value->policy) : NULL;
	uint64_t handle = found && policy_names_handle(found, value->group) ? value->group : 0;
	cJSON *entry = cJSON_CreateObject();
	char text[8];

	show_add_vnet(agent, entry, key->vni);
	cJSON_AddStringToObject(entry, "direction", direction_name(key->direction));
	show_add_address(entry, "local", key->local);
	show_add_address(entry, "peer", key->peer);
	cJSON_AddStringToObject(entry, "protocol", rule_protocol(key, text));
	if (key->width == WIDTH_PORT)
		cJSON_AddNumberToObject(entry, "port", key->port);
	else
		cJSON_AddStringToObject(entry, "port", "any");
	cJSON_AddStringToObject(entry, "verdict", verdict_name(value->verdict));
	show_add_seconds_since(entry, "age_s", now_ns, value->created_ns);
	show_add_seconds_to(entry, "expires_in_s", now_ns, value->expires_ns);
	json_add_u64(entry, "hits", value->hits);
	cJSON_AddNumberToObject(entry, "policy", value->policy);
	show_add_decider(agent, entry, negotiated ? value->policy : 0, handle ? 0 : value->group, handle);
	cJSON_AddStringToObject(entry, "origin", origin_name(value->origin));
	json_add_u64(entry, "serial", value->serial);
	return entry;
}

void show_rules(struct agent *agent, struct control_client *client, const cJSON *arguments,
	struct control_answer *answer)
{
	bool all = cJSON_IsTrue(json_member(arguments, "all"));
	struct selection selection;
	struct rule_list rules = {0};

	(void)client;
	if (!select_by(agent, arguments, answer, &selection))
		return;
	answer->result = cJSON_CreateObject();
	selection.list = cJSON_AddArrayToObject(answer->result, "rules");
	rules_read(agent, &rules);
	for (size_t i = 0; i < rules.count; i++) {
		const struct rule_key *key = &rules.entries[i].key;

		if ((all || key->width != WIDTH_ARP) && selected(&selection, key->vni, key->local, key->peer))
			cJSON_AddItemToArray(selection.list,
				show_rule(agent, key, &rules.entries[i].value, selection.now_ns));
	}
	rules_free(&rules);
}

/* ---- session list */

cJSON *show_session(const struct agent *agent, const struct session_key *key, const struct session_value *value,
	uint64_t now_ns)
{
	cJSON *entry = cJSON_CreateObject();
	const char *state;
	char text[8];

	sweep_idle_s(agent, key, value, &state);
	show_add_vnet(agent, entry, key->vni);
	cJSON_AddStringToObject(entry, "protocol", show_protocol(key->protocol, text));
	show_add_address(entry, "local", key->local);
	cJSON_AddNumberToObject(entry, "local_port", key->local_port);
	show_add_address(entry, "peer", key->peer);
	cJSON_AddNumberToObject(entry, "peer_port", key->peer_port);
	cJSON_AddStringToObject(entry, "opened", direction_name(value->direction));
	cJSON_AddStringToObject(entry, "state", state);
	cJSON_AddStringToObject(entry, "where", value->flags & SESSION_LOCAL ? "local" : "remote");
	show_add_seconds_since(entry, "age_s", now_ns, value->created_ns);
	show_add_seconds_since(entry, "idle_s", now_ns, value->last_ns);
	show_add_seconds_to(entry, "expires_in_s", now_ns, value->expires_ns);
	json_add_u64(entry, "packets_out", value->packets_out);
	json_add_u64(entry, "bytes_out", value->bytes_out);
	json_add_u64(entry, "packets_in", value->packets_in);
	json_add_u64(entry, "bytes_in", value->bytes_in);
	cJSON_AddNumberToObject(entry, "policy", value->policy);
	return entry;
}

static int list_session(void *context, const struct session_key *key, const struct session_value *value)
{
	struct selection *selection = context;

	if (!selected(selection, key->vni, key->local, key->peer) || selection->total++ >= selection->limit)
		return 0;
	cJSON_AddItemToArray(selection->list, show_session(selection->agent, key, value, selection->now_ns));
	return 0;
}

void show_sessions(struct agent *agent, struct control_client *client, const cJSON *arguments,
	struct control_answer *answer)
{
	struct selection selection;

	(void)client;
	if (!select_by(agent, arguments, answer, &selection))
		return;
	answer->result = cJSON_CreateObject();
	selection.list = cJSON_AddArrayToObject(answer->result, "sessions");
	session_each(agent->maps->sessions, list_session, &selection);
	cJSON_AddNumberToObject(answer->result, "total", (double)selection.total);
}

/* ---- mapping list */

static void add_nexthop(cJSON *entry, const struct nexthop_value *hop)
{
	char name[IF_NAMESIZE] = "";

	cJSON_AddStringToObject(entry, "state", hop->ifindex ? "up" : "down");
	if (!hop->ifindex)
		return;
	cJSON_AddStringToObject(entry, "nexthop_device", if_indextoname(hop->ifindex, name) ? name : "");
	add_mac(entry, "nexthop_mac", hop->dst_mac);
	cJSON_AddNumberToObject(entry, "mtu", hop->mtu);
}

static int mapping_json(void *context, const struct mapping_key *key, const struct mapping_value *value)
{
	struct selection *selection = context;
	struct agent *agent = selection->agent;
	struct nexthop_value hop = {0};
	const char *name, *kind, *node;
	cJSON *entry;

	if (!selected(selection, key->vni, key->address, NULL))
		return 0;
	entry = cJSON_CreateObject();
	show_add_vnet(agent, entry, key->vni);
	show_add_address(entry, "address", key->address);
	cJSON_AddStringToObject(entry, "where", value->ifindex ? "local" : "remote");
	show_add_substrate(entry, "substrate", value->prefix, key->address);
	add_mac(entry, "mac", value->mac);
	show_interface(agent, value->ifindex, &name, &kind, &node);
	if (value->ifindex) {
		cJSON_AddStringToObject(entry, "port", name);
		cJSON_AddStringToObject(entry, "state", "up");
	} else {
		nexthop_get(agent->maps->nexthops, value->nexthop, &hop);
		add_nexthop(entry, &hop);
	}
	show_add_seconds_to(entry, "expires_in_s", selection->now_ns, value->expires_ns);
	cJSON_AddItemToArray(selection->list, entry);
	return 0;
}

void show_mappings(struct agent *agent, struct control_client *client, const cJSON *arguments,
	struct control_answer *answer)
{
	struct selection selection;

	(void)client;
	if (!select_by(agent, arguments, answer, &selection))
		return;
	answer->result = cJSON_CreateObject();
	selection.list = cJSON_AddArrayToObject(answer->result, "mappings");
	mapping_each(agent->maps->mappings, mapping_json, &selection);
}

/* ---- drop list */

static void add_counts(const struct agent *agent, unsigned ifindex, cJSON *drops, cJSON *counters)
{
	const char *name, *kind, *node;
	struct counter_value value;

	if (!ifindex || counter_get(agent->maps->counters, ifindex, &value))
		return;
	show_interface(agent, ifindex, &name, &kind, &node);
	for (int reason = REASON_NONE + 1; reason < REASON_MAX; reason++) {
		cJSON *entry;

		if (!counter_drops(&value, reason))
			continue;
		entry = cJSON_CreateObject();
		cJSON_AddStringToObject(entry, "interface", name);
		cJSON_AddStringToObject(entry, "kind", kind);
		cJSON_AddStringToObject(entry, "node", node);
		cJSON_AddStringToObject(entry, "reason", reason_name(reason));
		json_add_u64(entry, "packets", counter_drops(&value, reason));
		cJSON_AddStringToObject(entry, "description", reason_description(reason));
		cJSON_AddItemToArray(drops, entry);
	}
	for (int counter = 0; counter < COUNTER_MAX; counter++) {
		cJSON *entry;

		if (!counter_count(&value, counter))
			continue;
		entry = cJSON_CreateObject();
		cJSON_AddStringToObject(entry, "interface", name);
		cJSON_AddStringToObject(entry, "name", counter_name(counter));
		json_add_u64(entry, "value", counter_count(&value, counter));
		cJSON_AddStringToObject(entry, "description", counter_description(counter));
		cJSON_AddItemToArray(counters, entry);
	}
}

void show_drops(struct agent *agent, struct control_client *client, const cJSON *arguments,
	struct control_answer *answer)
{
	cJSON *drops, *counters;

	(void)client, (void)arguments;
	answer->result = cJSON_CreateObject();
	drops = cJSON_AddArrayToObject(answer->result, "drops");
	counters = cJSON_AddArrayToObject(answer->result, "counters");
	for (size_t i = 0; i < agent->config->uplink_count; i++)
		add_counts(agent, agent->uplinks[i].ifindex, drops, counters);
	for (size_t i = 0; i < agent->config->node_count; i++)
		add_counts(agent, agent->ports[i].ifindex, drops, counters);
}
