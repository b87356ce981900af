/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of the control socket's commands, and those of them that change something.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/control.h"
#include "agent/revocation.h"
#include "agent/transport.h"
#include "lib/json.h"
#include "lib/time.h"

/* The rules of the data path that a written rule means; refused when that is none. */
static bool expand(struct agent *agent, const cJSON *arguments, struct control_answer *answer, struct rule_list *list)
{
	struct config_rule written;
	char message[200];

	if (config_rule_from_json(agent->config, arguments, &written, mappings_known, agent, message)) {
		control_refuse(answer, NULL, "%s", message);
		return false;
	}
	if (rules_expand(agent, &written, ORIGIN_CONTROL, time_now_ns(), list)) {
		control_refuse(answer, NULL, "out of memory");
		return false;
	}
	rules_sort(list);
	if (!list->count) {
		control_refuse(answer, NULL, "neither end is a node that is online on this host");
		return false;
	}
	return true;
}

static int put(struct agent *agent, const struct rule_list *list, enum verdict verdict)
{
	for (size_t i = 0; i < list->count; i++) {
		int error;

		if (list->entries[i].value.verdict != verdict)
			continue;
		error = rule_set(agent->maps->rules, &list->entries[i].key, &list->entries[i].value);
		if (error)
			return error;
	}
	return 0;
}

/* Sessions of every node that a rule is about look again. */
static void bump(struct agent *agent, const struct rule_list *list)
{
	for (size_t i = 0; i < agent->config->node_count; i++) {
		const struct config_node *node = &agent->config->nodes[i];
		uint32_t vni = agent->config->vnets[node->vnet].vni;

		if (!agent->ports[i].attached)
			continue;
		for (size_t j = 0; j < list->count; j++) {
			const struct rule_key *key = &list->entries[j].key;

			if (key->vni == vni && memcmp(key->local, node->address.octet, 4) == 0) {
				ports_bump(agent, &agent->ports[i]);
				break;
			}
		}
	}
}

static void rule_add(struct agent *agent, struct control_client *client, const cJSON *arguments,
	struct control_answer *answer)
{
	struct rule_list list = {0};
	int error = 0;

	(void)client;
	if (expand(agent, arguments, answer, &list)) {
		error = put(agent, &list, VERDICT_DENY);
		if (!error)
			error = put(agent, &list, VERDICT_ALLOW);
		if (error) {
			/* Nothing is half applied: what did get in is by hand, and goes. */
			for (size_t i = 0; i < list.count; i++)
				rule_del(agent->maps->rules, &list.entries[i].key);
			control_refuse(answer, NULL, "%s",
				error == -E2BIG ? "the rule table is full (limits.rules)" : strerror(-error));
		} else {
			answer->result = cJSON_CreateObject();
			cJSON_AddNumberToObject(answer->result, "added", (double)list.count);
		}
		bump(agent, &list);
		reconcile_now(agent, &(unsigned){0}, &(unsigned){0});
	}
	rules_free(&list);
}

/* Removes those of `list` that are there by hand; counts them, and those that are the file's. */
static void take(struct agent *agent, const struct rule_list *list, unsigned *removed, unsigned *of_file)
{
	for (size_t i = 0; i < list->count; i++) {
		struct rule_value value;

		if (rule_get(agent->maps->rules, &list->entries[i].key, &value))
			continue;
		if (value.origin == ORIGIN_FILE) {
			++*of_file;
			continue;
		}
		if (value.origin == ORIGIN_CONTROL && rule_del(agent->maps->rules, &list->entries[i].key) == 0)
			++*removed;
	}
	bump(agent, list);
	reconcile_now(agent, &(unsigned){0}, &(unsigned){0});
}

static void rule_remove(struct agent *agent, struct control_client *client, const cJSON *arguments,
	struct control_answer *answer)
{
	cJSON *written = arguments ? cJSON_Duplicate(arguments, true) : cJSON_CreateObject();
	unsigned removed = 0, of_file = 0;
	struct rule_list list = {0};

	(void)client;
	/* A selector is a rule without a verdict. */
	if (!json_member(written, "verdict"))
		cJSON_AddStringToObject(written, "verdict", "allow");
	if (expand(agent, written, answer, &list)) {
		take(agent, &list, &removed, &of_file);
		if (!removed && of_file)
			control_refuse(answer, NULL,
				"the rule is in %s: remove it there and reload, or add a deny by hand",
				agent->config_path);
		else if (!removed)
			control_refuse(answer, NULL, "there is no such rule");
		else {
			answer->result = cJSON_CreateObject();
			cJSON_AddNumberToObject(answer->result, "removed", removed);
		}
	}
	rules_free(&list);
	cJSON_Delete(written);
}

static void rule_flush(struct agent *agent, struct control_client *client, const cJSON *arguments,
	struct control_answer *answer)
{
	const cJSON *name = json_member(arguments, "vnet");
	long index = name && cJSON_IsString(name) ? config_find_vnet(agent->config, name->valuestring) : -1;
	unsigned removed = 0, of_file = 0;
	struct rule_list all = {0}, list = {0};

	(void)client;
	if (name && index < 0)
		return control_refuse(answer, "vnet", "expected the name or number of a vnet of this host");
	rules_read(agent, &all);
	for (size_t i = 0; i < all.count; i++)
		if (!name || all.entries[i].key.vni == agent->config->vnets[index].vni)
			rules_append(&list, &all.entries[i].key, &all.entries[i].value);
	take(agent, &list, &removed, &of_file);
	removed += revocation_flush(agent, name ? agent->config->vnets[index].vni : 0);
	rules_free(&list);
	rules_free(&all);
	answer->result = cJSON_CreateObject();
	cJSON_AddNumberToObject(answer->result, "removed", removed);
}

static void drop_watch(struct agent *agent, struct control_client *client, const cJSON *arguments,
	struct control_answer *answer)
{
	(void)arguments;
	if (!watch_add(agent, client, false))
		return control_refuse(answer, NULL, "too many watch already");
	answer->result = cJSON_CreateObject();
	cJSON_AddTrueToObject(answer->result, "watching");
}

static void monitor(struct agent *agent, struct control_client *client, const cJSON *arguments,
	struct control_answer *answer)
{
	(void)arguments;
	if (!watch_add(agent, client, true))
		return control_refuse(answer, NULL, "too many watch already");
	answer->result = cJSON_CreateObject();
	cJSON_AddTrueToObject(answer->result, "watching");
}

/* Keys with peers and what they have shown; rules stay. */
static void peer_flush(struct agent *agent, struct control_client *client, const cJSON *arguments,
	struct control_answer *answer)
{
	struct engine_time now = transport_now();

	(void)client, (void)arguments;
	if (!agent->transport)
		return control_refuse(answer, NULL,
			"nothing is negotiated on this host: its configuration has no identity");
	engine_forget(transport_engine(agent), &now, NULL);
	transport_flush(agent);
	answer->result = cJSON_CreateObject();
	cJSON_AddTrueToObject(answer->result, "flushed");
}

static void reload_finding(void *context, const char *message)
{
	struct control_answer *answer = context;
	size_t used = strlen(answer->message);

	snprintf(answer->message + used, sizeof(answer->message) - used, "%s%s", used ? "\n" : "", message);
}

static void reload(struct agent *agent, struct control_client *client, const cJSON *arguments,
	struct control_answer *answer)
{
	struct agent_changes changes;
	cJSON *changed;
	int error;

	(void)client, (void)arguments;
	error = agent_reload(agent, reload_finding, answer, &changes);
	if (error) {
		if (!answer->message[0])
			control_refuse(answer, NULL, "%s: %s", agent->config_path, strerror(-error));
		return;
	}
	/* What did not fit was reported: the caller must not take that for a success. */
	if (changes.incomplete)
		return;
	answer->message[0] = '\0';
	answer->result = cJSON_CreateObject();
	changed = cJSON_AddObjectToObject(answer->result, "changed");
	cJSON_AddNumberToObject(changed, "nodes", changes.nodes);
	cJSON_AddNumberToObject(changed, "mappings", changes.mappings);
	cJSON_AddNumberToObject(changed, "rules", changes.rules);
}

static void stop(struct agent *agent, struct control_client *client, const cJSON *arguments,
	struct control_answer *answer)
{
	(void)client;
	answer->result = cJSON_CreateObject();
	agent_stop(agent, cJSON_IsTrue(json_member(arguments, "detach")));
}

const struct control_command control_commands[] = {
	{"status", show_status, false},
	{"port list", show_ports, false},
	{"rule list", show_rules, false},
	{"rule add", rule_add, true},
	{"rule del", rule_remove, true},
	{"rule flush", rule_flush, true},
	{"session list", show_sessions, false},
	{"mapping list", show_mappings, false},
	{"drop list", show_drops, false},
	{"drop watch", drop_watch, false},
	{"monitor", monitor, false},
	{"explain", show_explanation, false},
	{"peer list", show_peers, false},
	{"peer flush", peer_flush, true},
	{"queue list", show_queue, false},
	{"metrics", show_metrics, false},
	{"reload", reload, true},
	{"stop", stop, true},
	{NULL, NULL, false},
};
