/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of ovnet.json. See schema.h; the types of its rows are in schema_type.c and schema_policy.c.
 */
#include <string.h>

#include "config/schema_type.h"
#include "lib/error.h"

/* What messages say of values that several rows have. */
#define PART_EXPECTED "a name of 1 to 31 letters, digits, '_', '.' or '-'"
#define NAME_EXPECTED PART_EXPECTED ", or two of those with '/' between"
#define IPV4_EXPECTED "an IPv4 unicast address like 10.0.0.2"
#define LOCATOR_EXPECTED "an IPv6 prefix like fd00:1:0:1::/64, or /72 for a single slot, zero beyond its length"
#define VNET_EXPECTED "the name or number of a vnet of this host"
#define KEY_EXPECTED "a public key: 44 characters of base64"
#define FILE_EXPECTED "the name of a file, of at most 255 octets"
#define DEFAULT_EXPECTED "deny, account, group or allow"
#define GROUPS_EXPECTED "a list of names of groups"

#define PLACE(type, member) .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)
#define LIST(type, list, count)                                                                                        \
	.offset = offsetof(type, list), .size = sizeof(*((type *)0)->list), .companion = offsetof(type, count)

static const char *const uplink_mode_words[] =
	{[UPLINK_AUTO] = "auto", [UPLINK_TC] = "tc", [UPLINK_XDP] = "xdp", [UPLINK_XDP + 1] = NULL};
static const char *const delivery_words[] =
	{[DELIVERY_AUTO] = "auto", [DELIVERY_PORT] = "port", [DELIVERY_PEER] = "peer", [DELIVERY_PEER + 1] = NULL};
static const char *const authorization_words[] = {
	[AUTHORIZATION_STATIC] = "static",
	[AUTHORIZATION_NEGOTIATED] = "negotiated",
	[AUTHORIZATION_NEGOTIATED + 1] = NULL,
};
static const char *const pending_words[] = {[PENDING_QUEUE] = "queue",
	[PENDING_DISCARD] = "discard",
	[PENDING_FORWARD] = "forward",
	[PENDING_FORWARD + 1] = NULL};
static const char *const replies_words[] =
	{[REPLIES_SESSION] = "session", [REPLIES_NEGOTIATE] = "negotiate", [REPLIES_NEGOTIATE + 1] = NULL};
static const char *const silence_words[] =
	{[SILENCE_DENY] = "deny", [SILENCE_ALLOW] = "allow", [SILENCE_ALLOW + 1] = NULL};
static const char *const answers_words[] =
	{[ANSWERS_WIDE] = "wide", [ANSWERS_EXACT] = "exact", [ANSWERS_EXACT + 1] = NULL};
static const char *const ask_words[] =
	{[ASK_DESTINATION] = "destination", [ASK_AGENT] = "agent", [ASK_AGENT + 1] = NULL};
static const char *const agreement_words[] = {[AGREE_BOTH] = "both", [AGREE_ONE] = "one", [AGREE_ONE + 1] = NULL};
static const char *const side_words[] = {[SIDE_IN] = "in", [SIDE_OUT] = "out", [SIDE_OUT + 1] = NULL};
/* From DEFAULT_DENY on: "unset" is no word. */
static const char *const default_words[] = {
	[DEFAULT_DENY - DEFAULT_DENY] = "deny",
	[DEFAULT_ACCOUNT - DEFAULT_DENY] = "account",
	[DEFAULT_GROUP - DEFAULT_DENY] = "group",
	[DEFAULT_ALLOW - DEFAULT_DENY] = "allow",
	[DEFAULT_ALLOW - DEFAULT_DENY + 1] = NULL,
};
static const char *const verdict_words[] = {"deny", "allow", NULL}; /* as the flag `allow` */

/* Rows of one section are read from top to bottom: what others refer to comes first. */
static const struct schema_row table[] = {
	{SCHEMA_TOP, "instance", schema_read_instance, .expected = PART_EXPECTED ", and not just '.' or '..'",
		.fallback = "default", PLACE(struct draft, config.instance)},
	{SCHEMA_TOP, "locator", schema_read_locator, .required = true, .expected = LOCATOR_EXPECTED,
		PLACE(struct draft, config.locator)},
	{SCHEMA_TOP, "uplinks", schema_read_uplinks, .required = true,
		.expected = "a list of at most 8 interface names", .max = CONFIG_UPLINKS_MAX,
		PLACE(struct draft, config.uplinks), .companion = offsetof(struct draft, config.uplink_count)},
	{SCHEMA_TOP, "uplink_mode", schema_read_word, .expected = "auto, tc or xdp", .fallback = "auto",
		.words = uplink_mode_words, PLACE(struct draft, config.uplink_mode)},
	{SCHEMA_TOP, "delivery", schema_read_word, .expected = "auto, port or peer", .fallback = "auto",
		.words = delivery_words, PLACE(struct draft, config.delivery)},
	{SCHEMA_TOP, "manager", schema_read_manager, .child = SCHEMA_MANAGER, PLACE(struct draft, config.manager)},
	{SCHEMA_TOP, "hosts", schema_read_hosts, .expected = "a list of hosts", .child = SCHEMA_HOST, .max = 65536,
		LIST(struct draft, config.hosts, config.host_count)},
	{SCHEMA_TOP, "identity", schema_read_identity, .child = SCHEMA_IDENTITY, PLACE(struct draft, config.identity)},
	{SCHEMA_TOP, "vnets", schema_read_list, .required = true, .expected = "a list of vnets", .child = SCHEMA_VNET,
		.max = 1024, LIST(struct draft, config.vnets, config.vnet_count)},
	{SCHEMA_TOP, "groups", schema_read_groups, .expected = "a list of groups", .fallback = "[]",
		.child = SCHEMA_GROUP, .max = 4096, LIST(struct draft, groups, group_count)},
	{SCHEMA_TOP, "handles", schema_read_handles, .expected = "a list of handles", .fallback = "[]",
		.child = SCHEMA_HANDLE, .max = POLICY_SET_HANDLES_MAX, LIST(struct draft, handles, handle_count)},
	{SCHEMA_TOP, "nodes", schema_read_list, .expected = "a list of nodes", .child = SCHEMA_NODE, .max = 1024,
		LIST(struct draft, config.nodes, config.node_count)},
	{SCHEMA_TOP, "mappings", schema_read_list, .expected = "a list of mappings", .child = SCHEMA_MAPPING,
		.max = 1048576, LIST(struct draft, config.mappings, config.mapping_count)},
	{SCHEMA_TOP, "rules", schema_read_list, .expected = "a list of rules", .child = SCHEMA_RULE, .max = 1048576,
		.whole = true, LIST(struct draft, config.rules, config.rule_count)},
	{SCHEMA_TOP, "policies", schema_read_policies, .expected = "a list of policies", .fallback = "[]",
		.child = SCHEMA_POLICY, .max = 16384, LIST(struct draft, policies, policy_count)},
	{SCHEMA_TOP, "resolve", schema_read_resolve, .child = SCHEMA_RESOLVE, PLACE(struct draft, config.resolve)},
	{SCHEMA_TOP, "metrics", schema_read_endpoint,
		.expected = "an address and a port like 127.0.0.1:9191, [::1]:9191 or :9191",
		PLACE(struct draft, config.metrics)},
	{SCHEMA_TOP, "limits", schema_read_object, .fallback = "{}", .child = SCHEMA_LIMITS,
		PLACE(struct draft, config.limits)},
	{SCHEMA_TOP, "idle", schema_read_object, .fallback = "{}", .child = SCHEMA_IDLE,
		PLACE(struct draft, config.idle)},

	{SCHEMA_VNET, "name", schema_read_name, .required = true, .expected = NAME_EXPECTED,
		PLACE(struct config_vnet, name)},
	{SCHEMA_VNET, "vni", schema_read_number, .required = true, .min = 1, .max = VNI_MAX,
		PLACE(struct config_vnet, vni)},

	{SCHEMA_VNET, "authorization", schema_read_word, .expected = "static or negotiated", .fallback = "static",
		.words = authorization_words, PLACE(struct config_vnet, authorization)},
	{SCHEMA_VNET, "pending", schema_read_word, .expected = "queue, discard or forward", .fallback = "queue",
		.words = pending_words, PLACE(struct config_vnet, pending)},
	{SCHEMA_VNET, "replies", schema_read_word, .expected = "session or negotiate", .fallback = "session",
		.words = replies_words, PLACE(struct config_vnet, replies)},
	{SCHEMA_VNET, "silence", schema_read_word, .expected = "deny or allow", .fallback = "deny",
		.words = silence_words, PLACE(struct config_vnet, silence)},
	{SCHEMA_VNET, "answers", schema_read_word, .expected = "wide or exact", .fallback = "wide",
		.words = answers_words, PLACE(struct config_vnet, answers)},
	{SCHEMA_VNET, "ask", schema_read_word, .expected = "destination or agent", .fallback = "destination",
		.words = ask_words, PLACE(struct config_vnet, ask)},
	{SCHEMA_VNET, "agreement", schema_read_word, .expected = "both or one", .fallback = "both",
		.words = agreement_words, PLACE(struct config_vnet, agreement)},
	{SCHEMA_VNET, "default_in", schema_read_word, .expected = DEFAULT_EXPECTED, .fallback = "deny",
		.min = DEFAULT_DENY, .words = default_words, PLACE(struct config_vnet, default_in)},
	{SCHEMA_VNET, "default_out", schema_read_word, .expected = DEFAULT_EXPECTED, .min = DEFAULT_DENY,
		.words = default_words, PLACE(struct config_vnet, default_out)},
	{SCHEMA_VNET, "grant_lifetime", schema_read_number, .unit = "seconds", .min = 1, .max = 3600, .fallback = "30",
		PLACE(struct config_vnet, grant_lifetime_s)},
	{SCHEMA_VNET, "passport_lifetime", schema_read_number, .unit = "seconds", .min = 60, .max = 86400,
		.fallback = "900", PLACE(struct config_vnet, passport_lifetime_s)},

	{SCHEMA_HOST, "name", schema_read_part, .required = true, .expected = PART_EXPECTED,
		PLACE(struct config_host, name)},
	{SCHEMA_HOST, "locator", schema_read_locator, .required = true, .expected = LOCATOR_EXPECTED,
		PLACE(struct config_host, locator)},
	{SCHEMA_HOST, "key", schema_read_key, .required = true, .expected = KEY_EXPECTED,
		PLACE(struct config_host, key)},

	{SCHEMA_IDENTITY, "host", schema_read_host, .required = true, .expected = "the name of one of 'hosts'",
		PLACE(struct config_identity, host)},
	{SCHEMA_IDENTITY, "key", schema_read_file, .required = true, .expected = FILE_EXPECTED,
		PLACE(struct config_identity, key)},
	{SCHEMA_IDENTITY, "authority", schema_read_key, .required = true, .expected = KEY_EXPECTED,
		PLACE(struct config_identity, authority)},
	{SCHEMA_IDENTITY, "signing_key", schema_read_signing_key, .required = true, .expected = FILE_EXPECTED,
		PLACE(struct config_identity, signing_key)},

	{SCHEMA_GROUP, "name", schema_read_name, .required = true, .expected = NAME_EXPECTED,
		PLACE(struct policy_group, name)},
	{SCHEMA_GROUP, "groups", schema_read_children, .expected = GROUPS_EXPECTED, .max = 1024,
		PLACE(struct policy_group, children), .companion = offsetof(struct policy_group, child_count)},
	{SCHEMA_GROUP, "default_in", schema_read_word, .expected = DEFAULT_EXPECTED, .min = DEFAULT_DENY,
		.words = default_words, PLACE(struct policy_group, default_in)},
	{SCHEMA_GROUP, "default_out", schema_read_word, .expected = DEFAULT_EXPECTED, .min = DEFAULT_DENY,
		.words = default_words, PLACE(struct policy_group, default_out)},

	{SCHEMA_HANDLE, "name", schema_read_name, .required = true, .expected = NAME_EXPECTED,
		PLACE(struct policy_handle, name)},
	{SCHEMA_HANDLE, "entries", schema_read_entries, .required = true,
		.expected = "a list of addresses, prefixes, ranges, groups, vnets and handles", .max = 1000000,
		PLACE(struct policy_handle, items)},

	{SCHEMA_NODE, "name", schema_read_name, .required = true, .expected = NAME_EXPECTED,
		PLACE(struct config_node, name)},
	{SCHEMA_NODE, "port", schema_read_interface, .required = true, .expected = IFNAME_EXPECTED,
		PLACE(struct config_node, port)},
	{SCHEMA_NODE, "vnet", schema_read_vnet, .required = true, .expected = VNET_EXPECTED,
		PLACE(struct config_node, vnet)},
	{SCHEMA_NODE, "address", schema_read_address, .required = true, .expected = IPV4_EXPECTED,
		PLACE(struct config_node, address)},
	{SCHEMA_NODE, "mac", schema_read_mac, .required = true,
		.expected = "a unicast MAC address like 02:00:00:00:00:0a", PLACE(struct config_node, mac)},
	{SCHEMA_NODE, "slot", schema_read_slot, .max = SLOT_MAX, .fallback = "the locator's",
		PLACE(struct config_node, slot)},
	{SCHEMA_NODE, "account", schema_read_account, .expected = NAME_EXPECTED,
		PLACE(struct config_node, identity.account)},
	{SCHEMA_NODE, "groups", schema_read_membership, .expected = GROUPS_EXPECTED, .max = POLICY_GROUPS_MAX,
		PLACE(struct config_node, identity.groups),
		.companion = offsetof(struct config_node, identity.group_count)},

	{SCHEMA_MAPPING, "name", schema_read_name, .expected = NAME_EXPECTED, PLACE(struct config_mapping, name)},
	{SCHEMA_MAPPING, "vnet", schema_read_vnet, .required = true, .expected = VNET_EXPECTED,
		PLACE(struct config_mapping, vnet)},
	{SCHEMA_MAPPING, "address", schema_read_address, .required = true, .expected = IPV4_EXPECTED,
		PLACE(struct config_mapping, address)},
	{SCHEMA_MAPPING, "locator", schema_read_locator, .required = true, .expected = LOCATOR_EXPECTED,
		PLACE(struct config_mapping, locator)},
	{SCHEMA_MAPPING, "slot", schema_read_slot, .max = SLOT_MAX, .fallback = "the locator's",
		PLACE(struct config_mapping, slot)},
	{SCHEMA_MAPPING, "account", schema_read_account, .expected = NAME_EXPECTED,
		PLACE(struct config_mapping, identity.account)},
	{SCHEMA_MAPPING, "groups", schema_read_membership, .expected = GROUPS_EXPECTED, .max = POLICY_GROUPS_MAX,
		PLACE(struct config_mapping, identity.groups),
		.companion = offsetof(struct config_mapping, identity.group_count)},

	{SCHEMA_RULE, "vnet", schema_read_vnet, .required = true, .expected = VNET_EXPECTED,
		PLACE(struct config_rule, vnet)},
	{SCHEMA_RULE, "from", schema_read_end, .required = true, .expected = "any, or " IPV4_EXPECTED,
		PLACE(struct config_rule, from), .companion = offsetof(struct config_rule, from_any)},
	{SCHEMA_RULE, "to", schema_read_end, .required = true, .expected = "any, or " IPV4_EXPECTED,
		PLACE(struct config_rule, to), .companion = offsetof(struct config_rule, to_any)},
	{SCHEMA_RULE, "protocol", schema_read_protocol, .expected = "tcp, udp, icmp, any or a number from 0 to 255",
		.max = 255, .fallback = "any", PLACE(struct config_rule, protocol),
		.companion = offsetof(struct config_rule, protocol_any)},
	{SCHEMA_RULE, "port", schema_read_port, .expected = "any or a number from 0 to 65535", .max = 65535,
		.fallback = "any", PLACE(struct config_rule, port),
		.companion = offsetof(struct config_rule, port_any)},
	{SCHEMA_RULE, "verdict", schema_read_word, .required = true, .expected = "allow or deny",
		.words = verdict_words, PLACE(struct config_rule, allow)},
	{SCHEMA_RULE, "lifetime", schema_read_number, .unit = "seconds", .max = 31536000, .fallback = "0",
		PLACE(struct config_rule, lifetime_s)},
	{SCHEMA_RULE, "policy", schema_read_number, .max = UINT32_MAX, .fallback = "0",
		PLACE(struct config_rule, policy)},

	{SCHEMA_POLICY, "id", schema_read_policy_id, .required = true, .min = 1, .max = UINT32_MAX,
		PLACE(struct policy, id)},
	{SCHEMA_POLICY, "name", schema_read_name, .expected = NAME_EXPECTED, PLACE(struct policy, name)},
	{SCHEMA_POLICY, "vnet", schema_read_policy_vnet, .required = true, .expected = VNET_EXPECTED,
		PLACE(struct policy, vni)},
	{SCHEMA_POLICY, "side", schema_read_word, .expected = "in or out", .fallback = "in", .words = side_words,
		PLACE(struct policy, side)},
	{SCHEMA_POLICY, "target", schema_read_selector, .fallback = "any", .max = 1024, PLACE(struct policy, target)},
	{SCHEMA_POLICY, "peers", schema_read_selector, .fallback = "any", .max = 1024, PLACE(struct policy, peer)},
	{SCHEMA_POLICY, "verdict", schema_read_word, .required = true, .expected = "allow or deny",
		.words = verdict_words, PLACE(struct policy, allow)},
	{SCHEMA_POLICY, "services", schema_read_services, .expected = "a list of services, not empty", .max = 256,
		PLACE(struct policy, services), .companion = offsetof(struct policy, service_count)},
	{SCHEMA_POLICY, "cast", schema_read_casts, .expected = "a list of unicast, multicast and broadcast, not empty",
		PLACE(struct policy, casts)},

	{SCHEMA_LIMITS, "sessions", schema_read_number, .unit = "sessions", .min = 1, .max = 4194304,
		.fallback = "65536", PLACE(struct config_limits, sessions)},
	{SCHEMA_LIMITS, "rules", schema_read_number, .unit = "rules", .min = 1, .max = 1048576, .fallback = "65536",
		PLACE(struct config_limits, rules)},
	{SCHEMA_LIMITS, "mappings", schema_read_number, .unit = "mappings", .min = 1, .max = 1048576,
		.fallback = "65536", PLACE(struct config_limits, mappings)},
	{SCHEMA_LIMITS, "hosts", schema_read_number, .unit = "hosts", .min = 1, .max = 65536, .fallback = "4096",
		PLACE(struct config_limits, hosts)},
	{SCHEMA_LIMITS, "sessions_per_port", schema_read_number, .unit = "sessions", .min = 1, .max = 4194304,
		.fallback = "16384", .at_most = "sessions", PLACE(struct config_limits, sessions_per_port)},
	{SCHEMA_LIMITS, "pending", schema_read_number, .unit = "questions", .min = 1, .max = 1048576,
		.fallback = "16384", PLACE(struct config_limits, pending)},
	{SCHEMA_LIMITS, "pending_per_port", schema_read_number, .unit = "questions", .min = 1, .max = 65536,
		.fallback = "256", .at_most = "pending", PLACE(struct config_limits, pending_per_port)},
	{SCHEMA_LIMITS, "questions", schema_read_number, .unit = "questions a second", .min = 10, .max = 1000000,
		.fallback = "2000", PLACE(struct config_limits, questions)},
	{SCHEMA_LIMITS, "questions_burst", schema_read_number, .unit = "questions", .min = 1, .max = 65536,
		.fallback = "64", PLACE(struct config_limits, questions_burst)},
	{SCHEMA_LIMITS, "queue_packets", schema_read_number, .unit = "packets", .min = 1, .max = 65536,
		.fallback = "256", PLACE(struct config_limits, queue_packets)},
	{SCHEMA_LIMITS, "queue_bytes", schema_read_number, .unit = "bytes", .min = 65536, .max = 1073741824,
		.fallback = "1048576", PLACE(struct config_limits, queue_bytes)},

	{SCHEMA_IDLE, "tcp_opening", schema_read_number, .unit = "seconds", .min = 1, .max = 604800, .fallback = "30",
		PLACE(struct config_idle, tcp_opening)},
	{SCHEMA_IDLE, "tcp_established", schema_read_number, .unit = "seconds", .min = 1, .max = 604800,
		.fallback = "7200", PLACE(struct config_idle, tcp_established)},
	{SCHEMA_IDLE, "tcp_closing", schema_read_number, .unit = "seconds", .min = 1, .max = 604800, .fallback = "10",
		PLACE(struct config_idle, tcp_closing)},
	{SCHEMA_IDLE, "udp", schema_read_number, .unit = "seconds", .min = 1, .max = 604800, .fallback = "60",
		PLACE(struct config_idle, udp)},
	{SCHEMA_IDLE, "icmp", schema_read_number, .unit = "seconds", .min = 1, .max = 604800, .fallback = "10",
		PLACE(struct config_idle, icmp)},
	{SCHEMA_IDLE, "other", schema_read_number, .unit = "seconds", .min = 1, .max = 604800, .fallback = "60",
		PLACE(struct config_idle, other)},

	{SCHEMA_MANAGER, "url", schema_read_url, .required = true,
		.expected = "a URL like https://HOST:PORT, http://127.0.0.1:PORT, http://[::1]:PORT or unix:/PATH",
		PLACE(struct config_manager, url)},
	{SCHEMA_MANAGER, "authority", schema_read_file, .expected = FILE_EXPECTED,
		PLACE(struct config_manager, authority)},
	{SCHEMA_MANAGER, "token", schema_read_file, .expected = FILE_EXPECTED, PLACE(struct config_manager, token)},
	{SCHEMA_MANAGER, "directory", schema_read_file, .expected = FILE_EXPECTED, .fallback = "/var/lib/ovnet",
		PLACE(struct config_manager, directory)},

	{SCHEMA_RESOLVE, "file", schema_read_file, .required = true, .expected = FILE_EXPECTED,
		PLACE(struct config_resolve, file)},
	{SCHEMA_RESOLVE, "lifetime", schema_read_number, .unit = "seconds", .min = 2, .max = 86400, .fallback = "300",
		PLACE(struct config_resolve, lifetime_s)},

	{SCHEMA_DIRECTORY, "hosts", schema_read_hosts, .expected = "a list of hosts", .child = SCHEMA_HOST,
		.max = 65536, LIST(struct draft, config.hosts, config.host_count)},
	{SCHEMA_DIRECTORY, "mappings", schema_read_list, .expected = "a list of mappings", .child = SCHEMA_MAPPING,
		.max = 1048576, LIST(struct draft, config.mappings, config.mapping_count)},
};

const struct schema_row *schema_rows(size_t *count)
{
	*count = ARRAY_LEN(table);
	return table;
}

const struct schema_row *schema_row_find(enum schema_section section, const char *name)
{
	size_t count;
	const struct schema_row *rows = schema_rows(&count);

	for (size_t i = 0; i < count; i++) {
		if (rows[i].section == section && strcmp(rows[i].name, name) == 0)
			return &rows[i];
	}
	return NULL;
}
