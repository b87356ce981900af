/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the commands of the table do, and how their results look as text.
 */
#ifndef OVNET_CLI_COMMANDS_H
#define OVNET_CLI_COMMANDS_H

#include "cli/command.h"

/* commands_agent.c: "OBJECT VERB" with the arguments of the line is the request; the agent's result is the result. */
enum cli_status commands_ask(const struct command_context *context);
/*
 * The same with these arguments (NULL is taken as out of memory), and *out (cJSON_Delete()) is the result. What goes
 * wrong is told to context->err, and *out is untouched.
 */
enum cli_status commands_request(const struct command_context *context, const cJSON *arguments, cJSON **out);
/* The same for a command that watches: events until `count` of them, or until either side ends it. */
enum cli_status commands_watch(const struct command_context *context);

/* commands_explain.c: an agent's explanation, or two, put in words. */
enum cli_status commands_explain(const struct command_context *context);

/* commands_local.c: without an agent. */
enum cli_status commands_address_encode(const struct command_context *context);
enum cli_status commands_address_decode(const struct command_context *context);
enum cli_status commands_config_check(const struct command_context *context);

/* commands_key.c: without an agent, too. */
enum cli_status commands_key_new(const struct command_context *context);
enum cli_status commands_key_show(const struct command_context *context);

/* commands_completion.c */
enum cli_status commands_completion_bash(const struct command_context *context);

/* views.c */
extern const struct output_view view_status, view_port_list, view_rule_list, view_rule_added, view_rule_removed,
	view_session_list, view_mapping_list, view_drop_list, view_drop_event, view_reload, view_address_encoded,
	view_address_decoded, view_config_check, view_script, view_event, view_explanation, view_peer_list,
	view_queue_list, view_metrics, view_key_new, view_key_show;

#endif /* OVNET_CLI_COMMANDS_H */
