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
/* Whether an agent listens at its socket. */
bool commands_agent_is_there(const struct command_context *context);
/* The same for a command that watches: events until `count` of them, or until either side ends it. */
enum cli_status commands_watch(const struct command_context *context);

/* commands_explain.c: an agent's explanation, or two, put in words. */
enum cli_status commands_explain(const struct command_context *context);

/* commands_judge.c: the manager's, and whether it is to be asked: when it is named, or when no agent is there. */
enum cli_status commands_judge(const struct command_context *context);
bool commands_judge_instead(const struct command_context *context);

/* commands_local.c: without an agent. */
enum cli_status commands_address_encode(const struct command_context *context);
enum cli_status commands_address_decode(const struct command_context *context);
enum cli_status commands_config_check(const struct command_context *context);

/* commands_key.c: without an agent, too. */
enum cli_status commands_key_new(const struct command_context *context);
enum cli_status commands_key_show(const struct command_context *context);

/* commands_object.c: objects of the manager, of the command's kind */
enum cli_status commands_object_create(const struct command_context *context);
enum cli_status commands_object_show(const struct command_context *context);
enum cli_status commands_object_list(const struct command_context *context);
enum cli_status commands_object_set(const struct command_context *context);
enum cli_status commands_object_delete(const struct command_context *context);

/* commands_manager.c: what else the manager is asked */
enum cli_status commands_manager_status(const struct command_context *context);
enum cli_status commands_apply(const struct command_context *context);
enum cli_status commands_export(const struct command_context *context);
enum cli_status commands_wait(const struct command_context *context);
enum cli_status commands_handle_versions(const struct command_context *context);
enum cli_status commands_handle_restore(const struct command_context *context);

/* commands_join.c: how a host becomes one of the manager's */
enum cli_status commands_join_token(const struct command_context *context);

/* commands_history.c: what was, and what happens */
enum cli_status commands_log(const struct command_context *context);
enum cli_status commands_events(const struct command_context *context);
enum cli_status commands_backup(const struct command_context *context);

/* commands_context.c: the file that says where managers are (place.h) */
enum cli_status commands_context_set(const struct command_context *context);
enum cli_status commands_context_use(const struct command_context *context);
enum cli_status commands_context_list(const struct command_context *context);
enum cli_status commands_context_show(const struct command_context *context);
enum cli_status commands_context_delete(const struct command_context *context);

/* commands_completion.c */
enum cli_status commands_completion_bash(const struct command_context *context);

/* views.c */
extern const struct output_view view_status, view_port_list, view_rule_list, view_rule_added, view_rule_removed,
	view_session_list, view_mapping_list, view_drop_list, view_drop_event, view_reload, view_address_encoded,
	view_address_decoded, view_config_check, view_script, view_event, view_explanation, view_peer_list,
	view_queue_list, view_metrics, view_key_new, view_key_show;

/* views_manager.c */
extern const struct output_view view_changes, view_deleted, view_versions, view_join_token, view_manager_status,
	view_wait, view_log, view_change_event, view_backup, view_context_list, view_context_show, view_judgement;

#endif /* OVNET_CLI_COMMANDS_H */
