/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of commands: what there is, what it takes, and who does it. Everything else about the command line is
 * made from it. Arguments of commands for the agent are those of docs/control.md; rows about the manager's objects are
 * made in kinds.c, and stand together with what else there is about such an object.
 */
#include <stdint.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/kinds.h"
#include "config/config.h"
#include "lib/error.h"

/* Each row is to be read as one. */
/* clang-format off */

#define ARGUMENTS(rows) .arguments = rows, .argument_count = ARRAY_LEN(rows)

#define ASKS_MANAGER .whom = COMMAND_MANAGER, .takes = TAKES_MANAGER
#define WRITES .whom = COMMAND_MANAGER, .takes = TAKES_MANAGER | TAKES_WHY
#define REVISION_MAX 9007199254740991

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

static const struct command_argument versions_rows[] = {
	{.name = "name", .type = ARGUMENT_NAME, .value = "NAME", .kind = MODEL_HANDLE, .positional = true,
		.help = "the handle"},
};

static const struct command_argument restore_rows[] = {
	{.name = "name", .type = ARGUMENT_NAME, .value = "NAME", .kind = MODEL_HANDLE, .positional = true,
		.help = "the handle"},
	{.name = "version", .type = ARGUMENT_NUMBER, .value = "NUMBER", .min = 1, .max = REVISION_MAX, .required = true,
		.help = "which of its versions becomes the newest"},
};

static const struct command_argument join_token_rows[] = {
	{.name = "name", .type = ARGUMENT_NAME, .value = "HOST", .kind = MODEL_HOST, .positional = true,
		.help = "the host that is to join; it must have been created"},
	{.name = "lifetime", .type = ARGUMENT_NUMBER, .value = "SECONDS", .min = 60, .max = 2592000,
		.help = "how long the token is good (default 86400, a day)"},
	{.name = "secret-file", .type = ARGUMENT_FILE, .value = "FILE",
		.help = "write the secret there, for its owner only, and do not print it"},
};

static const struct command_argument apply_rows[] = {
	{.name = "dry_run", .type = ARGUMENT_FLAG, .help = "say what would change, and change nothing"},
	{.name = "prune", .type = ARGUMENT_FLAG,
		.help = "delete what there is and the file does not name, tokens aside"},
};

static const struct command_argument export_rows[] = {
	{.name = "account", .type = ARGUMENT_NAME, .value = "ACCOUNT", .kind = MODEL_ACCOUNT,
		.help = "only what is of this account"},
};

static const struct command_argument wait_rows[] = {
	{.name = "revision", .type = ARGUMENT_NUMBER, .value = "NUMBER", .max = REVISION_MAX,
		.help = "for this revision; without it: the latest"},
	{.name = "timeout", .type = ARGUMENT_NUMBER, .value = "SECONDS", .max = 86400,
		.help = "at most so long (default 30)"},
};

static const struct command_argument log_rows[] = {
	{.name = "after", .type = ARGUMENT_NUMBER, .value = "NUMBER", .max = REVISION_MAX,
		.help = "what follows this revision; without it: the newest"},
	{.name = "limit", .type = ARGUMENT_NUMBER, .value = "NUMBER", .min = 1, .max = 100000,
		.help = "at most so many (default 100)"},
	{.name = "key", .type = ARGUMENT_TEXT, .value = "KIND/NAME", .help = "only changes of this object"},
};

static const struct command_argument events_rows[] = {
	{.name = "count", .type = ARGUMENT_NUMBER, .value = "NUMBER", .min = 1, .max = UINT32_MAX,
		.help = "end after so many events"},
};

static const struct command_argument backup_rows[] = {
	{.name = "file", .type = ARGUMENT_FILE, .value = "FILE", .positional = true,
		.help = "where to write it, for its owner only; what is there is replaced when all has arrived"},
};

#define CONTEXT_NAME \
	{.name = "name", .type = ARGUMENT_CONTEXT, .value = "NAME", .positional = true, .help = "the context"}

static const struct command_argument context_set_rows[] = {
	CONTEXT_NAME,
	{.name = "url", .type = ARGUMENT_TEXT, .value = "URL",
		.help = "https://HOST:PORT, http://127.0.0.1:PORT or unix:PATH; needed when the context is new"},
	{.name = "token-file", .type = ARGUMENT_FILE, .value = "FILE",
		.help = "a file with the token, which is copied; -: standard input; none: no token"},
	{.name = "ca", .type = ARGUMENT_FILE, .value = "FILE",
		.help = "certificates (PEM) by which the manager's is verified; none: those of the system"},
};

static const struct command_argument context_name_rows[] = {CONTEXT_NAME};

static const struct command_argument context_show_rows[] = {
	{.name = "name", .type = ARGUMENT_CONTEXT, .value = "NAME", .positional = true, .optional = true,
		.help = "the context; without it: the one in use"},
};

static const struct command_argument stop_rows[] = {
	{.name = "detach", .type = ARGUMENT_FLAG, .help = "leave nothing in the kernel: nodes lose their network"},
};

static const struct command agent_rows[] = {
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
		.run = commands_explain, .view = &view_explanation,
		.takes = TAKES_MANAGER | TAKES_CHOICE},
	{"monitor", NULL, "negotiations, verdicts and dropped packets, as they happen", ARGUMENTS(monitor_rows),
		.run = commands_watch, .view = &view_event},

	{"peer", "list", "hosts with which is negotiated", .run = commands_ask, .view = &view_peer_list},
	{"peer", "flush", "forget all keys with peers, and what is asked of them; rules stay", .run = commands_ask},

	{"queue", "list", "questions that wait for a verdict, their packets, and the budgets of ports",
		.run = commands_ask, .view = &view_queue_list},

	{"metrics", NULL, "all figures, as Prometheus reads them", .run = commands_ask, .view = &view_metrics},

	{"reload", NULL, "make the agent read its configuration file again", .run = commands_ask, .view = &view_reload},

	{"stop", NULL, "end the agent; what it admitted goes on without it", ARGUMENTS(stop_rows), .run = commands_ask},
};

/* What else there is about objects of a kind. */
static const struct command object_rows[] = {
	{"handle", "versions", "the versions that a handle has had", ARGUMENTS(versions_rows),
		.run = commands_handle_versions, .view = &view_versions, ASKS_MANAGER},
	{"handle", "restore", "make a former version of a handle its newest", ARGUMENTS(restore_rows),
		.run = commands_handle_restore, WRITES},

	{"host", "join-token", "make a token with which a host joins, and say what to do there",
		ARGUMENTS(join_token_rows), .run = commands_join_token, .view = &view_join_token, WRITES},

	{"address", "encode", "make a substrate address", ARGUMENTS(address_encode_rows),
		.run = commands_address_encode, .view = &view_address_encoded, .whom = COMMAND_LOCAL},
	{"address", "decode", "take a substrate address apart", ARGUMENTS(address_decode_rows),
		.run = commands_address_decode, .view = &view_address_decoded, .whom = COMMAND_LOCAL},
};

static const struct command manager_rows[] = {
	{"manager", "status", "what the manager is, who one is to it, and how far agents are", .run = commands_manager_status,
		.view = &view_manager_status, ASKS_MANAGER},

	{"apply", NULL, "make many objects what a file says, all or none", ARGUMENTS(apply_rows), .run = commands_apply,
		.view = &view_changes, .whom = COMMAND_MANAGER,
		.takes = TAKES_MANAGER | TAKES_WHY | TAKES_DRY_RUN | TAKES_FILE},
	{"export", NULL, "all objects that one may see, as a file for apply", ARGUMENTS(export_rows),
		.run = commands_export, ASKS_MANAGER},
	{"wait", NULL, "wait until the agents concerned have applied a revision", ARGUMENTS(wait_rows),
		.run = commands_wait, .view = &view_wait, ASKS_MANAGER},
	{"log", NULL, "who changed what, when and why", ARGUMENTS(log_rows), .run = commands_log, .view = &view_log,
		ASKS_MANAGER},
	{"events", NULL, "changes, as they happen", ARGUMENTS(events_rows), .run = commands_events,
		.view = &view_change_event, ASKS_MANAGER},
	{"backup", NULL, "a copy of everything, with its past, in a file", ARGUMENTS(backup_rows),
		.run = commands_backup, .view = &view_backup, ASKS_MANAGER},
};

static const struct command local_rows[] = {
	{"context", "set", "remember a manager, or change what is remembered of it", ARGUMENTS(context_set_rows),
		.run = commands_context_set, .whom = COMMAND_LOCAL, .some = true},
	{"context", "use", "make a manager the one that is asked", ARGUMENTS(context_name_rows),
		.run = commands_context_use, .whom = COMMAND_LOCAL},
	{"context", "list", "the managers that are remembered", .run = commands_context_list,
		.view = &view_context_list, .whom = COMMAND_LOCAL},
	{"context", "show", "what is remembered of a manager, but for its token", ARGUMENTS(context_show_rows),
		.run = commands_context_show, .view = &view_context_show, .whom = COMMAND_LOCAL},
	{"context", "delete", "forget a manager", ARGUMENTS(context_name_rows), .run = commands_context_delete,
		.whom = COMMAND_LOCAL},

	{"key", "new", "make a key file, and print the public key", ARGUMENTS(key_new_rows), .run = commands_key_new,
		.view = &view_key_new, .whom = COMMAND_LOCAL},
	{"key", "show", "print what a key file is, and its public key", ARGUMENTS(key_show_rows),
		.run = commands_key_show, .view = &view_key_show, .whom = COMMAND_LOCAL},

	{"config", "check", "check a configuration file against its rules and this machine",
		ARGUMENTS(config_check_rows), .run = commands_config_check, .view = &view_config_check, .whom = COMMAND_LOCAL},

	{"completion", "bash", "print a script that completes these words in bash", .run = commands_completion_bash,
		.view = &view_script, .whom = COMMAND_LOCAL},
};
/* clang-format on */

/* ---- the table as a whole */

const struct command *command_table;
size_t command_count;

static void add(struct command *table, const struct command *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct command *command = &table[command_count++];

		*command = rows[i];
		if (command->whom == COMMAND_AGENT)
			command->takes |= TAKES_AGENT;
	}
}

void command_prepare(void)
{
	const size_t most = ARRAY_LEN(agent_rows) + MODEL_KINDS * KINDS_VERBS + ARRAY_LEN(object_rows) +
			    ARRAY_LEN(manager_rows) + ARRAY_LEN(local_rows);
	struct command *table;

	if (command_table)
		return;
	table = kinds_take(most * sizeof(*table));
	add(table, agent_rows, ARRAY_LEN(agent_rows));
	for (size_t i = 0; i < MODEL_KINDS; i++) {
		enum model_kind kind = kinds_order[i];
		struct command rows[KINDS_VERBS];

		kinds_commands(kind, rows);
		add(table, rows, KINDS_VERBS);
		for (size_t k = 0; k < ARRAY_LEN(object_rows); k++)
			if (strcmp(object_rows[k].object, model_table[kind].name) == 0)
				add(table, &object_rows[k], 1);
	}
	add(table, manager_rows, ARRAY_LEN(manager_rows));
	add(table, local_rows, ARRAY_LEN(local_rows));
	command_table = table;
}
