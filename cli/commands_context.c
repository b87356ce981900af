/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The context file (place.h): managers by name. Tokens go in from files, and never come out.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/place.h"
#include "lib/error.h"
#include "lib/json.h"

#define NONE "none"

static enum cli_status no_memory(const struct command_context *context)
{
	fputs("ovnetctl: out of memory\n", context->err);
	return CLI_FAILED;
}

/* Puts a text in, in the place of what is there; "none" takes it away. Returns false: out of memory. */
static bool put(cJSON *object, const char *name, const char *text)
{
	cJSON_DeleteItemFromObjectCaseSensitive(object, name);
	return strcmp(text, NONE) == 0 || cJSON_AddStringToObject(object, name, text);
}

/* The context of the command's name, or of the one in use; NULL: told. */
static cJSON *find(const struct command_context *context, const cJSON *contexts, const char *name)
{
	const cJSON *list = json_member(contexts, "contexts"), *found = name ? json_member(list, name) : NULL, *each;
	const char *names[64];
	size_t count = 0;

	if (found)
		return (cJSON *)found;
	cJSON_ArrayForEach(each, list) {
		if (count < ARRAY_LEN(names))
			names[count++] = each->string;
	}
	if (!name)
		fputs("ovnetctl: no context is in use\n", context->err);
	else if (count)
		command_unknown(context->err, "context", name, names, count);
	else
		fprintf(context->err, "ovnetctl: unknown context '%s'; there are none\n", name);
	return NULL;
}

/* ---- set */

static enum cli_status set_ca(const struct command_context *context, cJSON *entry)
{
	const char *ca = command_value(context, "ca");
	char path[PATH_MAX];

	if (!ca || strcmp(ca, NONE) == 0)
		return !ca || put(entry, "ca", NONE) ? CLI_OK : no_memory(context);
	/* It is read from wherever one stands then. */
	if (!realpath(ca, path) || access(path, R_OK) < 0) {
		fprintf(context->err, "ovnetctl: %s: %s\n", ca, strerror(errno));
		return CLI_FAILED;
	}
	return put(entry, "ca", path) ? CLI_OK : no_memory(context);
}

static enum cli_status set_token(const struct command_context *context, cJSON *entry)
{
	const char *file = command_value(context, "token-file");
	enum cli_status status;
	char *token;

	if (!file || strcmp(file, NONE) == 0)
		return !file || put(entry, "token", NONE) ? CLI_OK : no_memory(context);
	token = place_token(file, context->err);
	if (!token)
		return CLI_FAILED;
	status = put(entry, "token", token) ? CLI_OK : no_memory(context);
	explicit_bzero(token, strlen(token));
	free(token);
	return status;
}

static enum cli_status set(const struct command_context *context, cJSON *contexts)
{
	const char *name = command_value(context, "name"), *url = command_value(context, "url");
	cJSON *list = (cJSON *)json_member(contexts, "contexts"), *entry = (cJSON *)json_member(list, name);
	const cJSON *had = json_member(entry, "url");
	char message[200];
	enum cli_status status;

	if (!entry && !url) {
		fprintf(context->err, "ovnetctl: context '%s' is new, and needs url URL\n", name);
		return CLI_USAGE;
	}
	if (url && !http_url_check(url, message)) {
		fprintf(context->err, "ovnetctl: url: %s, got '%s'\n", message, url);
		return CLI_USAGE;
	}
	if (!entry)
		entry = cJSON_AddObjectToObject(list, name);
	/* A token is for the place that it came with. */
	if (url && had && strcmp(had->valuestring, url) != 0 && !command_value(context, "token-file") &&
		json_member(entry, "token")) {
		put(entry, "token", NONE);
		fprintf(context->err,
			"ovnetctl: the token of '%s' was for %s and is forgotten; give one with token-file\n", name,
			had->valuestring);
	}
	if (url && !put(entry, "url", url))
		return no_memory(context);
	status = set_ca(context, entry);
	if (status == CLI_OK)
		status = set_token(context, entry);
	/* The first one is the one that is meant. */
	if (status == CLI_OK && !cJSON_IsString(json_member(contexts, "current")) && !put(contexts, "current", name))
		status = no_memory(context);
	return status;
}

enum cli_status commands_context_set(const struct command_context *context)
{
	cJSON *contexts = NULL;
	enum cli_status status = place_read(context->err, &contexts);

	if (status == CLI_OK)
		status = set(context, contexts);
	if (status == CLI_OK)
		status = place_write(contexts, context->err);
	cJSON_Delete(contexts);
	return status;
}

/* ---- use, delete */

enum cli_status commands_context_use(const struct command_context *context)
{
	cJSON *contexts = NULL;
	enum cli_status status = place_read(context->err, &contexts);

	if (status == CLI_OK && !find(context, contexts, command_value(context, "name")))
		status = CLI_USAGE;
	if (status == CLI_OK && !put(contexts, "current", command_value(context, "name")))
		status = no_memory(context);
	if (status == CLI_OK)
		status = place_write(contexts, context->err);
	cJSON_Delete(contexts);
	return status;
}

enum cli_status commands_context_delete(const struct command_context *context)
{
	const char *name = command_value(context, "name"), *current;
	cJSON *contexts = NULL;
	enum cli_status status = place_read(context->err, &contexts);

	if (status == CLI_OK && !find(context, contexts, name))
		status = CLI_USAGE;
	if (status == CLI_OK) {
		current = cJSON_GetStringValue(json_member(contexts, "current"));
		if (current && strcmp(current, name) == 0)
			put(contexts, "current", NONE);
		cJSON_DeleteItemFromObjectCaseSensitive((cJSON *)json_member(contexts, "contexts"), name);
		status = place_write(contexts, context->err);
	}
	cJSON_Delete(contexts);
	return status;
}

/* ---- list, show */

/* {"name", "current", "url", "ca", "token"}: of the token, whether there is one. NULL: out of memory. */
static cJSON *describe(const cJSON *entry, const char *current)
{
	const char *ca = cJSON_GetStringValue(json_member(entry, "ca"));
	cJSON *shown = cJSON_CreateObject();

	if (cJSON_AddStringToObject(shown, "name", entry->string) &&
		cJSON_AddBoolToObject(shown, "current", current && strcmp(current, entry->string) == 0) &&
		cJSON_AddStringToObject(shown, "url", json_member(entry, "url")->valuestring) &&
		(ca ? cJSON_AddStringToObject(shown, "ca", ca) : cJSON_AddNullToObject(shown, "ca")) &&
		cJSON_AddBoolToObject(shown, "token", json_member(entry, "token") != NULL))
		return shown;
	cJSON_Delete(shown);
	return NULL;
}

enum cli_status commands_context_list(const struct command_context *context)
{
	cJSON *contexts = NULL, *result = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(result, "contexts");
	enum cli_status status = place_read(context->err, &contexts);
	const cJSON *each;

	cJSON_ArrayForEach(each, json_member(contexts, "contexts")) {
		cJSON_AddItemToArray(list, describe(each, cJSON_GetStringValue(json_member(contexts, "current"))));
	}
	if (status == CLI_OK)
		output_result(context->output, context->command->view, result);
	cJSON_Delete(result);
	cJSON_Delete(contexts);
	return status;
}

enum cli_status commands_context_show(const struct command_context *context)
{
	const char *name = command_value(context, "name"), *current;
	cJSON *contexts = NULL, *shown = NULL;
	const cJSON *entry;
	enum cli_status status = place_read(context->err, &contexts);

	if (status != CLI_OK)
		return status;
	current = cJSON_GetStringValue(json_member(contexts, "current"));
	entry = find(context, contexts, name ? name : current);
	if (!entry) {
		status = name ? CLI_USAGE : CLI_FAILED;
	} else {
		shown = describe(entry, current);
		output_result(context->output, context->command->view, shown);
	}
	cJSON_Delete(shown);
	cJSON_Delete(contexts);
	return status;
}
