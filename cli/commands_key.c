/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keys of hosts and authorities in files (proto/key.h). No agent is asked; a secret is written once and never shown.
 */
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "cli/commands.h"
#include "proto/key.h"

static const char *const kind_words[] = {[KEY_HOST] = "host", [KEY_AUTHORITY] = "authority"};

static enum cli_status show(const struct command_context *context, enum key_kind kind, const char *public_key)
{
	cJSON *result = cJSON_CreateObject();
	enum cli_status status = CLI_OK;

	if (cJSON_AddStringToObject(result, "kind", kind_words[kind]) &&
		cJSON_AddStringToObject(result, "file", command_value(context, "file")) &&
		cJSON_AddStringToObject(result, "public_key", public_key)) {
		output_result(context->output, context->command->view, result);
	} else {
		fputs("ovnetctl: out of memory\n", context->err);
		status = CLI_FAILED;
	}
	cJSON_Delete(result);
	return status;
}

static enum cli_status fail(const struct command_context *context, int error)
{
	const char *path = command_value(context, "file");

	fprintf(context->err, "ovnetctl: %s: ", path);
	switch (error) {
	case -EEXIST:
		fputs("is there already, and is left as it is: a key that was overwritten is lost\n", context->err);
		break;
	case -EBADMSG:
		fputs("not a key: make one with 'ovnetctl key new'\n", context->err);
		break;
	default:
		fprintf(context->err, "%s\n", strerror(-error));
	}
	return CLI_FAILED;
}

static enum cli_status warn_exposed(const struct command_context *context)
{
	const char *path = command_value(context, "file");

	fprintf(context->err,
		"ovnetctl: %s: others than its owner may read the key: 'chmod 600 %s', or make a new one if somebody may "
		"have read it\n",
		path, path);
	return CLI_FAILED;
}

static enum cli_status no_library(const struct command_context *context)
{
	fputs("ovnetctl: libsodium does not start\n", context->err);
	return CLI_FAILED;
}

enum cli_status commands_key_new(const struct command_context *context)
{
	enum key_kind kind =
		strcmp(command_value(context, "kind"), kind_words[KEY_HOST]) == 0 ? KEY_HOST : KEY_AUTHORITY;
	char public_key[KEY_TEXT_MAX];
	int error;

	if (key_library() < 0)
		return no_library(context);
	error = key_create(command_value(context, "file"), kind, public_key);
	return error < 0 ? fail(context, error) : show(context, kind, public_key);
}

enum cli_status commands_key_show(const struct command_context *context)
{
	struct authority_key authority;
	char public_key[KEY_TEXT_MAX];
	struct host_key host;
	enum key_kind kind;
	int error;

	if (key_library() < 0)
		return no_library(context);
	error = key_read(command_value(context, "file"), &kind, &host, &authority);
	if (error == -EPERM)
		return warn_exposed(context);
	if (error < 0)
		return fail(context, error);
	key_format(kind == KEY_HOST ? host.public_key : authority.public_key, public_key);
	sodium_memzero(&host, sizeof(host));
	sodium_memzero(&authority, sizeof(authority));
	return show(context, kind, public_key);
}
