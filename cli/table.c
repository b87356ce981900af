/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of commands: what there is, what it takes, and who does it. Everything else about the command line is
 * made from it. Arguments of commands for the agent are those of docs/control.md.
 */
#include <stdint.h>

#include "cli/commands.h"
#include "config/config.h"
#include "lib/error.h"

/* Each row is to be read as one. */
/* clang-format off */

#define ARGUMENTS(rows) .arguments = rows, .argument_count = ARRAY_LEN(rows)

#define VNET_FILTER \
	{.name = "vnet", .type = ARGUMENT_TEXT, .value = "VNET", .help = "only of this vnet (name or VNI)"}
#define ADDRESS_FILTER \
	{.name = "address", .type = ARGUMENT_IPV4, .value = "ADDRESS", .help = "only with this address at either end"}

/* What identifies a rule. */
#define RULE_ENDS \
	{.name = "vnet", .type = ARGUMENT_TEXT, .value = "VNET", .required = true, .help = "vnet, by name or VNI"}, \
	{.name = "from", .type = ARGUMENT_ENDPOINT, .value = "ADDRESS", .required = true, \
		.help = "who opens the conversation: an address, or any"}, \
	{.name = "to", .type = ARGUMENT_ENDPOINT, .value = "ADDRESS", .required = true, \
		.help = "who responds: an address, or any"}, \
	{.name = "protocol", .type = ARGUMENT_PROTOCOL, .value = "PROTOCOL", \
		.help = "tcp, udp, icmp, a number, or any (the default)"}, \
	{.name = "port", .type = ARGUMENT_PORT, .value = "PORT", \
		.help = "the responder's port, for icmp the type, or any (the default)"}

static const struct command_argument vnet_rows[] = {VNET_FILTER};

static const struct command_argument rule_list_rows[] = {
	VNET_FILTER,
	ADDRESS_FILTER,
	{.name = "all", .type = ARGUMENT_FLAG, .help = "also those by which ARP is answered, which follow from others"},
};

static const struct command_argument rule_add_rows[] = {
	RULE_ENDS,
	{.name = "verdict", .type = ARGUMENT_WORD, .value = "allow|deny", .required = true,
		.help = "what the rule says"},
	{.name = "lifetime", .type = ARGUMENT_NUMBER, .value = "SECONDS", .max = UINT32_MAX,
		.help = "how long the rule lives; 0 (the default): until it is removed"},
	{.name = "policy", .type = ARGUMENT_NUMBER, .value = "NUMBER", .max = UINT32_MAX,
		.help = "a number to recognize the rule by"},
};

static const struct command_argument rule_del_rows[] = {RULE_ENDS};

static const struct command_argument session_list_rows[] = {
	VNET_FILTER,
	ADDRESS_FILTER,
	{.name = "limit", .type = ARGUMENT_NUMBER, .value = "NUMBER", .min = 1, .max = 100000,
		.help = "at most so many (default 10000)"},
};

static const struct command_argument drop_watch_rows[] = {
	{.name = "count", .type = ARGUMENT_NUMBER, .value = "NUMBER", .min = 1, .max = UINT32_MAX, .local = true,
		.help = "end after so many drops"},
};

static const struct command_argument monitor_rows[] = {
	{.name = "count", .type = ARGUMENT_NUMBER, .value = "NUMBER", .min = 1, .max = UINT32_MAX, .local = true,
		.help = "end after so many events"},
};

static const struct command_argument explain_rows[] = {
	{.name = "source", .type = ARGUMENT_TEXT, .value = "SOURCE", .positional = true,
		.help = "who opens the conversation: an address, or a node's name"},
	{.name = "destination", .type = ARGUMENT_TEXT, .value = "DESTINATION", .positional = true,
		.help = "who responds: an address, or a node's name"},
	{.name = "protocol", .type = ARGUMENT_PROTOCOL, .value = "PROTOCOL", .positional = true,
		.help = "tcp, udp, icmp, or a number"},
	{.name = "port", .type = ARGUMENT_NUMBER, .value = "PORT", .max = 65535, .positional = true, .optional = true,
		.help = "the responder's port, which tcp and udp need; for icmp the type (default 8, echo)"},
	{.name = "vnet", .type = ARGUMENT_TEXT, .value = "VNET",
		.help = "in which vnet (name or VNI), where the ends are in several"},
	{.name = "also", .type = ARGUMENT_INSTANCE, .value = "INSTANCE", .local = true,
		.help = "ask the agent of this instance as well, and show both"},
};

static const struct command_argument key_new_rows[] = {
	{.name = "kind", .type = ARGUMENT_WORD, .value = "host|authority", .positional = true,
		.help = "whose: a host's to shake hands with, an authority's to sign passports with"},
	{.name = "file", .type = ARGUMENT_FILE, .value = "FILE", .positional = true,
		.help = "where to write it; nothing may be there"},
};

static const struct command_argument key_show_rows[] = {
	{.name = "file", .type = ARGUMENT_FILE, .value = "FILE", .positional = true, .help = "the file of the key"},
};

static const struct command_argument address_encode_rows[] = {
	{.name = "locator", .type = ARGUMENT_LOCATOR, .value = "PREFIX", .required = true,
		.help = "the host's prefix, of 64 or 72 bits"},
	{.name = "slot", .type = ARGUMENT_NUMBER, .value = "NUMBER", .max = SLOT_MAX, .required = true,
		.help = "the node's slot, 0 to 63"},
	{.name = "vni", .type = ARGUMENT_NUMBER, .value = "NUMBER", .max = VNI_MAX, .required = true,
		.help = "the vnet's number; 0 is the host itself"},
	{.name = "address", .type = ARGUMENT_IPV4, .value = "ADDRESS", .required = true,
		.help = "the node's IPv4 address"},
	{.name = "forward", .type = ARGUMENT_FLAG,
		.help = "set the U/L bit: to the node in the slot, whatever the address"},
	{.name = "group", .type = ARGUMENT_FLAG, .help = "set the I/G bit: the address is a group's"},
};

static const struct command_argument address_decode_rows[] = {
	{.name = "ADDRESS", .type = ARGUMENT_SUBSTRATE, .value = "ADDRESS", .positional = true,
		.help = "a substrate address"},
};

static const struct command_argument config_check_rows[] = {
	{.name = "FILE", .type = ARGUMENT_FILE, .value = "FILE", .positional = true, .help = "the configuration file"},
	{.name = "strict", .type = ARGUMENT_FLAG, .help = "fail on warnings too"},
};

static const struct command_argument stop_rows[] = {
	{.name = "detach", .type = ARGUMENT_FLAG, .help = "leave nothing in the kernel: nodes lose their network"},
};

const struct command command_table[] = {
	{"status", NULL, "what the agent is, its uplinks, and how full its tables are", .run = commands_ask,
		.view = &view_status},

	{"port", "list", "nodes of this host, and the interfaces that are their ports", .run = commands_ask,
		.view = &view_port_list},

	{"rule", "list", "rules of the data path", ARGUMENTS(rule_list_rows), .run = commands_ask,
		.view = &view_rule_list},
	{"rule", "add", "add a rule", ARGUMENTS(rule_add_rows), .run = commands_ask, .view = &view_rule_added},
	{"rule", "del", "remove a rule that was added; what rests on it ends", ARGUMENTS(rule_del_rows),
		.run = commands_ask, .view = &view_rule_removed},
	{"rule", "flush", "remove all rules that were added or negotiated, and forget passports; what rests on them ends",
		ARGUMENTS(vnet_rows), .run = commands_ask, .view = &view_rule_removed},

	{"session", "list", "conversations that were admitted", ARGUMENTS(session_list_rows), .run = commands_ask,
		.view = &view_session_list},

	{"mapping", "list", "where the nodes of the vnets are", ARGUMENTS(vnet_rows), .run = commands_ask,
		.view = &view_mapping_list},

	{"drop", "list", "dropped packets by interface and reason, and other counters", .run = commands_ask,
		.view = &view_drop_list},
	{"drop", "watch", "dropped packets one by one, as they happen", ARGUMENTS(drop_watch_rows),
		.run = commands_watch, .view = &view_drop_event},

	{"explain", NULL, "whether one node may send another something, and why", ARGUMENTS(explain_rows),
		.run = commands_explain, .view = &view_explanation},
	{"monitor", NULL, "negotiations, verdicts and dropped packets, as they happen", ARGUMENTS(monitor_rows),
		.run = commands_watch, .view = &view_event},

	{"peer", "list", "hosts with which is negotiated", .run = commands_ask, .view = &view_peer_list},
	{"peer", "flush", "forget all keys with peers, and what is asked of them; rules stay", .run = commands_ask},

	{"queue", "list", "questions that wait for a verdict, their packets, and the budgets of ports",
		.run = commands_ask, .view = &view_queue_list},

	{"metrics", NULL, "all figures, as Prometheus reads them", .run = commands_ask, .view = &view_metrics},

	{"key", "new", "make a key file, and print the public key", ARGUMENTS(key_new_rows), .run = commands_key_new,
		.view = &view_key_new},
	{"key", "show", "print what a key file is, and its public key", ARGUMENTS(key_show_rows),
		.run = commands_key_show, .view = &view_key_show},

	{"address", "encode", "make a substrate address", ARGUMENTS(address_encode_rows),
		.run = commands_address_encode, .view = &view_address_encoded},
	{"address", "decode", "take a substrate address apart", ARGUMENTS(address_decode_rows),
		.run = commands_address_decode, .view = &view_address_decoded},

	{"config", "check", "check a configuration file against its rules and this machine",
		ARGUMENTS(config_check_rows), .run = commands_config_check, .view = &view_config_check},

	{"reload", NULL, "make the agent read its configuration file again", .run = commands_ask, .view = &view_reload},

	{"stop", NULL, "end the agent; what it admitted goes on without it", ARGUMENTS(stop_rows), .run = commands_ask},

	{"completion", "bash", "print a script that completes these words in bash", .run = commands_completion_bash,
		.view = &view_script},
};

const size_t command_count = ARRAY_LEN(command_table);
