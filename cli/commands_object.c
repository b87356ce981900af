/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects of the manager: create, show, list, set, delete, of whatever kind. What kinds there are is kinds.c's to know.
 */
#include <string.h>

#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/kinds.h"
#include "lib/error.h"
#include "lib/json.h"

#define PAGE 1000

/* Of a write: the object as it is now, or with --dry-run what would change. */
static void show(const struct command_context *context, const cJSON *object)
{
	const struct output_view *view =
		context->options[OPTION_DRY_RUN] ? &view_changes : kinds_view_object(context->command->kind, object);

	output_result(context->output, view, object);
}

/* ---- create */

static enum cli_status create(struct ask *ask)
{
	const struct command_context *context = ask->context;
	cJSON *body = kinds_body(context), *object = NULL;
	enum cli_status status = CLI_FAILED;
	char path[64];

	snprintf(path, sizeof(path), "/v1/%s", model_table[context->command->kind].plural);
	if (!cJSON_AddStringToObject(body, "name", command_value(context, "name")))
		ask_no_memory(context);
	else
		status = ask_write(ask, "POST", path, body, 0, &object);
	if (status == CLI_OK)
		status = ask_keep_secret(context, object);
	if (object)
		show(context, object);
	cJSON_Delete(object);
	cJSON_Delete(body);
	return status;
}

enum cli_status commands_object_create(const struct command_context *context)
{
	enum cli_status status = CLI_OK;
	struct ask ask;

	if (context->command->kind == MODEL_TOKEN)
		status = ask_check_secret_file(context);
	if (status != CLI_OK)
		return status;
	status = ask_begin(context, &ask);
	if (status == CLI_OK)
		status = create(&ask);
	ask_end(&ask);
	return status;
}

/* ---- show, set, delete */

enum cli_status commands_object_show(const struct command_context *context)
{
	scope_free char *path = NULL;
	cJSON *object = NULL;
	struct ask ask;
	enum cli_status status = ask_begin(context, &ask);

	if (status == CLI_OK) {
		path = ask_object_path(&ask, context->command->kind, command_value(context, "name"));
		status = path ? ask_get(&ask, path, &object) : CLI_FAILED;
	}
	if (status == CLI_OK)
		output_result(context->output, kinds_view_object(context->command->kind, object), object);
	cJSON_Delete(object);
	ask_end(&ask);
	return status;
}

/* A change is made to what is there now, and to nothing that came in between. `body` NULL: it is deleted. */
static enum cli_status change(struct ask *ask, const cJSON *body, cJSON **out)
{
	scope_free char *path = ask_object_path(ask, ask->context->command->kind, command_value(ask->context, "name"));
	cJSON *before = NULL;
	enum cli_status status = path ? ask_get(ask, path, &before) : CLI_FAILED;

	if (status == CLI_OK)
		status = ask_write(ask, body ? "PATCH" : "DELETE", path, body, ask_revision(before), out);
	cJSON_Delete(before);
	return status;
}

enum cli_status commands_object_set(const struct command_context *context)
{
	cJSON *body = kinds_body(context), *object = NULL;
	struct ask ask;
	enum cli_status status = ask_begin(context, &ask);

	if (status == CLI_OK)
		status = body ? change(&ask, body, &object) : ask_no_memory(context);
	if (status == CLI_OK)
		show(context, object);
	cJSON_Delete(object);
	cJSON_Delete(body);
	ask_end(&ask);
	return status;
}

enum cli_status commands_object_delete(const struct command_context *context)
{
	cJSON *answer = NULL;
	struct ask ask;
	enum cli_status status = ask_begin(context, &ask);

	if (status == CLI_OK)
		status = change(&ask, NULL, &answer);
	if (status == CLI_OK)
		output_result(context->output, context->options[OPTION_DRY_RUN] ? &view_changes : &view_deleted,
			answer);
	cJSON_Delete(answer);
	ask_end(&ask);
	return status;
}

/* ---- list */

/* "/v1/nodes?limit=1000&vnet=...&after=..."; NULL: out of memory. */
static char *list_path(const struct command_context *context, const char *after)
{
	const struct command *command = context->command;
	char *path = NULL;
	size_t length;
	FILE *out = open_memstream(&path, &length);

	if (!out)
		return NULL;
	fprintf(out, "/v1/%s?limit=%d", model_table[command->kind].plural, PAGE);
	for (size_t i = 0; i < command->argument_count; i++) {
		scope_free char *value = context->values[i] ? http_encode(context->values[i], true) : NULL;

		if (value)
			fprintf(out, "&%s=%s", command->arguments[i].name, value);
	}
	if (after) {
		scope_free char *value = http_encode(after, true);

		fprintf(out, "&after=%s", value ? value : "");
	}
	if (fclose(out) == 0)
		return path;
	free(path);
	return NULL;
}

/* Moves the elements of a list to the end of another. */
static void move(cJSON *to, cJSON *from)
{
	cJSON *item;

	while ((item = cJSON_DetachItemFromArray(from, 0)))
		cJSON_AddItemToArray(to, item);
}

/* One page after the other, into the list of the first. */
static enum cli_status all_pages(struct ask *ask, cJSON **out)
{
	enum cli_status status = CLI_OK;
	scope_free char *after = NULL;

	do {
		scope_free char *path = list_path(ask->context, after);
		const char *next;
		cJSON *page = NULL;

		status = path ? ask_get(ask, path, &page) : ask_no_memory(ask->context);
		if (status != CLI_OK)
			return status;
		next = cJSON_GetStringValue(json_member(page, "next"));
		free(after);
		after = next ? strdup(next) : NULL;
		cJSON_DeleteItemFromObjectCaseSensitive(page, "next");
		if (!*out) {
			*out = page;
			continue;
		}
		move((cJSON *)json_member(*out, "objects"), (cJSON *)json_member(page, "objects"));
		cJSON_Delete(page);
	} while (after);
	return status;
}

enum cli_status commands_object_list(const struct command_context *context)
{
	cJSON *list = NULL;
	struct ask ask;
	enum cli_status status = ask_begin(context, &ask);

	if (status == CLI_OK)
		status = all_pages(&ask, &list);
	if (status == CLI_OK)
		output_result(context->output, kinds_view_list(context->command->kind, json_member(list, "objects")),
			list);
	cJSON_Delete(list);
	ask_end(&ask);
	return status;
}
