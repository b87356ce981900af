/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the manager is asked besides single objects: its state, many objects at once, whether a change is live, and the
 * versions of handles.
 */
#include <errno.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/kinds.h"
#include "lib/error.h"
#include "lib/json.h"
#include "lib/time.h"

#define WAIT_STEP_S 20 /* asked again so often: a connection that says nothing for long may be cut */

/* Asks for a path and shows the answer. */
static enum cli_status show(const struct command_context *context, const char *path)
{
	cJSON *answer = NULL;
	struct ask ask;
	enum cli_status status = ask_begin(context, &ask);

	if (status == CLI_OK)
		status = ask_get(&ask, path, &answer);
	if (status == CLI_OK)
		output_result(context->output, context->command->view, answer);
	cJSON_Delete(answer);
	ask_end(&ask);
	return status;
}

enum cli_status commands_manager_status(const struct command_context *context)
{
	return show(context, "/v1/status");
}

/* ---- apply */

static char *read_all(const char *path, FILE *err, size_t *length)
{
	scope_fclose FILE *file = strcmp(path, "-") == 0 ? fdopen(dup(0), "r") : fopen(path, "re");
	char *text = NULL, *grown;
	size_t room = 0, got;

	*length = 0;
	do {
		if (file && *length + 65536 > room) {
			room = 2 * room + 65536;
			grown = realloc(text, room);
			if (!grown)
				break;
			text = grown;
		}
		got = file ? fread(text + *length, 1, room - *length, file) : 0;
		*length += got;
	} while (got > 0);
	if (file && !ferror(file) && feof(file))
		return text;
	fprintf(err, "ovnetctl: %s: %s\n", path, strerror(errno));
	free(text);
	return NULL;
}

/* A list, or a single object, is taken for what it means. NULL: out of memory. */
static cJSON *as_apply(cJSON *read)
{
	cJSON *body, *list;

	if (cJSON_IsObject(read) && !json_member(read, "kind"))
		return read;
	body = cJSON_CreateObject();
	list = cJSON_IsArray(read) ? read : cJSON_CreateArray();
	if (list != read)
		cJSON_AddItemToArray(list, read);
	if (cJSON_AddItemToObject(body, "objects", list))
		return body;
	cJSON_Delete(list);
	cJSON_Delete(body);
	return NULL;
}

static enum cli_status read_objects(const struct command_context *context, cJSON **out)
{
	const char *path = context->options[OPTION_FILE];
	struct json_error error;
	scope_free char *text = NULL;
	cJSON *read;
	size_t length;

	text = read_all(path, context->err, &length);
	if (!text)
		return CLI_FAILED;
	read = json_parse(text, length, &error);
	if (!read) {
		fprintf(context->err, "ovnetctl: %s:%u: %s\n", path, error.line, error.message);
		return CLI_FAILED;
	}
	*out = as_apply(read);
	if (*out && command_value(context, "prune")) {
		cJSON_DeleteItemFromObjectCaseSensitive(*out, "prune");
		cJSON_AddTrueToObject(*out, "prune");
	}
	return *out ? CLI_OK : ask_no_memory(context);
}

enum cli_status commands_apply(const struct command_context *context)
{
	const bool dry = command_value(context, "dry_run") || context->options[OPTION_DRY_RUN];
	cJSON *body = NULL, *answer = NULL;
	struct http_ask request = {
		.method = "POST",
		.path = dry ? "/v1/apply?dry_run=1" : "/v1/apply",
		.why = context->options[OPTION_WHY],
		.timeout_ms = ASK_LONG_MS,
	};
	char doing[64];
	struct ask ask;
	enum cli_status status = read_objects(context, &body);

	if (status != CLI_OK)
		return status;
	snprintf(doing, sizeof(doing), "applying %d objects", cJSON_GetArraySize(json_member(body, "objects")));
	request.body = body;
	status = ask_begin(context, &ask);
	ask.doing = doing;
	if (status == CLI_OK)
		status = ask_request(&ask, &request, &answer);
	if (status == CLI_OK)
		output_result(context->output, context->command->view, answer);
	cJSON_Delete(answer);
	cJSON_Delete(body);
	ask_end(&ask);
	return status;
}

/* ---- export */

/* An object a line, which is easy to compare. NULL: out of memory. */
static char *print_export(const cJSON *export)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	const cJSON *object;

	if (!out)
		return NULL;
	fputs("{\"objects\": [", out);
	cJSON_ArrayForEach(object, json_member(export, "objects")) {
		scope_free char *line = cJSON_PrintUnformatted(object);

		fprintf(out, "%s\n%s", object->prev->next ? "," : "", line ? line : "");
	}
	fputs("\n]}\n", out);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static enum cli_status show_export(const struct command_context *context, const cJSON *export)
{
	scope_free char *text = print_export(export);
	cJSON *shown = cJSON_CreateObject();
	enum cli_status status = CLI_OK;

	/* Both ways it is JSON; without -j it is one for people's eyes too. */
	if (text && cJSON_AddStringToObject(shown, "script", text))
		output_result(context->output, &view_script, context->options[OPTION_JSON] ? export : shown);
	else
		status = ask_no_memory(context);
	cJSON_Delete(shown);
	return status;
}

enum cli_status commands_export(const struct command_context *context)
{
	const char *account = command_value(context, "account");
	scope_free char *path = NULL;
	cJSON *export = NULL;
	struct ask ask;
	enum cli_status status = ask_begin(context, &ask);

	ask.doing = "exporting";
	if (status == CLI_OK &&
		asprintf(&path, "/v1/export%s%s", account ? "?account=" : "", account ? account : "") < 0)
		status = ask_no_memory(context);
	if (status == CLI_OK)
		status = ask_get(&ask, path, &export);
	if (status == CLI_OK)
		status = show_export(context, export);
	cJSON_Delete(export);
	ask_end(&ask);
	return status;
}

/* ---- wait */

/* Asks again until it is live or the time is over. The revision is that of the first answer. */
static enum cli_status wait_until(struct ask *ask, cJSON **out)
{
	const struct command_context *context = ask->context;
	long long revision = command_number(context, "revision", -1), left = command_number(context, "timeout", 30);
	unsigned long long end_ns = time_now_ns() + (unsigned long long)left * NSEC_PER_SEC;

	for (;;) {
		unsigned long long now_ns = time_now_ns();
		char path[128], asked[48] = "";
		enum cli_status status;

		left = now_ns < end_ns ? (long long)((end_ns - now_ns + NSEC_PER_SEC - 1) / NSEC_PER_SEC) : 0;
		if (revision >= 0)
			snprintf(asked, sizeof(asked), "&revision=%lld", revision);
		snprintf(path, sizeof(path), "/v1/wait?timeout=%lld%s", left < WAIT_STEP_S ? left : WAIT_STEP_S, asked);
		cJSON_Delete(*out);
		*out = NULL;
		status = ask_get(ask, path, out);
		if (status != CLI_OK || cJSON_IsTrue(json_member(*out, "live")) || left <= WAIT_STEP_S)
			return status;
		revision = ask_revision(*out);
	}
}

enum cli_status commands_wait(const struct command_context *context)
{
	cJSON *answer = NULL;
	struct ask ask;
	enum cli_status status = ask_begin(context, &ask);

	ask.doing = "waiting for agents";
	if (status == CLI_OK)
		status = wait_until(&ask, &answer);
	if (status == CLI_OK) {
		output_result(context->output, context->command->view, answer);
		status = cJSON_IsTrue(json_member(answer, "live")) ? CLI_OK : CLI_FAILED;
	}
	cJSON_Delete(answer);
	ask_end(&ask);
	return status;
}

/* ---- versions of handles */

/* "/v1/handles/ACCOUNT/NAME/versions". NULL: told. */
static char *versions_path(struct ask *ask)
{
	scope_free char *handle = ask_object_path(ask, MODEL_HANDLE, command_value(ask->context, "name"));
	char *path = NULL;

	if (!handle)
		return NULL;
	if (asprintf(&path, "%s/versions", handle) < 0) {
		ask_no_memory(ask->context);
		return NULL;
	}
	return path;
}

enum cli_status commands_handle_versions(const struct command_context *context)
{
	scope_free char *path = NULL;
	cJSON *answer = NULL;
	struct ask ask;
	enum cli_status status = ask_begin(context, &ask);

	if (status == CLI_OK) {
		path = versions_path(&ask);
		status = path ? ask_get(&ask, path, &answer) : CLI_FAILED;
	}
	if (status == CLI_OK)
		output_result(context->output, context->command->view, answer);
	cJSON_Delete(answer);
	ask_end(&ask);
	return status;
}

enum cli_status commands_handle_restore(const struct command_context *context)
{
	scope_free char *versions = NULL, *path = NULL;
	cJSON *handle = NULL;
	struct ask ask;
	enum cli_status status = ask_begin(context, &ask);

	if (status == CLI_OK) {
		versions = versions_path(&ask);
		if (!versions || asprintf(&path, "%s/%s/restore", versions, command_value(context, "version")) < 0)
			status = CLI_FAILED;
	}
	if (status == CLI_OK)
		status = ask_write(&ask, "POST", path, NULL, 0, &handle);
	if (status == CLI_OK)
		output_result(context->output, kinds_view_object(MODEL_HANDLE, handle), handle);
	cJSON_Delete(handle);
	ask_end(&ask);
	return status;
}
