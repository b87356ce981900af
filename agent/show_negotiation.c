/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands of the control socket that look at negotiation: peers, questions with what waits for them, and the part of
 * `status` about it (docs/control.md).
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "agent/decision.h"
#include "agent/grant.h"
#include "agent/resolve.h"
#include "agent/show.h"
#include "agent/transport.h"
#include "lib/json.h"
#include "lib/time.h"

const char *show_host_name(const struct agent *agent, uint64_t host)
{
	for (size_t i = 0; i < agent->config->host_count; i++)
		if (agent->config->hosts[i].id == host)
			return agent->config->hosts[i].name;
	return NULL;
}

const char *show_identity(const struct agent *agent)
{
	return agent->authority ? agent->config->hosts[agent->config->identity.host].name : NULL;
}

/* ---- status */

struct counter_name {
	const char *name;
	size_t offset;
};

static void add_counters(cJSON *object, const char *name, const void *counters, const struct counter_name *names,
	size_t count)
{
	cJSON *list = cJSON_AddObjectToObject(object, name);

	for (size_t i = 0; i < count; i++)
		json_add_u64(list, names[i].name, *(const uint64_t *)((const char *)counters + names[i].offset));
}

#define ENGINE(field)                                                                                                  \
	{                                                                                                              \
#field, offsetof(struct engine_counters, field)                                                        \
	}
#define QUESTION(field)                                                                                                \
	{                                                                                                              \
#field, offsetof(struct question_counters, field)                                                      \
	}

#define RESOLVE(field)                                                                                                 \
	{                                                                                                              \
#field, offsetof(struct resolve_counters, field)                                                       \
	}

static void add_engine_counters(const struct agent *agent, cJSON *object)
{
	static const struct counter_name names[] = {
		ENGINE(received),
		ENGINE(sent),
		ENGINE(hellos),
		ENGINE(welcomes),
		ENGINE(cookies_sent),
		ENGINE(handshakes),
		ENGINE(signatures),
		ENGINE(malformed),
		ENGINE(bad_mac),
		ENGINE(bad_tag),
		ENGINE(replayed),
		ENGINE(unknown_index),
		ENGINE(bad_passport),
		ENGINE(bad_claim),
		ENGINE(unknown_host),
		ENGINE(old_stamp),
		ENGINE(over_load),
		ENGINE(asked),
		ENGINE(retried),
		ENGINE(granted),
		ENGINE(refused),
		ENGINE(silent),
		ENGINE(ignored_decisions),
		ENGINE(decided),
		ENGINE(notices),
		ENGINE(stale_limited),
	};
	_Static_assert(ARRAY_LEN(names) * sizeof(uint64_t) == sizeof(struct engine_counters), "every counter is here");

	add_counters(object, "engine", engine_counters(transport_engine(agent)), names, ARRAY_LEN(names));
}

static void add_question_counters(const struct agent *agent, cJSON *object)
{
	static const struct counter_name names[] = {
		QUESTION(asked),
		QUESTION(answered),
		QUESTION(stale),
		QUESTION(gone),
		QUESTION(unknown),
		QUESTION(overdue),
	};
	_Static_assert(ARRAY_LEN(names) * sizeof(uint64_t) == sizeof(struct question_counters),
		"every counter is here");

	add_counters(object, "questions", question_counters(agent), names, ARRAY_LEN(names));
}

static void add_resolve(const struct agent *agent, cJSON *object)
{
	static const struct counter_name names[] = {
		RESOLVE(asked),
		RESOLVE(refreshed),
		RESOLVE(found),
		RESOLVE(absent),
		RESOLVE(refused),
		RESOLVE(failed),
		RESOLVE(timed_out),
		RESOLVE(joined),
		RESOLVE(cached),
		RESOLVE(full),
		RESOLVE(late),
		RESOLVE(invalidated),
	};
	_Static_assert(ARRAY_LEN(names) * sizeof(uint64_t) == sizeof(struct resolve_counters), "every counter is here");
	const struct resolve_status status = resolve_status(agent);
	cJSON *resolve = cJSON_AddObjectToObject(object, "resolve");

	show_add_text(resolve, "resolver", status.resolver);
	cJSON_AddNumberToObject(resolve, "in_flight", (double)status.in_flight);
	cJSON_AddNumberToObject(resolve, "remembered", (double)status.negatives);
	cJSON_AddNumberToObject(resolve, "hosts", (double)status.hosts);
	add_counters(resolve, "counters", &status.counters, names, ARRAY_LEN(names));
}

static void count_peer(void *context, const struct engine_peer *peer)
{
	(void)peer;
	++*(unsigned *)context;
}

static void count_question(void *context, const struct question_view *view)
{
	(void)view;
	++*(unsigned *)context;
}

void show_add_negotiation(struct agent *agent, cJSON *result)
{
	cJSON *negotiation = cJSON_AddObjectToObject(result, "negotiation");
	unsigned peers = 0, questions = 0;

	if (agent->transport)
		engine_each_peer(transport_engine(agent), count_peer, &peers);
	question_each(agent, count_question, &questions);
	show_add_text(negotiation, "identity", show_identity(agent));
	cJSON_AddNumberToObject(negotiation, "peers", peers);
	cJSON_AddNumberToObject(negotiation, "grants", (double)grant_count(agent));
	cJSON_AddNumberToObject(negotiation, "in_flight", questions);
	if (agent->transport)
		add_engine_counters(agent, negotiation);
	else
		cJSON_AddNullToObject(negotiation, "engine");
	add_question_counters(agent, negotiation);
	add_resolve(agent, negotiation);
}

/* ---- peer list */

struct peer_list {
	const struct agent *agent;
	cJSON *list;
	uint64_t now_ns;
};

/* Seconds since then; null when it never was. */
static void add_age(cJSON *object, const char *name, uint64_t now_ns, uint64_t at_ns)
{
	if (at_ns)
		show_add_seconds_since(object, name, now_ns, at_ns);
	else
		cJSON_AddNullToObject(object, name);
}

static void list_peer(void *context, const struct engine_peer *peer)
{
	struct peer_list *peers = context;
	cJSON *entry = cJSON_CreateObject();
	char text[ADDRESS_TEXT_MAX];

	show_add_text(entry, "name", show_host_name(peers->agent, peer->host.host));
	cJSON_AddStringToObject(entry, "locator", locator_format(&peer->host.locator, text));
	cJSON_AddBoolToObject(entry, "live", peer->live);
	add_age(entry, "handshake_s", peers->now_ns, peer->handshake_ns);
	add_age(entry, "heard_s", peers->now_ns, peer->received_ns);
	if (peer->rtt_ns)
		cJSON_AddNumberToObject(entry, "rtt_us", (double)(peer->rtt_ns / 1000));
	else
		cJSON_AddNullToObject(entry, "rtt_us");
	cJSON_AddNumberToObject(entry, "in_flight", peer->in_flight);
	cJSON_AddNumberToObject(entry, "waiting", peer->waiting);
	cJSON_AddNumberToObject(entry, "notices", peer->notices);
	json_add_u64(entry, "asked", peer->asked);
	json_add_u64(entry, "answered", peer->answered);
	json_add_u64(entry, "silent", peer->silent);
	json_add_u64(entry, "decided", peer->decided);
	cJSON_AddItemToArray(peers->list, entry);
}

void show_peers(struct agent *agent, struct control_client *client, const cJSON *arguments,
	struct control_answer *answer)
{
	struct peer_list peers = {.agent = agent, .now_ns = time_now_ns()};

	(void)client, (void)arguments;
	answer->result = cJSON_CreateObject();
	peers.list = cJSON_AddArrayToObject(answer->result, "peers");
	if (agent->transport)
		engine_each_peer(transport_engine(agent), list_peer, &peers);
}

/* ---- queue list */

/* The node that has the port with this number, or NULL: it has gone. */
static const struct config_node *node_of(const struct agent *agent, uint16_t number)
{
	for (size_t i = 0; i < agent->config->node_count; i++)
		if (agent->ports[i].attached && agent->ports[i].number == number)
			return &agent->config->nodes[i];
	return NULL;
}

cJSON *show_question(const struct agent *agent, const struct question_view *view)
{
	const struct config_node *node = node_of(agent, view->number);
	cJSON *entry = cJSON_CreateObject();
	struct flow flow;
	char text[8];

	decision_flow(&view->key, &flow);
	cJSON_AddStringToObject(entry, "port", node ? node->port : "");
	cJSON_AddStringToObject(entry, "node", node ? node->name : "");
	show_add_vnet(agent, entry, flow.vni);
	cJSON_AddStringToObject(entry, "protocol", flow.reach ? "arp" : show_protocol(flow.protocol, text));
	show_add_address(entry, "source", flow.source.octet);
	show_add_address(entry, "destination", flow.destination.octet);
	cJSON_AddNumberToObject(entry, "destination_port", flow.port);
	cJSON_AddStringToObject(entry, "state", view->held ? "held" : view->asked ? "asked" : "in line");
	cJSON_AddNumberToObject(entry, "packets", view->packets);
	json_add_u64(entry, "octets", view->octets);
	cJSON_AddNumberToObject(entry, "age_ms", (double)(view->age_ns / NSEC_PER_MSEC));
	return entry;
}

struct question_list {
	const struct agent *agent;
	cJSON *list;
};

static void list_question(void *context, const struct question_view *view)
{
	struct question_list *questions = context;

	cJSON_AddItemToArray(questions->list, show_question(questions->agent, view));
}

static void list_budget(const struct agent *agent, size_t index, const struct budget *budget, cJSON *list)
{
	const struct config_node *node = &agent->config->nodes[index];
	cJSON *entry = cJSON_CreateObject();

	cJSON_AddStringToObject(entry, "port", node->port);
	cJSON_AddStringToObject(entry, "node", node->name);
	show_add_fill(entry, "pending", budget->pending, budget->pending_quota);
	show_add_fill(entry, "packets", budget->queued_packets, budget->packets_quota);
	show_add_fill(entry, "octets", budget->queued_bytes, budget->bytes_quota);
	cJSON_AddItemToArray(list, entry);
}

void show_queue(struct agent *agent, struct control_client *client, const cJSON *arguments,
	struct control_answer *answer)
{
	struct question_list questions = {.agent = agent};
	struct budget *budgets = agent->questions ? budgets_map(agent->maps->budgets) : NULL;
	cJSON *ports;

	(void)client, (void)arguments;
	if (agent->questions && !budgets)
		return control_refuse(answer, NULL, "the budgets of ports cannot be read: %s", strerror(errno));
	answer->result = cJSON_CreateObject();
	questions.list = cJSON_AddArrayToObject(answer->result, "questions");
	question_each(agent, list_question, &questions);
	ports = cJSON_AddArrayToObject(answer->result, "ports");
	for (size_t i = 0; budgets && i < agent->config->node_count; i++)
		if (agent->ports[i].attached)
			list_budget(agent, i, &budgets[agent->ports[i].number], ports);
	budgets_unmap(budgets);
}
