/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Figures of the data path: interfaces, tables, the configuration. See metrics.h.
 *
 * The cost is one read of the counters for each interface. How full sessions and rules are is what the latest sweep counted, at most a
 * second ago.
 */
#include "agent/metrics.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/managed.h"
#include "agent/mirror.h"
#include "agent/show.h"
#include "lib/error.h"
#include "lib/exposition.h"
#include "lib/time.h"

enum { LABEL_INTERFACE, LABEL_KIND, LABEL_NODE, LABEL_WHAT, LABELS };

struct interface {
	struct exposition_label labels[LABELS]; /* the last one is for a reason */
	bool uplink;
	struct counter_value counts;
};

struct interfaces {
	struct interface *list;
	size_t count;
};

static void add_interface(struct agent *agent, unsigned ifindex, struct interfaces *interfaces)
{
	struct interface *interface = &interfaces->list[interfaces->count];
	const char *name, *kind, *node;

	if (!ifindex || counter_get(agent->maps->counters, ifindex, &interface->counts))
		return;
	show_interface(agent, ifindex, &name, &kind, &node);
	interface->labels[LABEL_INTERFACE] = (struct exposition_label){"interface", name};
	interface->labels[LABEL_KIND] = (struct exposition_label){"kind", kind};
	interface->labels[LABEL_NODE] = (struct exposition_label){"node", node};
	interface->uplink = strcmp(kind, "uplink") == 0;
	interfaces->count++;
}

static void read_interfaces(struct agent *agent, struct interfaces *interfaces)
{
	const struct config *config = agent->config;

	interfaces->count = 0;
	interfaces->list = calloc(config->uplink_count + config->node_count, sizeof(*interfaces->list));
	if (!interfaces->list)
		return;
	for (size_t i = 0; i < config->uplink_count; i++)
		add_interface(agent, agent->uplinks[i].ifindex, interfaces);
	for (size_t i = 0; i < config->node_count; i++)
		add_interface(agent, agent->ports[i].ifindex, interfaces);
}

/*
 * A series for each interface and reason: of an uplink always, so that the first forged packet is seen as an increase; of a port, of
 * which there may be a thousand, when it is not zero.
 */
static void write_drops(const struct interfaces *interfaces, FILE *out)
{
	exposition_head(out, "ovnet_drops_total", "counter", "Packets that were dropped, by reason.");
	for (size_t i = 0; i < interfaces->count; i++) {
		struct interface *interface = &interfaces->list[i];

		for (int reason = REASON_NONE + 1; reason < REASON_MAX; reason++) {
			uint64_t drops = counter_drops(&interface->counts, reason);

			if (!drops && !interface->uplink)
				continue;
			interface->labels[LABEL_WHAT] = (struct exposition_label){"reason", reason_name(reason)};
			exposition_series(out, "ovnet_drops_total", "", interface->labels, LABELS, drops);
		}
	}
	exposition_head(out, "ovnet_questions_lost_total", "counter",
		"Questions that found the ring buffer to the agent full.");
	for (size_t i = 0; i < interfaces->count; i++)
		exposition_series(out, "ovnet_questions_lost_total", "", interfaces->list[i].labels, LABEL_WHAT,
			counter_drops(&interfaces->list[i].counts, REASON_QUESTION_LOST));
}

static void write_counters(const struct interfaces *interfaces, FILE *out)
{
	for (int counter = 0; counter < COUNTER_MAX; counter++) {
		char name[64];

		snprintf(name, sizeof(name), "ovnet_interface_%s_total", counter_name(counter));
		exposition_head(out, name, "counter", counter_description(counter));
		for (size_t i = 0; i < interfaces->count; i++)
			exposition_series(out, name, "", interfaces->list[i].labels, LABEL_WHAT,
				counter_count(&interfaces->list[i].counts, counter));
	}
}

/* ---- tables */

static uint64_t count_hosts(const struct agent *agent)
{
	uint64_t hosts = 0;

	for (uint32_t i = 0; i < agent->config->limits.hosts; i++)
		hosts += agent->hosts[i].locator.length != 0;
	return hosts;
}

struct budgets_sum {
	uint64_t questions, packets, bytes;
};

/* Of ports that are there: what was charged to one that has gone may never come back. */
static struct budgets_sum sum_budgets(const struct agent *agent)
{
	struct budget *budgets = agent->questions ? budgets_map(agent->maps->budgets) : NULL;
	struct budgets_sum sum = {0};

	for (size_t i = 0; budgets && i < agent->config->node_count; i++) {
		const struct budget *budget = &budgets[agent->ports[i].number];

		if (!agent->ports[i].attached)
			continue;
		sum.questions += budget->pending;
		sum.packets += budget->queued_packets;
		sum.bytes += budget->queued_bytes;
	}
	budgets_unmap(budgets);
	return sum;
}

static void write_maps(const struct agent *agent, const struct budgets_sum *budgets, FILE *out)
{
	const struct config_limits *limits = &agent->config->limits;
	const struct {
		const char *name;
		uint64_t used, size;
	} maps[] = {
		{"sessions", agent->sessions_swept, limits->sessions},
		{"rules", agent->rules_swept, limits->rules},
		{"mappings", mirror_mapping_count(agent), limits->mappings},
		{"identities", mirror_identity_count(agent), limits->mappings},
		{"pendings", budgets->questions, limits->pending},
		{"hosts", count_hosts(agent), limits->hosts},
	};
	struct exposition_label label = {.name = "map"};

	exposition_head(out, "ovnet_map_entries", "gauge", "Entries in use, by table of the data path.");
	for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
		label.value = maps[i].name;
		exposition_series(out, "ovnet_map_entries", "", &label, 1, maps[i].used);
	}
	exposition_head(out, "ovnet_map_max_entries", "gauge", "Entries that the table has room for.");
	for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
		label.value = maps[i].name;
		exposition_series(out, "ovnet_map_max_entries", "", &label, 1, maps[i].size);
	}
}

/* ---- the agent itself */

static double seconds_since(uint64_t at_ns)
{
	uint64_t now_ns = time_now_ns();

	return at_ns < now_ns ? (double)(now_ns - at_ns) / (double)NSEC_PER_SEC : 0;
}

static void write_agent(const struct agent *agent, FILE *out)
{
	const struct config *config = agent->config;
	const struct exposition_label info[] = {{"version", OVNET_VERSION}, {"instance_name", config->instance}};
	uint64_t up = 0, attached = 0;
	struct timespec wall;

	for (size_t i = 0; i < config->node_count; i++)
		up += agent->ports[i].attached;
	for (size_t i = 0; i < config->uplink_count; i++)
		attached += agent->uplinks[i].attached;
	clock_gettime(CLOCK_REALTIME, &wall);
	exposition_head(out, "ovnet_info", "gauge", "Version and instance of the agent.");
	exposition_series(out, "ovnet_info", "", info, ARRAY_LEN(info), 1);
	exposition_seconds(out, "ovnet_uptime_seconds", "Time since the agent's start.",
		seconds_since(agent->started_ns));
	exposition_seconds(out, "ovnet_config_loaded_timestamp_seconds",
		"When the configuration in force was loaded, since 1970.",
		(double)wall.tv_sec + (double)wall.tv_nsec / (double)NSEC_PER_SEC -
			seconds_since(agent->config_loaded_ns));
	exposition_one(out, "ovnet_config_reloads_total", "counter", "Reloads that were applied.", agent->generation);
	exposition_one(out, "ovnet_config_reload_refused", "gauge",
		"1 when the latest reload was refused, and the configuration before it is in force.",
		agent->reload_refused);
	exposition_one(out, "ovnet_ports_configured", "gauge", "Nodes of this host.", config->node_count);
	exposition_one(out, "ovnet_ports_up", "gauge", "Nodes whose interfaces are there and carry programs.", up);
	exposition_one(out, "ovnet_uplinks_configured", "gauge", "Uplinks that are configured.", config->uplink_count);
	exposition_one(out, "ovnet_uplinks_attached", "gauge", "Uplinks that are there and carry programs.", attached);
}

/* Of a host without a manager only the heads: its alerts are about others. */
static void write_managed(const struct agent *agent, FILE *out)
{
	const struct managed_status status = agent->managed ? managed_status(agent) : (struct managed_status){0};
	const struct {
		const char *name, *help;
		uint64_t value;
	} gauges[] = {
		{"ovnet_managed_connected", "1 while the manager's stream is there.", status.connected},
		{"ovnet_managed_told_revision", "The latest revision that the manager told.", status.told},
		{"ovnet_managed_applied_revision", "The latest revision that is in force.", status.applied},
		{"ovnet_managed_failures", "Tries to reach the manager that failed since it was last there.",
			status.failures},
		{"ovnet_managed_documents", "Objects that the manager has told of.", status.documents},
	};

	for (size_t i = 0; i < ARRAY_LEN(gauges); i++) {
		exposition_head(out, gauges[i].name, "gauge", gauges[i].help);
		if (agent->managed)
			exposition_series(out, gauges[i].name, "", NULL, 0, gauges[i].value);
	}
}

void metrics_write(struct agent *agent, FILE *out)
{
	struct budgets_sum budgets = sum_budgets(agent);
	struct interfaces interfaces;

	read_interfaces(agent, &interfaces);
	write_agent(agent, out);
	write_managed(agent, out);
	write_maps(agent, &budgets, out);
	write_drops(&interfaces, out);
	write_counters(&interfaces, out);
	free(interfaces.list);
	if (!agent->transport || !agent->questions)
		return;
	exposition_one(out, "ovnet_queue_packets", "gauge", "Packets that wait for a verdict.", budgets.packets);
	exposition_one(out, "ovnet_queue_bytes", "gauge", "Octets of those.", budgets.bytes);
	metrics_write_negotiation(agent, out);
}

void show_metrics(struct agent *agent, struct control_client *client, const cJSON *arguments,
	struct control_answer *answer)
{
	scope_free char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	(void)client, (void)arguments;
	if (out)
		metrics_write(agent, out);
	if (!out || fclose(out))
		return control_refuse(answer, NULL, "out of memory");
	answer->result = cJSON_CreateObject();
	cJSON_AddStringToObject(answer->result, "text", text);
}
