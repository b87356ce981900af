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

static const struct output_column event_columns[] = {
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

static const struct output_section event_sections[] = {SECTION(OUTPUT_TABLE, "", event_columns)};

const struct output_view view_drop_event = VIEW(event_sections);

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

static const struct output_section script_sections[] = {{.kind = OUTPUT_VALUE, .member = "script"}};

const struct output_view view_script = VIEW(script_sections);
