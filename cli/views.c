/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which members of a result are shown as text, in which order. Names of members are those of docs/control.md.
 * What only programs need (numbers beside names, epochs) is left to JSON.
 */
#include "cli/commands.h"
#include "lib/error.h"

#define SECTION(kind, member, columns)                                                                                 \
	{                                                                                                              \
		kind, member, columns, ARRAY_LEN(columns)                                                              \
	}
#define VIEW(sections)                                                                                                 \
	{                                                                                                              \
		sections, ARRAY_LEN(sections)                                                                          \
	}

static const struct output_column status_columns[] = {
	{"version", "version", OUTPUT_PLAIN},
	{"instance", "instance", OUTPUT_PLAIN},
	{"process", "pid", OUTPUT_PLAIN},
	{"running for", "uptime_s", OUTPUT_SECONDS},
	{"kernel", "kernel", OUTPUT_PLAIN},
	{"locator", "locator", OUTPUT_PLAIN},
	{"host address", "host_address", OUTPUT_PLAIN},
	{"configuration", "config", OUTPUT_PLAIN},
	{"in force for", "config_loaded_s", OUTPUT_SECONDS},
	{"ports up", "ports_up", OUTPUT_PLAIN},
	{"ports configured", "ports_configured", OUTPUT_PLAIN},
	{"rules", "rules", OUTPUT_USAGE},
	{"sessions", "sessions", OUTPUT_USAGE},
	{"mappings", "mappings", OUTPUT_USAGE},
	{"hosts", "hosts", OUTPUT_USAGE},
	{"identity", "negotiation.identity", OUTPUT_PLAIN},
	{"peers", "negotiation.peers", OUTPUT_PLAIN},
	{"grants", "negotiation.grants", OUTPUT_PLAIN},
	{"open questions", "negotiation.in_flight", OUTPUT_PLAIN},
};

static const struct output_column uplink_columns[] = {
	{"UPLINK", "name", OUTPUT_PLAIN},
	{"IFINDEX", "ifindex", OUTPUT_NUMBER},
	{"STATE", "state", OUTPUT_PLAIN},
	{"PROGRAMS", "programs", OUTPUT_PLAIN},
};

static const struct output_section status_sections[] = {
	SECTION(OUTPUT_RECORD, "", status_columns),
	SECTION(OUTPUT_TABLE, "uplinks", uplink_columns),
	{.kind = OUTPUT_COUNTS, .member = "negotiation.engine"},
	{.kind = OUTPUT_COUNTS, .member = "negotiation.questions"},
	{.kind = OUTPUT_COUNTS, .member = "negotiation.resolve.counters"},
};

const struct output_view view_status = VIEW(status_sections);

static const struct output_column port_columns[] = {
	{"NAME", "name", OUTPUT_PLAIN},
	{"PORT", "port", OUTPUT_PLAIN},
	{"STATE", "state", OUTPUT_PLAIN},
	{"VNET", "vnet", OUTPUT_PLAIN},
	{"ADDRESS", "address", OUTPUT_PLAIN},
	{"MAC", "mac", OUTPUT_PLAIN},
	{"SLOT", "slot", OUTPUT_NUMBER},
	{"SUBSTRATE", "substrate", OUTPUT_PLAIN},
	{"MTU", "mtu", OUTPUT_NUMBER},
	{"SESSIONS", "sessions", OUTPUT_NUMBER},
	{"QUOTA", "session_quota", OUTPUT_NUMBER},
	{"DROPS", "drops", OUTPUT_NUMBER},
	{"DELIVERY", "delivery", OUTPUT_PLAIN},
};

static const struct output_section port_sections[] = {SECTION(OUTPUT_TABLE, "ports", port_columns)};

const struct output_view view_port_list = VIEW(port_sections);

static const struct output_column rule_columns[] = {
	{"VNET", "vnet", OUTPUT_PLAIN},
	{"DIRECTION", "direction", OUTPUT_PLAIN},
	{"LOCAL", "local", OUTPUT_PLAIN},
	{"PEER", "peer", OUTPUT_PLAIN},
	{"PROTOCOL", "protocol", OUTPUT_PLAIN},
	{"PORT", "port", OUTPUT_NUMBER},
	{"VERDICT", "verdict", OUTPUT_PLAIN},
	{"AGE", "age_s", OUTPUT_SECONDS},
	{"EXPIRES", "expires_in_s", OUTPUT_SECONDS},
	{"HITS", "hits", OUTPUT_NUMBER},
	{"POLICY", "policy", OUTPUT_NUMBER},
	{"NAME", "policy_name", OUTPUT_PLAIN},
	{"GROUP", "group", OUTPUT_PLAIN},
	{"HANDLE", "handle", OUTPUT_PLAIN},
	{"ORIGIN", "origin", OUTPUT_PLAIN},
};

static const struct output_section rule_sections[] = {SECTION(OUTPUT_TABLE, "rules", rule_columns)};

const struct output_view view_rule_list = VIEW(rule_sections);

static const struct output_column added_columns[] = {{"rules added", "added", OUTPUT_PLAIN}};
static const struct output_section added_sections[] = {SECTION(OUTPUT_RECORD, "", added_columns)};

const struct output_view view_rule_added = VIEW(added_sections);

static const struct output_column removed_columns[] = {{"rules removed", "removed", OUTPUT_PLAIN}};
static const struct output_section removed_sections[] = {SECTION(OUTPUT_RECORD, "", removed_columns)};

const struct output_view view_rule_removed = VIEW(removed_sections);

static const struct output_column session_columns[] = {
	{"VNET", "vnet", OUTPUT_PLAIN},
	{"PROTOCOL", "protocol", OUTPUT_PLAIN},
	{"LOCAL", "local", OUTPUT_ENDPOINT},
	{"PEER", "peer", OUTPUT_ENDPOINT},
	{"OPENED", "opened", OUTPUT_PLAIN},
	{"STATE", "state", OUTPUT_PLAIN},
	{"WHERE", "where", OUTPUT_PLAIN},
	{"AGE", "age_s", OUTPUT_SECONDS},
	{"IDLE", "idle_s", OUTPUT_SECONDS},
	{"EXPIRES", "expires_in_s", OUTPUT_SECONDS},
	{"PACKETS-OUT", "packets_out", OUTPUT_NUMBER},
	{"BYTES-OUT", "bytes_out", OUTPUT_NUMBER},
	{"PACKETS-IN", "packets_in", OUTPUT_NUMBER},
	{"BYTES-IN", "bytes_in", OUTPUT_NUMBER},
	{"POLICY", "policy", OUTPUT_NUMBER},
};

static const struct output_column total_columns[] = {{"sessions in all", "total", OUTPUT_PLAIN}};

static const struct output_section session_sections[] = {
	SECTION(OUTPUT_TABLE, "sessions", session_columns),
	SECTION(OUTPUT_RECORD, "", total_columns),
};

const struct output_view view_session_list = VIEW(session_sections);

static const struct output_column mapping_columns[] = {
	{"VNET", "vnet", OUTPUT_PLAIN},
	{"ADDRESS", "address", OUTPUT_PLAIN},
	{"WHERE", "where", OUTPUT_PLAIN},
	{"STATE", "state", OUTPUT_PLAIN},
	{"SUBSTRATE", "substrate", OUTPUT_PLAIN},
	{"MAC", "mac", OUTPUT_PLAIN},
	{"PORT", "port", OUTPUT_PLAIN},
	{"NEXTHOP", "nexthop_device", OUTPUT_PLAIN},
	{"NEXTHOP-MAC", "nexthop_mac", OUTPUT_PLAIN},
	{"MTU", "mtu", OUTPUT_NUMBER},
	{"EXPIRES", "expires_in_s", OUTPUT_SECONDS},
};

static const struct output_section mapping_sections[] = {SECTION(OUTPUT_TABLE, "mappings", mapping_columns)};

const struct output_view view_mapping_list = VIEW(mapping_sections);

static const struct output_column drop_columns[] = {
	{"INTERFACE", "interface", OUTPUT_PLAIN},
	{"KIND", "kind", OUTPUT_PLAIN},
	{"NODE", "node", OUTPUT_PLAIN},
	{"REASON", "reason", OUTPUT_PLAIN},
	{"PACKETS", "packets", OUTPUT_NUMBER},
	{"DESCRIPTION", "description", OUTPUT_PLAIN},
};

static const struct output_column counter_columns[] = {
	{"INTERFACE", "interface", OUTPUT_PLAIN},
	{"COUNTER", "name", OUTPUT_PLAIN},
	{"VALUE", "value", OUTPUT_NUMBER},
	{"DESCRIPTION", "description", OUTPUT_PLAIN},
};

static const struct output_section drop_sections[] = {
	SECTION(OUTPUT_TABLE, "drops", drop_columns),
	SECTION(OUTPUT_TABLE, "counters", counter_columns),
};

const struct output_view view_drop_list = VIEW(drop_sections);

static const struct output_column drop_event_columns[] = {
	{"TIME", "time", OUTPUT_PLAIN},
	{"INTERFACE", "interface", OUTPUT_PLAIN},
	{"HOOK", "hook", OUTPUT_PLAIN},
	{"REASON", "reason", OUTPUT_PLAIN},
	{"VNET", "vnet", OUTPUT_PLAIN},
	{"PROTOCOL", "protocol", OUTPUT_PLAIN},
	{"SOURCE", "source", OUTPUT_ENDPOINT},
	{"DESTINATION", "destination", OUTPUT_ENDPOINT},
	{"LENGTH", "length", OUTPUT_NUMBER},
	{"DESCRIPTION", "description", OUTPUT_PLAIN},
};

static const struct output_section drop_event_sections[] = {SECTION(OUTPUT_TABLE, "", drop_event_columns)};

const struct output_view view_drop_event = VIEW(drop_event_sections);

/* Of a negotiation or a drop: what only the other has is "-". */
static const struct output_column event_columns[] = {
	{"TIME", "time", OUTPUT_PLAIN},
	{"NEGOTIATION", "negotiation", OUTPUT_PLAIN},
	{"GRANTED", "granted", OUTPUT_PLAIN},
	{"POLICY", "policy", OUTPUT_NUMBER},
	{"DROP", "reason", OUTPUT_PLAIN},
	{"INTERFACE", "interface", OUTPUT_PLAIN},
	{"VNET", "vnet", OUTPUT_PLAIN},
	{"PROTOCOL", "protocol", OUTPUT_PLAIN},
	{"SOURCE", "source", OUTPUT_ENDPOINT},
	{"DESTINATION", "destination", OUTPUT_ENDPOINT},
	{"DESCRIPTION", "description", OUTPUT_PLAIN},
};

static const struct output_section event_sections[] = {SECTION(OUTPUT_TABLE, "", event_columns)};

const struct output_view view_event = VIEW(event_sections);

/* Vnet, ends and service are in the sentences before it. */
static const struct output_column explained_rule_columns[] = {
	{"END", "end", OUTPUT_PLAIN},
	{"WIDTH", "width", OUTPUT_PLAIN},
	{"VERDICT", "verdict", OUTPUT_PLAIN},
	{"STATE", "state", OUTPUT_PLAIN},
	{"DECIDES", "decides", OUTPUT_PLAIN},
	{"ORIGIN", "origin", OUTPUT_PLAIN},
	{"POLICY", "policy", OUTPUT_NUMBER},
	{"NAME", "policy_name", OUTPUT_PLAIN},
	{"GROUP", "group", OUTPUT_PLAIN},
	{"HANDLE", "handle", OUTPUT_PLAIN},
	{"AGE", "age_s", OUTPUT_SECONDS},
	{"EXPIRES", "expires_in_s", OUTPUT_SECONDS},
	{"HITS", "hits", OUTPUT_NUMBER},
};

static const struct output_column reload_columns[] = {
	{"nodes changed", "nodes", OUTPUT_PLAIN},
	{"mappings changed", "mappings", OUTPUT_PLAIN},
	{"rules changed", "rules", OUTPUT_PLAIN},
};

static const struct output_section reload_sections[] = {SECTION(OUTPUT_RECORD, "changed", reload_columns)};

const struct output_view view_reload = VIEW(reload_sections);

static const struct output_section encoded_sections[] = {{.kind = OUTPUT_VALUE, .member = "substrate"}};

const struct output_view view_address_encoded = VIEW(encoded_sections);

static const struct output_column decoded_columns[] = {
	{"substrate", "substrate", OUTPUT_PLAIN},
	{"locator", "locator", OUTPUT_PLAIN},
	{"organization", "organization", OUTPUT_PLAIN},
	{"topology version", "topology.version", OUTPUT_PLAIN},
	{"locale", "topology.locale", OUTPUT_PLAIN},
	{"area", "topology.area", OUTPUT_PLAIN},
	{"rack", "topology.rack", OUTPUT_PLAIN},
	{"system", "topology.system", OUTPUT_PLAIN},
	{"slot", "slot", OUTPUT_PLAIN},
	{"forward (U/L)", "forward", OUTPUT_PLAIN},
	{"group (I/G)", "group", OUTPUT_PLAIN},
	{"vni", "vni", OUTPUT_PLAIN},
	{"address", "address", OUTPUT_PLAIN},
};

static const struct output_section decoded_sections[] = {SECTION(OUTPUT_RECORD, "", decoded_columns)};

const struct output_view view_address_decoded = VIEW(decoded_sections);

static const struct output_column check_columns[] = {
	{"file", "file", OUTPUT_PLAIN},
	{"errors", "errors", OUTPUT_PLAIN},
	{"warnings", "warnings", OUTPUT_PLAIN},
};

static const struct output_section check_sections[] = {
	SECTION(OUTPUT_RECORD, "", check_columns),
	{.kind = OUTPUT_LINES, .member = "findings"},
};

const struct output_view view_config_check = VIEW(check_sections);

static const struct output_column peer_columns[] = {
	{"HOST", "name", OUTPUT_PLAIN},
	{"LOCATOR", "locator", OUTPUT_PLAIN},
	{"KEYS", "live", OUTPUT_PLAIN},
	{"HANDSHAKE", "handshake_s", OUTPUT_SECONDS},
	{"HEARD", "heard_s", OUTPUT_SECONDS},
	{"RTT-US", "rtt_us", OUTPUT_NUMBER},
	{"IN-FLIGHT", "in_flight", OUTPUT_NUMBER},
	{"WAITING", "waiting", OUTPUT_NUMBER},
	{"NOTICES", "notices", OUTPUT_NUMBER},
	{"ASKED", "asked", OUTPUT_NUMBER},
	{"ANSWERED", "answered", OUTPUT_NUMBER},
	{"SILENT", "silent", OUTPUT_NUMBER},
	{"DECIDED", "decided", OUTPUT_NUMBER},
};

static const struct output_section peer_sections[] = {SECTION(OUTPUT_TABLE, "peers", peer_columns)};

const struct output_view view_peer_list = VIEW(peer_sections);

static const struct output_column question_columns[] = {
	{"PORT", "port", OUTPUT_PLAIN},
	{"NODE", "node", OUTPUT_PLAIN},
	{"VNET", "vnet", OUTPUT_PLAIN},
	{"PROTOCOL", "protocol", OUTPUT_PLAIN},
	{"SOURCE", "source", OUTPUT_PLAIN},
	{"DESTINATION", "destination", OUTPUT_ENDPOINT},
	{"STATE", "state", OUTPUT_PLAIN},
	{"PACKETS", "packets", OUTPUT_NUMBER},
	{"OCTETS", "octets", OUTPUT_NUMBER},
	{"AGE-MS", "age_ms", OUTPUT_NUMBER},
};

static const struct output_column budget_columns[] = {
	{"PORT", "port", OUTPUT_PLAIN},
	{"NODE", "node", OUTPUT_PLAIN},
	{"QUESTIONS", "pending", OUTPUT_USAGE},
	{"PACKETS", "packets", OUTPUT_USAGE},
	{"OCTETS", "octets", OUTPUT_USAGE},
};

static const struct output_section queue_sections[] = {
	SECTION(OUTPUT_TABLE, "questions", question_columns),
	SECTION(OUTPUT_TABLE, "ports", budget_columns),
};

const struct output_view view_queue_list = VIEW(queue_sections);

static const struct output_section explanation_sections[] = {
	{.kind = OUTPUT_LINES, .member = "summary"},
	SECTION(OUTPUT_TABLE, "rules", explained_rule_columns),
	SECTION(OUTPUT_TABLE, "sessions", session_columns),
	SECTION(OUTPUT_TABLE, "questions", question_columns),
	{.kind = OUTPUT_LINES, .member = "also.summary"},
	SECTION(OUTPUT_TABLE, "also.rules", explained_rule_columns),
	SECTION(OUTPUT_TABLE, "also.sessions", session_columns),
	SECTION(OUTPUT_TABLE, "also.questions", question_columns),
};

const struct output_view view_explanation = VIEW(explanation_sections);

static const struct output_section new_key_sections[] = {{.kind = OUTPUT_VALUE, .member = "public_key"}};

const struct output_view view_key_new = VIEW(new_key_sections);

static const struct output_column key_columns[] = {
	{"kind", "kind", OUTPUT_PLAIN},
	{"public key", "public_key", OUTPUT_PLAIN},
};

static const struct output_section key_sections[] = {SECTION(OUTPUT_RECORD, "", key_columns)};

const struct output_view view_key_show = VIEW(key_sections);

static const struct output_section metrics_sections[] = {{.kind = OUTPUT_VALUE, .member = "text"}};

const struct output_view view_metrics = VIEW(metrics_sections);

static const struct output_section script_sections[] = {{.kind = OUTPUT_VALUE, .member = "script"}};

const struct output_view view_script = VIEW(script_sections);
