/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands that the agent answers. Requests are made from the table, results shown by its views, so that a command
 * of this kind needs a row and a view, and no code.
 */
#include <errno.h>
#include <string.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "lib/error.h"
#include "lib/json.h"

#define SOCKET_FORMAT "/run/ovnet/%s/control.sock"

/* Tells why the agent could not be asked. */
static void report_failure(const struct command_context *context, const char *path, int error)
{
	FILE *err = context->err;

	fputs("ovnetctl: ", err);
	switch (error) {
	case -ENOENT:
	case -ECONNREFUSED:
		fputs("ovnetd ", err);
		if (context->instance)
			fprintf(err, "of instance '%s' ", context->instance);
		fprintf(err, "is not running (%s %s)\n", error == -ENOENT ? "no" : "nobody listens at", path);
		break;
	case -EACCES:
		fprintf(err, "permission to use %s denied: be root, or in the group that owns it\n", path);
		break;
	case -EAGAIN:
	case -ETIMEDOUT:
		fprintf(err, "ovnetd gave no answer within %d s (%s)\n", CLIENT_TIMEOUT_MS / 1000, path);
		break;
	case -ECONNRESET:
		fprintf(err, "ovnetd closed the connection early (%s)\n", path);
		break;
	case -EPROTO:
		fprintf(err, "what answers at %s is not ovnetd, or of another version\n", path);
		break;
	default:
		fprintf(err, "%s: %s\n", path, strerror(-error));
	}
}

/* Tells what the agent refused, and for which argument. */
static void report_refusal(const cJSON *error, FILE *err)
{
	const cJSON *field = json_member(error, "field");

	fputs("ovnetctl: ", err);
	if (cJSON_IsString(field)) {
		output_clean(err, field->valuestring);
		fputs(": ", err);
	}
	output_clean(err, json_member(error, "message")->valuestring);
	putc('\n', err);
}

static int connect_and_request(const struct command_context *context, const cJSON *arguments, const char *path,
	struct client **client, cJSON **answer)
{
	scope_free char *name = command_name(context->command);
	int result;

	if (!name || !arguments)
		return -ENOMEM;
	result = client_open(path, CLIENT_TIMEOUT_MS, client);
	return result < 0 ? result : client_request(*client, name, arguments, answer);
}

/* The caller frees it; NULL: out of memory. */
static char *socket_path(const struct command_context *context)
{
	char *path = NULL;

	if (context->socket)
		return strdup(context->socket);
	return asprintf(&path, SOCKET_FORMAT, context->instance) < 0 ? NULL : path;
}

bool commands_agent_is_there(const struct command_context *context)
{
	scope_free char *path = socket_path(context);
	struct client *client = NULL;
	int result = path ? client_open(path, CLIENT_TIMEOUT_MS, &client) : -ENOMEM;

	client_close(client);
	/* One that is there and may not be asked is the one that is meant, and the reason to tell. */
	return result != -ENOENT && result != -ECONNREFUSED;
}

/* Asks, and hands over the socket's path, the connection and the answer: the caller's also on failure. */
static enum cli_status ask(const struct command_context *context, const cJSON *arguments, char **path,
	struct client **client, cJSON **answer)
{
	const cJSON *error;
	int result;

	*path = socket_path(context);
	if (!*path) {
		fputs("ovnetctl: out of memory\n", context->err);
		return CLI_FAILED;
	}
	result = connect_and_request(context, arguments, *path, client, answer);
	if (result < 0) {
		report_failure(context, *path, result);
		return CLI_FAILED;
	}
	error = json_member(*answer, "error");
	if (!error)
		return CLI_OK;
	report_refusal(error, context->err);
	return CLI_FAILED;
}

enum cli_status commands_request(const struct command_context *context, const cJSON *arguments, cJSON **out)
{
	struct client *client = NULL;
	scope_free char *path = NULL;
	cJSON *answer = NULL;
	enum cli_status status = ask(context, arguments, &path, &client, &answer);

	if (status == CLI_OK)
		*out = cJSON_DetachItemFromObjectCaseSensitive(answer, "result");
	cJSON_Delete(answer);
	client_close(client);
	return status;
}

enum cli_status commands_ask(const struct command_context *context)
{
	cJSON *arguments = command_arguments(context), *result = NULL;
	enum cli_status status = commands_request(context, arguments, &result);

	if (status == CLI_OK)
		output_result(context->output, context->command->view, result);
	cJSON_Delete(result);
	cJSON_Delete(arguments);
	return status;
}

enum cli_status commands_watch(const struct command_context *context)
{
	long long count = command_number(context, "count", -1);
	cJSON *arguments = command_arguments(context), *answer = NULL;
	struct client *client = NULL;
	scope_free char *path = NULL;
	enum cli_status status = ask(context, arguments, &path, &client, &answer);
	int result = 0;

	while (status == CLI_OK && result == 0 && count != 0) {
		cJSON *event;

		result = client_event(client, fileno(context->output->stream), &event);
		if (result < 0)
			break;
		result = output_event(context->output, context->command->view, event);
		cJSON_Delete(event);
		if (count > 0)
			count--;
	}
	/* A failed write is told by who owns the output; that nobody reads any more is no failure. */
	if (result < 0 && result != -EPIPE && context->output->error == 0) {
		report_failure(context, path, result);
		status = CLI_FAILED;
	}
	cJSON_Delete(arguments);
	cJSON_Delete(answer);
	client_close(client);
	return status;
}
